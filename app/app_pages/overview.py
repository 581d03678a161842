"""Overview: what is here, when models appeared, and ways in."""

from __future__ import annotations

import ui

kb = ui.knowledge_base()
ui.header("Mixture of experts: a living survey", "Every value with its source.")
