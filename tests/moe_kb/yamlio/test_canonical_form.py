"""One record, one text: what is written is read back the same, and formatting twice changes nothing."""

import pytest
import yaml
from hypothesis import example, given, settings
from strategies import PLAIN, TRAPS, records

from moe_kb import yamlio
from moe_kb.records import RECORD_TYPES, Alignment, Crosswalk, Paper, Taxonomy, Waivers

TYPES = [*RECORD_TYPES.values(), Taxonomy, Crosswalk, Alignment, Waivers]


@given(PLAIN)
@example({"a": "1e5", "b": "-.5", "1.5e5": ["+.5", "12e4567"]})
@example("а # x")
@example({"x" * 200: 1})
@example([[], {}, "", None])
@settings(max_examples=300)
def test_any_plain_data_is_read_back(data):
    text = yamlio.dump(data)
    assert (yamlio.parse(text), yamlio.dump(yamlio.parse(text))) == (data, text)


@given(TRAPS)
def test_ambiguous_strings_stay_strings_for_every_reader(text):
    written = yamlio.dump({"a": text})
    assert yamlio.parse(written) == {"a": text}
    assert yaml.safe_load(written) == {"a": text}


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_any_valid_record_survives_its_canonical_form(kind):
    @given(records(kind))
    @settings(max_examples=40)
    def survives(record):
        text = yamlio.canonical_text(record)
        again = kind.model_validate(yamlio.parse(text))
        assert again == record
        assert yamlio.canonical_text(again) == text

    survives()


def test_fields_are_ordered_and_defaults_left_out():
    record = Paper(year=2020, title="Title", name="Name", key="name", scope="core", aliases=[])
    assert yamlio.canonical_text(record) == "key: name\nname: Name\ntitle: Title\nyear: 2020\n"


def test_only_short_leaves_stand_on_one_line():
    text = yamlio.dump({"short": {"a": 1, "b": [1, 2]}, "list": ["x", "y"], "long": ["word " * 8] * 3})
    assert "list: [x, y]" in text
    assert "  b: [1, 2]" in text
    assert text.count("\n- ") == 3
