"""Gating families, one module each; a module's docstring is its page, rendered by whoever shows it."""
