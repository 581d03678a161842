"""What every design promises for any input, tried on many."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference_impls.catalogue import entries
from reference_impls.verify.properties import LABELS, D, small_layer

every = pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.key)
few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
sizes = {"B": st.integers(1, 4), "S": st.integers(1, 13), "E": st.integers(1, 7), "seed": st.integers(0, 2**31)}


def run(entry, layer, x_BSD, word_BS, real_BS=None):
    known = {
        "token_id": word_BS,
        "domain": torch.arange(len(x_BSD)) % LABELS,
        "task": torch.arange(len(x_BSD)) % LABELS,
    }
    torch.manual_seed(0)
    return layer(x_BSD, real_BS, **{name: known[name] for name in entry.needs})


def drawn(B, S, E, seed, entry):
    layer = small_layer(entry, E)
    torch.manual_seed(seed)
    return layer, torch.randn(B, S, D, dtype=torch.float64), torch.randint(256, (B, S))


@every
@few
@given(**sizes)
def test_the_report_is_consistent(entry, B, S, E, seed):
    layer, x_BSD, word_BS = drawn(B, S, E, seed, entry)
    routing = run(entry, layer, x_BSD, word_BS)[1].routing
    assert routing.n_experts == E
    assert routing.n_tokens % (B * S) == 0
    assert 0 <= routing.n_dropped <= float(routing.load_E.sum())
    assert float(routing.entropy) >= -1e-9
    assert routing.share_TE().shape == (routing.n_tokens, E)
    assert (routing.load_E >= 0).all()
