"""Fabricated runs of the laboratory."""

from collections.abc import Mapping, Sequence

from moe_kb.lab import Curve, FormField, Run, RunCurves, RunEstimate

NOTHING = RunCurves(None, None, None, {}, {}, {}, (), ())


def curves(valid: Mapping[str, float] | None = None, **train: Sequence[float | None]) -> RunCurves:
    """Training curves from step 1, and one validation at step 2."""
    trained = {name: Curve(tuple(range(1, len(values) + 1)), tuple(values)) for name, values in train.items()}
    validated = {name: Curve((2,), (value,)) for name, value in (valid or {"bits_per_byte": 2.5}).items()}
    return RunCurves(None, None, None, trained, validated, {}, (), ())


def run(run_id: str, **config: object) -> Run:
    estimate = RunEstimate(1, 1.0, 1, 1)
    return Run(run_id, "x", "m", dict(config), estimate, "completed", 0.0, 0.0, 1.0, 9.0, None, None, None, 0, None)


def field(name: str, unit: str = "") -> FormField:
    label = name.replace("_", " ").capitalize()
    return FormField(name, label, "int", 1, False, False, None, False, None, False, 1, (), unit, "", "", False)
