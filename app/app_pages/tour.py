"""tour."""

import ui

ui.header("tour")
