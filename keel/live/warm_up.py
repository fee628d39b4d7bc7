"""The bars before the first decision: history to look back on, and the rows that closed while nobody was there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from keel.data.feed import BarFeed
from keel.domain.clock import Clock
from keel.domain.errors import DataError
from keel.domain.layout import BAR_PRESENT, EVENT
from keel.domain.venue_messages import LiveBar
from keel.journal.entries import HistorySeen
from keel.live.decider import BarHistory
from keel.live.recovery import Resumable
from keel.live.rows import BarGate, bar_records
from keel.sim.local import LocalDesk
from keel.sim.room import Records

_ROWS_A_PAGE: Final = 900
_COLUMNS: Final = ("open_ts_ms", "close_ts_ms", "open", "high", "low", "close", "volume")


class Watcher(Protocol):
    """Be somebody whose volatility begins before the run does."""

    def watch_row(self, bars: Records) -> None:
        """Let a row, BAR (N,), pass."""


class Market(Watcher, Protocol):
    """Be the market of a dry run."""

    def play_row(self, bars: Records) -> Records:
        """Play a row, BAR (N,); return the EVENT records of the account."""


@dataclass(frozen=True)
class Warm:
    """Hold the last close booked, how many rows there are to look back on, and those the journal has not yet."""

    close_ts_ms: int
    rows: int
    unseen: tuple[HistorySeen, ...]


@dataclass
class WarmUp:
    """Fetch history for one run and bring gate, history and desk up to the newest closed bar."""

    feed: BarFeed
    clock: Clock
    symbols: tuple[str, ...]
    timeframe_ms: int
    bars: int
    history: BarHistory
    desk: LocalDesk
    gate: BarGate
    resumable: Resumable
    market: Market | None = None

    async def run(self) -> Warm:
        """Return what there is to look back on. Raises RetryableError, DataError where there is nothing."""
        closes = self.gate.closes
        newest_close_ms = closes.latest(self.clock.now_ms())
        first_ms = closes.before(newest_close_ms, self.bars)
        if self.resumable.close_ts_ms:
            first_ms = min(first_ms, closes.opening_of(self.resumable.close_ts_ms))
        rows = await self._fetch(first_ms, newest_close_ms)
        if not rows:
            raise DataError(f"the feed has no closed bar of {', '.join(self.symbols)} before now: check data.timeframe")
        known_ms = self.resumable.close_ts_ms
        for close_ts_ms, bars in rows:
            self._take(close_ts_ms, bars)
        self.gate.begin_after(rows[-1][0])
        for symbol, bars in zip(self.symbols, rows[-1][1], strict=True):
            if bars["close"] > 0.0:
                self.gate.note_price(symbol, float(bars["close"]), self.clock.now_ms())
        return Warm(rows[-1][0], len(rows), self._unseen([bars for close, bars in rows if close > known_ms]))

    def _unseen(self, rows: Sequence[Records]) -> tuple[HistorySeen, ...]:
        """Return the rows that the journal has not, by symbol."""
        found = []
        for i, symbol in enumerate(self.symbols):
            bars = [row[i] for row in rows if row[i]["flags"] & BAR_PRESENT]
            columns = {name: tuple(float(bar[name]) for bar in bars) for name in _COLUMNS}
            found.append(HistorySeen(symbol, columns))
        return tuple(one for one in found if one.columns["close"])

    async def _fetch(self, first_ms: int, newest_close_ms: int) -> Sequence[tuple[int, Records]]:
        found: dict[int, dict[str, LiveBar]] = {}
        page_ms = _ROWS_A_PAGE * self.timeframe_ms
        for start_ms in range(first_ms, newest_close_ms, page_ms):
            end_ms = min(start_ms + page_ms, newest_close_ms)
            for symbol in self.symbols:  # one after another over the same time: a feed may answer for all at once
                for bar in await self.feed.bars(symbol, start_ms, end_ms):
                    if bar.closed and bar.close_ts_ms <= newest_close_ms:
                        found.setdefault(bar.close_ts_ms, {})[symbol] = bar
        return [(close, self._row(close, found[close])) for close in sorted(found)]

    def _row(self, close_ts_ms: int, bars: Mapping[str, LiveBar]) -> Records:
        return bar_records(bars.values(), self.symbols, close_ts_ms, self.gate.closes)

    def _take(self, close_ts_ms: int, bars: Records) -> None:
        """Take a row: before the run it is watched; of a run that goes on, what was missed is booked."""
        self.history.append(bars)
        if not self.resumable.close_ts_ms:
            self.desk.watch_row(bars)
            if self.market is not None:
                self.market.watch_row(bars)
        elif close_ts_ms > self.resumable.close_ts_ms:
            self._catch_up(bars)
            self.resumable.close_ts_ms = close_ts_ms

    def _catch_up(self, bars: Records) -> None:
        if self.market is not None:
            for event in self.market.play_row(bars):
                self.desk.hear(np.array([event], EVENT))
        self.desk.close_row(bars, int(bars[0]["close_ts_ms"]))
