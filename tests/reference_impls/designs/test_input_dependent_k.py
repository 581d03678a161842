import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.routing import RoutingContext
from reference_impls.designs.input_dependent_k.config import InputDependentKConfig
from reference_impls.designs.input_dependent_k.router import InputDependentKRouter


def _numbers(x_TD: torch.Tensor, **fields) -> torch.Tensor:
    config = InputDependentKConfig(d_model=8, **fields)
    torch.manual_seed(0)
    router = InputDependentKRouter(config)
    torch.nn.init.normal_(router.weight_ED)
    routing = router(x_TD, RoutingContext.of_sequences(torch.zeros(len(x_TD), dtype=torch.int64), 1))
    return torch.bincount(routing.token_A, minlength=len(x_TD))


@settings(deadline=None)
@given(st.sampled_from(["entropy", "norm"]), st.floats(0.1, 10), st.floats(1, 10), st.integers(0, 2**16))
def test_the_number_of_experts_grows_with_the_scale_and_keeps_its_bounds(complexity, scale, factor, seed):
    x_TD = torch.randn(20, 8, generator=torch.Generator().manual_seed(seed))
    fewer = _numbers(x_TD, complexity=complexity, scale=scale, most_experts=5)
    more = _numbers(x_TD, complexity=complexity, scale=scale * factor, most_experts=5)
    assert bool((fewer <= more).all())
    assert int(fewer.min()) >= 1
    assert int(more.max()) <= 5


def test_longer_tokens_take_more_experts_by_norm():
    x_TD = torch.ones(4, 8) * torch.tensor([0.4, 1.5, 2.5, 9.0])[:, None]
    assert _numbers(x_TD, complexity="norm", scale=1.0, most_experts=4).tolist() == [1, 1, 2, 4]
