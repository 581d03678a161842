"""What models are measured by for performance and cost: values that records hold, and what sizing computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from moe_kb.sizing import Device, Size

Side = Literal["accuracy", "performance", "cost"]
SIDES: dict[Side, str] = {"accuracy": "Accuracy", "performance": "Application performance", "cost": "Deployment cost"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One way to measure a configuration."""

    key: str
    label: str
    unit: str
    scale: float = 1
    """Plain units in one of `unit`: 1e9 where values in bytes are shown in GB."""
    better: Literal["higher", "lower"] = "lower"
    compute: Callable[[Size], float] | None = None
    """From a size, in plain units."""
    on_device: Callable[[Size, Device], float] | None = None
    """The same where an accelerator matters."""
    field: str | None = None
    """The field of claims that stands in where no layers are described, or the only place of the value."""
    formula: str = ""
    """LaTeX of what is computed; its letters are in `SYMBOLS`."""
    symbols: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()
    """What the value depends on besides the layers: of `context`, `batch`, `weights`, `device`."""
    digits: str = ".3g"

    @property
    def title(self) -> str:
        """Label with unit."""
        return f"{self.label} ({self.unit})"

    @property
    def computed(self) -> bool:
        """Whether sizing says it."""
        return self.compute is not None or self.on_device is not None


#: Letters of the formulas, in LaTeX, and what they stand for.
SYMBOLS = {
    "N": "all parameters: every layer's, the embedding and the head",
    r"N_\mathrm{act}": "parameters that a token uses",
    r"E_\ell": "routed experts of layer ℓ",
    r"k_\ell": "routed experts of layer ℓ that a token uses (its expectation where some do nothing)",
    r"n_\ell": "parameters of one routed expert of layer ℓ",
    r"N_w": "weights that a token is multiplied with: the active ones but norms and the table it is looked up in",
    "A(L)": "operations of queries with keys and of attention weights with values, for the tokens that each layer sees",
    "S": "operations of recurrent states",
    r"\bar A(L)": "the same, on average over the tokens of a prefill",
    r"\beta": "bytes of a weight in the format",
    "L": "tokens of the context",
    "B": "batch size: sequences decoded together",
    "s": "numbers kept for every token",
    "n_w": "numbers kept for each of the last w tokens, for every window w",
    "f": "numbers kept however long the sequence is",
    r"M_\mathrm{dev}": "memory of one accelerator",
    "M_c": "bytes kept of one sequence",
    "M_r": "bytes that a decoded token reads of them",
    "n": "minimum number of accelerators that hold weights and caches",
    "P": "peak of one accelerator, operations a second",
    "W": "bandwidth of its memory, bytes a second",
    "R(B)": "parameters that B tokens need together: an expert that several choose is read once",
    "F": "operations of a token",
}
_T = (
    r"T = \max\left(\frac{B\,F}{n P},\ \frac{\beta R(B) + B M_r}{n W}\right), \quad "
    r"n = \left\lceil \frac{\beta N + B M_c}{M_\mathrm{dev}} \right\rceil"
)
_OF_T = ("B", "F", r"\beta", "R(B)", "M_r", "n", "N", "M_c", r"M_\mathrm{dev}", "P", "W")
_EVERYTHING = frozenset({"context", "batch", "weights", "device"})


def _step(size: Size, device: Device) -> float:
    """Least time of one decoding step, seconds."""
    return size.on(device, "decode").seconds


#: Higher is better for some, lower for others; times are bounds from below, no measurements.
PERFORMANCE = {
    metric.key: metric
    for metric in (
        Metric("context_length", "Context length", "tokens", better="higher", field="context_length", digits=",.0f"),
        Metric(
            "throughput",
            "Decoding rate, at most",
            "tokens/s",
            better="higher",
            on_device=lambda size, device: size.setting.batch / _step(size, device),
            formula=r"\frac{B}{T}, \quad " + _T,
            symbols=_OF_T,
            needs=_EVERYTHING,
        ),
        Metric(
            "step_time",
            "Time per decoded token, at least",
            "ms",
            scale=1e-3,
            on_device=_step,
            formula=_T,
            symbols=_OF_T,
            needs=_EVERYTHING,
        ),
        Metric(
            "first_token",
            "Time to the first token, at least",
            "s",
            on_device=lambda size, device: size.on(device, "prefill").seconds,
            formula=r"\max\left(\frac{L\,F}{n P},\ \frac{\beta R(L) + M_c}{n W}\right), \quad "
            r"n = \left\lceil \frac{\beta N + B M_c}{M_\mathrm{dev}} \right\rceil",
            symbols=("L", *(symbol for symbol in _OF_T if symbol != "M_r")),
            needs=_EVERYTHING,
        ),
    )
}

#: Lower is better for all.
COST = {
    metric.key: metric
    for metric in (
        Metric(
            "params_active",
            "Active parameters",
            "billions",
            scale=1e9,
            compute=lambda size: float(size.parameters.active),
            field="params_active",
            formula=r"N_\mathrm{act} = N - \sum_\ell (E_\ell - k_\ell)\, n_\ell",
            symbols=("N", r"E_\ell", r"k_\ell", r"n_\ell"),
        ),
        Metric(
            "params_total",
            "Total parameters",
            "billions",
            scale=1e9,
            compute=lambda size: float(size.parameters.total),
            field="params_total",
            formula="N",
            symbols=("N",),
        ),
        Metric(
            "flops_decode",
            "Operations per decoded token",
            "GFLOP",
            scale=1e9,
            compute=lambda size: float(size.decode.total),
            formula="F = 2 N_w + A(L) + S",
            symbols=("N_w", "A(L)", "L", "S"),
            needs=frozenset({"context"}),
        ),
        Metric(
            "flops_prefill",
            "Operations per prefill token",
            "GFLOP",
            scale=1e9,
            compute=lambda size: float(size.prefill.total),
            formula=r"F = 2 N_w + \bar A(L) + S",
            symbols=("N_w", r"\bar A(L)", "L", "S"),
            needs=frozenset({"context"}),
        ),
        Metric(
            "weight_bytes",
            "Memory of the weights",
            "GB",
            scale=1e9,
            compute=lambda size: float(size.stored.total),
            formula=r"\beta N",
            symbols=(r"\beta", "N"),
            needs=frozenset({"weights"}),
        ),
        Metric(
            "cache_bytes",
            "KV cache of a sequence",
            "GB",
            scale=1e9,
            compute=lambda size: size.cache_bytes,
            formula=r"M_c = 2\,\left(s L + \textstyle\sum_w n_w \min(w, L) + f\right)",
            symbols=("s", "L", "n_w", "f"),
            needs=frozenset({"context"}),
        ),
        Metric(
            "devices",
            "Minimum number of accelerators",
            "devices",
            on_device=lambda size, device: size.devices(device),
            formula=r"n = \left\lceil \frac{\beta N + B M_c}{M_\mathrm{dev}} \right\rceil",
            symbols=(r"\beta", "N", "B", "M_c", r"M_\mathrm{dev}"),
            needs=_EVERYTHING,
            digits=",.0f",
        ),
        Metric(
            "device_time",
            "Device time per token, at least",
            "ms",
            scale=1e-3,
            on_device=lambda size, device: size.devices(device) * _step(size, device) / size.setting.batch,
            formula=r"\frac{n T}{B}, \quad " + _T,
            symbols=_OF_T,
            needs=_EVERYTHING,
        ),
    )
}
METRICS = PERFORMANCE | COST
#: Fields of claims that stand in where nothing can be computed, or that are only recorded.
RECORDED = tuple(dict.fromkeys(metric.field for metric in METRICS.values() if metric.field))
