"""What follows from the rows of `moe_kb.queries`: numbers in, numbers out; no SQL, no charts."""
