"""The fast dispatch at its corners: both backends, gradients, empty experts, strides, dtypes, the calibration."""

import copy
import mmap
import pickle
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from reference_impls.core import buffer_pool, dispatch
from reference_impls.core import dispatch_gemm as gemm
from reference_impls.core.dispatch import dispatch_grouped, dispatch_loop, dispatch_sorted
from reference_impls.core.experts import ExpertBank, ReLUExperts, SwiGLUExperts
from reference_impls.core.routing import SparseRouting

D, FF, E = 24, 40, 4
BACKENDS = ["plain", *(["onednn"] if gemm.onednn_available() else [])]
FP32 = {"rtol": 1e-4, "atol": 1e-5}
FP64 = {"rtol": 1e-10, "atol": 1e-12}


class GELUExperts(ExpertBank):
    """A bank that leaves the gradient of its activation to autograd."""

    @staticmethod
    def activate(in_RI):
        return F.gelu(in_RI)


def routing_of(token, expert, weight) -> SparseRouting:
    load_E = torch.bincount(expert, minlength=E)
    return SparseRouting(
        token_A=token, expert_A=expert, weight_A=weight, load_E=load_E, entropy=torch.zeros(()), n_tokens=len(token)
    )


def make(pattern: str, dtype: torch.dtype) -> tuple[torch.Tensor, SparseRouting]:
    torch.manual_seed(1)
    T = {"one token": 1, "empty batch": 0}.get(pattern, 30)
    token = torch.arange(T).repeat_interleave(2)
    expert = torch.rand(T, E).topk(2).indices.reshape(-1)
    if pattern == "all to one expert":
        token, expert = torch.arange(T), torch.full((T,), 2)
    elif pattern == "an expert without tokens":
        expert = torch.where(expert == 1, 3, expert)
    elif pattern == "no assignment":
        token, expert = token[:0], expert[:0]
    weight_dtype = torch.promote_types(dtype, torch.float32)
    return torch.randn(T, D, dtype=dtype), routing_of(token, expert, torch.rand(len(token), dtype=weight_dtype))


def results(dispatch, x_TD, routing, bank, dy_TD=None):
    x_TD = x_TD.detach().requires_grad_()
    weight_A = routing.weight_A.detach().requires_grad_()
    bank.zero_grad()
    y_TD = dispatch(x_TD, routing_of(routing.token_A, routing.expert_A, weight_A), bank)
    if dy_TD is None:
        dy_TD = torch.arange(y_TD.numel()).view_as(y_TD).double().cos().to(y_TD.dtype)
    y_TD.backward(dy_TD)
    leaves = [x_TD, weight_A, *bank.parameters()]
    return [y_TD.detach(), *(torch.zeros_like(v) if v.grad is None else v.grad.clone() for v in leaves)]


def assert_equal(got, expected, **tolerance):
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, **tolerance)


PATTERNS = [
    "usual", "one token", "empty batch", "all to one expert", "an expert without tokens", "no assignment",
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, FP32), (torch.float64, FP64)])
@pytest.mark.parametrize("bank_class", [SwiGLUExperts, ReLUExperts, GELUExperts])
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_fast_dispatch_equals_the_definition(backend, pattern, bank_class, dtype, tolerance):
    bank = bank_class(E, D, FF).to(dtype)
    x_TD, routing = make(pattern, dtype)
    with gemm.backend(backend):
        got = results(dispatch_sorted, x_TD, routing, bank)
    assert_equal(got, results(dispatch_loop, x_TD, routing, bank), **tolerance)


@settings(max_examples=60, deadline=None)
@given(
    n_tokens=st.integers(1, 9),
    n_experts=st.integers(1, 5),
    n_assignments=st.integers(0, 30),
    bank_class=st.sampled_from([ReLUExperts, SwiGLUExperts]),
    seed=st.integers(0, 2**31),
)
def test_any_assignments_equal_the_definition(n_tokens, n_experts, n_assignments, bank_class, seed):
    """A token may appear never, or several times, also at the same expert."""
    torch.manual_seed(seed)
    bank, x_TD = bank_class(n_experts, D, FF).double(), torch.randn(n_tokens, D, dtype=torch.float64)
    token_A, expert_A = torch.randint(n_tokens, (n_assignments,)), torch.randint(n_experts, (n_assignments,))
    routing = routing_of(token_A, expert_A, torch.randn(n_assignments, dtype=torch.float64))
    assert_equal(results(dispatch_sorted, x_TD, routing, bank), results(dispatch_loop, x_TD, routing, bank), **FP64)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("rows", "sizes"), [(0, [1, 1, 1, 1]), (35, [2, 2]), (60, [4])])
def test_experts_may_be_taken_together_or_one_by_one(rows, sizes, pattern, monkeypatch):
    bank = SwiGLUExperts(E, D, FF).double()
    monkeypatch.setattr(dispatch, "BLOCK", rows * 2 * FF)
    x_TD, routing = make(pattern, torch.float64)
    assert_equal(results(dispatch_sorted, x_TD, routing, bank), results(dispatch_loop, x_TD, routing, bank), **FP64)
    if pattern == "usual":
        order = dispatch._Order.of(routing.token_A, routing.expert_A, E, len(x_TD), rows)
        assert [len(block.experts) for block in order.blocks] == sizes


@pytest.mark.parametrize("bank_class", [SwiGLUExperts, GELUExperts])
def test_gradients_against_differences(bank_class):
    torch.manual_seed(2)
    bank = bank_class(3, 4, 5).double()
    token, expert = torch.tensor([0, 0, 1, 2, 2, 2]), torch.tensor([2, 0, 2, 0, 2, 2])  # expert 1 is idle

    def run(x_TD, weight_A, w_in_EID, w_out_EDF):
        bank.w_in_EID, bank.w_out_EDF = w_in_EID, w_out_EDF
        return dispatch_sorted(x_TD, routing_of(token, expert, weight_A), bank)

    leaves = [p.detach().clone().requires_grad_() for p in bank.parameters()]
    del bank.w_in_EID, bank.w_out_EDF
    x_TD = torch.randn(4, 4, dtype=torch.float64, requires_grad=True)
    weight_A = torch.randn(6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(run, (x_TD, weight_A, *leaves))


@pytest.mark.parametrize("backend", BACKENDS)
def test_strides_of_inputs_and_of_the_incoming_gradient_do_not_matter(backend):
    bank = SwiGLUExperts(E, D, FF)
    x_TD, routing = make("usual", torch.float32)
    strided_TD = torch.stack([x_TD, -x_TD], -1)[..., 0]
    assert not strided_TD.is_contiguous()
    dy_TD = torch.ones(()).expand(x_TD.shape)
    expected = results(dispatch_loop, x_TD, routing, bank, dy_TD)
    with gemm.backend(backend):
        assert_equal(results(dispatch_sorted, strided_TD, routing, bank, dy_TD), expected, **FP32)
        assert_equal(results(dispatch_sorted, x_TD.t().contiguous().t(), routing, bank, dy_TD), expected, **FP32)


def test_twice_in_one_graph_and_backward_twice():
    bank = SwiGLUExperts(E, D, FF)
    x_TD, routing = make("usual", torch.float32)

    def twice(dispatch):
        return lambda x, r, b: dispatch(dispatch(x, r, b) + x, r, b)

    assert_equal(
        results(twice(dispatch_sorted), x_TD, routing, bank), results(twice(dispatch_loop), x_TD, routing, bank), **FP32
    )
    leaf_TD = x_TD.clone().requires_grad_()
    loss = dispatch_sorted(leaf_TD, routing, bank).square().sum()
    (first,) = torch.autograd.grad(loss, leaf_TD, retain_graph=True)
    (second,) = torch.autograd.grad(loss, leaf_TD)
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_without_gradients_nothing_is_kept():
    bank = SwiGLUExperts(E, D, FF)
    x_TD, routing = make("usual", torch.float32)
    with torch.no_grad():
        y_TD = dispatch_sorted(x_TD, routing, bank)
    assert y_TD.grad_fn is None
    torch.testing.assert_close(y_TD, dispatch_loop(x_TD, routing, bank), **FP32)


@pytest.mark.parametrize("frozen", ["input", "w_in_EID", "w_out_EDF", "both weights"])
def test_frozen_leaves_get_no_gradient_and_change_no_other(frozen):
    bank = SwiGLUExperts(E, D, FF)
    x_TD, routing = make("usual", torch.float32)
    _, dx_TD, _, dw_in, dw_out = results(dispatch_loop, x_TD, routing, bank)
    bank.zero_grad()
    x_TD.requires_grad_(frozen != "input")
    bank.w_in_EID.requires_grad_(frozen not in ("w_in_EID", "both weights"))
    bank.w_out_EDF.requires_grad_(frozen not in ("w_out_EDF", "both weights"))
    y_TD = dispatch_sorted(x_TD, routing, bank)
    y_TD.backward(torch.arange(y_TD.numel()).view_as(y_TD).double().cos().float())
    for leaf, expected in ((x_TD, dx_TD), (bank.w_in_EID, dw_in), (bank.w_out_EDF, dw_out)):
        if leaf.requires_grad:
            torch.testing.assert_close(leaf.grad, expected, **FP32)
        else:
            assert leaf.grad is None


@pytest.mark.parametrize("backend", BACKENDS)
def test_bfloat16_stays_within_its_precision_of_float32(backend):
    bank = SwiGLUExperts(E, D, FF).bfloat16()
    x_TD, routing = make("usual", torch.bfloat16)
    with gemm.backend(backend):
        got = results(dispatch_sorted, x_TD, routing, bank)
    expected = results(dispatch_loop, x_TD.float(), routing, bank.float())
    assert got[0].dtype == torch.bfloat16
    for a, b in zip(got, expected, strict=True):
        assert (a.float() - b).norm() <= 0.02 * b.norm()


def test_autocast_computes_in_its_dtype_and_returns_the_tokens_own():
    bank = SwiGLUExperts(E, D, FF)
    x_TD, routing = make("usual", torch.float32)
    expected = results(dispatch_loop, x_TD, routing, bank)

    def cast(x, r, b):
        with torch.autocast("cpu", torch.bfloat16):
            return dispatch_sorted(x, r, b)

    for a, b in zip(results(cast, x_TD, routing, bank), expected, strict=True):
        assert a.dtype == torch.float32
        assert 0 < (a - b).norm() <= 0.02 * b.norm()


def test_tokens_and_experts_of_two_dtypes_are_refused():
    x_TD, routing = make("usual", torch.float32)
    with pytest.raises(ValueError, match=r"tokens are torch\.float32, the experts torch\.float64"):
        dispatch_sorted(x_TD, routing, SwiGLUExperts(E, D, FF).double())


def test_the_choice_is_made_once_for_a_shape_class_and_falls_back(monkeypatch):
    wide = torch.randn(3, 256, 256)
    plain = {"forward": "plain", "input": "plain", "weight": "plain"}
    assert gemm.choose(4, wide, torch.float32) == plain  # too small to time
    assert gemm.choose(999, wide, torch.float64) == plain
    assert all(way.startswith("plain") for way in gemm.choose(999, wide, torch.bfloat16).values())
    first = gemm.choose(300, wide, torch.float32)

    def again(*_: object) -> None:
        raise AssertionError("timed twice")

    with monkeypatch.context() as patched:
        patched.setattr(gemm, "_fastest", again)
        assert gemm.choose(310, wide, torch.float32) == first
    with gemm.backend("plain"):
        assert gemm.choose(300, wide, torch.float32) == plain

    def gone(*_: object) -> None:
        raise RuntimeError("no such operator")

    gemm.onednn_available.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(gemm, "_onednn", gone)
        try:
            assert all(way.startswith("plain") for way in gemm.choose(300, wide, torch.float32).values())
            with pytest.raises(ValueError, match="use backend 'plain'"), gemm.backend("onednn"):
                pass
        finally:
            gemm.onednn_available.cache_clear()


@pytest.mark.parametrize("onednn", [False, *([True] if gemm.onednn_available() else [])])
@pytest.mark.parametrize("kind", ["forward", "input", "weight"])
def test_every_way_of_a_product_is_the_same_product(kind, onednn, monkeypatch):
    monkeypatch.setattr(gemm, "_PIECE", 48)  # two or three rows at a time
    torch.manual_seed(3)
    x_RD, w_ND, g_RN = torch.randn(5, 24), torch.randn(40, 24), torch.randn(5, 40)
    a, b, expected = {
        "forward": (x_RD, w_ND, x_RD @ w_ND.t()), "input": (g_RN, w_ND, g_RN @ w_ND),
        "weight": (g_RN, x_RD, g_RN.t() @ x_RD),
    }[kind]  # fmt: skip
    for way in gemm._ways(kind, onednn=onednn):
        torch.testing.assert_close(gemm.multiply(kind, a, b, way), expected, **FP32)
        for dtype in (torch.float32, torch.float64):
            out = torch.empty_like(expected, dtype=dtype)
            assert gemm.multiply(kind, a, b, way, out=out) is out
            torch.testing.assert_close(out, expected.to(dtype), **FP32)


def test_the_backend_of_one_thread_is_not_that_of_another():
    seen = []
    with gemm.backend("plain"):
        thread = threading.Thread(target=lambda: seen.append(gemm._forced.get()))
        thread.start()
        thread.join()
        assert gemm._forced.get() == "plain"
    assert seen == ["auto"]


@pytest.mark.parametrize("reduce", [lambda y: y.square().sum(), lambda y: y.sum()], ids=["curved", "straight"])
def test_a_second_derivative_is_refused_in_words(reduce):
    bank = SwiGLUExperts(E, D, FF)
    x_TD, routing = make("usual", torch.float32)
    x_TD.requires_grad_()
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.grad(reduce(dispatch_sorted(x_TD, routing, bank)), x_TD, create_graph=True)


def step(bank: ExpertBank) -> list[torch.Tensor]:
    x_TD, routing = make("usual", torch.float32)
    dispatch_sorted(x_TD, routing, bank).square().sum().backward()
    return [p.grad for p in bank.parameters()]


def test_gradient_memory_is_used_again_only_when_nobody_holds_it(monkeypatch):
    monkeypatch.setattr(buffer_pool, "SMALLEST", 1)
    torch.manual_seed(4)
    bank = SwiGLUExperts(E, D, FF)
    held = step(bank)
    expected, places = [g.clone() for g in held], [g.data_ptr() for g in held]

    step(bank)  # adds to the gradients, which are therefore not free
    assert [g.data_ptr() for g in held] == places
    assert_equal(held, [2 * g for g in expected], **FP32)

    bank.zero_grad()
    fresh = step(bank)  # `held` is alive
    assert not {g.data_ptr() for g in fresh} & set(places)
    assert_equal(held, [2 * g for g in expected], **FP32)

    part, places = fresh[0][1], [g.data_ptr() for g in fresh]
    del fresh
    bank.zero_grad()
    again = step(bank)  # a view holds the first; the second is free
    assert again[0].data_ptr() != places[0]
    assert_equal([part], [expected[0][1]], **FP32)
    if hasattr(mmap, "MAP_PRIVATE"):
        assert again[1].data_ptr() == places[1]


def test_a_bank_with_gradient_memory_is_copied_and_pickled(monkeypatch):
    monkeypatch.setattr(buffer_pool, "SMALLEST", 1)
    bank = ReLUExperts(E, D, FF)
    expected = [g.clone() for g in step(bank)]
    bank.zero_grad()
    for other in (copy.deepcopy(bank), pickle.loads(pickle.dumps(bank))):
        assert_equal(step(other), expected, **FP32)


@pytest.mark.parametrize("bank_class", [SwiGLUExperts, ReLUExperts])
@pytest.mark.parametrize("pattern", [p for p in PATTERNS if p not in ("empty batch", "no assignment")])
def test_the_grouped_product_equals_the_definition(pattern, bank_class):
    bank = bank_class(E, D, FF)
    x_TD, routing = make(pattern, torch.float32)
    expected = results(dispatch_loop, x_TD, routing, bank)
    got = results(lambda x, r, b: dispatch_grouped(x, r, b, torch.float32), x_TD, routing, bank)
    assert_equal(got, expected, **FP32)
    ones_TD = torch.ones(()).expand(x_TD.shape)
    got = results(lambda x, r, b: dispatch_grouped(x, r, b, torch.float32), x_TD, routing, bank, ones_TD)
    assert_equal(got, results(dispatch_loop, x_TD, routing, bank, ones_TD), **FP32)


def test_the_grouped_product_in_bfloat16_of_wide_leaves():
    bank = SwiGLUExperts(E, D, FF)
    x_TD, routing = make("usual", torch.float32)
    expected = results(dispatch_loop, x_TD, routing, bank)
    got = results(lambda x, r, b: dispatch_grouped(x, r, b, torch.bfloat16), x_TD, routing, bank)
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == torch.float32
        assert 0 < (a - b).norm() <= 0.02 * b.norm()
