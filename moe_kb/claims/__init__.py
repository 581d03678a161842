"""Claims: every value with its source, which of them agree, and which is shown first."""
