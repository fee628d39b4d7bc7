"""Trading sessions of exchange calendars, and the open and close times they give to bars.

exchange_calendars and pandas are imported inside: a run on stored bars never needs them.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.config.section import clip
from keel.data.bars import EARLIEST_TS_MS, LATEST_TS_MS
from keel.domain.errors import DataError, reason_of
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK, timeframe_ms

_DAY_ONE = date(1970, 1, 1)
_FIRST_DAY, _LAST_DAY = EARLIEST_TS_MS // MS_PER_DAY, LATEST_TS_MS // MS_PER_DAY - 1


@dataclass(frozen=True)
class Sessions:
    """Hold the sessions of a calendar: days since 1970-01-01, sorted, and their open and close in UTC milliseconds."""

    calendar: str
    timezone: str
    day: NDArray[np.int64]
    open_ts_ms: NDArray[np.int64]
    close_ts_ms: NDArray[np.int64]


def calendar_timezone(calendar: str) -> str:
    """Return the IANA zone of a calendar: UTC for `24/7`. Raises DataError for a name exchange_calendars lacks."""
    if calendar == ROUND_THE_CLOCK:
        return "UTC"
    return _sessions_of_years(calendar, 2020, 2020).timezone


def sessions(calendar: str, first_day: int, last_day: int) -> Sessions:
    """Return the sessions between two days since 1970-01-01, at least; whole years are held in memory.

    Raises DataError for a calendar exchange_calendars lacks, or years it does not cover.
    """
    first_day, last_day = max(first_day, _FIRST_DAY), min(last_day, _LAST_DAY)
    years = [(_DAY_ONE + timedelta(days=day)).year for day in (first_day, last_day)]
    return _sessions_of_years(calendar, years[0], years[1])


def session_bars(
    dates: pl.Series, calendar: str, where: str, above: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return open and close of the session of each date, half days included, in UTC milliseconds.

    Raises DataError naming the row (from 1, after `above` rows) whose date is no session.
    """
    day = dates.cast(pl.Int32).cast(pl.Int64).to_numpy()
    known = sessions(calendar, int(day.min()), int(day.max()))
    at = np.minimum(np.searchsorted(known.day, day), known.day.size - 1)
    wrong = known.day[at] != day
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{where}: row {above + row + 1}: {dates[row]} is no trading session of {calendar}; remove the row"
        )
    return known.open_ts_ms[at], known.close_ts_ms[at]


def within_sessions(
    open_ts_ms: NDArray[np.int64], timeframe: str, calendar: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return open and close of bars shorter than a day, cut to their session: a last half hour ends at the bell.

    The third array says which bars have a part in a session; the others keep their times.
    """
    length = timeframe_ms(timeframe)
    days = open_ts_ms // MS_PER_DAY
    # a session can open on the UTC day before its date and close on the day after it
    known = sessions(calendar, int(days.min()) - 1, int(days.max()) + 1)
    at = np.minimum(np.searchsorted(known.close_ts_ms, open_ts_ms, side="right"), known.day.size - 1)
    opens = np.maximum(open_ts_ms, known.open_ts_ms[at])
    closes = np.minimum(open_ts_ms + length, known.close_ts_ms[at])
    inside = closes > opens
    return np.where(inside, opens, open_ts_ms), np.where(inside, closes, open_ts_ms + length), inside


@lru_cache(maxsize=8)
def _sessions_of_years(calendar: str, first_year: int, last_year: int) -> Sessions:
    with warnings.catch_warnings():
        # exchange_calendars calls what newer pandas deprecates; not ours to mend, and no news to the user
        warnings.simplefilter("ignore")
        import exchange_calendars
        from exchange_calendars.errors import CalendarError

        try:
            found = exchange_calendars.get_calendar(calendar, start=f"{first_year}-01-01", end=f"{last_year}-12-31")
        except (CalendarError, ValueError) as error:
            raise DataError(
                f"calendar {clip(repr(calendar))} for {first_year} .. {last_year}: {reason_of(error)}; write "
                f"{ROUND_THE_CLOCK} or an exchange_calendars name such as XNYS"
            ) from error
        return Sessions(
            calendar=calendar,
            timezone=str(found.tz),
            day=_epoch(found.sessions, "D"),
            open_ts_ms=_epoch(found.opens, "ms"),
            close_ts_ms=_epoch(found.closes, "ms"),
        )


def _epoch(stamps: object, unit: str) -> NDArray[np.int64]:
    return np.asarray(stamps, dtype=f"datetime64[{unit}]").astype(np.int64)
