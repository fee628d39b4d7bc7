"""Alpaca's times, RFC 3339 to the nanosecond, to and from UTC epoch milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_FRACTION: Final = re.compile(r"\.(\d{1,9})")


def epoch_ms(text: str) -> int:
    """Return a time such as 2024-01-02T15:04:05.123456789Z or …-05:00. Raises ValueError, also without a zone."""
    found = _FRACTION.search(text)
    nanoseconds = int(found[1].ljust(9, "0")) if found else 0
    moment = datetime.fromisoformat(_FRACTION.sub("", text))
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return int(moment.timestamp()) * 1000 + nanoseconds // 1_000_000


def rfc3339(ts_ms: int) -> str:
    """Return a time as Alpaca takes it."""
    seconds, rest_ms = divmod(ts_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ms:03d}Z"
