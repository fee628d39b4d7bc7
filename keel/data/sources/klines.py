"""Binance's klines in Keel's words, and the timeframes it makes itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from keel.domain.errors import RetryableError, UsageError
from keel.domain.timeframe import timeframe_ms
from keel.domain.venue_messages import LiveBar

NATIVE: Final = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "1w")
"""Timeframes whose bars Binance counts as Keel does: not its 3d, counted from a day of its own, nor its months."""
_MS_PER_WEEK: Final = timeframe_ms("1w")


def base_timeframe(timeframe: str) -> str:
    """Return the longest timeframe of Binance's that fills `timeframe`, itself if it is one. Raises UsageError."""
    length = timeframe_ms(timeframe)
    for native in reversed(NATIVE):
        part = timeframe_ms(native)
        # weeks are counted from Monday, all else from 1970-01-01, a Thursday: a week fills weeks only
        if length % part == 0 and (part < _MS_PER_WEEK or length % _MS_PER_WEEK == 0):
            return native
    raise UsageError(f"{timeframe} cannot be made of Binance's bars")


def bar_of_row(symbol: str, row: Sequence[Any], now_ms: int) -> LiveBar:
    """Return a bar of GET /api/v3/klines; it is closed once its end is past. Raises RetryableError if unreadable."""
    try:
        close_ts_ms = int(row[6]) + 1  # Binance names a bar's last millisecond
        return LiveBar(
            symbol=symbol,
            open_ts_ms=int(row[0]),
            close_ts_ms=close_ts_ms,
            open=float(row[1]),
            high=float(row[2]),
            low=float(row[3]),
            close=float(row[4]),
            volume=float(row[5]),
            closed=close_ts_ms <= now_ms,
        )
    except (LookupError, TypeError, ValueError) as error:
        raise RetryableError(f"{symbol}: Binance's kline cannot be read: {type(error).__name__} {error}") from None


def bar_of_event(symbol: str, event: Mapping[str, Any]) -> LiveBar:
    """Return the bar of a kline event. Raises RetryableError if it cannot be read."""
    try:
        kline = event["k"]
        if not isinstance(kline["x"], bool):
            raise TypeError(f"k.x is {kline['x']!r}")
        return LiveBar(
            symbol=symbol,
            open_ts_ms=int(kline["t"]),
            close_ts_ms=int(kline["T"]) + 1,
            open=float(kline["o"]),
            high=float(kline["h"]),
            low=float(kline["l"]),
            close=float(kline["c"]),
            volume=float(kline["v"]),
            closed=kline["x"],
        )
    except (LookupError, TypeError, ValueError) as error:
        raise RetryableError(f"{symbol}: Binance's kline cannot be read: {type(error).__name__} {error}") from None
