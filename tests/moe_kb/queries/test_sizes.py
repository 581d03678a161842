"""What the knowledge base gives sizing."""

import pytest
from trees import BARE, edit

from moe_kb.errors import NotFoundError
from moe_kb.kb import open_kb
from moe_kb.sizing.precision import FORMATS


def test_configurations_with_layers_by_label(kb):
    found = kb.architectures("alpha")
    assert list(found) == ["1B"]
    assert kb.architectures("model:alpha", "1B") == found
    assert found["1B"].d_model == 512


@pytest.mark.parametrize(("name", "label", "message"), [
    ("nothing", None, "nothing"), ("paper:alpha", None, "paper:alpha is not a model"),
    ("alpha", "9B", "model:alpha has no configuration 9B with layers. Those that have: 1B."),
])  # fmt: skip
def test_what_cannot_be_found_is_named(kb, name, label, message):
    with pytest.raises(NotFoundError, match=message):
        kb.architectures(name, label)


def test_a_model_whose_layers_no_source_describes(tree):
    (tree / "data/models/beta.yaml").write_text(BARE)
    with pytest.raises(NotFoundError, match="its layers are not reported; moe-kb import hf"):
        open_kb(tree, database=tree.parent / "beta.db").architectures("beta")


@pytest.mark.parametrize(("weights", "arithmetic", "peak"), [
    ("bf16", "bf16", 300 * 10**12), ("fp8", "fp8", 600 * 10**12), ("fp8-block-128", "fp8", 600 * 10**12),
    ("int4-group-128", "bf16", 300 * 10**12), ("mxfp4", "bf16", 300 * 10**12),
])  # fmt: skip
def test_weights_are_multiplied_in_what_the_device_has(kb, weights, arithmetic, peak):
    (device,) = kb.devices(FORMATS[weights])
    assert (device.key, device.name, device.arithmetic, device.peak) == ("zeta", "Zeta 9000", arithmetic, peak)
    assert (device.memory, device.bandwidth) == (80 * 10**9, 2 * 10**12)


def test_a_device_without_a_figure_that_is_needed_is_left_out(tree):
    path = "data/accelerators/zeta.yaml"
    edit(tree, path, "memory: {source: first-survey, locator: Table 3, printed: 80 GB}\n", "")
    assert open_kb(tree, database=tree.parent / "without.db").devices() == []
