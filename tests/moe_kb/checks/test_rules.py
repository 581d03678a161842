"""Every rule, broken once: the finding names the file, the line, the rule, what is wrong and how to fix it."""

# ruff: noqa: E501  a table of examples reads better with one to a line

from __future__ import annotations

import re
from pathlib import Path

import pytest
from trees import FILES, LEARNING, edit, small_tree

from moe_kb.checks import check_corpus, check_record
from moe_kb.checks.rules import RULES, Index, _other_kind
from moe_kb.corpus import Corpus, Finding, read_model
from moe_kb.records import Table

ALPHA, BETA = "data/papers/2021/alpha.yaml", "data/papers/2020/beta.yaml"
MODEL, SYSTEM = "data/models/alpha.yaml", "data/systems/gamma.yaml"
ROUTER, TABLE = "data/designs/gating/alpha-router.yaml", "data/tables/first-table.yaml"
TAXONOMY, CROSSWALK, ALIGNMENT = "taxonomy/first.yaml", "taxonomy/crosswalk.yaml", "data/alignment.yaml"
ORGANISATIONS, SHORT_FORMS, WAIVERS = "data/organisations.yaml", "data/short-forms.yaml", "data/waivers.yaml"
GLOSSARY, ROUTES, GUIDE = *LEARNING, "data/guide.yaml"
DEVICE, SOURCE = "data/accelerators/zeta.yaml", "data/sources/first-survey.yaml"


def findings(tree: Path) -> list[Finding]:
    return check_corpus(Corpus.load(tree))


#: rule, file, text, its replacement, line of the finding, part of the message, part of the fix
BROKEN = [
    ("file-key", BETA, "key: beta", "key: beta-two", 1, "belongs in data/papers/2020/beta-two.yaml", "Move it"),
    ("file-key", ALPHA, "date: '2021-03-04'", "date: '2019-03-04'", 1, "data/papers/2019/alpha.yaml", "year"),
    ("file-key", ROUTER, "component: gating", "component: loss", 1, "data/designs/loss/alpha-router.yaml", "component"),
    ("file-key", TAXONOMY, "key: first\n", "key: third\n", 3, "belongs in taxonomy/third.yaml", "Move it"),
    ("dangling-reference", SYSTEM, "[beta]", "[gone]", 5, "the paper 'gone' does not exist", "add the record"),
    ("dangling-reference", ALPHA, "paper:beta", "paper:gone", 16, "the paper 'gone'", "Fix the key"),
    ("dangling-reference", ALPHA, "node: algorithm/gating/sparse", "node: algorithm/gone", 21, "taxonomy node", "Fix"),
    ("dangling-reference", BETA, "provenance:\n", "provenance:\n- {source: gone, fields: [name]}\n", 13, "the source 'gone'", "Fix"),
    ("dangling-reference", ROUTER, "by: paper:beta", "by: model:gone", 20, "the model 'gone' does not exist", "Fix"),
    ("dangling-reference", MODEL, "{design: alpha-router", "{design: gone", 28, "the design 'gone' does not exist", "Fix"),
    ("dangling-reference", MODEL, "papers: [alpha]", "papers: [alpha]\nsuperseded_by: gone", 7, "the model 'gone'", "Fix"),
    ("dangling-reference", TABLE, "source: first-survey", "source: gone", 4, "the source 'gone'", "Fix"),
    ("dangling-reference", ALIGNMENT, "reason: no record of this model", "subject: 'model:gone'", 3, "'gone'", "Fix"),
    ("dangling-reference", CROSSWALK, "first:algorithm/gating", "first:gone", 2, "node first:gone", "Fix"),
    ("dangling-reference", DEVICE, "memory: {source: first-survey", "memory: {source: gone", 18, "the source 'gone' does not exist", "Fix"),
    ("duplicate-title", BETA, "title: Beta Learns to Share", "title: 'alpha — Routing invented tokens!'", 3, "paper:alpha has", "Merge"),
    ("duplicate-arxiv", BETA, "year: 2020", "year: 2020\nids: {arxiv: '2103.00001'}", 7, "has the same arxiv", "Merge"),
    ("duplicate-title", BETA, "title: Beta Learns to Share", "title: 'Аlрhа: Rоuting Invеntеd Τоkеns'", 3, "paper:alpha has", "Merge"),
    ("duplicate-title", BETA, "title: Beta Learns to Share", "title: 'Ａｌｐｈａ Routing Inventéd Tokens'", 3, "paper:alpha has", "Merge"),
    ("impossible-identifier", ALPHA, "{arxiv: '2103.00001'}", "{arxiv: '2113.00001'}", 9, "there is no month 13", "Look it up"),
    ("impossible-identifier", ALPHA, "{arxiv: '2103.00001'}", "{arxiv: '2103.00000'}", 9, "numbers begin at 1", "Look it up"),
    ("impossible-identifier", ALPHA, "{arxiv: '2103.00001'}", "{arxiv: '2103.0001'}", 9, "5 digits", "Look it up"),
    ("impossible-identifier", ALPHA, "{arxiv: '2103.00001'}", "{arxiv: '9903.00001'}", 9, "2099-03 is yet to come", "Look it up"),
    ("impossible-identifier", ALPHA, "{arxiv: '2103.00001'}", "{arxiv: hep-ph/9713001}", 9, "there is no month 13", "Look it up"),
    ("impossible-identifier", ALPHA, "{arxiv: '2103.00001'}", "{doi: 10.48550/arXiv.2100.00001}", 9, "there is no month 00", "Look it up"),
    ("impossible-identifier", ALPHA, "https://example.org/alpha'", "https://arxiv.org/abs/2113.00001v2'", 10, "there is no month 13", "Look it up"),
    ("impossible-identifier", SOURCE, "https://example.org/first", "https://arxiv.org/pdf/1501.0001", 5, "5 digits", "Look it up"),
    ("unsourced", SYSTEM, "  fields: [name, organisation, repository, papers]", "  fields: [name, repository, papers]", 3, "`organisation` has no source", "provenance"),
    ("unsourced", ALPHA, "venue, ids, links]", "venue, ids, links.paper]", 10, "`links` has no source", "provenance"),
    ("provenance-field", SYSTEM, "fields: [name,", "fields: [licence, name,", 9, "'licence' says nothing", "Remove it"),
    ("provenance-field", ALPHA, "venue, ids, links]", "venue, ids.doi, ids.arxiv, links]", 26, "'ids.doi' says nothing", "fill"),
    ("unknown-configuration", MODEL, "  configuration: 1B", "  configuration: 2B", 33, "no configuration is labelled '2B'", "Use one of: 1B"),
    ("cell-type", TABLE, "d_model: '512'", "d_model: wide", 32, "'wide' is no integer", "give it a `value`"),
    ("cell-type", TABLE, "params_total: 3B", "params_total: three", 41, "'three' is no count", "give it a `value`"),
    ("link-scheme", BETA, "placements:", "claims:\n- {source: first-survey, field: code_url, value: 'javascript:alert(1)'}\nplacements:", 8, "no web address", "https://"),
    ("cell-type", TABLE, "type: text, description: Experts", "type: text, field: released, description: Experts", 34, "'1/9' is no date", "give it a `value`"),
    ("field-name", MODEL, "  field: params_total", "  field: parms_total", 31, "'parms_total' is no field that is known", "Did you mean: params_total? Fix"),
    ("field-name", TABLE, "type: number\n  field: mmlu", "type: number\n  field: n_layer", 23, "'n_layer' is no field", "Did you mean: n_layers? Fix"),
    ("provenance-field", ALPHA, "venue, ids, links]", "venue, ids, links, title.upper]", 26, "'title.upper' says nothing", "Did you mean: title?"),
    ("superseded-self", SYSTEM, "papers: [beta]", "papers: [beta]\nsuperseded_by: gamma", 6, "names itself", "replaces it"),
    ("claim-type", BETA, "placements:", "claims:\n- {source: first-survey, field: date, value: soon}\nplacements:", 8, "'soon' is no date", "YYYY"),
    ("claim-type", BETA, "placements:", "claims:\n- {source: first-survey, field: year, value: '2020'}\nplacements:", 8, "is no year", "whole number"),
    ("wrong-kind", BETA, "title: Beta Learns to Share", "title: https://arxiv.org/abs/2001.00001", 3, "is an address, no title", "`links`"),
    ("wrong-kind", ALPHA, "venue: Conference of Examples 2021", "venue: 10.1234/abc.5", 8, "is a DOI, no venue", "as the source prints it"),
    ("wrong-kind", ALPHA, "authors: [Ada Author, Bo Writer]", "authors: [Ada Author, bo@example.org]", 5, "is a mail address, no author", "author"),
    ("wrong-kind", ALPHA, "aliases: [AlphaMoE]", "aliases: ['2103.00001']", 4, "is an arXiv identifier, no name", "`ids`"),
    ("wrong-kind", BETA, "placements:", "claims:\n- {source: first-survey, field: title, value: www.example.org/beta}\nplacements:", 8, "is an address", "title"),
    ("gating-only", ROUTER, "component: gating", "component: loss", 5, "only gating designs have `properties`", "Remove"),
    ("duplicate-name", TABLE, "{name: d_ffn,", "{name: d_model,", 7, "d_model stands twice", "Name each once"),
    ("duplicate-name", TABLE, "- row: '2'", "- row: '1'", 27, "1 stands twice", "Name each once"),
    ("unknown-column", TABLE, "    experts: 1/9", "    experts: 1/9\n    colour: red", 35, "'colour' is no column", "Add the column"),
    ("duplicate-node", TAXONOMY, "id: system,", "id: algorithm,", 13, "the node algorithm stands twice", "Keep one"),
    ("node-parent", TAXONOMY, "id: algorithm,", "id: algorithms,", 8, "parent algorithm does not stand above", "move the parent"),
    ("dangling-reference", WAIVERS, "- source: first-survey\n  locator: §3\n  issue: dates", "- source: gone\n  locator: §3\n  issue: dates", 6, "the source 'gone'", "Fix"),
    ("dangling-waiver", WAIVERS, "paper:beta", "paper:gone", 8, "paper:gone does not exist", "Fix the id"),
    ("schema", WAIVERS, "coverage/design-without-implementation/design:beta-router/implementation", "no id", 4, "should match pattern", "form"),
    ("waiver-order", WAIVERS, "coverage/design", "later/design", 8, "stands after later/design", "Sort"),
    ("duplicate-waiver", WAIVERS, "dates/leans-on-later-work/paper:beta/uses=design:alpha-router; first-survey", "coverage/design-without-implementation/design:beta-router/implementation", 8, "waived twice", "Keep one"),
    ("unknown-row", ALIGNMENT, "second-table, row: '1'", "second-table, row: '9'", 4, "second-table has no row '9'", "Fix the row"),
    ("duplicate-row", ALIGNMENT, "second-table, row: '1'", "first-table, row: '1'", 4, "row 1 of first-table is aligned twice", "Keep one"),
    ("unaligned-row", ALIGNMENT, "- {table: first-table, row: '2', reason: no record of this model}\n", "", 1, "row '2' of first-table", "Add it"),
    ("unaligned-reason", ALIGNMENT, ", reason: no record of this model", "", 3, "no subject and no reason", "or why none"),
    ("unknown-configuration", ALIGNMENT, "- {source: alpha-config, subject: 'model:alpha', configuration: 1B}", "- {source: alpha-config, subject: 'model:alpha', configuration: 9B}", 6, "no configuration '9B'", "add the configuration"),
    ("dangling-reference", GUIDE, "{source: first-survey, locator: §2}", "{source: gone, locator: §2}", 19, "the source 'gone'", "Fix"),
    ("duplicate-key", GUIDE, "key: even", "key: tokens-choose", 1, "two questions or rules are called tokens-choose", "new key"),
    ("duplicate-key", GUIDE, "{key: 'no', label", "{key: 'yes', label", 5, "two answers are called yes", "Rename"),
    ("guide-answer", GUIDE, "causal: ['yes']", "causal: [maybe]", 11, "no question causal has the answer maybe", "yes, no"),
    ("guide-answer", GUIDE, "    causal: ['yes']", "    casual: ['yes']", 11, "no question casual", "causal"),
    ("guide-property", GUIDE, "property: chooser", "property: choser", 14, "no property 'choser'", "chooser"),
    ("guide-value", GUIDE, "one_of: [token]", "one_of: [tokens]", 14, "'tokens' is no value of chooser", "token, expert"),
    ("guide-condition", GUIDE, "one_of: [token]", "contains: token", 14, "chooser has a vocabulary", "one_of"),
    ("guide-condition", GUIDE, "contains: even", "one_of: [even]", 23, "balancing has no vocabulary", "contains"),
    ("organisation-order", ORGANISATIONS, "name: Zeta", "name: Alpha", 3, "Alpha stands after Example Lab", "Sort"),
    ("duplicate-organisation", ORGANISATIONS, "[Z]", "[Example Lab]", 3, "already stands at Example Lab", "Keep"),
    ("short-form-order", SHORT_FORMS, "term: router", "term: a router", 4, "a router stands after best expert", "Sort"),
    ("duplicate-short-form", SHORT_FORMS, "[gate,", "[gate, B-X,", 4, "'B-X' is written like 'bx'", "Keep one"),
    ("short-form-length", SHORT_FORMS, "[gate,", "[a b c d e,", 4, "'a b c d e' has more than four words", "Shorten"),
    ("short-form-length", SHORT_FORMS, "[gate,", "['!?',", 4, "or none", "Shorten"),
    ("crosswalk-self", CROSSWALK, "second:routers", "first:system", 2, "both nodes belong to one taxonomy", "two taxonomies"),
    ("schema", BETA, "year: 2020", "year: '2020'", 6, "year: Input should be a valid integer", "whole number without quotes"),
    ("schema", BETA, "year: 2020", "year: 1492", 6, "greater than or equal to 1900, not '1492'", "schema"),
    ("schema", BETA, "year: 2020", "yaer: 2020", 6, "yaer: Extra inputs are not permitted", "spelling"),
    ("schema", TABLE, "experts: 1/9", "experts: ''", 34, "cells.experts: String should have at least 1 character", "leave the field out"),
    ("schema", TABLE, "experts: 1/9", 'experts: "1\\n9"', 34, "cells.experts: must be one line", "one line"),
    ("schema", TABLE, "experts: 1/9", f"experts: {'x' * 501}", 34, "cells.experts: String should have at most 500", "Shorten"),
    ("schema", TABLE, "experts: 1/9", "experts: []", 34, "cells.experts: List should have at least 1 item", "schema"),
    ("schema", BETA, "name: Beta\n", "name: ' '\n", 2, "name: must be one line, not blank", "one line"),
    ("schema", MODEL, "organisation: Example Lab", "organisation: ''", 3, "organisation: String should have at least 1", "leave the field out"),
    ("schema", MODEL, "  value: 1200000000", '  value: "a\\nb"', 32, "claims.0.value: must be one line", "one line"),
    ("schema", MODEL, "  unit: parameters", "  unit: ''", 34, "claims.0.unit: String should have at least 1", "leave the field out"),
    ("schema", MODEL, "d_model: 512", f"d_model: 1{'0' * 30}", 12, "less than or equal to 1000000000000", "schema"),
    ("schema", DEVICE, "printed: 80 GB}", f"printed: {'9' * 30} GB}}", 18, "is no figure of a device", "schema"),
    ("schema", DEVICE, "printed: 80 GB}", "printed: 0 GB}", 18, "0 is no figure of a device", "schema"),
    ("schema", ALPHA, "date: '2021-03-04'", "date: '0000-01'", 7, "between 1900 and 2100", "schema"),
    ("schema", ALPHA, "{arxiv: '2103.00001'}", "{doi: '10.1234/a.'}", 9, "ids.doi: String should match pattern", "form"),
    ("schema", ALPHA, "{arxiv: '2103.00001'}", "{arxiv: '２１０３.00001'}", 9, "ids.arxiv: String should match pattern", "form"),
    ("schema", ALPHA, "'https://example.org/alpha',", "'https://[example.org/alpha',", 10, "must be an http:// or https:// address", "schema"),
    ("file-characters", BETA, "Beta Learns", "Be\u200bta Learns", 3, "U+200B (ZERO WIDTH SPACE)", "Remove it"),
    ("file-characters", BETA, "Beta Learns", "Be\u202eta Learns", 3, "U+202E (RIGHT-TO-LEFT OVERRIDE)", "Remove it"),
    ("file-characters", BETA, "Beta Learns", "Be\u00adta Learns", 3, "U+00AD (SOFT HYPHEN)", "Remove it"),
    ("file-characters", BETA, "Beta Learns", "Be\u2028ta Learns", 3, "U+2028 (LINE SEPARATOR)", "Remove it"),
    ("file-characters", BETA, "Beta Learns to Share", '"Be\\u2066ta"', 3, "U+2066", "Remove it"),
    ("schema", BETA, "title: Beta Learns to Share", "", 1, "title: Field required", "Add the field"),
    ("schema", BETA, "authors: [Bo Writer]", "authors: Bo Writer", 4, "authors: Input should be a valid list", "Write a list"),
    ("schema", BETA, "authors_complete: false", "authors_complete: no", 5, "valid boolean, not 'no'", "Write true or false"),
    ("schema", BETA, "name: Beta\n", "name: 2020\n", 2, "valid string, not '2020'", "Quote the value"),
    ("schema", ALPHA, "{arxiv: '2103.00001'}", "{arxiv: 2103.00001}", 9, "ids.arxiv: Input should be a valid string", "Quote the value"),
    ("schema", ALPHA, "{arxiv: '2103.00001'}", "{arxiv: '2103.00001v2'}", 9, "should match pattern", "form that the schema gives"),
    ("schema", ALPHA, "'https://example.org/alpha',", "'javascript:alert(1)',", 10, "must be an http:// or https:// address", "schema"),
    ("schema", ALPHA, "'https://example.org/alpha',", "'file:///etc/passwd',", 10, "must be an http:// or https:// address", "schema"),
    ("schema", ALPHA, "'https://example.org/alpha',", "'https://example.org/a b',", 10, "without spaces", "schema"),
    ("schema", ALPHA, "date: '2021-03-04'", "date: '2021-13'", 7, "must be a day (2024-06-26)", "schema"),
    ("schema", ALPHA, "kind: extends", "kind: likes", 16, "Input should be 'extends'", "listed values"),
    ("schema", ROUTER, "{source: first-survey, locator: §2, value: 1}", "{source: first-survey, locator: §2, value: 1.5}", 8, "valid integer", "whole number"),
    ("schema", MODEL, "experts_per_token: 1", "experts_per_token: 9", 22, "only 8 experts can be chosen", "schema"),
    ("schema", MODEL, "- repeat: 3", "- repeat: 3000000000", 14, "3,000,000,001 layers", "schema"),
    ("schema", MODEL, "claims:", "- label: 1B\nclaims:", 1, "configuration labels must be unique; twice: 1B", "schema"),
    ("schema", DEVICE, "printed: 80 GB}", "printed: 80 gigs}", 18, "'80 gigs' is no number with a unit", "schema"),
    ("yaml-duplicate-key", BETA, "year: 2020", "year: 2020\nyear: 2021", 7, "'year' stands twice", "Keep one"),
    ("yaml-syntax", BETA, "authors: [Bo Writer]", "authors: [Bo Writer", 5, "not well-formed YAML", "Fix the indentation"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "old", "new", "line", "message", "fix"), BROKEN, ids=lambda value: None)
def test_broken_rules_are_found_where_broken(tree, rule, path, old, new, line, message, fix):
    edit(tree, path, old, new)
    matching = [f for f in findings(tree) if (f.path, f.rule) == (path, rule) and message in f.message]
    assert matching, [str(f) for f in findings(tree)]
    finding = matching[0]
    assert finding.line == line, str(finding)
    assert fix in finding.fix
    assert str(finding).startswith(f"{path}:{line}: [{rule}] ")


#: The same of the glossary and the reading routes: rule, file, text, its replacement, part of the message.
BROKEN_LEARNING = [
    ("glossary-order", GLOSSARY, "term: gate", "term: unit", "token choice stands after unit"),
    ("duplicate-term", GLOSSARY, "[TC, token-choice routing]", "[TC, G-Function]", "already stands at 'gate'"),
    ("duplicate-term", GLOSSARY, "term: token choice", "term: Gate", "'Gate' already stands at 'gate'"),
    ("dangling-reference", GLOSSARY, "design:alpha-router", "design:gone", "the design 'gone' does not exist"),
    ("dangling-reference", GLOSSARY, "node:first:algorithm/gating", "node:first:gone", "node first:gone"),
    ("dangling-reference", GLOSSARY, "source: second-list", "source: gone", "the source 'gone'"),
    ("schema", GLOSSARY, "'design:alpha-router'", "'alpha-router'", "see.0"),
    ("dangling-reference", ROUTES, "work: paper:beta", "work: paper:gone", "the paper 'gone'"),
    ("schema", ROUTES, "work: paper:beta", "work: source:first-survey", "work"),
    ("duplicate-stop", ROUTES, "work: paper:beta", "work: paper:alpha", "paper:alpha already stands on"),
    ("schema", ROUTES, "why: It shares what others split.", "why: ' '", "must be one line, not blank"),
]


@pytest.mark.parametrize(("rule", "path", "old", "new", "message"), BROKEN_LEARNING, ids=lambda value: None)
def test_a_broken_glossary_or_route_is_named(tmp_path, rule, path, old, new, message):
    tree = small_tree(tmp_path, LEARNING)
    edit(tree, path, old, new)
    (found,) = findings(tree)
    assert (found.rule, found.path) == (rule, path)
    assert message in found.message
    assert found.line


#: file, text, its replacement, what the finding asks whether it was meant
MISSPELT = [
    (BETA, "year: 2020", "yaer: 2020", "year"),
    (ALPHA, "  printed_as: [", "  printd_as: [", "printed_as"),
    (ALPHA, "{arxiv: '2103", "{arxvi: '2103", "arxiv"),
    (MODEL, "{design: alpha-router,", "{desing: alpha-router,", "design"),
    (MODEL, "experts_per_token: 1", "expert_per_token: 1", "experts_per_token"),
    (TABLE, "{printed: '45.0'}", "{printd: '45.0'}", "printed"),
    (ROUTER, "  chooser: {", "  choser: {", "chooser"),
    (ALPHA, "kind: extends", "kind: extend", "extends"),
    (MODEL, "{kind: dense, d_ffn", "{kind: dens, d_ffn", "dense"),
    (ALPHA, "'paper:beta'", "'paper:bata'", "beta"),
    (ALPHA, "- source: second-list", "- source: second-lst", "second-list"),
    (ALPHA, "node: algorithm/gating/sparse", "node: algorithm/gating/spars", "first:algorithm/gating/sparse"),
    (ALPHA, "taxonomy: first", "taxonomy: frist", "first:algorithm/gating/sparse"),
    (MODEL, "{design: alpha-router", "{design: alpha-ruoter", "alpha-router"),
    (MODEL, "papers: [alpha]", "papers: [gamma]", "system:gamma"),
    (MODEL, "  configuration: 1B", "  configuration: 1b", "1B"),
    (SYSTEM, "fields: [name, organisation", "fields: [name, organization", "organisation"),
    (TABLE, "    experts: 1/9", "    expert: 1/9", "experts"),
    (ALIGNMENT, "second-table, row", "second-tabel, row", "second-table"),
    (CROSSWALK, "first:algorithm/gating", "first:algorithm/gatting", "first:algorithm/gating"),
    (TAXONOMY, "{id: algorithm, ", "{id: algorithms, ", "algorithms"),
    (WAIVERS, "design:beta-router", "design:bata-router", "beta-router"),
]


@pytest.mark.parametrize(("path", "old", "new", "meant"), MISSPELT, ids=lambda value: None)
def test_near_names_are_asked_for(tree, path, old, new, meant):
    edit(tree, path, old, new)
    found = [finding for finding in findings(tree) if finding.path == path]
    assert any(f"Did you mean: {meant}" in finding.fix for finding in found), [str(f) for f in found]


def test_what_cannot_be_read_is_told_once(tree):
    edit(tree, TABLE, "experts: 1/9", "experts: ''")
    edit(tree, TAXONOMY, "label: System", "label: ''")
    edit(tree, MODEL, "organisation: Example Lab", "organisation: ''")
    assert {(finding.path, finding.rule) for finding in findings(tree)} == {
        (TABLE, "schema"),
        (TAXONOMY, "schema"),
        (MODEL, "schema"),
    }


def test_a_rule_that_breaks_names_the_file(tree, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("of a kind that nobody thought of")
        yield

    monkeypatch.setattr("moe_kb.checks.rules.RULES", (*RULES, (Table, broken)))
    found = findings(tree)
    assert {(finding.path, finding.rule) for finding in found} == {
        (TABLE, "unusable"),
        ("data/tables/second-table.yaml", "unusable"),
    }
    assert "ZeroDivisionError" in found[0].message


def test_every_rule_has_a_broken_example():
    source = Path(RULES[0][1].__code__.co_filename).read_text()
    ids = set(re.findall(r'(?:\)|at), "([a-z-]+)", ', source))
    assert len(ids) >= 22
    assert ids <= {rule for rule, *_ in [*BROKEN, *BROKEN_LEARNING]} | {"duplicate-route"}  # see test_learning.py


def test_a_clean_tree_has_no_findings(tree):
    assert findings(tree) == []


def test_stray_files_are_named(tree):
    (tree / "data/papers/2021/notes.txt").write_text("x")
    (tree / "data/README.md").write_text("x")
    (tree / "data/people/x.yaml").parent.mkdir()
    (tree / "data/people/x.yaml").write_text("key: x\n")
    (tree / "taxonomy/deep").mkdir()
    (tree / "taxonomy/deep/x.yaml").write_text("key: x\n")
    (tree / "data/papers/2021/.swap").write_text("hidden files are nobody's business")
    assert {(f.path, f.rule) for f in findings(tree)} == {
        ("data/papers/2021/notes.txt", "file-name"),
        ("data/README.md", "file-place"),
        ("data/people/x.yaml", "file-place"),
        ("taxonomy/deep/x.yaml", "file-place"),
    }


def test_files_that_are_no_files_are_findings_too(tree):
    (tree / "data/papers/2021/folder.yaml").mkdir()
    (tree / "data/papers/2021/gone.yaml").symlink_to(tree / "nowhere")
    (tree / "data/papers/2021/out.yaml").symlink_to("/etc/hostname")
    (tree / "data/papers/2021/loop.yaml").symlink_to(tree / "data/papers/2021/loop.yaml")
    found = {f.path.rpartition("/")[2]: f.rule for f in findings(tree)}
    assert set(found) == {"folder.yaml", "gone.yaml", "out.yaml", "loop.yaml"}
    assert found["folder.yaml"] == "file-kind"
    assert found["out.yaml"] == "file-outside"


def test_two_files_of_one_key_are_both_named(tree):
    (tree / "data/papers/2019").mkdir()
    (tree / "data/papers/2019/alpha.yaml").write_text(FILES[ALPHA].replace("2103.00001", "2103.00002"))
    duplicate = next(f for f in findings(tree) if f.rule == "duplicate-key")
    assert duplicate.path == ALPHA
    assert "data/papers/2019/alpha.yaml" in duplicate.message


def test_taxonomies_of_one_key_are_both_named(tree):
    (tree / "taxonomy/aaa.yaml").write_text(FILES[TAXONOMY])
    found = {(f.path, f.rule) for f in findings(tree)}
    assert {("taxonomy/first.yaml", "duplicate-key"), ("taxonomy/aaa.yaml", "file-key")} <= found


def test_thousands_of_faults_get_a_short_list(tree):
    edit(tree, BETA, "authors: [Bo Writer]", "authors: [" + "1," * 9_000 + "1]")
    found = [f for f in findings(tree) if f.path == BETA and f.rule == "schema"]
    assert len(found) == 51
    assert any("8,951 more findings" in f.message for f in found)


def test_records_checked_alone_give_the_same_findings(tmp_path):
    for number, (rule, path, old, new, *_) in enumerate(BROKEN):
        if rule == "schema" or rule.startswith(("yaml", "file-char")):
            continue
        tree = small_tree(tmp_path / str(number))
        edit(tree, path, old, new)
        corpus = Corpus.load(tree)
        index = Index.of(corpus)
        alone = []
        for name, record in [*corpus.records.items(), *((f"taxonomy:{t.key}", t) for t in corpus.taxonomies.values())]:
            alone += check_record(record, corpus.paths[name], index, tree)
        alone += check_record(corpus.crosswalk, CROSSWALK, index, tree)
        alone += check_record(corpus.alignment, ALIGNMENT, index, tree)
        alone += check_record(corpus.waivers, WAIVERS, index, tree)
        alone += check_record(corpus.organisations, ORGANISATIONS, index, tree)
        alone += check_record(corpus.short_forms, SHORT_FORMS, index, tree)
        alone += check_record(corpus.guide, GUIDE, index, tree)
        assert set(alone) == set(check_corpus(corpus))


@pytest.mark.parametrize("text", [
    "http://x.org", "WWW.example.org", "example.org/paper.pdf", "openreview.net/forum?id=x1", "arXiv:2101.03961v2",
    "doi:10.1145/1.2", "a.b@c.de", "2021", "12-2024", "n/a", "TODO", "None", "?", "<i>GShard</i>", "[GShard](x)",
    "@article{x,", "arXiv: hep-th/9901001",
])  # fmt: skip
def test_what_is_pasted_by_mistake_is_found(text):
    assert _other_kind(text)


@pytest.mark.parametrize("text", [
    "GShard", "Node.js/V8 routing", "AC/DC: mixing", "1/2 is enough: a study", "GPT-4", "3D", "arXiv 2024", "ICLR 2021",
    "M6-T", "Proceedings of 33. Forum Bauinformatik", "NA-MoE", "xAI", "W. Fedus Jr.", "C. d. l. Casas", "a/b routing",
    "Unknown unknowns", "https: a protocol for experts", "Qwen1.5-MoE",
])  # fmt: skip
def test_odd_names_are_names(text):
    assert _other_kind(text) is None


@pytest.mark.parametrize(("old", "new"), [("kind: dense", "kind: {}"), ("name: Alpha\n", "name: Alpha\n{}: x\n")])
def test_findings_of_endless_values_are_short(tree, old, new):
    path = "data/models/alpha.yaml"
    text = (tree / path).read_text(encoding="utf-8")
    assert old in text
    (tree / path).write_text(text.replace(old, new.format("y" * 20_000), 1), encoding="utf-8")
    findings = read_model(tree, path)[2]
    assert findings
    assert all(len(str(finding)) < 2_500 for finding in findings)
