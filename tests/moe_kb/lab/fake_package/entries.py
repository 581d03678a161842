"""What the fake package offers: `demo`, which does whatever its config says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field

Behaviour = Literal[
    "ok",
    "crash",
    "stubborn",
    "grandchild",
    "runaway",
    "garbage",
    "huge_log",
    "silent",
    "fails",
    "not_finite",
    "leaves_child",
]


class DemoConfig(BaseModel):
    """Settings of the demo."""

    behaviour: Behaviour = Field("ok", description="What the process does.")
    steps: int = Field(3, ge=1, lt=10_000, description="How many steps.", json_schema_extra={"unit": "steps"})
    pause: float = Field(0.0, ge=0, le=60, description="Sleep in a step.", json_schema_extra={"unit": "s"})
    memory_mib: int = Field(10, ge=1, description="What the estimate says.", json_schema_extra={"unit": "MiB"})


@dataclass(frozen=True)
class DemoEstimate:
    memory_bytes: int
    seconds: float
    params_total: int = 1000
    params_active: int = 250


@dataclass(frozen=True)
class DemoEntry:
    key: str = "demo"
    name: str = "Demo"
    summary: str = "Does what its configuration says."
    designs: tuple[str, ...] = ("switch-top1-router",)
    papers: tuple[str, ...] = ()
    status: str = "complete"
    tasks: tuple[str, ...] = ("text",)
    verified_against: str = "nothing"
    deviations: tuple[str, ...] = ()
    config_class: type[BaseModel] = DemoConfig
    module: str = "fake_package"
    page: str = "# Demo"

    def estimate(self, config: DemoConfig) -> DemoEstimate:
        return DemoEstimate(config.memory_mib * 1024**2, config.steps * config.pause)


def entries() -> tuple[DemoEntry, ...]:
    return (DemoEntry(),)
