"""What a design's `router.py` declares: how its layers are made, and where it runs or trains a model in its own way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference_impls.core.layer import MoELayer
    from reference_impls.tasks.base import Forward

RunModel = Callable[[Any, Any], "Forward"]
UpdateModel = Callable[[Any, Any], None]


@dataclass(frozen=True)
class Design:
    """The hooks of a design. What changes between steps is the router's own affair (`Router.on_step`).

    Attributes:
        make_layer: from the design's config to a freshly initialised layer.
        run_model: `(task, batch) -> Forward`, for a design that runs the whole model in its own way (two passes, an
            average over domains), in place of `Task.forward`.
        update_model: `(task, batch) -> None`, for a design that learns otherwise than by gradients.
    """

    make_layer: Callable[[Any], "MoELayer"]
    run_model: RunModel | None = None
    update_model: UpdateModel | None = None
