"""Alpaca's bars in Keel's words, and the timeframes it makes itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from keel.domain.errors import RetryableError, UsageError
from keel.domain.timeframe import timeframe_ms
from keel.domain.venue_messages import LiveBar
from keel.wire.alpaca_times import epoch_ms

STREAMED: Final = "1m"
"""The one timeframe whose bars Alpaca streams."""
NATIVE: Final = {
    "1m": "1Min",
    "3m": "3Min",
    "5m": "5Min",
    "15m": "15Min",
    "30m": "30Min",
    "1h": "1Hour",
    "2h": "2Hour",
    "4h": "4Hour",
    "6h": "6Hour",
    "8h": "8Hour",
    "12h": "12Hour",
}
"""Timeframes that Alpaca counts as Keel does, by its own names: not its days, which begin at midnight in New York."""


def alpaca_base_timeframe(timeframe: str) -> str:
    """Return the timeframe that Alpaca is asked for. Raises UsageError for one that it does not have."""
    if timeframe not in NATIVE:
        raise UsageError(f"{timeframe}: Alpaca's live bars are of {', '.join(NATIVE)}: choose one of these")
    return timeframe


def bar_of(symbol: str, row: Mapping[str, Any], timeframe: str, now_ms: int) -> LiveBar:
    """Return a bar of an answer or of the stream; it is closed once its end is past. Raises RetryableError."""
    try:
        open_ts_ms = _ts_ms(row["t"])
        close_ts_ms = open_ts_ms + timeframe_ms(timeframe)
        return LiveBar(
            symbol=symbol,
            open_ts_ms=open_ts_ms,
            close_ts_ms=close_ts_ms,
            open=float(row["o"]),
            high=float(row["h"]),
            low=float(row["l"]),
            close=float(row["c"]),
            volume=float(row["v"]),
            closed=close_ts_ms <= now_ms,
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise RetryableError(f"{symbol}: Alpaca's bar cannot be read: {type(error).__name__} {error}") from None


def _ts_ms(stamp: Any) -> int:  # noqa: ANN401 - text in answers, msgpack's own time in the stream
    if isinstance(stamp, str):
        return epoch_ms(stamp)
    nanoseconds: Callable[[], int] = stamp.to_unix_nano
    return nanoseconds() // 1_000_000
