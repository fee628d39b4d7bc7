"""Stored bars as the arrays the simulator runs on (`keel.domain.layout.BAR`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.data.bars import BarSource, StoredBars
from keel.data.quality.known_sessions import known_sessions
from keel.data.session_flags import BETWEEN_SESSIONS, session_flags
from keel.data.zone import days, local_ms, minutes_of_week
from keel.domain.errors import DataError
from keel.domain.layout import BAR, BAR_CLOSES_SESSION, BAR_ENDS_DAY, BAR_PRESENT
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK, timeframe_ms

_PRICES: Final = ("open", "high", "low", "close")
_BLOCK: Final = 1 << 16
"""Rows of missing bars handled at once: the steps between stay in cache and out of the memory peak."""
_DAYS_AROUND: Final = 31
"""Days before and after the rows whose sessions are looked at: no market rests longer."""
_RECORD: Final = np.dtype((np.void, BAR.itemsize))
Columns: TypeAlias = dict[str, NDArray[np.float64]]
_Place: TypeAlias = slice | NDArray[np.intp]


def align(bars: Sequence[BarSource]) -> NDArray[Any]:
    """Lay bars of several instruments side by side: BAR records (rows, instruments), C-contiguous.

    A row is one close: rows are the sorted union of `close_ts_ms`, whatever the calendars. `day` is days since
    1970-01-01 and `minute_of_week` counts from Monday 00:00, of the bar's open in its own zone. An instrument without
    that bar has NaN prices, volume 0 and no BAR_PRESENT; it carries the row's last millisecond and that moment's day,
    in its own zone. BAR_ENDS_DAY is on the last row of a day in which any instrument of the same calendar and zone has
    a bar, for all of them; on their very last row only if it closes at midnight in the zone or the calendar is not
    24/7, because a round the clock day that is cut short has not ended. The flags of rule 29 are on every record of a
    calendar that is not 24/7. The bars are read twice, piece by piece, so the
    array is all that is held. Raises DataError for bars that one run cannot hold.
    """
    headers = [one.header for one in bars]
    _refuse_mixture(headers)
    rows = _union([one.closes() for one in bars])
    out = np.zeros((rows.size, len(bars)), dtype=BAR)
    for i, one in enumerate(bars):
        _lay(out[:, i], one, rows)
    del rows
    clocks = [(one.calendar, one.timezone) for one in headers]
    for clock in dict.fromkeys(clocks):
        members = [i for i, its in enumerate(clocks) if its == clock]
        _mark_day_ends(out, members, *clock)
        _mark_sessions(out, members, clock[0], timeframe_ms(headers[0].timeframe))
    return out


def align_columns(bars: Sequence[BarSource], names: Sequence[str], closes: NDArray[np.int64]) -> Columns:
    """Lay further columns of stored bars beside the array of `align`, whose rows close at these times, by name.

    Each is float64 (rows, instruments), NaN where the instrument has no bar. Raises DataError, naming the instrument,
    where its bars were stored without the column.
    """
    found = {name: np.full((len(closes), len(bars)), np.nan) for name in names}
    for i, one in enumerate(bars if names else ()):
        for name in names:
            if name not in one.header.table.columns:
                raise DataError(
                    f"{one.header.instrument_id}: its bars were stored without {name}: import them from a source that "
                    "has it, or remove the feature that needs it"
                )
        for piece in one.pieces():
            rows = np.searchsorted(closes, piece["close_ts_ms"].to_numpy())
            for name in names:
                found[name][rows, i] = piece[name].cast(pl.Float64).to_numpy()
    return found


def fine_bars(bars: Sequence[BarSource]) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Lay bars one instrument after another: BAR records (all bars,), and where each instrument starts and ends.

    Each instrument's part is sorted by time. Days are those of the zone the bars are stored with; no
    BAR_ENDS_DAY is set: the coarser bars decide the day. Raises DataError if there is none.
    """
    if not bars:
        raise DataError("there are no bars: name at least one symbol")
    counts = np.array([one.closes().size for one in bars], dtype=np.int64)
    ends = np.cumsum(counts)
    out = np.zeros(int(ends[-1]), dtype=BAR)
    for one, start in zip(bars, ends - counts, strict=True):
        at = int(start)
        for piece in one.pieces():
            _fill(out, slice(at, at + piece.height), piece, one.header.timezone)
            at += piece.height
    return out, ends - counts, ends


def _refuse_mixture(bars: Sequence[StoredBars]) -> None:
    if not bars:
        raise DataError("there are no bars: name at least one symbol")
    first, names = bars[0], [one.instrument_id for one in bars]
    for one in bars[1:]:
        if one.timeframe != first.timeframe:
            raise DataError(
                f"{one.instrument_id} has timeframe {one.timeframe}, {first.instrument_id} has {first.timeframe}: "
                f"one run takes one timeframe"
            )
    if len(set(names)) < len(names):
        raise DataError(f"{', '.join(map(str, names))}: an instrument stands twice in the list; name it once")


def _union(closes: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    if all(np.array_equal(one, closes[0]) for one in closes[1:]):
        return closes[0]
    merged = np.concatenate(closes)
    merged.sort(kind="stable")  # runs that are sorted already: a merge, many times faster than np.unique
    once: NDArray[np.int64] = merged[np.append(True, merged[1:] != merged[:-1])]
    return once


def _lay(column: NDArray[Any], bars: BarSource, rows: NDArray[np.int64]) -> None:
    timezone, laid = bars.header.timezone, 0
    for piece in bars.pieces():
        _fill(column, _places(rows, piece["close_ts_ms"].to_numpy()), piece, timezone)
        laid += piece.height
    if laid < rows.size:
        _fill_absent(column, rows, timezone)


def _places(rows: NDArray[np.int64], closes: NDArray[np.int64]) -> _Place:
    first = int(np.searchsorted(rows, closes[0]))
    together = slice(first, first + closes.size)
    return together if np.array_equal(rows[together], closes) else np.searchsorted(rows, closes)


def _fill(out: NDArray[Any], at: _Place, piece: pl.DataFrame, timezone: str) -> None:
    records = np.empty(piece.height, dtype=BAR)
    for name in (*_PRICES, "volume", "open_ts_ms", "close_ts_ms"):
        records[name] = piece[name].to_numpy()
    local = local_ms(piece["open_ts_ms"].to_numpy(), timezone)
    records["day"], records["minute_of_week"] = days(local), minutes_of_week(local)
    records["flags"] = BAR_PRESENT
    # whole records: an instrument's bars lie apart, and each of its cache lines is touched once
    out.view(_RECORD)[at] = records.view(_RECORD)


def _fill_absent(column: NDArray[Any], rows: NDArray[np.int64], timezone: str) -> None:
    for start in range(0, rows.size, _BLOCK):
        part = column[start : start + _BLOCK]
        absent = np.flatnonzero(part["flags"] & BAR_PRESENT == 0)
        closes = rows[start : start + _BLOCK][absent]
        local = local_ms(closes - 1, timezone)
        part["open_ts_ms"][absent], part["close_ts_ms"][absent] = closes - 1, closes
        part["day"][absent], part["minute_of_week"][absent] = days(local), minutes_of_week(local)
        for name in _PRICES:
            part[name][absent] = np.nan
    # A bar that opened on the day before such a row's day must not take the days back.
    np.maximum.accumulate(column["day"], out=column["day"])


def _mark_day_ends(out: NDArray[Any], members: Sequence[int], calendar: str, timezone: str) -> None:
    """Mark the rows that end a day of one calendar, on the records of the instruments that have it."""
    day, at = _days_with_bars(out, members)
    ends = np.flatnonzero(day[1:] != day[:-1])
    last_close = out["close_ts_ms"][-1 if at is None else at[-1], :1]
    if calendar != ROUND_THE_CLOCK or local_ms(np.array(last_close), timezone)[0] % MS_PER_DAY == 0:
        ends = np.append(ends, day.size - 1)
    out["flags"][np.ix_(ends if at is None else at[ends], np.array(members))] |= BAR_ENDS_DAY


def _mark_sessions(out: NDArray[Any], members: Sequence[int], calendar: str, length_ms: int) -> None:
    if calendar == ROUND_THE_CLOCK:
        return
    closes = np.ascontiguousarray(out["close_ts_ms"][:, members[0]])
    if length_ms < MS_PER_DAY:
        days = (int(closes[0]) // MS_PER_DAY - _DAYS_AROUND, int(closes[-1]) // MS_PER_DAY + _DAYS_AROUND)
        found = session_flags(closes, length_ms, known_sessions(calendar, *days))
    else:
        there = (out["flags"][:, members] & BAR_PRESENT != 0).any(axis=1)
        found = np.where(there, BAR_CLOSES_SESSION, BETWEEN_SESSIONS).astype(np.int16)
    for i in members:
        out["flags"][:, i] |= found


def _days_with_bars(out: NDArray[Any], members: Sequence[int]) -> tuple[NDArray[np.int32], NDArray[np.intp] | None]:
    """Return the day of each row in which any of the instruments has a bar, and those rows (None = all)."""
    day = np.full(len(out), np.iinfo(np.int32).min, dtype=np.int32)
    for i in members:
        np.maximum(day, out["day"][:, i], out=day, where=out["flags"][:, i] & BAR_PRESENT != 0)
    there = day != np.iinfo(np.int32).min
    return (day, None) if there.all() else (day[there], np.flatnonzero(there))
