"""What a record is worth comparing with: designs by their lineage, models by their makers and routers."""

from __future__ import annotations

from moe_kb.db.reader import Reader

#: Edges between designs that say that one comes of the other.
LINEAGE = ("variant-of", "extends", "replaces", "combines", "based-on", "compares")
_TYPES = ", ".join(f"'{edge}'" for edge in LINEAGE)

_USERS = "(SELECT count(DISTINCT u.by) FROM usages u WHERE u.record = {0} AND u.role IN ('uses', 'modifies'))"
_DESCRIBED = "EXISTS (SELECT 1 FROM configurations c WHERE c.record = m.record AND c.architecture IS NOT NULL)"


def kin(reader: Reader, record: str, limit: int = 8) -> list[str]:
    """Records of the same kind to compare one with, the likeliest first, by full names.

    For a design those of its component that a recorded relation joins to it, the most used first; for a model those of
    its organisation, the nearest in time first, then those with its router.
    """
    if record.startswith("design:"):
        return reader.values(
            "SELECT DISTINCT o.record FROM edges e JOIN designs d ON d.record = ?1 "
            "JOIN designs o ON o.record = iif(e.head = ?1, e.tail, e.head) AND o.component = d.component "
            f"WHERE ?1 IN (e.head, e.tail) AND o.record <> ?1 AND e.type IN ({_TYPES}) "
            f"ORDER BY {_USERS.format('o.record')} DESC, o.name LIMIT ?2",
            (record, limit),
        )
    return reader.values(
        "SELECT o.record FROM models m JOIN models o ON o.record <> m.record WHERE m.record = ?1 "
        "AND (o.organisation = m.organisation OR o.record IN (SELECT r.user FROM models_by_router r "
        "  WHERE r.design IN (SELECT own.design FROM models_by_router own WHERE own.user = ?1))) "
        "ORDER BY o.organisation IS NOT m.organisation, "
        "abs(coalesce(substr(o.released, 1, 4), 0) - coalesce(substr(m.released, 1, 4), 0)), o.released DESC LIMIT ?2",
        (record, limit),
    )


def pairs(reader: Reader, kind: str, limit: int = 8) -> list[tuple[str, str]]:
    """Pairs that are good to begin with, by full names.

    Gating designs of which one comes of the other, both much used; or the last two models of an organisation whose
    layers are known.
    """
    if kind == "design":
        return reader.tuples(
            "SELECT a.record, b.record FROM edges e "
            "JOIN designs a ON a.record = e.head JOIN designs b ON b.record = e.tail "
            f"WHERE a.component = 'gating' AND b.component = 'gating' AND e.type IN ({_TYPES}) "
            "GROUP BY min(a.record, b.record), max(a.record, b.record) "
            f"ORDER BY min({_USERS.format('a.record')}, {_USERS.format('b.record')}) DESC, a.name LIMIT ?",
            (limit,),
        )
    return reader.tuples(
        "SELECT before, record FROM (SELECT m.record, m.released, "
        "  lag(m.record) OVER (PARTITION BY m.organisation ORDER BY m.released) AS before, "
        "  lag(m.released) OVER (PARTITION BY m.organisation ORDER BY m.released) AS earlier, "
        "  row_number() OVER (PARTITION BY m.organisation ORDER BY m.released DESC) AS place "
        f"  FROM models m WHERE m.organisation IS NOT NULL AND m.released IS NOT NULL AND {_DESCRIBED}) "
        "WHERE place = 1 AND substr(released, 1, 4) - substr(earlier, 1, 4) <= 2 ORDER BY released DESC LIMIT ?",
        (limit,),
    )
