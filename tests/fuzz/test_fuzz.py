"""A first stretch of every fuzzer, with a fixed seed; `make fuzz` goes on for longer."""

import pytest
from fuzz.fuzzers import FUZZERS
from fuzz.harness import fuzz


@pytest.mark.parametrize("name", FUZZERS)
def test_fuzzer_meets_no_failure(name, tmp_path):
    fuzzer, count = FUZZERS[name]
    figures = fuzz(fuzzer, tmp_path, count=count)
    assert figures.inputs == count
    assert not figures.failures, "\n".join(figures.failures[:5])
    assert len(figures.outcomes) > 1, "a fuzzer that only ever sees one outcome tries too little"
