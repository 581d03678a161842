"""Widgets whose values are part of the address, so that every filtered view has one.

Streamlit's own `bind` writes labels into the address, and its parameters cannot be carried over a change of page; these
few lines write keys, which stay true when a label is reworded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

#: Values that older addresses hold, and what they are called now; and parameters, by what they are called now.
_RENAMED = {"not stated": "not reported"}
_EARLIER = {"expert_parallel": "degree"}


def _current(value: str) -> str:
    return _RENAMED.get(value, value)


def reads(*parameters: str) -> None:
    """Say that the page reads these parameters: what no page reads is taken out of its address on arrival.

    `in_address` and `parameter` say so themselves; a page says it of what it reads only after a click.
    """
    st.session_state.setdefault("addressed", set()).update(parameters)


def parameter(name: str, default: str = "") -> str:
    """What the address says under this name."""
    reads(name)
    return str(st.query_params.get(name, default))


def begin() -> None:
    """A page's script starts: it has read nothing yet, and has no title."""
    st.session_state["addressed"] = set()
    st.session_state["titled"] = False


def strip(known: Iterable[str]) -> None:
    """Take out of the address what the page, having run, did not read; `known` stays, too."""
    kept = {*known, *st.session_state["addressed"]}
    given = {name: st.query_params.get_all(name) for name in st.query_params}
    if not given.keys() <= kept:
        st.query_params.from_dict({name: values for name, values in given.items() if name in kept})


def listed(names: Iterable[str]) -> str:
    """Names as one value of the address; a comma within one is written as its code."""
    return ",".join(name.replace("%", "%25").replace(",", "%2C") for name in names)


def unlisted(value: str) -> list[str]:
    """The names that `listed` wrote, without empty ones."""
    parts = (part.strip() for part in value.split(","))
    return [part.replace("%2C", ",").replace("%25", "%") for part in parts if part]


def in_address(
    parameter: str,
    default: Any = None,
    options: Iterable[Any] | None = None,
    *,
    current: Callable[[str], str] = _current,
    most: int | None = None,
) -> dict[str, Any]:
    """Arguments for a widget whose value is part of the address, so that every filtered view has one.

    Args:
        parameter: Name in the address; the widget's key is `in-<parameter>`.
        default: The value when the address says nothing; its type (text, truth value, integer, list, pair of integers)
            says how the address is read.
        options: The values allowed, or a range of integers; what the address says beyond them is left out.
        current: Today's name of a value that an address may still give by an earlier one.
        most: How many values of a list are taken; the rest is left out.
    """
    reads(parameter, *filter(None, [_EARLIER.get(parameter)]))
    key = f"in-{parameter}"
    given = st.query_params.get_all(parameter) or st.query_params.get_all(_EARLIER.get(parameter, parameter))
    said = [current(value) for value in given]
    value = _read(said, default) if said else default
    if options is not None:
        allowed = options if isinstance(options, range) else set(options)
        if isinstance(default, list):
            value = list(dict.fromkeys(one for one in value if one in allowed))[:most]
        elif value not in allowed:
            value = default
    st.session_state[key] = value
    return {"key": key, "on_change": _to_address, "args": (parameter, default)}


def _read(said: list[str], default: Any) -> Any:
    if isinstance(default, bool):
        return said[0] in ("yes", "true", "1")
    if isinstance(default, int):
        return int(said[0]) if re.match(r"^[0-9]{1,9}$", said[0]) else default
    if isinstance(default, list):
        return said
    if isinstance(default, tuple):
        match = re.match(r"^(\d{1,4})-(\d{1,4})$", said[0])
        if not match or not default[0] <= int(match[1]) <= int(match[2]) <= default[1]:
            return default
        return int(match[1]), int(match[2])
    return said[0]


def _to_address(parameter: str, default: Any) -> None:
    value = st.session_state[f"in-{parameter}"]
    if value == default or value is None:
        st.query_params.pop(parameter, None)
    elif isinstance(value, tuple):
        st.query_params[parameter] = f"{value[0]}-{value[1]}"
    else:
        st.query_params[parameter] = "yes" if value is True else value
