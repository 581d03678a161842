"""A small package that keeps the contract of `moe_kb.lab.protocol`, for the tests; it trains nothing."""
