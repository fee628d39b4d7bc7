"""The market that is replayed: how far it has come, its prices now, and its bars of every length so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.data.bars import StoredBars
from keel.data.resample import resample
from keel.domain.errors import DataError, UsageError
from keel.domain.instrument import InstrumentId
from keel.domain.layout import BAR_PRESENT
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK, timeframe_ms
from keel.practice.bar_path import walk

INTERVALS: Final = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w")
"""The exchange's bar lengths that are counted in milliseconds; 1s and 1M are not made here."""
_COLUMNS: Final = ("open_ts_ms", "close_ts_ms", "open", "high", "low", "close", "volume")
_MONDAY_MS: Final = -3 * MS_PER_DAY


@dataclass(frozen=True, slots=True)
class Candle:
    """Hold a bar as far as it has come: [open_ts_ms, close_ts_ms), prices, base volume; `closed` says it is over."""

    open_ts_ms: int
    close_ts_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    closed: bool


Columns = dict[str, NDArray[Any]]


class Market:
    """Hold the bars, BAR (rows, N), and the place in them: `row` is the next to play, what lies before is over."""

    def __init__(
        self, bars: NDArray[np.void], symbols: Sequence[str], timeframe: str, ticks: Sequence[Decimal], row: int
    ) -> None:
        self.bars, self.timeframe, self.first_row, self.row = bars, timeframe, row, row
        self.now_ms = int(bars["close_ts_ms"][row - 1].max())
        self.names = tuple(symbol.replace("/", "") for symbol in symbols)
        self._assets = tuple(symbol.split("/") for symbol in symbols)
        self._ticks = tuple(float(tick) for tick in ticks)
        self._series: dict[tuple[int, str], Columns] = {}

    def find(self, name: str) -> int | None:
        """Return the place of a symbol by the exchange's name, such as BTCUSDT; None for one that is not here."""
        return self.names.index(name) if name in self.names else None

    def assets(self, i: int) -> tuple[str, str]:
        """Return base and quote asset of an instrument."""
        return self._assets[i][0], self._assets[i][1]

    @property
    def is_over(self) -> bool:
        """Say whether every bar has been played."""
        return self.row >= len(self.bars)

    @property
    def row_end_ms(self) -> int:
        """Return when the row in play ends."""
        return int(self.bars["close_ts_ms"][self.row].max())

    def intervals(self) -> tuple[str, ...]:
        """Return the lengths of bars that can be told: the replayed one and its multiples."""
        part = timeframe_ms(self.timeframe)
        return tuple(one for one in INTERVALS if timeframe_ms(one) % part == 0)

    def last_price(self, i: int) -> float:
        """Return the newest price of an instrument, on its tick."""
        bar = self._open_part(i)
        if bar is not None:
            return self.on_tick(i, bar.close)
        columns = self._closed(i, self.timeframe)
        n = int(np.searchsorted(columns["close_ts_ms"], self.now_ms, "right"))
        return float(columns["close"][n - 1]) if n else float(columns["open"][0])

    def on_tick(self, i: int, price: float) -> float:
        """Return the price on the instrument's grid that is nearest."""
        tick = self._ticks[i]
        return price if tick == 0 else round(price / tick) * tick

    def candles(self, i: int, interval: str, start_ms: int | None, end_ms: int | None, limit: int) -> list[Candle]:
        """Return bars that open in [start_ms, end_ms], oldest first; the one that is open now is the last of all."""
        columns = self._closed(i, interval)
        n = int(np.searchsorted(columns["close_ts_ms"], self.now_ms, "right"))
        found = [_candle(columns, at) for at in self._within(columns["open_ts_ms"][:n], start_ms, end_ms, limit)]
        opened = self.open_candle(i, interval)
        if opened is None or (end_ms is not None and opened.open_ts_ms > end_ms):
            return found
        if start_ms is None:
            return [*found, opened][-limit:]
        return [*found, opened][:limit] if opened.open_ts_ms >= start_ms else found

    @staticmethod
    def _within(opens: NDArray[np.int64], start_ms: int | None, end_ms: int | None, limit: int) -> range:
        first = 0 if start_ms is None else int(np.searchsorted(opens, start_ms, "left"))
        last = len(opens) if end_ms is None else int(np.searchsorted(opens, end_ms, "right"))
        if start_ms is None:
            first = max(first, last - limit)
        return range(first, min(last, first + limit))

    def closing(self, i: int, interval: str) -> Candle | None:
        """Return the bar of a length that closes at this moment, if one does."""
        columns = self._closed(i, interval)
        at = int(np.searchsorted(columns["close_ts_ms"], self.now_ms, "left"))
        if at < len(columns["close_ts_ms"]) and columns["close_ts_ms"][at] == self.now_ms:
            return _candle(columns, at)
        return None

    def open_candle(self, i: int, interval: str) -> Candle | None:
        """Return the bar of a length that is open now, as far as it has come; None where nothing has come yet."""
        length = timeframe_ms(interval)
        origin = _MONDAY_MS if length % (7 * MS_PER_DAY) == 0 else 0
        opened = (self.now_ms - origin) // length * length + origin
        part, columns = self._open_part(i), self._closed(i, self.timeframe)
        first = int(np.searchsorted(columns["open_ts_ms"], opened, "left"))
        last = int(np.searchsorted(columns["close_ts_ms"], self.now_ms, "right"))
        over = {name: columns[name][first:last] for name in ("open", "high", "low", "close", "volume")}
        if part is not None:
            over = {name: np.append(values, getattr(part, name)) for name, values in over.items()}
        if not len(over["open"]):
            return None
        return Candle(
            open_ts_ms=opened,
            close_ts_ms=opened + length,
            open=float(over["open"][0]),
            high=float(over["high"].max()),
            low=float(over["low"].min()),
            close=float(over["close"][-1]),
            volume=float(over["volume"].sum()),
            closed=False,
        )

    def _open_part(self, i: int) -> Candle | None:
        """Return the replayed bar as far as it has come, None at its start or where there is none."""
        if self.is_over:
            return None
        bar = self.bars[self.row, i]
        opened, closes = int(bar["open_ts_ms"]), int(bar["close_ts_ms"])
        if not bar["flags"] & BAR_PRESENT or not opened < self.now_ms < closes:
            return None
        fraction = (self.now_ms - opened) / (closes - opened)
        point, volume = walk(bar, fraction), float(bar["volume"]) * fraction
        prices = (float(bar["open"]), point.high, point.low, point.price)
        first, high, low, last = (self.on_tick(i, price) for price in prices)
        return Candle(opened, closes, first, high, low, last, volume, closed=False)

    def _closed(self, i: int, interval: str) -> Columns:
        """Return all bars of a length, those to come too: who reads them stops at `now_ms`."""
        if (i, interval) not in self._series:
            self._series[i, interval] = self._make(i, interval)
        return self._series[i, interval]

    def _make(self, i: int, interval: str) -> Columns:
        column = self.bars[:, i]
        there = column[column["flags"] & BAR_PRESENT != 0]
        own = {name: np.ascontiguousarray(there[name]) for name in _COLUMNS}
        if interval == self.timeframe:
            return own
        name = InstrumentId("practice", "/".join(self._assets[i]))
        bars = StoredBars(name, self.timeframe, "practice", "raw", ROUND_THE_CLOCK, "UTC", pl.DataFrame(own))
        try:
            table = resample(bars, interval).table
        except (DataError, UsageError):  # no bar of that length is whole
            return {name: own[name][:0] for name in _COLUMNS}
        return {name: table[name].to_numpy() for name in _COLUMNS}


def _candle(columns: Columns, at: int) -> Candle:
    first, high, low, last, volume = (float(columns[name][at]) for name in ("open", "high", "low", "close", "volume"))
    opened, closes = int(columns["open_ts_ms"][at]), int(columns["close_ts_ms"][at])
    return Candle(opened, closes, first, high, low, last, volume, closed=True)
