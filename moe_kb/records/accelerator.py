"""Accelerators: the devices that models run on, as their makers' sheets describe them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from moe_kb.records.base import Citation, Kind, Line, PartialDate, Record, Status
from moe_kb.records.measure import Unit, parse_measure

Precision = Literal["fp32", "tf32", "fp16", "bf16", "fp8", "fp6", "fp4", "int8", "int4"]


class Figure(Citation):
    """One quantity of a sheet. It is written as printed; a number beside it says what was derived from that."""

    UNIT: ClassVar[Unit]

    printed: Line
    """The quantity with its unit, as the source prints it (`989 TFLOPS`, `3.35 TB/s`, `95 GiB`). A column's unit may
    be added to its number."""
    value: Annotated[int, Field(gt=0)] | None = None
    """The quantity in whole units, only where it is not what is printed: then `status` is `derived` and `note` says
    how (a figure with sparsity is halved, a system's is divided by its devices)."""
    status: Status = "reported"
    """`derived` where `value` was computed from what is printed."""
    note: Line | None = None
    """How the value was derived, or what to beware of."""

    @model_validator(mode="after")
    def _is_a_quantity(self) -> Self:
        measure = parse_measure(self.printed)
        if measure is None:
            raise ValueError(f"{self.printed!r} is no number with a unit; write one like 989 TFLOPS or 3.35 TB/s")
        if measure.unit != self.UNIT:
            raise ValueError(f"{self.printed!r} is in {measure.unit}, and this field is in {self.UNIT}")
        if (self.value is None) != (self.status == "reported"):
            raise ValueError("`value` is for derived figures: give it with `status: derived`, or leave out both")
        if self.value is not None and self.note is None:
            raise ValueError("a derived figure needs a `note` that says how it was derived")
        if not 0 < self.number < 2**63:
            raise ValueError(f"{self.number} is no figure of a device; fix the number or its unit")
        return self

    @property
    def number(self) -> int:
        """The quantity in whole units: operations/s, bytes or bytes/s."""
        if self.value is not None:
            return self.value
        measure = parse_measure(self.printed)
        assert measure is not None  # checked when read
        return measure.value


class Peak(Figure):
    """Greatest throughput of dense arithmetic in one precision, operations/s; a multiplication with addition is two."""

    UNIT: ClassVar[Unit] = "operations/s"

    precision: Precision
    """Of the factors; sums are usually kept in more bits."""
    engine: Literal["matrix", "vector"] = "matrix"
    """`matrix` for tensor cores, matrix cores and systolic arrays; `vector` for the general arithmetic units, of which
    only fp32, fp16 and bf16 are kept."""

    @model_validator(mode="after")
    def _has_a_column(self) -> Self:
        if self.engine == "vector" and self.precision not in ("fp32", "fp16", "bf16"):
            raise ValueError(f"of the vector units only fp32, fp16 and bf16 are kept, not {self.precision}")
        return self

    @property
    def field(self) -> str:
        """Name of the claim and of the database column, e.g. `peak_bf16`, `peak_fp32_vector`."""
        return f"peak_{self.precision}" + ("_vector" if self.engine == "vector" else "")


class Memory(Figure):
    """Capacity of the device's own memory, bytes. GB is read as 10**9 bytes and GiB as 2**30, as printed."""

    UNIT: ClassVar[Unit] = "bytes"


class Bandwidth(Figure):
    """Greatest rate at which the device's own memory is read, bytes/s."""

    UNIT: ClassVar[Unit] = "bytes/s"


class Interconnect(Figure):
    """Greatest rate at which a device exchanges data with the others of its node or pod, all links summed, bytes/s."""

    UNIT: ClassVar[Unit] = "bytes/s"

    direction: Literal["one-way", "both-ways", "unstated"]
    """Whether the figure counts one direction or the sum of both; `unstated` where the source does not say."""
    link: Line | None = None
    """What the links are called, e.g. `NVLink 4`, `PCIe 4.0 x16`."""

    @property
    def one_way(self) -> int | None:
        """Bytes/s in one direction, half of a figure for both; None where the source does not state the direction."""
        if self.direction == "unstated":
            return None
        return self.number if self.direction == "one-way" else self.number // 2


class Accelerator(Record):
    """A device with memory of its own that runs models: one GPU, one TPU chip, one module."""

    KIND: ClassVar[Kind] = "accelerator"
    SELF_SOURCED: ClassVar[frozenset[str]] = Record.SELF_SOURCED | {
        "peaks",
        "memory",
        "memory_bandwidth",
        "interconnect",
    }

    organisation: Line | None = None
    """Who makes it."""
    released: PartialDate | None = None
    """When it was first announced or sold, as the source says."""
    peaks: list[Peak] = Field(default_factory=list)
    """Peaks of dense arithmetic, each precision and engine once. Figures that only hold with sparsity are left out."""
    memory: Memory | None = None
    """Capacity of its memory."""
    memory_bandwidth: Bandwidth | None = None
    """Rate of its memory."""
    interconnect: Interconnect | None = None
    """Rate between devices."""

    @model_validator(mode="after")
    def _peaks_are_unique(self) -> Self:
        fields = [peak.field for peak in self.peaks]
        if len(fields) != len(set(fields)):
            twice = sorted({field for field in fields if fields.count(field) > 1})
            raise ValueError(f"each precision and engine stands once; twice: {', '.join(twice)}. Use `claims` for more")
        return self

    def peak(self, precision: Precision, engine: Literal["matrix", "vector"] = "matrix") -> int | None:
        """Dense peak in operations/s, None where no source gives one."""
        return next((p.number for p in self.peaks if (p.precision, p.engine) == (precision, engine)), None)

    def figures(self) -> list[tuple[str, Figure]]:
        """Every figure with the name of its claim."""
        named: list[tuple[str, Figure | None]] = [
            *((peak.field, peak) for peak in self.peaks),
            ("memory_capacity", self.memory),
            ("memory_bandwidth", self.memory_bandwidth),
            ("interconnect_bandwidth", self.interconnect),
        ]
        return [(name, figure) for name, figure in named if figure is not None]
