"""Long texts in entries: in parts, for a free text of an entry is cut where it grows too long."""

from __future__ import annotations

from typing import Final

_PART: Final = 800
"""Characters of a part; redaction may make it a little longer."""


def in_parts(text: str) -> tuple[str, ...]:
    """Return a text in parts, which joined are the text."""
    return tuple(text[at : at + _PART] for at in range(0, len(text), _PART))
