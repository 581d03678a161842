"""One name for an organisation, however a record spells it."""

from trees import edit, small_tree

from moe_kb.kb import open_kb

LAB = "organisations:\n- {name: The Lab, aliases: [Example Lab, ExampleLab]}\n"


def test_every_list_shows_the_usual_name(tmp_path):
    tree = small_tree(tmp_path / "tree", {"data/organisations.yaml": LAB})
    edit(tree, "data/systems/gamma.yaml", "organisation: Example Lab", "organisation: ExampleLab")
    kb = open_kb(tree, database=tmp_path / "kb.db")
    shown = {*(row.organisation for row in kb.configurations()), *(row.organisation for row in kb.systems())}
    assert shown == {"The Lab"}
    assert {row.organisation for row in kb.scores()} <= {"The Lab", None}


def test_a_name_that_nobody_listed_stays(tmp_path):
    nobody = {"data/organisations.yaml": None}
    kb = open_kb(small_tree(tmp_path / "tree", nobody), database=tmp_path / "kb.db")
    assert {row.organisation for row in kb.configurations()} == {"Example Lab"}


def test_another_spelling_needs_a_new_database(tmp_path):
    tree = small_tree(tmp_path / "tree", {"data/organisations.yaml": LAB})
    open_kb(tree, database=tmp_path / "kb.db")
    edit(tree, "data/organisations.yaml", "The Lab", "Its Lab")
    kb = open_kb(tree, database=tmp_path / "kb.db")
    assert {row.organisation for row in kb.configurations()} == {"Its Lab"}
