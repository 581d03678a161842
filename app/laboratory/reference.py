"""The committed comparisons beside runs of one's own, where they were made under the same settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ui

from moe_kb.analysis.leaderboard import CONTROLS, DENSE, Leaderboard
from moe_kb.analysis.run_budget import departures
from moe_kb.kb import KnowledgeBase
from moe_kb.lab import Lab, Run

from .settings import committed

Points = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Committed:
    """A comparison that was made with the settings of some runs, and its learning curves."""

    board: Leaderboard
    dense: dict[str, Points]
    """That of the dense control, by its name; nothing where the protocol has none."""
    own: dict[str, Points]
    """Those of the designs of the runs, by name."""


def committed_beside(kb: KnowledgeBase, lab: Lab, runs: Sequence[Run]) -> Committed | None:
    """The comparison under whose settings, but for the seed, all of these runs were made; None where there is none."""
    keys = {run.id: lab.current_key(run.implementation) for run in runs}
    for protocol in ui.cached(KnowledgeBase.protocols, kb):
        made = committed(kb, protocol.protocol)
        if runs and all(keys[run.id] in made and not departures(run.config, made[keys[run.id]]) for run in runs):
            board = ui.cached(KnowledgeBase.leaderboard, kb, protocol.protocol)
            curves = {standing.implementation: standing for standing in board.standings if standing.curve}
            several = f"mean of {protocol.seeds} seeds"
            return Committed(
                board,
                {f"{CONTROLS[DENSE]}, {several}": curves[DENSE].curve} if DENSE in curves else {},
                {
                    f"Evidence: {curves[key].name}, {several}": curves[key].curve
                    for key in dict.fromkeys(keys.values())
                    if key in curves
                },
            )
    return None
