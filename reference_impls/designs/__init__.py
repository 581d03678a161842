"""The designs, a folder each: README.md is the page and the facts, beside it config, router and checks."""
