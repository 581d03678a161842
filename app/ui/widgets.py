"""Widgets that the pages share; what is chosen stands in the address."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from .address import in_address

_FIRST: Any = object()


def segmented(label: str, parameter: str, options: Iterable[Any], default: Any = _FIRST, **given: Any) -> Any:
    """One of a few options beside each other; arguments as those of `select`."""
    return _choice(st.segmented_control, label, parameter, options, default, required=True, **given)


def select(label: str, parameter: str, options: Iterable[Any], default: Any = _FIRST, **given: Any) -> Any:
    """One of many options.

    Args:
        label: What is chosen.
        parameter: Its name in the address.
        options: The options; a mapping to texts gives what each is called.
        default: Chosen where the address names none; the first option unless it is given.
        given: `names` (what an option is called), `bare` (the label is for screen readers only), `current` (see
            `in_address`), and arguments of the widget.
    """
    return _choice(st.selectbox, label, parameter, options, default, **given)


def _choice(
    widget: Callable[..., Any],
    label: str,
    parameter: str,
    options: Iterable[Any],
    default: Any,
    *,
    names: Callable[[Any], Any] | None = None,
    bare: bool = False,
    **given: Any,
) -> Any:
    listed = list(options)
    if names is None and isinstance(options, Mapping):
        names = {option: text if isinstance(text, str) else str(option) for option, text in options.items()}.get
    reading = {"current": given.pop("current")} if "current" in given else {}
    reading["most"] = given.get("max_selections")
    address = in_address(parameter, listed[0] if default is _FIRST else default, listed, **reading)
    visibility = {"label_visibility": "collapsed"} if bare else {}
    return widget(label, listed, format_func=names or str, **visibility, **{**address, **given})


def several(label: str, parameter: str, options: Iterable[Any], default: Iterable[Any] = (), **given: Any) -> Any:
    """Any number of options; arguments as those of `select`."""
    return _choice(st.multiselect, label, parameter, options, list(default), **given)


def pills(label: str, parameter: str, options: Iterable[Any], default: Iterable[Any] = (), **given: Any) -> Any:
    """Any number of a few options beside each other; arguments as those of `select`."""
    return _choice(st.pills, label, parameter, options, list(default), selection_mode="multi", **given)


def search(placeholder: str, **given: Any) -> str:
    """Words to search for, without space around them."""
    text = st.text_input("Search", icon=":material/search:", placeholder=placeholder, **in_address("q", ""), **given)
    return (text or "").strip()


def csv_button(rows: Any, name: str, *, label: str = "Download CSV", **given: Any) -> None:
    """A button that downloads rows (or what a function returns) as a file of this name, made when it is clicked."""
    made = rows if callable(rows) else lambda: pd.DataFrame(rows).to_csv(index=False)
    st.download_button(label, made, f"{name}.csv", "text/csv", icon=":material/download:", on_click="ignore", **given)
