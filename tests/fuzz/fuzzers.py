"""Every fuzzer by its name, with how many of its inputs the suite tries."""

from fuzz.addresses import addresses
from fuzz.harness import Fuzzer
from fuzz.searches import searches

FUZZERS: dict[str, tuple[Fuzzer, int]] = {"searches": (searches, 300), "addresses": (addresses, 30)}
