"""Bars of every length as Alpaca tells them, made from those that are replayed; there is none where nothing traded.

Source: https://docs.alpaca.markets/reference/stockbars
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.layout import BAR_PRESENT
from keel.domain.timeframe import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, timeframe_ms
from keel.practice.alpaca.assets import Asset
from keel.practice.alpaca.hours import Hours
from keel.practice.alpaca.refusals import Refusal
from keel.practice.alpaca.spelling import moment
from keel.practice.market import Market

_LENGTH: Final = re.compile(r"(\d{1,2})(Min|T|Hour|H|Day|D)")
_UNITS: Final = {"Min": MS_PER_MINUTE, "T": MS_PER_MINUTE, "Hour": MS_PER_HOUR, "H": MS_PER_HOUR}
_TRADES_A_BAR: Final = 4


@dataclass(frozen=True, slots=True)
class Series:
    """Hold bars of one asset and length, those to come too: arrays of one length, times in UTC milliseconds."""

    stamp_ms: NDArray[np.int64]
    end_ms: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def told(self, at: int, *, whole: bool) -> dict[str, Any]:
        """Return a bar as the wire has it; volumes of stocks are whole."""
        volume, middle = float(self.volume[at]), (float(self.high[at]) + float(self.low[at])) / 2
        return {
            "t": int(self.stamp_ms[at]),
            "o": float(self.open[at]),
            "h": float(self.high[at]),
            "l": float(self.low[at]),
            "c": float(self.close[at]),
            "v": round(volume) if whole else volume,
            "n": _TRADES_A_BAR,
            "vw": middle,
        }


class Bars:
    """Hold the bars of a market by asset and length."""

    def __init__(self, market: Market, hours: Hours) -> None:
        self._market, self._hours = market, hours
        self._made: dict[tuple[int, str], Series] = {}

    def newest(self, asset: Asset, length: str | None = None) -> dict[str, Any] | None:
        """Return the bar of a length that closed last, None before the first."""
        series = self._series(asset, length or self._market.timeframe)
        n = self._over(series)
        return series.told(n - 1, whole=not asset.is_crypto) if n else None

    def closing(self, asset: Asset) -> dict[str, Any] | None:
        """Return the replayed bar that closes at this moment, if one does."""
        series = self._series(asset, self._market.timeframe)
        n = self._over(series)
        if n and series.end_ms[n - 1] == self._market.now_ms:
            return series.told(n - 1, whole=not asset.is_crypto)
        return None

    def day_so_far(self, asset: Asset) -> dict[str, Any] | None:
        """Return the bar of the day that is on, as far as it has come."""
        series = self._series(asset, self._market.timeframe)
        n = self._over(series)
        start = self._day_start_ms(asset, self._market.now_ms - 1)
        first = int(np.searchsorted(series.end_ms[:n], start, "right"))
        if first == n:
            return None
        part = slice(first, n)
        day = Series(
            stamp_ms=np.array([start]),
            end_ms=series.end_ms[n - 1 : n],
            open=series.open[first : first + 1],
            high=series.high[part].max(keepdims=True),
            low=series.low[part].min(keepdims=True),
            close=series.close[n - 1 : n],
            volume=series.volume[part].sum(keepdims=True),
        )
        return day.told(0, whole=not asset.is_crypto)

    def between(self, asset: Asset, length: str, start_ms: int, end_ms: int) -> list[dict[str, Any]]:
        """Return bars that are over and begin in [start_ms, end_ms], oldest first."""
        series = self._series(asset, length)
        n = self._over(series)
        first = int(np.searchsorted(series.stamp_ms[:n], start_ms, "left"))
        last = int(np.searchsorted(series.stamp_ms[:n], end_ms, "right"))
        return [series.told(at, whole=not asset.is_crypto) for at in range(first, last)]

    def last_of_day_before(self, asset: Asset, ts_ms: int) -> float | None:
        """Return the last close of the day before that of a moment, None where no bar is so old."""
        series = self._series(asset, "1Day")
        today = self._day_start_ms(asset, ts_ms)
        n = int(np.searchsorted(series.stamp_ms, today, "left"))
        return float(series.close[n - 1]) if n else None

    def _over(self, series: Series) -> int:
        return int(np.searchsorted(series.end_ms, self._market.now_ms, "right"))

    def _series(self, asset: Asset, length: str) -> Series:
        key = (asset.place, length)
        if key not in self._made:
            self._made[key] = self._make(asset, length)
        return self._made[key]

    def _make(self, asset: Asset, length: str) -> Series:
        column = self._market.bars[:, asset.place]
        there = column[column["flags"] & BAR_PRESENT != 0]
        opens, closes = there["open_ts_ms"].astype(np.int64), there["close_ts_ms"].astype(np.int64)
        stamps, ends = self._groups(asset, length, opens, closes)
        if not len(stamps):
            return Series(stamps, ends, *(there[name] for name in ("open", "high", "low", "close", "volume")))
        first = np.flatnonzero(np.append(True, stamps[1:] != stamps[:-1]))
        last = np.append(first[1:], len(stamps)) - 1
        return Series(
            stamp_ms=stamps[first],
            end_ms=ends[last],
            open=there["open"][first],
            high=np.maximum.reduceat(there["high"], first),
            low=np.minimum.reduceat(there["low"], first),
            close=there["close"][last],
            volume=np.add.reduceat(there["volume"], first),
        )

    def _groups(
        self, asset: Asset, length: str, opens: NDArray[np.int64], closes: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return of each bar when the bar of a length that it is in begins, and ends."""
        if length == self._market.timeframe and not self._is_daily:
            return opens, closes
        unit = self._length_ms(length)
        if unit is not None:
            stamps = opens // unit * unit
            return stamps, stamps + unit if asset.is_crypto else np.maximum(closes, stamps + unit)
        stamps = np.array([self._day_start_ms(asset, int(one)) for one in opens], dtype=np.int64)
        return stamps, closes if self._is_daily else self._day_ends(asset, closes)

    @property
    def _is_daily(self) -> bool:
        return timeframe_ms(self._market.timeframe) >= MS_PER_DAY

    def _length_ms(self, length: str) -> int | None:
        """Return a length below a day, None for a day. Refuses what cannot be made of the replayed bars."""
        if length == self._market.timeframe:
            return None
        found = _LENGTH.fullmatch(length)
        if found is None:
            raise Refusal(400, None, f"invalid timeframe: {length}")
        if found[2] in ("Day", "D"):
            if found[1] != "1":
                raise Refusal(400, None, f"invalid timeframe: {length}")
            return None
        unit = int(found[1]) * _UNITS[found[2]]
        if unit % timeframe_ms(self._market.timeframe):
            raise Refusal(400, None, f"invalid timeframe: {length} is not made of {self._market.timeframe} here")
        return unit

    def _day_start_ms(self, asset: Asset, ts_ms: int) -> int:
        if asset.is_crypto:
            return ts_ms // MS_PER_DAY * MS_PER_DAY
        local = self._hours.local(ts_ms)
        return round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)

    def _day_ends(self, asset: Asset, closes: NDArray[np.int64]) -> NDArray[np.int64]:
        if asset.is_crypto:
            return (closes - 1) // MS_PER_DAY * MS_PER_DAY + MS_PER_DAY
        return np.array([self._hours.session_at(int(one) - 1).close_ts_ms for one in closes], dtype=np.int64)


def as_rest(bar: dict[str, Any]) -> dict[str, Any]:
    """Return a bar with its time written out."""
    return bar | {"t": moment(bar["t"])}
