"""Bar lengths: `1m`, `15m`, `1h`, `4h`, `1d`, `1w`, the epoch milliseconds they are counted in, and round the clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from keel.domain.errors import UsageError

MS_PER_MINUTE: Final = 60_000
MS_PER_HOUR: Final = 3_600_000
MS_PER_DAY: Final = 86_400_000

ROUND_THE_CLOCK: Final = "24/7"
"""The calendar of a market that never closes."""

_UNIT_MS: Final = {"m": MS_PER_MINUTE, "h": MS_PER_HOUR, "d": MS_PER_DAY, "w": 7 * MS_PER_DAY}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def timeframe_ms(timeframe: str) -> int:
    """Return the length of a timeframe in milliseconds. Raises UsageError for anything but `<count><m|h|d|w>`."""
    match = re.fullmatch(r"([1-9]\d{0,3})([mhdw])", timeframe)
    if match is None:
        raise UsageError(
            f"timeframe {timeframe!r} is not one Keel knows: write a count and m, h, d or w, such as 15m or 1h"
        )
    return int(match[1]) * _UNIT_MS[match[2]]


def utc_text(ts_ms: int) -> str:
    """Return epoch milliseconds as people read them: `2021-01-04 14:30 UTC`, with seconds where there are any."""
    try:
        moment = _EPOCH + timedelta(milliseconds=ts_ms)
    except OverflowError:
        return f"{ts_ms} ms since 1970"
    if ts_ms % 1000:
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC" if ts_ms % MS_PER_MINUTE else "%Y-%m-%d %H:%M UTC")
