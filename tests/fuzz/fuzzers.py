"""Every fuzzer by its name, with how many of its inputs the suite tries."""

from fuzz.addresses import addresses
from fuzz.configurations import configurations
from fuzz.harness import Fuzzer
from fuzz.kills import kills
from fuzz.queries import queries
from fuzz.records import records
from fuzz.searches import searches

FUZZERS: dict[str, tuple[Fuzzer, int]] = {
    "addresses": (addresses, 30),
    "configurations": (configurations, 400),
    "kills": (kills, 10),
    "queries": (queries, 40),
    "records": (records, 300),
    "searches": (searches, 300),
}
