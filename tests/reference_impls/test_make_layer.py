"""Layers from Python, and weights taken over from blocks of transformers."""

import pytest
import torch

from reference_impls import make_layer
from reference_impls.catalogue import entries
from reference_impls.config import ConfigError
from reference_impls.verify.properties import call, small_layer

SIZES = {"d_model": 16, "d_expert": 12, "n_experts": 4}


@pytest.mark.parametrize("entry", [e for e in entries() if e.needs], ids=lambda entry: entry.key)
def test_a_design_that_needs_a_context_asks_for_it_by_name(entry):
    layer = make_layer(entry.key, **entry.layer_class.with_experts(4, d_model=16).model_dump(include={"d_model"}))
    with pytest.raises(ValueError, match=f"call the layer with ({'|'.join(entry.needs)})="):
        layer(torch.randn(2, 4, 16))


@pytest.mark.parametrize(
    ("key", "name", "most"),
    [
        ("task-level", "domain", 3), ("mod-squad", "domain", 7), ("uni-perceiver", "token_id", 255),
        ("mmoe", "task", 1), ("ple", "task", 1),
    ],
)  # fmt: skip
def test_what_a_design_keeps_nothing_for_is_refused_by_name(key, name, most):
    layer = make_layer(key, d_model=16)
    for value in (-1, most + 1):
        told = torch.full((2, 4) if name == "token_id" else (2,), value)
        with pytest.raises(ValueError, match=rf"^{name} reaches from {value} to {value}, and must lie .* {most}$"):
            layer(torch.randn(2, 4, 16), **{name: told})


def test_autocast_changes_no_route_and_no_dtype(entry):
    """Routing stays in float32 under autocast, and outputs come in the dtype of the tokens, padded or not."""
    layer, x_BSD = small_layer(entry).float(), torch.randn(3, 10, 16)
    for real_BS in (None, torch.arange(10) < torch.tensor([[10], [4], [7]])):
        plain = call(entry, layer, x_BSD, real_BS)[1].routing
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y_BSD, info = call(entry, layer, x_BSD, real_BS)
        assert y_BSD.dtype == torch.float32
        torch.testing.assert_close(info.routing.share_TE(), plain.share_TE())
        assert all(part.value.dtype == torch.float32 for part in info.losses.values())


def test_wrong_words_get_one_clear_line():
    with pytest.raises(KeyError, match=r"no design 'mixtral-top3'; did you mean mixtral-top2-router"):
        make_layer("mixtral-top3")
    with pytest.raises(ConfigError, match=r"^experts_per_token = 5 must be at most n_experts = 4$"):
        make_layer("mixtral-top2-router", experts_per_token=5, **SIZES)
    with pytest.raises(ConfigError, match=r"^d_expert = 1: input should be greater than or equal to 4"):
        make_layer("mixtral-top2-router", d_expert=1)
    with pytest.raises(ConfigError, match=r"topk is not a field of this config"):
        make_layer("mixtral-top2-router", topk=2)


def block(**fields: int) -> torch.nn.Module:
    from transformers import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

    sizes = {"hidden_size": 16, "intermediate_size": 12, "num_local_experts": 4, "num_experts_per_tok": 2}
    made = MixtralSparseMoeBlock(MixtralConfig(**sizes | fields))
    for weight in made.parameters():
        torch.nn.init.normal_(weight)
    return made


def test_a_block_of_transformers_lends_its_weights():
    layer, theirs = make_layer("mixtral-top2-router", **SIZES), block()
    layer.load_transformers_block(theirs)
    x_BSD = torch.randn(2, 5, 16)
    torch.testing.assert_close(layer(x_BSD)[0], theirs(x_BSD), rtol=1e-4, atol=1e-5)
    before = layer.experts.w_in_EID.clone()
    with torch.no_grad():
        theirs.experts.gate_up_proj.zero_()
    assert torch.equal(layer.experts.w_in_EID, before)  # copied, not shared


def test_a_block_that_does_not_fit_is_refused_and_nothing_is_copied():
    layer = make_layer("mixtral-top2-router", **SIZES)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    with pytest.raises(ValueError, match=r"experts.w_in_EID is \(4, 24, 16\) here, \(4, 40, 16\) in MixtralSparse"):
        layer.load_transformers_block(block(intermediate_size=20))
    with pytest.raises(ValueError, match=r"experts_per_token is 2 here, 1 in MixtralSparseMoeBlock: make the layer"):
        layer.load_transformers_block(block(num_experts_per_tok=1))
    with pytest.raises(ValueError, match=r"Linear (has|lacks) "):
        layer.load_transformers_block(torch.nn.Linear(2, 2))
    shared = make_layer("deepseek-v3-router", **SIZES | {"n_groups": 2, "top_groups": 1, "experts_per_token": 2})
    with pytest.raises(ValueError, match=r"MixtralSparseMoeBlock lacks router.bias_E, shared.w_in_EID"):
        shared.load_transformers_block(block())
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())
