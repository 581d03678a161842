"""One measured statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True)
class Check:
    """A number and what it must not pass.

    Attributes:
        name: what is claimed, in words.
        measured: the number.
        relation: how it must stand to `bound`.
        bound: the limit.
        unit: what the number counts.
    """

    name: str
    measured: float
    relation: Literal["<=", ">="]
    bound: float
    unit: str = ""

    @property
    def passed(self) -> bool:
        """Whether the claim held; never for a number that is none."""
        return self.measured <= self.bound if self.relation == "<=" else self.measured >= self.bound

    def __str__(self) -> str:
        verdict = "ok  " if self.passed else "FAIL"
        unit = f" {self.unit}" if self.unit else ""
        return f"{verdict}  {self.name}: {self.measured:.3g}{unit} ({self.relation} {self.bound:g})"


def at_most(name: str, measured: float | Tensor, bound: float, unit: str = "") -> Check:
    """The number may not exceed the bound."""
    return Check(name, _number(measured), "<=", bound, unit)


def at_least(name: str, measured: float | Tensor, bound: float, unit: str = "") -> Check:
    """The number must reach the bound."""
    return Check(name, _number(measured), ">=", bound, unit)


def _number(value: float | Tensor) -> float:
    return float(value.detach() if isinstance(value, Tensor) else value)


def worst_of(*values: float | Tensor) -> float:
    """The largest; not a number if any is none, which `max` may lose."""
    numbers = [_number(value) for value in values]
    return max(numbers) if all(number == number for number in numbers) else float("nan")


def close(name: str, ours: Tensor, theirs: Tensor, *, rtol: float = 1e-4, atol: float = 1e-5) -> Check:
    """Two tensors agree: the largest |ours - theirs| / (atol + rtol |theirs|) is at most 1.

    The defaults are for float32 and inputs of unit variance.

    Raises:
        ValueError: if the shapes differ, which broadcasting would hide.
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"{name}: {tuple(ours.shape)} here, {tuple(theirs.shape)} there")
    ours, theirs = ours.detach().double(), theirs.detach().double()
    ratio = (ours - theirs).abs() / (atol + rtol * theirs.abs())
    worst = float(ratio.max()) if ratio.numel() else 0.0
    return at_most(f"{name} (within {atol:g} + {rtol:g} |value|)", worst, 1.0, "of the tolerance")


def apart(
    name: str, ours: float | Tensor, theirs: float | Tensor | Sequence[float], bound: float = 1e-12, unit: str = ""
) -> Check:
    """Two numbers or tensors agree: the largest |ours - theirs| is at most `bound`; a number stands for a whole tensor.

    Raises:
        ValueError: if the shapes differ, which broadcasting would hide.
    """
    ours, theirs = (torch.as_tensor(side, dtype=torch.float64).detach() for side in (ours, theirs))
    if theirs.dim() and ours.shape != theirs.shape:
        raise ValueError(f"{name}: {tuple(ours.shape)} here, {tuple(theirs.shape)} there")
    return at_most(name, (ours - theirs).abs().max(), bound, unit)


def same(name: str, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], **tolerance: float) -> list[Check]:
    """Every named tensor agrees with its namesake."""
    if ours.keys() != theirs.keys():
        raise ValueError(f"{name}: {sorted(ours)} here, {sorted(theirs)} there")
    return [close(f"{name}: {part}", ours[part], theirs[part], **tolerance) for part in ours]
