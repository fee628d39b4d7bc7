"""Reading a file that has not been imported, bad rows included: what cannot be read as a number counts as missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.data.bars import COLUMNS
from keel.data.calendars import calendar_timezone
from keel.data.importers.arrow_file import read_feather_table, read_parquet_table
from keel.data.importers.columns import STANDARD_COLUMNS, refuse_missing, refuse_no_numbers
from keel.data.importers.csv_file import first_line, read_pieces
from keel.data.importers.stamps import read_stamps, to_dates, to_utc_ms
from keel.data.quality.known_sessions import known_sessions
from keel.domain.errors import DataError
from keel.domain.timeframe import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, ROUND_THE_CLOCK, timeframe_ms

_Ints = NDArray[np.int64]

_TIMES: Final = ("timestamp", "time", "date", "datetime", "opentime", "ts", "tsms", "opentsms")
"""Names of the time column, less underscores and capitals."""
_HEADLESS: Final = ("timestamp", "open", "high", "low", "close", "volume")
"""The first columns of files without a header: Binance's klines and LEAN's trade bars agree on them."""
_LONGEST: Final = 10_000
"""Count from which a timeframe is none (`keel.domain.timeframe`)."""
_COMPACT: Final = r"^(\d{4})(\d{2})(\d{2})( \d{2}:\d{2})$"
_NAMED: Final = re.compile(r".+-(\d+[mhdw])(?:-\d{4}-\d{2}(?:-\d{2})?)?")
"""A timeframe in a file's name, as freqtrade and Binance write it."""


@dataclass(frozen=True)
class Layout:
    """Say how a foreign file is to be read: its names of the columns, the zone of times that carry none, the calendar.

    `timeframe` None is told by the file's name or by its most frequent step. A zone None is the calendar's own where
    that has sessions.
    """

    columns: Mapping[str, str]
    calendar: str = ROUND_THE_CLOCK
    timezone: str | None = None
    timeframe: str | None = None


def read_raw(path: Path, layout: Layout) -> tuple[pl.DataFrame, str]:
    """Return a CSV, zip, Parquet or feather file as columns of bars with nulls where values are missing, and timeframe.

    Rows keep the file's order. Raises DataError naming the file, or the row whose time is none.
    """
    raw = _read(path)
    mapping = {**_guessed(raw.columns), **layout.columns}
    refuse_missing(raw.columns, mapping, str(path))
    named = raw.select(pl.col(column).alias(name) for name, column in mapping.items())
    opens, closes, timeframe = _times(named["timestamp"], layout, path)
    values = [_number(named[name], str(path)) for name in named.columns if name != "timestamp"]
    return pl.DataFrame([opens.alias("open_ts_ms"), closes.alias("close_ts_ms"), *values]), timeframe


def _read(path: Path) -> pl.DataFrame:
    if path.suffix in (".parquet", ".pq"):
        return read_parquet_table(path)
    if path.suffix in (".feather", ".ipc", ".arrow"):
        return read_feather_table(path)
    first = first_line(path)
    header = not (first and first[0][:1].isdigit())
    names = first if header else [*_HEADLESS, *(str(place) for place in range(len(_HEADLESS) + 1, len(first) + 1))]
    pieces = list(read_pieces(path, names[: len(first)], names[: len(first)], header=header))
    if not pieces:
        raise DataError(f"{path}: there is a header but no row below it")
    return pl.concat(pieces)


def _guessed(columns: list[str]) -> dict[str, str]:
    """Return the file's names of a bar's columns where capitals and underscores are all that differs."""
    plain = {column.lower().replace("_", ""): column for column in reversed(columns)}
    found = {name: plain.get(name, name) for name in STANDARD_COLUMNS}
    times = [plain[name] for name in _TIMES if name in plain]
    return found | ({"timestamp": times[0]} if times else {})


def _number(column: pl.Series, where: str) -> pl.Series:
    refuse_no_numbers(column, where)
    text = column.str.strip_chars() if column.dtype == pl.String else column
    return text.cast(pl.Float64, strict=False).cast(COLUMNS[column.name], strict=False)


def _times(column: pl.Series, layout: Layout, path: Path) -> tuple[pl.Series, pl.Series, str]:
    text = column.dtype == pl.String
    there = column.is_not_null() & (column != "") if text else column.is_not_null()
    given = column.filter(there)
    if given.is_empty():
        raise DataError(f"{path}: column {column.name} has no time in it: map it with --columns timestamp=...")
    stamps = read_stamps(given.str.replace(_COMPACT, "$1-$2-$3$4") if text else given, str(path))
    opens, closes, timeframe = _opens_and_closes(stamps, layout, path)
    scattered = pl.DataFrame({"at": np.flatnonzero(there.to_numpy()), "open": opens, "close": closes})
    rows = pl.DataFrame({"at": np.arange(column.len())}).join(scattered, on="at", how="left", maintain_order="left")
    return rows["open"], rows["close"], timeframe


def _opens_and_closes(stamps: pl.Series, layout: Layout, path: Path) -> tuple[_Ints, _Ints, str]:
    with_sessions = layout.calendar != ROUND_THE_CLOCK
    zone = layout.timezone or (calendar_timezone(layout.calendar) if with_sessions else None)
    timeframe = layout.timeframe or _timeframe(stamps, path)
    length = timeframe_ms(timeframe)
    if with_sessions and length == MS_PER_DAY:
        opens, closes = _of_dates(to_dates(stamps, str(path)), layout.calendar)
        return opens, closes, timeframe
    opens = to_utc_ms(stamps, zone, str(path)).to_numpy()
    return *(_within(opens, length, layout.calendar) if with_sessions else (opens, opens + length)), timeframe


def _timeframe(stamps: pl.Series, path: Path) -> str:
    if named := _NAMED.fullmatch(path.stem):
        return named[1]
    steps = stamps.cast(pl.Datetime("ms")).cast(pl.Int64).diff().drop_nulls()
    step = steps.filter(steps > 0).mode(maintain_order=True)
    for unit, length in (("d", MS_PER_DAY), ("h", MS_PER_HOUR), ("m", MS_PER_MINUTE)):
        if step.len() and int(step[0]) % length == 0 and int(step[0]) < _LONGEST * length:
            return f"{int(step[0]) // length}{unit}"
    raise DataError(f"{path}: the steps between its times tell no timeframe: state --timeframe")


def _of_dates(dates: pl.Series, calendar: str) -> tuple[_Ints, _Ints]:
    """Return open and close of each date's session; a date without one keeps its midnight, outside all sessions."""
    day = dates.cast(pl.Int32).cast(pl.Int64).to_numpy()
    known = known_sessions(calendar, int(day.min()), int(day.max()))
    at = np.minimum(np.searchsorted(known.day, day), known.day.size - 1)
    hit = known.day[at] == day
    return np.where(hit, known.open_ts_ms[at], day * MS_PER_DAY), np.where(
        hit, known.close_ts_ms[at], day * MS_PER_DAY + 1
    )


def _within(opens: _Ints, length: int, calendar: str) -> tuple[_Ints, _Ints]:
    """Cut bars to their session, as an import does; those outside stay as they are."""
    known = known_sessions(calendar, int(opens.min()) // MS_PER_DAY - 1, int(opens.max()) // MS_PER_DAY + 1)
    at = np.minimum(np.searchsorted(known.close_ts_ms, opens, side="right"), known.day.size - 1)
    inside = opens + length > known.open_ts_ms[at]
    starts = np.where(inside, np.maximum(opens, known.open_ts_ms[at]), opens)
    return starts, np.where(inside, np.minimum(opens + length, known.close_ts_ms[at]), opens + length)
