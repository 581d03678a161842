"""The command `guide`: which router, from answers to a few questions."""

from __future__ import annotations

import click

from moe_kb.cli import output
from moe_kb.cli.root import app, json_flag, open_here


@app.command()
@click.argument("answers", nargs=-1, metavar="[QUESTION=ANSWER]...")
@json_flag
def guide(answers: tuple[str, ...], as_json: bool) -> None:
    """Choose a router: at most three gating designs for answers to a few questions.

    Without answers, or where one is not known, the questions are listed with their answers.

    Example: moe-kb guide causal=yes dropless=yes
    """
    from moe_kb.analysis.guide import risks
    from moe_kb.analysis.in_short import in_short

    kb = open_here()
    questions = {question.key: question for question in kb.guide().questions}
    given = {}
    for text in answers:
        key, _, answer = text.partition("=")
        if key not in questions or answer not in questions[key].answers:
            known = "; ".join(f"{name}={'|'.join(question.answers)}" for name, question in questions.items())
            raise click.BadParameter(f"{text!r} answers no question. Known: {known}", param_hint="QUESTION=ANSWER")
        given[key] = answer
    advice, adoption = kb.advise(given), kb.adoption()
    if as_json:
        output.print_json(advice)
        return
    if not given:
        rows = [[name, question.question, " | ".join(question.answers)] for name, question in questions.items()]
        output.print_table(["question", "asks", "answers"], rows)
        click.echo("")
    for number, candidate in enumerate(advice.candidates, start=1):
        gate = candidate.gate
        click.echo(f"{number}. {gate.name}   {gate.record}")
        click.echo(f"   {in_short(gate.properties)}")
        click.echo(f"   {adoption.text(gate.recent).capitalize()}.")
        for risk in risks(candidate):
            click.echo(f"   - {risk}")
    if not advice.candidates:
        click.echo("No design satisfies all of these answers.")
    for removal in advice.removed:
        refused, unknown = len(removal.refused), len(removal.unknown)
        place = "; ".join(f"{cite.source}, {cite.locator}" for cite in removal.rule.cites)
        click.echo(f"Required: {removal.rule.label}: {refused} do not satisfy it, {unknown} do not say. [{place}]")
