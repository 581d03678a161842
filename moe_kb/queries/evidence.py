"""What the audit's rules look at."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from moe_kb.claims.claim import Claim
from moe_kb.db.claims import read_claims, resolutions_of
from moe_kb.db.reader import Reader

if TYPE_CHECKING:
    from moe_kb.records import Resolution

# --- what is missing -------------------------------------------------------------------------------------------------


def unplaced_papers(reader: Reader) -> list[str]:
    """Papers about mixtures of experts that no source places in a taxonomy."""
    return reader.values(
        "SELECT record FROM papers WHERE scope = 'core' AND "
        "NOT EXISTS (SELECT 1 FROM placements p WHERE p.record = papers.record) ORDER BY 1"
    )


def designs_without_equations(reader: Reader) -> list[str]:
    """Designs of what is computed that have neither equations nor steps."""
    return reader.values(
        "SELECT r.record FROM records r JOIN designs d ON r.record = d.record "
        "WHERE d.component IN ('gating', 'loss', 'expert', 'peft') AND r.content ->> 'algorithm' IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM equations e WHERE e.record = r.record) ORDER BY 1"
    )


def designs_without_implementation(reader: Reader) -> list[str]:
    """Gating designs that nothing installed runs."""
    return reader.values("SELECT record FROM designs_without_implementation ORDER BY 1")


def models_without_layers(reader: Reader) -> list[tuple[str, int, str | None]]:
    """Models without configuration, and open ones without layers: record, number of configurations, openness."""
    return reader.tuples(
        "SELECT record, n_configurations, openness FROM models m WHERE n_configurations = 0 OR "
        "(openness = 'open' AND NOT EXISTS (SELECT 1 FROM configurations c "
        "WHERE c.record = m.record AND c.architecture IS NOT NULL)) ORDER BY 1"
    )


def missing_implementations(reader: Reader) -> list[tuple[str, str]]:
    """Designs with the implementation they name, which is not installed."""
    return reader.tuples(
        "SELECT record, implementation FROM designs "
        "WHERE implementation NOT IN (SELECT key FROM implementations) ORDER BY 1"
    )


def claimed_implementations(reader: Reader) -> list[tuple[str, str]]:
    """Designs that name no implementation, each with an installed one that says that it runs the design."""
    without = set(reader.values("SELECT key FROM designs WHERE implementation IS NULL"))
    return [
        (f"design:{design}", implementation)
        for implementation, designs in reader.tuples("SELECT key, designs FROM implementations ORDER BY 1")
        for design in sorted(without.intersection(designs.split("; ")))
    ]


def transcribed_rows(reader: Reader) -> list[tuple[str, str, str]]:
    """Source, locator and number of every row of the transcribed tables."""
    return reader.tuples(
        "SELECT r.content ->> 'source', r.content ->> 'locator', t.row FROM records r "
        "JOIN table_rows t ON t.record = r.record WHERE r.kind = 'table'"
    )


def cited_rows(reader: Reader) -> list[tuple[str, str, str]]:
    """Record, source and locator where a locator speaks of rows."""
    return reader.tuples(
        "SELECT DISTINCT record, source, locator FROM claims WHERE locator LIKE '%row%' AND table_row IS NULL UNION "
        "SELECT record, source, locator FROM edges WHERE locator LIKE '%row%' UNION "
        "SELECT record, source, locator FROM placements WHERE locator LIKE '%row%' ORDER BY 1, 2, 3"
    )


def dangling_references(reader: Reader) -> list[tuple[str, str]]:
    """Records with what they refer to, which does not exist."""
    return reader.tuples(
        "SELECT record, target FROM record_references WHERE target NOT IN (SELECT record FROM records) "
        "AND target NOT IN (SELECT 'node:' || taxonomy || ':' || node FROM nodes) ORDER BY record, target"
    )


# --- claims ----------------------------------------------------------------------------------------------------------


def disagreements_of(reader: Reader, kind: str) -> list[tuple[str, str | None, str, str | None, list[int], bool]]:
    """Subject, configuration, field, setting, ids of the claims and whether a note resolves it, in order."""
    return [
        (*about, json.loads(ids), bool(resolved))
        for *about, ids, resolved in reader.tuples(
            "SELECT subject, configuration, field, setting, claims, resolved FROM disagreements "
            "WHERE kind = ? ORDER BY id",
            (kind,),
        )
    ]


def claims(reader: Reader, *fields: str, kind: str = "", repeats: bool = True) -> list[Claim]:
    """Claims about these fields of records of a kind, in the order they were written; without repeats where asked."""
    return read_claims(
        reader.connection,
        "field IN (SELECT value FROM json_each(?)) AND subject LIKE ? AND (? OR NOT repeats)",
        (json.dumps(fields), f"{kind}%", repeats),
    )


def claims_beside(reader: Reader, claim: Claim, *fields: str) -> list[Claim]:
    """Claims about these fields of the configuration (or record) that a claim is about."""
    return read_claims(
        reader.connection,
        "subject = ? AND configuration IS ? AND field IN (SELECT value FROM json_each(?))",
        (claim.subject, claim.configuration, json.dumps(fields)),
    )


def fields_shown(reader: Reader) -> list[tuple[str, str, str, int]]:
    """Paper, field, the value of the record itself and the id of the preferred claim, where the two differ."""
    return reader.tuples(
        "SELECT p.record, c.field, s.value, c.id FROM papers p JOIN claims c ON c.subject = p.record AND c.preferred "
        "JOIN (SELECT record, 'venue' AS field, venue AS value FROM papers UNION ALL "
        "SELECT record, 'title', title FROM papers) s ON s.record = p.record AND s.field = c.field "
        "WHERE s.value IS NOT c.value ORDER BY p.record, c.field"
    )


def notes_that_resolve(reader: Reader, records: Iterable[str]) -> dict[str, list[Resolution]]:
    """Resolving notes of records, by full name."""
    return resolutions_of(reader.connection, records)


def claims_by_id(reader: Reader, ids: Iterable[int]) -> dict[int, Claim]:
    """Claims by their row ids."""
    wanted = sorted(set(ids))
    found = read_claims(reader.connection, "id IN (SELECT value FROM json_each(?))", (json.dumps(wanted),))
    return dict(zip(wanted, found, strict=True))


def ordered_wrongly(reader: Reader, small: str, large: str) -> list[tuple[int, int]]:
    """Ids of claims of one source on one configuration of which the first, of `small`, exceeds the other."""
    return reader.tuples(
        "SELECT a.id, b.id FROM claims a JOIN claims b ON b.subject = a.subject "
        "AND b.configuration IS a.configuration "
        "AND b.source = a.source AND b.setting IS a.setting "
        "AND coalesce(a.table_row = b.table_row, true) "
        "WHERE a.field = ? AND b.field = ? AND a.number > b.number AND a.subject NOT LIKE 'table:%' "
        "AND NOT a.repeats AND NOT b.repeats",
        (small, large),
    )


# --- dates -----------------------------------------------------------------------------------------------------------


def disputed_dates(reader: Reader) -> set[str]:
    """Records whose sources disagree on the date."""
    return set(reader.values("SELECT subject FROM disagreements WHERE field = 'date'"))


def edges_to_later_work(reader: Reader, types: Iterable[str]) -> list[tuple[str, int, str, str, int, str, str | None]]:
    """Head, its year, type, tail, its later year, source and locator of edges of these types."""
    return reader.tuples(
        "SELECT e.head, a.year, e.type, e.tail, b.year, e.source, e.locator FROM edges e "
        "JOIN records a ON a.record = e.head JOIN records b ON b.record = e.tail "
        "WHERE e.type IN (SELECT value FROM json_each(?)) AND a.year < b.year ORDER BY e.head, e.tail, e.id",
        (json.dumps(list(types)),),
    )


def designs_of_another_year(reader: Reader) -> list[tuple[str, int, str, int, str]]:
    """Design, its year, its earliest introducer, the year of that, and who says so, where the years differ."""
    return reader.tuples(
        "SELECT u.record, d.year, u.by, min(r.year), u.source FROM usages u "
        "JOIN designs d ON u.record = d.record JOIN records r ON r.record = u.by "
        "WHERE u.role = 'introduces' AND d.year IS NOT NULL AND r.year IS NOT NULL "
        "GROUP BY u.record HAVING min(r.year) != d.year ORDER BY 1"
    )


# --- identity --------------------------------------------------------------------------------------------------------


def owners_of(reader: Reader, identifier: str) -> set[str]:
    """Records whose own identifier it is."""
    return set(reader.values("SELECT record FROM identifiers WHERE value = ?", (identifier,)))


def arxiv_identifiers(reader: Reader) -> dict[str, str]:
    """Paper to its arXiv identifier."""
    return dict(reader.tuples("SELECT record, arxiv FROM papers WHERE arxiv IS NOT NULL"))


def described_by(reader: Reader) -> list[tuple[str, str]]:
    """Models and systems with the papers that describe them."""
    return reader.tuples("SELECT head, tail FROM edges WHERE type = 'described-by'")


def titles(reader: Reader) -> dict[str, str]:
    """Paper to its title."""
    return dict(reader.tuples("SELECT record, title FROM papers"))


def authors(reader: Reader) -> list[tuple[str, str]]:
    """Paper and author."""
    return reader.tuples("SELECT record, author FROM authors")


def names_and_keys(reader: Reader) -> list[tuple[str, str, str]]:
    """Full name, name and key of every record."""
    return reader.tuples("SELECT record, name, key FROM records")


def printed_placements(reader: Reader) -> list[tuple[str, str, str, str | None, str]]:
    """Record, source, names as printed, locator and node of placements, by record in the order they were written."""
    return reader.tuples(
        "SELECT record, source, printed_as, locator, node FROM placements WHERE printed_as IS NOT NULL "
        "ORDER BY record, id"
    )


def aligned_rows(reader: Reader) -> list[tuple[str, str, str, str, str | None, str]]:
    """Table, row, label, subject, configuration and source of rows that are about a record."""
    return reader.tuples(
        "SELECT t.record, t.row, t.label, t.subject, t.configuration, r.content ->> 'source' "
        "FROM table_rows t JOIN records r ON r.record = t.record WHERE t.subject IS NOT NULL ORDER BY t.id"
    )


def folded_names(reader: Reader) -> list[tuple[str, str, int | None]]:
    """Folded name, record and its year, of works."""
    return reader.tuples(
        "SELECT f.folded, f.record, r.year FROM folded_names f JOIN records r ON r.record = f.record "
        "WHERE r.kind IN ('paper', 'design', 'model', 'system') ORDER BY f.record"
    )


def introductions(reader: Reader) -> list[tuple[str, str]]:
    """Design and the work that introduces it."""
    return reader.tuples("SELECT record, by FROM usages WHERE role = 'introduces'")


# --- sizes -----------------------------------------------------------------------------------------------------------


def vocabulary_sizes(reader: Reader) -> tuple[float | None, float | None]:
    """The smallest and the largest vocabulary that is claimed."""
    ((low, high),) = reader.tuples("SELECT min(number), max(number) FROM claims WHERE field = 'vocab_size'")
    return low, high


def described_configurations(reader: Reader) -> list[tuple[str, str, str]]:
    """Model, label and architecture (as JSON) of configurations whose layers a source describes."""
    return reader.tuples(
        "SELECT record, label, architecture FROM configurations WHERE architecture IS NOT NULL ORDER BY id"
    )


def counts_with_unclear_scope(reader: Reader) -> set[tuple[str, str | None]]:
    """Subject and configuration of claims that do not say whether shared experts count."""
    return set(reader.tuples("SELECT subject, configuration FROM claims WHERE counting = 'unclear'"))


def printed_sizes(reader: Reader, fields: Iterable[str]) -> list[Claim]:
    """Claims of these fields about configurations; layers that a source describes say more than the flat view does."""
    where = (
        "configuration IS NOT NULL AND field IN (SELECT value FROM json_each(?)) "
        "AND (table_row IS NOT NULL OR NOT EXISTS (SELECT 1 FROM configurations c "
        "WHERE c.record = subject AND c.label = configuration AND c.source = claims.source))"
    )
    return read_claims(reader.connection, where, (json.dumps(list(fields)),))


def exact_counts(reader: Reader) -> set[str]:
    """Sources that counted a built model."""
    return set(reader.values("SELECT key FROM sources WHERE type = 'count'"))


# --- waivers ---------------------------------------------------------------------------------------------------------


def waivers(reader: Reader) -> list[tuple[str, str, str, str | None]]:
    """Id of the issue, reason, source and locator of every waiver."""
    return reader.tuples("SELECT issue, reason, source, locator FROM waivers")
