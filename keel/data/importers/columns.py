"""Turning a foreign table into stored bars by a mapping of column names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.data.bars import COLUMNS, EXTRA_COLUMNS, PriceKind, StoredBars
from keel.data.calendars import calendar_timezone, session_bars, within_sessions
from keel.data.check import check_bars
from keel.data.importers.stamps import read_stamps, to_dates, to_utc_ms
from keel.domain.errors import DataError, UsageError
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import MS_PER_DAY, MS_PER_MINUTE, ROUND_THE_CLOCK, timeframe_ms

STANDARD_COLUMNS: Final[Mapping[str, str]] = {
    "timestamp": "timestamp",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "volume": "volume",
}
"""A bar's column -> the file's column, before `--columns` changes any."""
_SPACING_TOLD: Final = 10
"""Rows from which the grid that the stamps lie on says what the timeframe is."""


@dataclass(frozen=True)
class Target:
    """Say whose bars a file holds and how they are made: what the file itself cannot tell.

    `timezone` is the zone of naive times in the file, None if they carry their own.
    """

    instrument_id: InstrumentId
    timeframe: str
    feed: str
    price_kind: PriceKind
    calendar: str = ROUND_THE_CLOCK
    timezone: str | None = None


def parse_mapping(text: str) -> dict[str, str]:
    """Read `open=o,close=c`: a bar's column to the file's. Raises UsageError for an unknown column."""
    mapping = dict(STANDARD_COLUMNS)
    allowed = (*STANDARD_COLUMNS, *EXTRA_COLUMNS)
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if not (name and equals and column):
            raise UsageError(f"--columns: {part!r} is not NAME=COLUMN, such as open=o")
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"--columns: {name!r} is no column of a bar ({', '.join(allowed)}){hint}")
        mapping[name] = column
    return mapping


def refuse_missing(columns: Sequence[str], mapping: Mapping[str, str], where: str) -> None:
    """Refuse a file without a mapped column. Raises DataError naming it, the columns there are and the mend."""
    for name, column in mapping.items():
        if column not in columns:
            near = difflib.get_close_matches(column, columns, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise DataError(
                f"{where}: no column {column!r} for {name}{hint}; its columns are {', '.join(columns) or 'none'}: "
                f"map it with --columns {name}=..."
            )


def bars_from_columns(table: pl.DataFrame, mapping: Mapping[str, str], target: Target, where: str) -> StoredBars:
    """Make checked bars of a foreign table. Rows keep the file's order, so errors name the file's rows, from 1.

    24/7 bars close one timeframe after they open, whatever close the file states (Binance's lies a
    millisecond early). Bars of a session calendar take its hours: daily rows are dates and get the
    session's open and close, shorter bars are cut to their session. Raises DataError naming `where` and the
    row.
    """
    refuse_missing(table.columns, mapping, where)
    if table.height == 0:
        raise DataError(f"{where}: there is a header but no row below it")
    opens, closes = _times(table[mapping["timestamp"]], target, where)
    columns = {"open_ts_ms": pl.Series(opens), "close_ts_ms": pl.Series(closes)}
    for name in COLUMNS:
        if name in mapping:
            columns[name] = _number(table[mapping[name]], COLUMNS[name], where)
    bars = pl.DataFrame(columns)
    check_bars(bars, where)
    if target.calendar == ROUND_THE_CLOCK:
        _refuse_wide_spacing(bars, target.timeframe, where)
    return StoredBars(
        instrument_id=target.instrument_id,
        timeframe=target.timeframe,
        feed=target.feed,
        price_kind=target.price_kind,
        calendar=target.calendar,
        timezone=calendar_timezone(target.calendar),
        table=bars,
    )


def _times(raw: pl.Series, target: Target, where: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    length, stamps = timeframe_ms(target.timeframe), read_stamps(raw, where)
    if target.calendar != ROUND_THE_CLOCK:
        if length > MS_PER_DAY:
            raise UsageError(f"--timeframe {target.timeframe}: bars of {target.calendar} are at most 1d long")
        if length == MS_PER_DAY:
            return session_bars(to_dates(stamps, where), target.calendar, where)
        opens = to_utc_ms(stamps, target.timezone, where).to_numpy()
        return within_sessions(opens, target.timeframe, target.calendar, where)
    opens = to_utc_ms(stamps, target.timezone, where).to_numpy()
    return opens, opens + length


def _number(raw: pl.Series, dtype: pl.DataType, where: str) -> pl.Series:
    text = raw.str.strip_chars() if raw.dtype == pl.String else raw
    # counts are written as 12 or 12.0
    number = text.cast(pl.Float64, strict=False)
    wrong = number.is_null()
    if dtype == pl.Int64():
        wrong = wrong | (number != number.round())
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        value = raw[row]
        told = "is empty" if value in (None, "") else f"{value!r} is no {'whole ' if dtype == pl.Int64() else ''}number"
        raise DataError(f"{where}: row {row + 1}: {raw.name} {told}")
    return number.cast(dtype, strict=False)


def _refuse_wide_spacing(bars: pl.DataFrame, timeframe: str, where: str) -> None:
    """Refuse daily bars called hourly: every gap between them is whole days."""
    if bars.height < _SPACING_TOLD:
        return
    grid = int(np.gcd.reduce(np.diff(bars["open_ts_ms"].to_numpy())))
    if grid >= 2 * timeframe_ms(timeframe):
        raise DataError(
            f"{where}: its rows lie on a grid of {grid / MS_PER_MINUTE:g} minutes, so these are no {timeframe} bars; "
            f"state the right --timeframe"
        )
