"""Records side by side."""

import pytest

from moe_kb.errors import NotFoundError


def test_designs_are_compared_property_by_property(kb):
    result = kb.compare(["alpha-router", "beta-router"])
    assert result.names == ["design:alpha-router", "design:beta-router"]
    cells = dict(zip(result.fields, result.cells, strict=True))
    assert (cells["chooser"], cells["experts_per_token"]) == (["token", "expert"], ["one", "adaptive"])
    assert (cells["k"], cells["renormalised"]) == (["1", None], ["no", None])
    assert cells["introduced by"] == ["Alpha", None]
    differs = {field: result.differs(row) for row, field in enumerate(result.fields)}
    assert differs["chooser"]
    assert not differs["k"]  # one of them does not say
    places = dict(zip(result.fields, result.sources, strict=True))
    assert places["chooser"] == ["first-survey, §2", "first-survey, §3"]
    assert all(len(row) == 2 for row in [*result.cells, *result.sources, *result.notes])
    assert len(result.cells) == len(result.sources) == len(result.notes) == len(result.fields)
    order = [result.fields.index(field) for field in ("name", "chooser", "experts_per_token", "k")]
    assert order == sorted(order)


def test_a_model_is_compared_by_its_configurations(tree):
    from trees import FILES

    from moe_kb.kb import open_kb

    text = FILES["data/models/alpha.yaml"].replace("key: alpha", "key: delta").replace("d_model: 512", "d_model: 640")
    (tree / "data/models/delta.yaml").write_text(text)
    kb = open_kb(tree, database=tree.parent / "kb.db")
    result = kb.compare(["model:alpha", "delta"])
    assert result.names == ["model:alpha#1B", "model:delta#1B"]
    cells = dict(zip(result.fields, result.cells, strict=True))
    assert (cells["d_model"], cells["mmlu (5-shot)"]) == (["512", "640"], ["45.0", None])


def test_a_year_is_no_count(kb):
    result = kb.compare(["design:alpha-router", "design:beta-router"])
    assert result.cells[result.fields.index("year")] == ["2021", None]


def test_one_configuration_can_be_chosen_and_its_cache_is_computed(tree):
    from trees import BARE, size_alpha

    from moe_kb.kb import open_kb

    size_alpha(tree)
    (tree / "data/models/beta.yaml").write_text(BARE.replace("- {label: small}", "- {label: small}\n- {label: large}"))
    kb = open_kb(tree, database=tree.parent / "kb.db")
    result = kb.compare(["model:alpha#1B", "model:beta#large"])
    assert result.names == ["model:alpha#1B", "model:beta#large"]
    row = result.fields.index("KV cache per token")
    # Keys and values of 8 heads of 64, in 4 layers, 2 bytes each.
    assert result.cells[row] == ["8.19 kB", None]
    assert result.sources[row] == ["alpha-config, config.json", None]
    assert "computed from its layers" in result.notes[row][0]
    assert result.cells[result.fields.index("router")] == ["Alpha router", None]
    with pytest.raises(NotFoundError, match=r"model:beta has no configuration 'huge'. Known: small, large."):
        kb.compare(["model:alpha#1B", "model:beta#huge"])


def test_a_cache_that_cannot_be_computed_is_no_number(tree):
    (tree / "data/models/beta.yaml").write_text(
        (tree / "data/models/alpha.yaml").read_text().replace("alpha\n", "beta\n", 1)
    )
    from moe_kb.kb import open_kb

    result = open_kb(tree, database=tree.parent / "kb.db").compare(["model:alpha", "model:beta"])
    assert "KV cache per token" not in result.fields


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "at least two different records"),
        (["alpha-router"], "at least two different records"),
        (["alpha-router", "design:alpha-router"], "at least two different records"),
        (["alpha-router", "paper:alpha"], "one kind can be compared, not design and paper"),
        (["alpha-router", "nothing"], "there is no record 'nothing'"),
    ],
)
def test_what_cannot_be_compared_says_why(kb, names, message):
    with pytest.raises(NotFoundError, match=message):
        kb.compare(names)
