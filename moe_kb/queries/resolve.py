"""Names as people type them, made full: of records and of taxonomy nodes."""

from __future__ import annotations

from moe_kb.db.reader import Reader
from moe_kb.errors import AmbiguousKeyError, NotFoundError, close_names, did_you_mean
from moe_kb.kinds import KINDS


def resolve_record(reader: Reader, name: str, kind: str | None = None) -> str:
    """Full name of a record from its full name or bare key; see `KnowledgeBase.resolve`."""
    asked, _, key = _text(name).strip().lower().rpartition(":")
    if asked and kind and asked != kind:
        raise NotFoundError(f"{name!r} is not a {kind}. Give the key of a {kind}.")
    kind = asked or kind
    if kind and kind not in KINDS:
        raise NotFoundError(f"unknown kind of record {kind!r}. Kinds: {', '.join(KINDS)}.")
    found: list[str] = reader.values(
        "SELECT record FROM records WHERE key = ? AND kind = coalesce(?, kind)", (key, kind)
    )
    if len(found) == 1:
        return found[0]
    if found:
        raise AmbiguousKeyError(
            f"{key!r} is the key of {', '.join(sorted(found))}. Use the full name.", sorted(found), asked=name
        )
    records = reader.tuples("SELECT key, record FROM records WHERE kind = coalesce(?, kind)", (kind,))
    close = close_names(key, [key for key, _ in records], at_most=5)
    meant = [record for alike in close for key, record in records if key == alike]
    hint = did_you_mean(close) or f"Try: moe-kb search {' '.join(key.split())}"
    raise NotFoundError(f"there is no {kind or 'record'} {key!r}. {hint}", meant, asked=name)


def resolve_node(reader: Reader, name: str) -> str:
    """Full name `taxonomy:path` of a node from its full name, its path, or the last part of its path."""
    taxonomy, _, path = _text(name).strip().strip("/").removeprefix("node:").rpartition(":")
    nodes = reader.tuples("SELECT taxonomy, node FROM nodes WHERE ? IN ('', taxonomy)", (taxonomy,))
    for names in (
        [f"{tree}:{node}" for tree, node in nodes if node == path and (path or taxonomy)],
        [f"{tree}:" for tree, node in nodes if tree == path and node == ""],
        [f"{tree}:{node}" for tree, node in nodes if node.rpartition("/")[2] == path and path],
    ):
        if len(names) == 1:
            return names[0]
        if names:
            raise AmbiguousKeyError(
                f"{path!r} is the name of the nodes {', '.join(names)}. Use the full name.",
                [f"node:{node}" for node in names],
                asked=name,
            )
    ends = {f"node:{tree}:{node}": node.rpartition("/")[2] for tree, node in nodes if node}
    close = close_names(path.rpartition("/")[2], ends.values())
    hint = did_you_mean(close) or "See: moe-kb tree"
    meant = [node for alike in close for node, end in ends.items() if end == alike]
    raise NotFoundError(f"there is no taxonomy node {name!r}. {hint}", meant, asked=name)


def _text(name: str) -> str:
    """A name without what no database takes for text: bytes of another encoding, as a command line passes them on."""
    return name.encode(errors="replace").decode()
