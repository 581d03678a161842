"""What is said of one design: the front matter of its README.md. Importing it does not import torch."""

import re
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from reference_impls.config import LayerConfig, RunConfig, run_config
from reference_impls.estimate import Estimate, estimate

if TYPE_CHECKING:
    from reference_impls.core.design import Design
    from reference_impls.verify.check import Check

Family = Literal[
    "token choice",
    "adaptive",
    "assignment",
    "non-trainable",
    "expert choice",
    "dense",
    "soft",
    "merging",
    "hierarchical",
    "several tasks",
]
"""How tokens and experts find each other, in the order to show it in."""

Causality = Literal["yes", "where nothing is dropped", "no"]

DESIGNS = Path(__file__).parent / "designs"

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where PyYAML was built with it


class PageError(ValueError):
    """A README.md whose front matter cannot be read; the message is one line that names file, field and rule."""


class _ConfigModule(Protocol):
    LAYER: type[LayerConfig]


class _RouterModule(Protocol):
    DESIGN: "Design"


class _ChecksModule(Protocol):
    def checks(self, entry: "Entry") -> "Iterator[Check]":
        """What this design alone is asked."""


class Entry(BaseModel):
    """One design that can be run.

    The key is the name of the design's folder, with dashes; config, router and checks are imported from there when
    they are asked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    key: str
    """Of the design's record, where one record is meant."""
    name: str
    """For people."""
    summary: str
    """One line."""
    family: Family
    """How tokens and experts find each other."""
    year: int
    """Of the paper that introduced the design."""
    designs: tuple[str, ...]
    """Keys of the design records that it implements, the main one first."""
    papers: tuple[str, ...]
    """Keys of the papers that describe them."""
    causal: Causality
    """Whether a change of later tokens leaves earlier outputs of the layer as they were."""
    verified_against: str
    """What it was checked against."""
    gap: str = ""
    """What is not reported of that which makes the design itself, for a partial implementation; the page says
    more. What a design takes over from others, such as capacity or a balancing loss, is no gap but a deviation."""
    clusters: Literal["finds", "uses", "cannot"] = "finds"
    """On the clustered task a design `finds` the clusters by learning, or only `uses` what it is given or sampled;
    either way it must beat a dense layer. What `cannot` has its reason on the page."""
    beyond: str = ""
    """What a token costs beyond the parameters that it is counted to use (whole passes, experts that only train), or
    why that number is not fixed; such a design is compared, and not as one of equal size."""
    needs: tuple[Literal["token_id", "domain", "task"], ...] = ()
    """What the layer must be given of its tokens besides their vectors."""
    random_eval: bool = False
    """Whether chance plays outside training, too, so that two calls differ."""
    aliases: tuple[str, ...] = ()
    """Earlier keys, by which runs and result files may name it."""

    @classmethod
    def read(cls, folder: Path) -> "Entry":
        """The entry of a design's folder.

        Raises:
            PageError: if its README.md has no front matter, or one that breaks the rules.
        """
        path = folder / "README.md"
        front, _ = _split(path)
        try:
            values = yaml.load(front, Loader=_Loader)
            named = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
            return cls.model_validate({"key": folder.name.replace("_", "-"), **named})
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise PageError(f"{path}: front matter: {wrong}") from None
        except (yaml.YAMLError, AttributeError, TypeError) as error:
            raise PageError(
                f"{path}: front matter is no YAML mapping of fields: {' '.join(str(error).split())}"
            ) from None

    @property
    def module(self) -> str:
        """`python -m <module> run <key>` runs it."""
        return "reference_impls"

    @property
    def folder(self) -> Path:
        """Where page, config, router and checks stand."""
        return DESIGNS / self.key.replace("-", "_")

    @property
    def status(self) -> Literal["complete", "partial"]:
        """`partial` if the sources leave a part undefined."""
        return "partial" if self.gap else "complete"

    @property
    def tasks(self) -> tuple[str, ...]:
        """What it can be trained on, the default first."""
        return self.layer_class.tasks

    @cached_property
    def page(self) -> str:
        """The page in GitHub's Markdown, equations included, without the front matter."""
        return _split(self.folder / "README.md")[1]

    @property
    def deviations(self) -> tuple[str, ...]:
        """Where it departs from the paper or the authors' code: the items of the page's section, in Markdown."""
        section = re.search(r"^## Deviations\n(.*?)(?=^## )", self.page, re.DOTALL | re.MULTILINE)
        items = re.findall(r"^- (.*?)(?=^- |^\S|\Z)", section[1] if section else "", re.DOTALL | re.MULTILINE)
        return tuple(" ".join(item.split()) for item in items)

    @cached_property
    def snippet(self) -> str:
        """Python that makes its layer and calls it: the example under the page's heading Usage."""
        found = re.search(r"^## Usage\n.*?^```python\n(.*?)^```$", self.page, re.DOTALL | re.MULTILINE)
        return found[1] if found else ""

    @cached_property
    def code(self) -> tuple[tuple[str, str], ...]:
        """Name and text of its files: how it routes, then its settings."""
        return tuple((name, (self.folder / name).read_text(encoding="utf-8")) for name in ("router.py", "config.py"))

    @cached_property
    def layer_class(self) -> type[LayerConfig]:
        """The pydantic model of its layer's settings; every field has bounds, a default and a description."""
        return cast(_ConfigModule, self._part("config")).LAYER

    @cached_property
    def config_class(self) -> type[RunConfig]:
        """The pydantic model of a run's settings, the layer's among them."""
        return run_config(self.layer_class)

    @cached_property
    def design(self) -> "Design":
        """Its hooks; imports torch."""
        return cast(_RouterModule, self._part("router")).DESIGN

    def checks(self) -> "Iterator[Check]":
        """What this design alone is asked; imports torch."""
        return cast(_ChecksModule, self._part("checks")).checks(self)

    def estimate(self, config: RunConfig) -> Estimate:
        """Memory, time and parameters of a run with this config; imports torch."""
        return estimate(config, self.design.make_layer)

    def dense_control(self, config: RunConfig) -> tuple[str, dict[str, Any]] | None:
        """Key and settings of a dense run of equal active size under the same budget; None where there is none."""
        from reference_impls.catalogue import find
        from reference_impls.evidence.protocol import BASIS, active_parameters, dense_control

        basis = find(BASIS)
        assert basis is not None
        dense = dense_control(config, active_parameters(self, config), basis)
        return None if dense is None else (basis.key, dense.model_dump(mode="json"))

    def _part(self, name: str) -> object:
        return import_module(f"reference_impls.designs.{self.folder.name}.{name}")


def _split(path: Path) -> tuple[str, str]:
    """Front matter and body of a page."""
    found = re.fullmatch(r"---\n(.*?)\n---\n\n?(.*)", path.read_text(encoding="utf-8"), re.DOTALL)
    if found is None:
        raise PageError(f"{path}: must begin with front matter between two lines of ---")
    return found[1], found[2]
