"""reading."""

import ui

ui.header("reading")
