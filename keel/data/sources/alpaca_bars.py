"""Alpaca's bars in Keel's words, and the timeframes it makes itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from keel.data.calendars import sessions
from keel.domain.errors import RetryableError, UsageError
from keel.domain.timeframe import MS_PER_DAY, timeframe_ms
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
    "1d": "1Day",
}
"""Timeframes that Alpaca has as Keel does, by its own names. A day is of stocks only: a session, by the calendar."""
BY_SESSION: Final = "1d"
STOCKS_CALENDAR: Final = "XNYS"
"""The calendar that the stocks are traded by."""


def alpaca_base_timeframe(timeframe: str, symbols: Sequence[str] = ()) -> str:
    """Return the timeframe that Alpaca is asked for. Raises UsageError for one that it does not have of the symbols."""
    has = [each for each in NATIVE if each != BY_SESSION or not any("/" in symbol for symbol in symbols)]
    if timeframe not in has:
        raise UsageError(f"{timeframe}: Alpaca's live bars are of {', '.join(has)}: choose one of these")
    return timeframe


def bar_of(symbol: str, row: Mapping[str, Any], timeframe: str, now_ms: int) -> LiveBar:
    """Return a bar of an answer or of the stream; it is closed once its end is past. Raises RetryableError."""
    try:
        open_ts_ms, close_ts_ms = _span(_ts_ms(row["t"]), timeframe)
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


def _span(stamp_ms: int, timeframe: str) -> tuple[int, int]:
    """Return open and close of a bar; one of a day is stamped by New York's midnight and lasts for its session."""
    if timeframe != BY_SESSION:
        return stamp_ms, stamp_ms + timeframe_ms(timeframe)
    day = stamp_ms // MS_PER_DAY
    known = sessions(STOCKS_CALENDAR, day, day)
    at = int(np.searchsorted(known.day, day))
    if at == known.day.size or known.day[at] != day:
        raise ValueError(f"{stamp_ms} is on no trading day")
    return int(known.open_ts_ms[at]), int(known.close_ts_ms[at])


def _ts_ms(stamp: Any) -> int:  # noqa: ANN401 - text in answers, msgpack's own time in the stream
    if isinstance(stamp, str):
        return epoch_ms(stamp)
    nanoseconds: Callable[[], int] = stamp.to_unix_nano
    return nanoseconds() // 1_000_000
