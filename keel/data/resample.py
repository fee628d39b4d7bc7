"""Longer bars made of shorter ones, session by session, and only where all their parts are over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.data.bars import StoredBars, in_column_order
from keel.data.calendars import Sessions, sessions
from keel.data.zone import local_ms
from keel.domain.errors import DataError, UsageError
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK, timeframe_ms, utc_text

_MS_PER_WEEK: Final = 7 * MS_PER_DAY
_MONDAY_MS: Final = -3 * MS_PER_DAY
"""The Monday before 1970-01-01, a Thursday: weeks are counted from it."""
_Times: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Resampled:
    """Hold longer bars and what is to be told of them.

    `incomplete` bars lack `missing` of their parts between them. `unfinished` bars are not made: the first, where the
    shorter bars begin inside it, and the last, where they end inside it.
    """

    bars: StoredBars
    incomplete: int
    missing: int
    unfinished: int


@dataclass(frozen=True)
class _Frames:
    """Hold, for each longer bar that any part falls into: its key, open and close, and how many parts it can have."""

    first_part: NDArray[np.intp]
    open_ts_ms: _Times
    close_ts_ms: _Times
    parts: _Times


def resample(bars: StoredBars, timeframe: str) -> StoredBars:
    """Return bars of a larger timeframe: open of the first part, highest high, lowest low, close of the last, volumes.

    Round the clock, bars are counted from 1970-01-01 00:00 UTC, weeks from Monday. Within sessions, hours and minutes
    are counted from midnight in the calendar's zone and cut to the session, a day is a session, and a week lasts from
    its first session's open to its last one's close. A bar is made once a part that ends it, or any after its end, is
    there: what bars give up to a moment never changes later. The feed tells what the bars were made of. Raises
    UsageError for a timeframe these bars do not fill, DataError where a part reaches over the end of a longer bar or
    nothing is whole.
    """
    return resample_and_count(bars, timeframe).bars


def resample_and_count(bars: StoredBars, timeframe: str) -> Resampled:
    """Return what `resample` does, with the parts that are missing and the bars not made. Raises as it does."""
    _refuse_timeframe(bars, timeframe)
    opens, closes = bars.table["open_ts_ms"].to_numpy(), bars.table["close_ts_ms"].to_numpy()
    frames = _round_the_clock(opens, bars, timeframe) if _never_closes(bars) else _in_sessions(opens, bars, timeframe)
    _refuse_overlap(frames, bars, timeframe)
    ends = np.append(frames.first_part[1:], opens.size)
    whole = frames.close_ts_ms <= closes[-1]
    whole[0] &= opens[0] == frames.open_ts_ms[0]
    if not whole.any():
        raise DataError(
            f"{bars.instrument_id} {bars.timeframe}: no {timeframe} bar is whole between {utc_text(int(opens[0]))} and "
            f"{utc_text(int(closes[-1]))}; import more"
        )
    missing = np.maximum(frames.parts - (ends - frames.first_part), 0)[whole]
    table = _aggregate(bars, frames, whole)
    made = replace(bars, timeframe=timeframe, feed=f"{bars.feed} from {bars.timeframe}", table=table)
    return Resampled(made, int((missing > 0).sum()), int(missing.sum()), int((~whole).sum()))


def _never_closes(bars: StoredBars) -> bool:
    return bars.calendar == ROUND_THE_CLOCK


def _refuse_timeframe(bars: StoredBars, timeframe: str) -> None:
    short, long = timeframe_ms(bars.timeframe), timeframe_ms(timeframe)
    if long <= short or long % short:
        raise UsageError(f"{timeframe} bars cannot be made of {bars.timeframe} bars: choose a larger multiple of it")
    if _never_closes(bars):
        return
    if long < MS_PER_DAY and MS_PER_DAY % long:
        raise UsageError(f"{timeframe} does not divide a day: bars of {bars.calendar} cannot be that long")
    if long > MS_PER_DAY and long % _MS_PER_WEEK:
        raise UsageError(f"{timeframe}: sessions of {bars.calendar} are put together by weeks only, such as 1w")


def _round_the_clock(opens: _Times, bars: StoredBars, timeframe: str) -> _Frames:
    length = timeframe_ms(timeframe)
    origin = _MONDAY_MS if length % _MS_PER_WEEK == 0 else 0
    number = (opens - origin) // length
    first_part = _starts(number)
    frame_opens = number[first_part] * length + origin
    parts = np.full(first_part.size, length // timeframe_ms(bars.timeframe), dtype=np.int64)
    return _Frames(first_part, frame_opens, frame_opens + length, parts)


def _in_sessions(opens: _Times, bars: StoredBars, timeframe: str) -> _Frames:
    length, part = timeframe_ms(timeframe), timeframe_ms(bars.timeframe)
    # whole weeks around the bars, for a week's first and last session are those of the calendar
    margin = max(length, _MS_PER_WEEK) // MS_PER_DAY
    known = sessions(bars.calendar, int(opens[0] // MS_PER_DAY) - margin, int(opens[-1] // MS_PER_DAY) + margin)
    at = np.searchsorted(known.open_ts_ms, opens, side="right") - 1
    midnight = _midnights(known, bars.timezone)
    if length < MS_PER_DAY:
        number = (opens - midnight[at]) // length
        first_part = _starts(at, number)
        session, begin = at[first_part], midnight[at[first_part]] + number[first_part] * length
        frame_opens = np.maximum(begin, known.open_ts_ms[session])
        frame_closes = np.minimum(begin + length, known.close_ts_ms[session])
        return _Frames(
            first_part, frame_opens, frame_closes, _slots(frame_opens, frame_closes, midnight[session], part)
        )
    slots = _slots(known.open_ts_ms, known.close_ts_ms, midnight, part)
    week = (known.day * MS_PER_DAY - _MONDAY_MS) // length if length > MS_PER_DAY else known.day
    first_part = _starts(week[at])
    begin, end = (np.searchsorted(week, week[at[first_part]], side=side) for side in ("left", "right"))
    counted = np.concatenate([[0], np.cumsum(slots)])
    return _Frames(first_part, known.open_ts_ms[begin], known.close_ts_ms[end - 1], counted[end] - counted[begin])


def _midnights(known: Sessions, timezone: str) -> _Times:
    """Return the time at which each session's date began, by the clock that its open is read from."""
    return known.open_ts_ms - (local_ms(known.open_ts_ms, timezone) - known.day * MS_PER_DAY)


def _slots(opens: _Times, closes: _Times, midnight: _Times, part_ms: int) -> _Times:
    """Return how many parts, counted from midnight, have a share in each span; daily, a session is one."""
    if part_ms >= MS_PER_DAY:
        return np.ones(opens.size, dtype=np.int64)
    return -((midnight - closes) // part_ms) - (opens - midnight) // part_ms


def _starts(*numbers: NDArray[Any]) -> NDArray[np.intp]:
    """Return where any of the numbers differs from the row above."""
    changes = np.logical_or.reduce([number[1:] != number[:-1] for number in numbers])
    return np.flatnonzero(np.concatenate([[True], changes]))


def _refuse_overlap(frames: _Frames, bars: StoredBars, timeframe: str) -> None:
    closes = bars.table["close_ts_ms"].to_numpy()
    last_part = np.append(frames.first_part[1:], closes.size) - 1
    over = closes[last_part] > frames.close_ts_ms
    if over.any():
        row = int(last_part[over.argmax()])
        raise DataError(
            f"{bars.instrument_id} {bars.timeframe}: the bar of {utc_text(int(bars.table['open_ts_ms'][row]))} reaches "
            f"over the end of its {timeframe} bar: these bars were not counted from midnight; choose another timeframe"
        )


def _sums(bars: StoredBars, name: str, frames: _Frames) -> NDArray[Any]:
    parts = bars.table[name].to_numpy()
    with np.errstate(over="ignore"):
        sums = np.add.reduceat(parts.astype(np.float64, copy=False), frames.first_part)
    most = np.finfo(np.float64).max if parts.dtype == np.float64 else 2.0**62
    wrong = sums > most
    if wrong.any():
        told = f"{name} from {utc_text(int(frames.open_ts_ms[wrong.argmax()]))} on is too large to add up"
        raise DataError(f"{bars.instrument_id} {bars.timeframe}: {told}")
    return sums if parts.dtype == np.float64 else np.add.reduceat(parts, frames.first_part)


def _aggregate(bars: StoredBars, frames: _Frames, whole: NDArray[np.bool_]) -> pl.DataFrame:
    # numpy adds up a bar's parts alike wherever they stand; so a bar is the same in any range it is made from
    table, first = bars.table, frames.first_part
    last = np.append(first[1:], table.height) - 1
    columns: dict[str, NDArray[Any]] = {
        "open_ts_ms": frames.open_ts_ms,
        "close_ts_ms": frames.close_ts_ms,
        "open": table["open"].to_numpy()[first],
        "high": np.maximum.reduceat(table["high"].to_numpy(), first),
        "low": np.minimum.reduceat(table["low"].to_numpy(), first),
        "close": table["close"].to_numpy()[last],
    }
    for name in ("volume", "trade_count", "taker_buy_volume"):
        if name in table.columns:
            columns[name] = _sums(bars, name, frames)
    return in_column_order(pl.DataFrame({name: values[whole] for name, values in columns.items()}))
