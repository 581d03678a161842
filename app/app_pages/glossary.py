"""glossary."""

import ui

ui.header("glossary")
