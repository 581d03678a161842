"""What the audit's rules look at: everything, or what bears on the records that the reader asks about.

A narrowed answer holds all that an issue about such a record is made of, and maybe more; the runner drops the rest.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from moe_kb.claims.claim import Claim
from moe_kb.db.claims import read_claims, resolutions_of
from moe_kb.db.reader import Reader

if TYPE_CHECKING:
    from moe_kb.records import Resolution

# --- what is missing -------------------------------------------------------------------------------------------------


def _spoken_of(reader: Reader, column: str) -> str:
    """An SQL condition: claims about this subject may stand on the page of a record, or of a table, asked about."""
    if reader.records is None:
        return "true"
    rows = f"SELECT subject FROM table_rows WHERE {reader.about('record')} AND subject IS NOT NULL"
    return f"{column} IN (SELECT value FROM json_each(asked_about()) UNION {rows})"


def unplaced_papers(reader: Reader) -> list[str]:
    """Papers about mixtures of experts that no source places in a taxonomy."""
    return reader.values(
        f"SELECT record FROM papers WHERE scope = 'core' AND {reader.about('record')} AND "
        "NOT EXISTS (SELECT 1 FROM placements p WHERE p.record = papers.record) ORDER BY 1"
    )


def designs_without_equations(reader: Reader) -> list[str]:
    """Designs of what is computed that have neither equations nor steps."""
    return reader.values(
        "SELECT r.record FROM records r JOIN designs d ON r.record = d.record "
        f"WHERE {reader.about('d.record')} AND d.component IN ('gating', 'loss', 'expert', 'peft') "
        "AND r.content ->> 'algorithm' IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM equations e WHERE e.record = r.record) ORDER BY 1"
    )


def designs_without_implementation(reader: Reader) -> list[str]:
    """Gating designs that nothing installed runs."""
    return reader.values(f"SELECT record FROM designs_without_implementation WHERE {reader.about('record')} ORDER BY 1")


def models_without_layers(reader: Reader) -> list[tuple[str, int, str | None]]:
    """Models without configuration, and open ones without layers: record, number of configurations, openness."""
    return reader.tuples(
        f"SELECT record, n_configurations, openness FROM models m WHERE {reader.about('m.record')} "
        "AND (n_configurations = 0 OR (openness = 'open' AND NOT EXISTS (SELECT 1 FROM configurations c "
        "WHERE c.record = m.record AND c.architecture IS NOT NULL))) ORDER BY 1"
    )


def missing_implementations(reader: Reader) -> list[tuple[str, str]]:
    """Designs with the implementation they name, which is not installed."""
    return reader.tuples(
        f"SELECT record, implementation FROM designs WHERE {reader.about('record')} "
        "AND implementation NOT IN (SELECT key FROM implementations) ORDER BY 1"
    )


def claimed_implementations(reader: Reader) -> list[tuple[str, str]]:
    """Designs that name no implementation, each with an installed one that says that it runs the design."""
    without = set(reader.values(f"SELECT key FROM designs WHERE implementation IS NULL AND {reader.about('record')}"))
    return [
        (f"design:{design}", implementation)
        for implementation, designs in reader.tuples("SELECT key, designs FROM implementations ORDER BY 1")
        for design in sorted(without.intersection(designs.split("; ")))
    ]


def transcribed_rows(reader: Reader, sources: Collection[str]) -> list[tuple[str, str, str]]:
    """Source, locator and number of every row of the tables transcribed from these sources."""
    if not sources:
        return []
    return reader.tuples(
        "SELECT r.content ->> 'source', r.content ->> 'locator', t.row FROM records r "
        "JOIN table_rows t ON t.record = r.record WHERE r.kind = 'table' "
        "AND r.content ->> 'source' IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(sources)),),
    )


def cited_rows(reader: Reader) -> list[tuple[str, str, str]]:
    """Record, source and locator where a locator speaks of rows."""
    return reader.tuples(
        " UNION ".join(
            f"SELECT record, source, locator FROM {table} WHERE locator LIKE '%row%' AND {reader.about('record')}{more}"
            for table, more in (("claims", " AND +table_row IS NULL"), ("edges", ""), ("placements", ""))
        )
        + " ORDER BY 1, 2, 3"
    )


def dangling_references(reader: Reader) -> list[tuple[str, str]]:
    """Records with what they refer to, which does not exist."""
    return reader.tuples(
        f"SELECT record, target FROM record_references m WHERE {reader.about('record')} "
        "AND NOT EXISTS (SELECT 1 FROM records r WHERE r.record = m.target) "
        "AND target NOT IN (SELECT 'node:' || taxonomy || ':' || node FROM nodes) ORDER BY record, target"
    )


# --- claims ----------------------------------------------------------------------------------------------------------


def disagreements_of(reader: Reader, kind: str) -> list[tuple[str, str | None, str, str | None, list[int], bool]]:
    """Subject, configuration, field, setting, ids of the claims and whether a note resolves it, in order."""
    return [
        (*about, json.loads(ids), bool(resolved))
        for *about, ids, resolved in reader.tuples(
            "SELECT subject, configuration, field, setting, claims, resolved FROM disagreements "
            f"WHERE kind = ? AND {_spoken_of(reader, 'subject')} ORDER BY id",
            (kind,),
        )
    ]


def claims(reader: Reader, *fields: str, kind: str = "", repeats: bool = True) -> list[Claim]:
    """Claims about these fields of records of a kind, in the order they were written; without repeats where asked."""
    return read_claims(
        reader.connection,
        # The planner cannot know that few records are asked about; with the sign it does not search by the field.
        f"{'' if reader.records is None else '+'}field IN (SELECT value FROM json_each(?)) AND subject LIKE ? "
        f"AND (? OR NOT repeats) AND {_spoken_of(reader, 'subject')}",
        (json.dumps(fields), f"{kind}%", repeats),
    )


def claims_about(reader: Reader, records: Collection[str], *fields: str) -> list[Claim]:
    """Claims about these fields of these records, whichever records are asked about."""
    return read_claims(
        reader.connection,
        "subject IN (SELECT value FROM json_each(?)) AND +field IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(records)), json.dumps(fields)),
    )


def claims_beside(reader: Reader, claim: Claim, *fields: str) -> list[Claim]:
    """Claims about these fields of the configuration (or record) that a claim is about."""
    return read_claims(
        reader.connection,
        "subject = ? AND configuration IS ? AND field IN (SELECT value FROM json_each(?))",
        (claim.subject, claim.configuration, json.dumps(fields)),
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
    plus = "" if reader.records is None else "+"  # as in `claims`
    return reader.tuples(
        "SELECT a.id, b.id FROM claims a JOIN claims b ON b.subject = a.subject "
        "AND b.configuration IS a.configuration "
        "AND b.source = a.source AND b.setting IS a.setting "
        "AND coalesce(a.table_row = b.table_row, true) "
        f"WHERE {plus}a.field = ? AND {plus}b.field = ? "
        "AND a.number > b.number AND a.subject NOT LIKE 'table:%' "
        f"AND NOT a.repeats AND NOT b.repeats AND {_spoken_of(reader, 'a.subject')}",
        (small, large),
    )


# --- dates -----------------------------------------------------------------------------------------------------------


def disputed_dates(reader: Reader) -> set[str]:
    """Records whose sources disagree on the date."""
    return set(
        reader.values(f"SELECT subject FROM disagreements WHERE field = 'date' AND {_spoken_of(reader, 'subject')}")
    )


def edges_to_later_work(reader: Reader, types: Iterable[str]) -> list[tuple[str, int, str, str, int, str, str | None]]:
    """Head, its year, type, tail, its later year, source and locator of edges of these types."""
    return reader.tuples(
        "SELECT e.head, a.year, e.type, e.tail, b.year, e.source, e.locator FROM edges e "
        "JOIN records a ON a.record = e.head JOIN records b ON b.record = e.tail "
        f"WHERE +e.type IN (SELECT value FROM json_each(?)) AND {reader.about('e.head', 'e.tail')} "
        "AND a.year < b.year ORDER BY e.head, e.tail, e.id",
        (json.dumps(list(types)),),
    )


def designs_of_another_year(reader: Reader) -> list[tuple[str, int, str, int, str]]:
    """Design, its year, its earliest introducer, the year of that, and who says so, where the years differ."""
    return reader.tuples(
        "SELECT u.record, d.year, u.by, min(r.year), u.source FROM usages u "
        "JOIN designs d ON u.record = d.record JOIN records r ON r.record = u.by "
        f"WHERE u.role = 'introduces' AND ({reader.about('u.record')} "
        f"OR u.record IN (SELECT record FROM usages WHERE {reader.about('by')})) "
        "AND d.year IS NOT NULL AND r.year IS NOT NULL "
        "GROUP BY u.record HAVING min(r.year) != d.year ORDER BY 1"
    )


# --- identity --------------------------------------------------------------------------------------------------------


def owners_of(reader: Reader, identifier: str) -> set[str]:
    """Records whose own identifier it is."""
    return set(reader.values("SELECT record FROM identifiers WHERE value = ?", (identifier,)))


def shared_identifiers(reader: Reader) -> list[tuple[str, Claim]]:
    """Identifier and claim where several papers are given one identifier or address, by identifier."""
    found = reader.tuples(
        "SELECT identifier, group_concat(id) FROM claims WHERE identifier IN "
        f"(SELECT identifier FROM claims WHERE identifier IS NOT NULL AND {_spoken_of(reader, 'subject')}) "
        "AND subject LIKE 'paper:%' AND field != 'report' GROUP BY identifier "
        "HAVING count(DISTINCT subject) > 1 ORDER BY identifier"
    )
    by_identifier = {identifier: sorted(map(int, ids.split(","))) for identifier, ids in found}
    by_id = claims_by_id(reader, (number for ids in by_identifier.values() for number in ids))
    return [(identifier, by_id[number]) for identifier, ids in by_identifier.items() for number in ids]


def arxiv_identifiers(reader: Reader) -> dict[str, str]:
    """Paper to its arXiv identifier."""
    return dict(
        reader.tuples(f"SELECT record, arxiv FROM papers WHERE arxiv IS NOT NULL AND {_spoken_of(reader, 'record')}")
    )


def unlinked_reports(reader: Reader) -> list[tuple[Claim, str]]:
    """Claims of models' reports, each with the paper that it is, which the model does not name."""
    found = reader.tuples(
        "SELECT c.id, p.record FROM claims c JOIN papers p ON p.arxiv = substr(c.identifier, 7) "
        "WHERE c.field = 'report' AND c.identifier LIKE 'arxiv %' AND c.subject LIKE 'model:%' "
        f"AND ({_spoken_of(reader, 'c.subject')} OR {_spoken_of(reader, 'p.record')}) AND NOT EXISTS "
        "(SELECT 1 FROM edges e WHERE e.head = c.subject AND e.tail = p.record AND e.type = 'described-by') "
        "ORDER BY c.id"
    )
    by_id = claims_by_id(reader, (number for number, _ in found))
    return [(by_id[number], paper) for number, paper in found]


def described_by(reader: Reader, records: Collection[str]) -> list[tuple[str, str]]:
    """Of these models and systems each with the papers that describe it."""
    return reader.tuples(
        "SELECT head, tail FROM edges WHERE head IN (SELECT value FROM json_each(?)) AND +type = 'described-by'",
        (json.dumps(sorted(records)),),
    )


def titles_and_authors(reader: Reader) -> list[tuple[str, str, str]]:
    """Paper, title and author (lower case), by paper; those that share an author with a paper asked about."""
    near = f"SELECT record FROM authors WHERE author IN (SELECT author FROM authors WHERE {reader.about('record')})"
    return reader.tuples(
        "SELECT p.record, p.title, lower(a.author) FROM papers p JOIN authors a ON a.record = p.record "
        f"WHERE {'true' if reader.records is None else f'p.record IN ({near})'} ORDER BY p.record"
    )


def names_and_keys(reader: Reader, records: Collection[str]) -> list[tuple[str, str, str]]:
    """Full name, name and key of these records."""
    return reader.tuples(
        "SELECT record, name, key FROM records WHERE record IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(records)),),
    )


def printed_placements(reader: Reader) -> list[tuple[str, str, str, str | None, str]]:
    """Record, source, names as printed, locator and node of placements, by record in the order they were written."""
    return reader.tuples(
        "SELECT record, source, printed_as, locator, node FROM placements WHERE printed_as IS NOT NULL "
        f"AND {reader.about('record')} ORDER BY record, id"
    )


def printed_for_several(reader: Reader) -> list[tuple[str, str, str, str, str | None]]:
    """Source, folded name, paper, names as printed and locator where one source prints a name for several papers."""
    return reader.tuples(
        "WITH shared AS (SELECT source, folded FROM printed_names WHERE folded IN "
        f"(SELECT folded FROM printed_names WHERE {reader.about('record')}) AND record LIKE 'paper:%' "
        "GROUP BY source, folded HAVING count(*) > 1) "
        "SELECT n.source, n.folded, n.record, p.printed_as, p.locator FROM shared s "
        "JOIN printed_names n ON n.source = s.source AND n.folded = s.folded "
        "JOIN placements p ON p.record = n.record AND p.source = n.source "
        "WHERE n.record LIKE 'paper:%' AND p.printed_as IS NOT NULL ORDER BY n.source, n.folded, n.record, p.id"
    )


def aligned_rows(reader: Reader) -> list[tuple[str, str, str, str, str | None, str]]:
    """Table, row, label, subject, configuration and source of rows that are about a record."""
    return reader.tuples(
        "SELECT t.record, t.row, t.label, t.subject, t.configuration, r.content ->> 'source' "
        "FROM table_rows t JOIN records r ON r.record = t.record "
        f"WHERE t.subject IS NOT NULL AND {reader.about('t.subject', 't.record')} ORDER BY t.id"
    )


def shared_names(reader: Reader) -> list[tuple[str, str, int | None]]:
    """Folded name, record and its year, of works that share a name with another of their kind, by kind and name."""
    return reader.tuples(
        "WITH shared AS (SELECT f.folded, r.kind FROM folded_names f JOIN records r ON r.record = f.record "
        f"WHERE f.folded IN (SELECT folded FROM folded_names WHERE {reader.about('record')}) "
        "AND +r.kind IN ('paper', 'design', 'model', 'system') GROUP BY f.folded, r.kind HAVING count(*) > 1) "
        "SELECT f.folded, f.record, r.year FROM shared s JOIN folded_names f ON f.folded = s.folded "
        "JOIN records r ON r.record = f.record AND +r.kind = s.kind ORDER BY r.kind, f.folded, f.record"
    )


def introductions(reader: Reader, designs: Collection[str]) -> list[tuple[str, str]]:
    """Of these designs each with the works that introduce it."""
    return reader.tuples(
        "SELECT record, by FROM usages WHERE role = 'introduces' AND record IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(designs)),),
    )


# --- sizes -----------------------------------------------------------------------------------------------------------


def vocabulary_sizes(reader: Reader) -> tuple[float | None, float | None]:
    """The smallest and the largest vocabulary that is claimed."""
    ((low, high),) = reader.tuples("SELECT min(number), max(number) FROM claims WHERE field = 'vocab_size'")
    return low, high


def described_configurations(reader: Reader) -> list[tuple[str, str, str]]:
    """Model, label and architecture (as JSON) of configurations whose layers a source describes."""
    return reader.tuples(
        "SELECT record, label, architecture FROM configurations "
        f"WHERE architecture IS NOT NULL AND {_spoken_of(reader, 'record')} ORDER BY id"
    )


def counts_with_unclear_scope(reader: Reader) -> set[tuple[str, str | None]]:
    """Subject and configuration of claims that do not say whether shared experts count."""
    return set(
        reader.tuples(
            f"SELECT subject, configuration FROM claims WHERE counting = 'unclear' AND {_spoken_of(reader, 'subject')}"
        )
    )


def printed_sizes(reader: Reader, fields: Iterable[str]) -> list[Claim]:
    """Claims of these fields about configurations; layers that a source describes say more than the flat view does."""
    where = (
        f"configuration IS NOT NULL AND {'' if reader.records is None else '+'}field IN "
        f"(SELECT value FROM json_each(?)) AND {_spoken_of(reader, 'subject')} "
        "AND (table_row IS NOT NULL OR NOT EXISTS (SELECT 1 FROM configurations c "
        "WHERE c.record = subject AND c.label = configuration AND c.source = claims.source))"
    )
    return read_claims(reader.connection, where, (json.dumps(list(fields)),))


def exact_counts(reader: Reader) -> set[str]:
    """Sources that counted a built model."""
    return set(reader.values("SELECT key FROM sources WHERE type = 'count'"))


# --- what a change touches -------------------------------------------------------------------------------------------


_WORKS = "record GLOB 'paper:*' OR record GLOB 'design:*' OR record GLOB 'model:*' OR record GLOB 'system:*'"


def works(reader: Reader) -> dict[str, str]:
    """Papers, designs, models and systems, each with the hash of its file."""
    return dict(reader.tuples(f"SELECT record, sha256 FROM files WHERE {_WORKS}"))


def files_of_no_work(reader: Reader) -> list[tuple[str, str]]:
    """Path and hash of the other files: sources, tables, taxonomies and what goes with them."""
    return reader.tuples(f"SELECT path, sha256 FROM files WHERE record IS NULL OR NOT ({_WORKS}) ORDER BY path")


def number_of_records(reader: Reader) -> int:
    """How many records there are, of all kinds."""
    return int(reader.value("SELECT count(*) FROM records"))


def touched(reader: Reader, new: Collection[str]) -> set[str]:
    """Further records whose issues may be others now that the records asked about are.

    Issues that concern a changed record are not meant, nor those that did before it changed. What is left are issues of
    records that it now shares an identifier or a name with, and of those that rest on its year, its name or, where it
    is among the new records, its being there.
    """
    about = reader.about("record")
    return set(
        reader.values(
            "SELECT subject FROM claims WHERE identifier IN "
            f"(SELECT identifier FROM claims WHERE identifier IS NOT NULL AND {reader.about('subject')}) "
            f"UNION SELECT record FROM folded_names WHERE folded IN (SELECT folded FROM folded_names WHERE {about}) "
            f"UNION SELECT record FROM printed_names WHERE folded IN (SELECT folded FROM printed_names WHERE {about}) "
            f"UNION SELECT record FROM usages WHERE {reader.about('by')} "
            f"UNION SELECT head FROM edges WHERE {reader.about('tail')} AND +type = 'described-by' "
            "UNION SELECT record FROM record_references WHERE target IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(new)),),
        )
    )


# --- waivers ---------------------------------------------------------------------------------------------------------


def waivers(reader: Reader) -> list[tuple[str, str, str, str | None]]:
    """Id of the issue, reason, source and locator of every waiver."""
    return reader.tuples("SELECT issue, reason, source, locator FROM waivers")
