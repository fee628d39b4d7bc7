"""Longer live bars made of shorter ones as they come, by the same rules that make them of stored ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from keel.data.bars import REQUIRED_COLUMNS, StoredBars
from keel.data.resample import resample
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import ROUND_THE_CLOCK, timeframe_ms
from keel.domain.venue_messages import LiveBar

_MS_PER_WEEK: Final = timeframe_ms("1w")
_MONDAY_MS: Final = timeframe_ms("4d")
"""The first Monday after 1970-01-01, from which weeks are counted."""


class LongerBars:
    """Put one symbol's longer bar together from its parts.

    A longer bar is told as closed once all its parts have come and closed, in whatever order, and only then; a part
    that comes again after that changes nothing.
    """

    def __init__(self, symbol: str, base: str, timeframe: str) -> None:
        self._symbol = symbol
        self._base = base
        self._timeframe = timeframe
        self._length_ms = timeframe_ms(timeframe)
        self._n_parts = self._length_ms // timeframe_ms(base)
        self._parts: dict[int, dict[int, LiveBar]] = {}
        self._told_ms = -1

    def frame_ms(self, ts_ms: int) -> int:
        """Return the opening of the longer bar that a time falls into."""
        origin = _MONDAY_MS if self._length_ms % _MS_PER_WEEK == 0 else 0
        return ts_ms - (ts_ms - origin) % self._length_ms

    def add(self, part: LiveBar) -> list[LiveBar]:
        """Take a part, open or closed; return the longer bars that are to be told now."""
        frame = self.frame_ms(part.open_ts_ms)
        if frame <= self._told_ms:
            return []
        parts = self._parts.setdefault(frame, {})
        before = parts.get(part.open_ts_ms)
        if before is None or not before.closed:  # the first closed one counts
            parts[part.open_ts_ms] = part
        if len(parts) == self._n_parts and all(each.closed for each in parts.values()):
            return self._finished(frame)
        # parts from the first on without a gap: of any others the open bar would not be true
        complete = list(parts) and sorted(parts) == list(
            range(frame, frame + len(parts) * self._part_ms, self._part_ms)
        )
        return [self._open(frame, parts)] if complete and frame == max(self._parts) else []

    @property
    def _part_ms(self) -> int:
        return self._length_ms // self._n_parts

    def _finished(self, frame: int) -> list[LiveBar]:
        bar = whole_bars(self._symbol, self._base, self._timeframe, self._parts[frame].values())[0]
        self._told_ms = frame
        self._parts = {key: parts for key, parts in self._parts.items() if key > frame}
        return [bar]

    def _open(self, frame: int, parts: dict[int, LiveBar]) -> LiveBar:
        inside = [parts[key] for key in sorted(parts)]
        return LiveBar(
            symbol=self._symbol,
            open_ts_ms=frame,
            close_ts_ms=frame + self._length_ms,
            open=inside[0].open,
            high=max(each.high for each in inside),
            low=min(each.low for each in inside),
            close=inside[-1].close,
            volume=sum(each.volume for each in inside),
            closed=False,
        )


def whole_bars(symbol: str, base: str, timeframe: str, parts: Iterable[LiveBar]) -> list[LiveBar]:
    """Return the longer bars that closed parts fill, none with a part missing; by the rules of keel.data.resample."""
    ordered = sorted((part for part in parts if part.closed), key=lambda part: part.open_ts_ms)
    if not ordered:
        return []
    length_ms, part_ms = timeframe_ms(timeframe), timeframe_ms(base)
    origin = _MONDAY_MS if length_ms % _MS_PER_WEEK == 0 else 0
    frames: dict[int, list[LiveBar]] = {}
    for part in ordered:
        frames.setdefault(part.open_ts_ms - (part.open_ts_ms - origin) % length_ms, []).append(part)
    whole = [part for inside in frames.values() if len(inside) == length_ms // part_ms for part in inside]
    if not whole:
        return []
    made = resample(_stored(symbol, base, whole), timeframe).table
    return [LiveBar(symbol=symbol, closed=True, **row) for row in made.iter_rows(named=True)]


def _stored(symbol: str, base: str, parts: list[LiveBar]) -> StoredBars:
    columns = {name: [getattr(part, name) for part in parts] for name in REQUIRED_COLUMNS}
    return StoredBars(
        instrument_id=InstrumentId("binance", symbol),
        timeframe=base,
        feed="binance",
        price_kind="raw",
        calendar=ROUND_THE_CLOCK,
        timezone="UTC",
        table=pl.DataFrame(columns, schema=REQUIRED_COLUMNS),
    )
