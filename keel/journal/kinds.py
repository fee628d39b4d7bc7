"""The kinds of entries by their names, and entries read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from keel.journal import entries, market_entries
from keel.journal.codec import MalformedError, decode
from keel.journal.entries import Entry

KINDS: Final[Mapping[str, type[Entry]]] = {
    name: kind
    for name, kind in (vars(entries) | vars(market_entries)).items()
    if isinstance(kind, type) and issubclass(kind, Entry) and kind is not Entry and not name.startswith("_")
}
"""Every kind by its name."""


def read_entry(kind: str, body: str) -> Entry:
    """Return the entry of a kind and a body. Raises MalformedError for what this version does not know."""
    if kind not in KINDS:
        raise MalformedError(f"{kind} is no kind of entry this version knows")
    try:
        tree = json.loads(body)
    except ValueError as error:
        raise MalformedError(f"{kind}: {error}") from None
    return decode(KINDS[kind], tree)
