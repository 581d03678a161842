"""A small package that keeps the contract of `moe_kb.lab.contract`, for the tests; it trains nothing."""
