"""How a setting is declared, and how a wrong one is reported.

The same classes make the form in an app, the flags of the command line and the check at launch, so each field carries
its bounds, its default, a description and, where it has one, its unit.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field

STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

TaskDefaults = Mapping[str, Mapping[str, Any]]
"""For a task the values of fields, by name, that are not given. A function is called with the fields that are."""


class ConfigError(ValueError):
    """A config out of bounds; the message is one line that names each field, its bound and the fix."""


def setting(default: Any, description: str, *, group: str = "routing", unit: str | None = None, **bounds: Any) -> Any:
    """A field of a config: `bounds` are pydantic's (`ge`, `gt`, `le`, `lt`), `group` is its place in a form."""
    extra: dict[str, Any] = {"group": group} | ({"unit": unit} if unit else {})
    return Field(default=default, description=description, json_schema_extra=extra, **bounds)


def expert_count(default: int, description: str = "Experts in each MoE layer.") -> Any:
    """The field `n_experts`."""
    return setting(default, description, group="model", ge=1, le=256)


def expert_width(default: int, description: str = "Hidden width of an expert, and of a dense feed-forward.") -> Any:
    """The field `d_expert`."""
    return setting(default, description, group="model", ge=4, le=16_384)


def loss_weight(default: float, loss: str) -> Any:
    """A field for the coefficient of an auxiliary loss, which is 0 or more."""
    return setting(default, f"Weight of {loss}.", ge=0, le=10)
