"""Every fuzzer by its name, with how many of its inputs the suite tries."""

from fuzz.harness import Fuzzer
from fuzz.records import records
from fuzz.searches import searches

FUZZERS: dict[str, tuple[Fuzzer, int]] = {"records": (records, 300), "searches": (searches, 300)}
