"""Help of every command begins with a verb, shows an example of the command, and says what the field says."""

import click
import pytest
from words import wrong_words

from moe_kb.cli.root import app

CONTEXT = click.Context(app, info_name="moe-kb", **app.context_settings)
COMMANDS = {name: app.get_command(CONTEXT, name) for name in app.list_commands(CONTEXT)}
COMMANDS["import hf"] = COMMANDS["import"].get_command(CONTEXT, "hf")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_a_verb_and_an_example(name):
    text = COMMANDS[name].get_help(click.Context(COMMANDS[name], info_name=name, parent=CONTEXT))
    first = COMMANDS[name].help.split()[0]
    assert first[0].isupper()
    assert first not in ("A", "An", "The", "What", "How", "Every", "Records")
    assert f"Example: moe-kb {name}" in COMMANDS[name].help
    assert wrong_words(text) == []


def test_the_list_of_commands_uses_the_words():
    assert wrong_words(app.get_help(CONTEXT)) == []
