"""The catalogue of implementations as the laboratory shows it: by family, searched; settings by group and task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from moe_kb.lab import Details, Entry, FormField, details

#: Families in the order to show them in, and what each is; families of other packages follow by name.
FAMILIES = {
    "token choice": "Each token chooses a fixed number of experts.",
    "adaptive": "How many experts a token uses depends on the token.",
    "assignment": "Tokens and experts are matched all together.",
    "non-trainable": "What a token is, or chance, names its expert; nothing is learnt.",
    "expert choice": "Each expert chooses its tokens.",
    "dense": "Every expert works on every token, at least while learning.",
    "soft": "Experts work on blends of tokens.",
    "merging": "The weights of experts are merged into one.",
    "hierarchical": "Groups are chosen first, experts within them next.",
    "several tasks": "Tasks share experts.",
}
OTHERS = "others"
#: Groups of settings that are shown before and after the rest: what is the design's own first, housekeeping last.
_FIRST, _LAST = ("routing", "model"), ("run",)


def family_of(entry: Entry) -> str:
    """The family that an entry is shown in."""
    return details(entry).family or OTHERS


def families(entries: Iterable[Entry]) -> list[str]:
    """The families that the entries are of, in order."""
    present = {family_of(entry) for entry in entries}
    unknown = sorted(present - FAMILIES.keys() - {OTHERS})
    return [*(one for one in FAMILIES if one in present), *unknown, *([OTHERS] if OTHERS in present else [])]


def search(entries: Iterable[Entry], text: str = "", wanted: Sequence[str] = ()) -> dict[str, list[Entry]]:
    """Entries that have every word, in their name, key, summary, family, year, status, tasks or papers, by family.

    Args:
        entries: The catalogue.
        text: Words; capitals make no difference.
        wanted: Families, all if there are none.
    """
    words = text.casefold().split()
    found = [entry for entry in entries if all(word in _said(entry) for word in words)]
    return {
        family: sorted(members, key=lambda entry: (details(entry).year or 9999, entry.name.casefold()))
        for family in families(found)
        if (not wanted or family in wanted) and (members := [one for one in found if family_of(one) == family])
    }


def _said(entry: Entry) -> str:
    known = details(entry)
    parts = (entry.name, entry.key, entry.summary, known.family or OTHERS, str(known.year or ""), entry.status)
    return " ".join((*parts, *entry.tasks, *entry.designs, *entry.papers)).casefold()


def choice_label(entry: Entry) -> str:
    """An entry in a list of choices: its name, year and family, all of which can be typed to find it."""
    known = details(entry)
    return " · ".join(filter(None, (entry.name, str(known.year or ""), known.family)))


def causality(known: Details) -> str | None:
    """What is to be said of an entry through which later tokens reach earlier ones; None where none can, or unknown."""
    if known.causal in (None, "yes"):
        return None
    when = "" if known.causal == "no" else f" (causal only {known.causal})"
    return f"not causal: later tokens can reach earlier ones{when}"


def task_field(fields: Iterable[FormField]) -> FormField | None:
    """The setting that says what is learnt, where there is a choice of it."""
    return next((field for field in fields if field.short == "task" and field.kind == "choice"), None)


def groups(fields: Sequence[FormField], task: str | None, tasks: Iterable[str]) -> dict[str, list[FormField]]:
    """The settings to show by group: all but the task, and none of a group that belongs to another task.

    Args:
        fields: Every setting.
        task: The one chosen.
        tasks: All there are; a group of a task's name belongs to it.
    """
    others = set(tasks) - {task} if task is not None else set()
    names = list(dict.fromkeys(field.group for field in fields if field.group not in others))
    names.sort(key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST) + (name in _LAST))
    shown = {name: [field for field in fields if field.group == name and field.short != "task"] for name in names}
    return {name: members for name, members in shown.items() if members}
