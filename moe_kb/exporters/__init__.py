"""Ways out: BibTeX, and whole-database exports."""
