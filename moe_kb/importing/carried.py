"""A configuration as a word that an address can carry, and back.

The file is reduced to what its table reads and what says how its weights are kept, compressed (zlib) and written in the
letters of an address (base64url). Whoever opens the address may have written it, so both ways are bounded: the word,
what it unpacks to, and then all that `read_config` bounds.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

from moe_kb.errors import MoeKbError
from moe_kb.importing.family import common, families, names_in
from moe_kb.importing.hf import TYING, Imported, parsed_config, read_config
from moe_kb.importing.quantisation import FIELDS

MAX_WORD = 4_000  # letters; six of them, with the cookies of a page, are less than servers take
MAX_UNPACKED = 300_000  # bytes
MAX_NAME = 80  # letters
_ALWAYS = frozenset({"model_type", TYING, "torch_dtype", "dtype", "expert_dtype", *FIELDS})
_UNREAD = frozenset({"input_activations", "output_activations", "kv_cache_scheme", "producer"})
"""Of a quantisation what is not about weights."""


class CarriedError(MoeKbError):
    """A word that holds no configuration, or a configuration that no word holds; the message says what to do."""


def pack(content: str | bytes, name: str) -> str:
    """The word for a file that `read_config` understands.

    Args:
        content: the file's.
        name: what the file is called; its beginning is kept.

    Raises:
        RefusedError: the file is not understood.
        CarriedError: the word would be longer than `MAX_WORD`.
    """
    read = read_config(content, source="upload")
    config = reduced(parsed_config(content), read)
    text = json.dumps([name[:MAX_NAME], config], separators=(",", ":"), sort_keys=True)
    word = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")
    if len(word) > MAX_WORD:
        raise CarriedError(
            f"what was read of it takes {len(word):,} letters, and an address carries {MAX_WORD:,}: it stays for this "
            "visit only; send the file itself"
        )
    return word


def unpack(word: str) -> tuple[str, Imported]:
    """Name and content of the file that `pack` made the word of.

    Raises:
        CarriedError: it holds no file.
        RefusedError: the file in it is not understood.
    """
    broken = CarriedError(
        "the configuration in this address is cut short or changed: ask for the link again, or drop the file"
    )
    if len(word) > MAX_WORD:
        raise broken
    try:
        packed = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed, MAX_UNPACKED)
        if not unpacker.eof:
            raise broken
        name, config = json.loads(text)
    except (ValueError, TypeError, binascii.Error, zlib.error, RecursionError):
        raise broken from None
    if not isinstance(name, str) or not isinstance(config, dict):
        raise broken
    shown = "".join(letter for letter in name[:MAX_NAME] if letter.isprintable()) or "config.json"
    return shown, read_config(json.dumps(config), source="upload")


def reduced(config: Mapping[str, Any], read: Imported) -> dict[str, Any]:
    """Of a file what was read of it, at the places where it stood."""
    family = families()[str(config["model_type"])]
    claimed = {name for given in {**common().claims, **read.family.claims}.values() for name in names_in(str(given))}
    used = {*family.used, *claimed, *_ALWAYS}

    def of(fields: Mapping[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, value in fields.items():
            if name in family.text and isinstance(value, Mapping):
                out[name] = of(value)
            elif name in family.opened and isinstance(value, Mapping):
                out[name] = {inner: held for inner, held in value.items() if f"{name}.{inner}" in used}
            elif name in used:
                out[name] = _weights_only(value) if name in FIELDS else value
        return out

    return of(config)


def _weights_only(quantisation: Any) -> Any:
    if isinstance(quantisation, Mapping):
        return {name: _weights_only(value) for name, value in quantisation.items() if name not in _UNREAD}
    return quantisation
