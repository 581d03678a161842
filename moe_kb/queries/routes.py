"""Reading routes: works in an order in which they explain one another."""

from __future__ import annotations

from dataclasses import dataclass

from moe_kb.db.reader import Reader


@dataclass(frozen=True, slots=True)
class Stop:
    """A work on a route."""

    work: str
    """Full name."""
    name: str
    title: str | None
    """Of a paper whose title is more than its name."""
    year: int | None
    why: str
    source: str
    locator: str | None


@dataclass(frozen=True, slots=True)
class Route:
    """Works in reading order."""

    key: str
    title: str
    about: str
    stops: tuple[Stop, ...]

    @property
    def papers(self) -> list[str]:
        """Full names of its papers, which can be cited."""
        return [stop.work for stop in self.stops if stop.work.startswith("paper:")]


def routes(reader: Reader) -> list[Route]:
    """Every route in the order of the file."""
    stops: dict[str, list[Stop]] = {}
    for route, *stop in reader.tuples(
        "SELECT s.route, s.work, r.name, nullif(p.title, r.name), r.year, s.why, s.source, s.locator "
        "FROM route_stops s JOIN records r ON r.record = s.work LEFT JOIN papers p ON p.record = s.work "
        "ORDER BY s.route, s.position"
    ):
        stops.setdefault(route, []).append(Stop(*stop))
    return [
        Route(key, title, about, tuple(stops.get(key, ())))
        for key, title, about in reader.tuples("SELECT key, title, about FROM routes ORDER BY id")
    ]
