"""Bring a venue's past bars into the store: what is missing there, asked for once more where the venue left it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.data.bars import COLUMNS, StoredBars
from keel.data.calendars import calendar_timezone
from keel.data.sources.klines import NATIVE
from keel.data.store import BarStore
from keel.domain.errors import DataError, KeelError, UsageError
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK, timeframe_ms

Rows: TypeAlias = Sequence[Sequence[Any]]
"""Binance's klines, oldest first."""
PAGE: Final = 1000
"""Most rows of one answer."""
_BATCH: Final = 50 * PAGE
"""Rows that are kept before they are stored together: each store writes the instrument's file anew."""
_MONDAY_MS: Final = 4 * MS_PER_DAY
"""The first Monday after 1970-01-01, a Thursday: weeks are counted from it."""
_ROW: Final = ("open", "high", "low", "close", "volume")


class Klines(Protocol):
    """Ask for Binance's klines of one symbol and timeframe. Raises RetryableError where there is no answer now."""

    async def between(self, start_ms: int, end_ms: int) -> Rows:
        """Return those that open in [start_ms, end_ms), at most `PAGE`."""

    async def newest(self) -> Rows:
        """Return the one that is open now, or none."""


@dataclass(frozen=True, slots=True)
class Span:
    """Hold a run of bars in a row that are missing: the first opens at `start_ms`, the last closes at `end_ms`."""

    start_ms: int
    end_ms: int
    bars: int


@dataclass
class Fetched:
    """Tell what became of one symbol: rows added, gaps that the venue itself has, and why it ended early, if it did."""

    symbol: str
    timeframe: str
    added: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    gaps: list[Span] = field(default_factory=list)
    failure: str | None = None


@dataclass
class History:
    """Fetch the bars of one instrument that open in [start_ms, end_ms) and are over.

    What is stored is not asked for again, so a run goes on where the last one ended, whatever ended it; `tick` is told
    how many bars of the span asked for are done with. Bars are stored every few pages, and when a run is cut short.
    """

    store: BarStore
    instrument_id: InstrumentId
    timeframe: str
    feed: str
    klines: Klines
    tick: Callable[[int], None]
    _rows: list[Sequence[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.timeframe not in NATIVE:
            raise UsageError(
                f"--timeframe {self.timeframe}: Binance gives {', '.join(NATIVE)}: fetch one of these that fills it, "
                "then make longer bars of them: python scripts/resample_bars.py --help"
            )

    async def run(self, start_ms: int, end_ms: int) -> Fetched:
        """Fetch what is missing, ask once more for what the venue left out, and tell which gaps stay.

        A failure is in what is returned, none is raised but an interrupt; then what has come is stored.
        """
        done = Fetched(self.instrument_id.symbol, self.timeframe)
        try:
            end_ms = min(end_ms, await self._open_bar_ms())
            for span in self.missing(start_ms, end_ms):
                await self._fetch(span, done)
            self._save(done)
            for span in self.holes(start_ms, end_ms):
                await self._fetch(span, done)
        except KeelError as error:
            done.failure = str(error)
        finally:  # an interrupt, too, keeps what came before
            self._save_quietly(done)
        self._look(done, start_ms, end_ms)
        return done

    def missing(self, start_ms: int, end_ms: int) -> list[Span]:
        """Return what the store lacks of the bars that open in [start_ms, end_ms), oldest first."""
        return list(_runs(self._grid(start_ms, end_ms), self._stored(), self._length_ms))

    def holes(self, start_ms: int, end_ms: int) -> list[Span]:
        """Return what the store lacks between its first and last bar of the span."""
        stored = self._stored()
        inside = stored[(stored >= start_ms) & (stored < end_ms)]
        return self.missing(int(inside[0]), int(inside[-1]) + 1) if len(inside) else []

    async def _open_bar_ms(self) -> int:
        """Return where the newest bar opened: it is not over yet, by the venue's market, whatever our clock says."""
        rows = await self.klines.newest()
        if not rows:
            raise DataError(f"{self.instrument_id}: the venue has no {self.timeframe} bars of it")
        return int(rows[-1][0])

    async def _fetch(self, span: Span, done: Fetched) -> None:
        at_ms = span.start_ms
        while at_ms < span.end_ms:
            rows = await self.klines.between(at_ms, span.end_ms)
            fresh = [row for row in rows if at_ms <= int(row[0]) < span.end_ms]
            self._rows += fresh
            full = len(rows) >= PAGE and bool(fresh)
            until_ms = int(fresh[-1][0]) + self._length_ms if full else span.end_ms
            self.tick((until_ms - at_ms) // self._length_ms)
            at_ms = until_ms
            if len(self._rows) >= _BATCH:
                self._save(done)

    def _save(self, done: Fetched) -> None:
        rows, self._rows = self._rows, []
        if rows:
            done.added += self.store.append(self._bars(rows))

    def _save_quietly(self, done: Fetched) -> None:
        try:
            self._save(done)
        except KeelError as error:
            done.failure = done.failure or str(error)

    def _look(self, done: Fetched, start_ms: int, end_ms: int) -> None:
        stored = self._stored()
        inside = stored[(stored >= start_ms) & (stored < end_ms)]
        if len(inside):
            done.first_ms, done.last_ms = int(inside[0]), int(inside[-1]) + self._length_ms
        if done.failure is None:
            done.gaps = self.holes(start_ms, end_ms)

    def _bars(self, rows: Sequence[Sequence[Any]]) -> StoredBars:
        try:
            opens = np.array([int(row[0]) for row in rows], np.int64)
            columns: dict[str, Any] = {"open_ts_ms": opens, "close_ts_ms": opens + self._length_ms}
            columns |= {name: np.array([float(row[at]) for row in rows]) for at, name in enumerate(_ROW, start=1)}
            columns["trade_count"] = np.array([int(row[8]) for row in rows], np.int64)
            columns["taker_buy_volume"] = np.array([float(row[9]) for row in rows])
        except (LookupError, TypeError, ValueError) as error:
            what = f"{type(error).__name__} {error}"
            raise DataError(f"{self.instrument_id}: the venue's bars cannot be read: {what}") from None
        table = pl.DataFrame({name: columns[name] for name in self._columns()})
        zone = calendar_timezone(ROUND_THE_CLOCK)
        return StoredBars(self.instrument_id, self.timeframe, self.feed, "raw", ROUND_THE_CLOCK, zone, table)

    def _columns(self) -> list[str]:
        """Return the columns the store's file has, all where there is none yet: one file has the same in every row."""
        if not self.store.exists(self.instrument_id, self.timeframe):
            return list(COLUMNS)
        return self.store.describe(self.instrument_id, self.timeframe).table.columns

    def _stored(self) -> NDArray[np.int64]:
        if not self.store.exists(self.instrument_id, self.timeframe):
            return np.zeros(0, np.int64)
        closes = self.store.open(self.instrument_id, self.timeframe).closes()
        return closes - self._length_ms

    def _grid(self, start_ms: int, end_ms: int) -> NDArray[np.int64]:
        length = self._length_ms
        origin = _MONDAY_MS if length > MS_PER_DAY else 0
        first = start_ms + (origin - start_ms) % length
        return np.arange(first, end_ms, length, dtype=np.int64)

    @property
    def _length_ms(self) -> int:
        return timeframe_ms(self.timeframe)


def _runs(grid: NDArray[np.int64], stored: NDArray[np.int64], length_ms: int) -> Iterator[Span]:
    lacking = grid[~np.isin(grid, stored)]
    if not len(lacking):
        return
    breaks = np.flatnonzero(np.diff(lacking) != length_ms)
    starts, ends = np.append(0, breaks + 1), np.append(breaks, len(lacking) - 1)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield Span(int(lacking[start]), int(lacking[end]) + length_ms, end - start + 1)
