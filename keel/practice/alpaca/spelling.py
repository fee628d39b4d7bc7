"""How Alpaca writes amounts, moments and ids."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from keel.practice.amounts import exact

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES: Final = uuid.UUID("6d2c1a55-7f0e-4f2d-9a51-8a1f0c1c3b7e")
"""What the venue's ids are derived from: the same course of events gives the same ids."""


def amount(value: float | Decimal) -> str:
    """Return an amount without needless zeros, such as `1.5`."""
    plain = format(exact(value).normalize(), "f")
    return "0" if plain == "-0" else plain


def optional_amount(value: float | Decimal | None) -> str | None:
    """Return an amount, or None where there is none."""
    return None if value is None else amount(value)


def moment(ts_ms: int) -> str:
    """Return a moment, such as `2024-01-02T14:30:00Z`; milliseconds are written where there are any."""
    stamp = _EPOCH + timedelta(milliseconds=ts_ms)
    return stamp.isoformat(timespec="milliseconds" if ts_ms % 1000 else "seconds").replace("+00:00", "Z")


def optional_moment(ts_ms: int | None) -> str | None:
    """Return a moment, or None where there is none."""
    return None if ts_ms is None else moment(ts_ms)


def moment_ms(text: str) -> int:
    """Return the milliseconds of a date or a moment as clients write it. Raises ValueError for anything else."""
    stamp = datetime.fromisoformat(text.replace(" ", "+"))
    return round((stamp.replace(tzinfo=stamp.tzinfo or UTC) - _EPOCH).total_seconds() * 1000)


def made_id(*parts: object) -> str:
    """Return the id of what these words and numbers name."""
    return str(uuid.uuid5(_NAMES, "/".join(map(str, parts))))
