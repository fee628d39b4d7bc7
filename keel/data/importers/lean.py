"""QuantConnect LEAN's zips of US stocks: daily and hourly, one file a ticker, and by minute, one file a day.

Format: https://github.com/QuantConnect/Lean/blob/master/Data/equity/readme.md. No header; New York time; prices as
traded in 1/10000 dollar, volume in shares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from keel.config.section import clip
from keel.data.bars import StoredBars
from keel.data.importers.columns import STANDARD_COLUMNS, Target, bars_from_pieces
from keel.data.importers.csv_file import first_line, member_name, read_pieces
from keel.domain.errors import DataError
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import MS_PER_DAY

LEAN_CALENDAR: Final = "XNYS"
_TIMEZONE: Final = "America/New_York"
_NAMES: Final = tuple(STANDARD_COLUMNS)
_PER_DOLLAR: Final = 10_000.0
_TIME: Final = re.compile(r"\d{8} (\d{2}:\d{2})")
_MINUTES: Final = re.compile(r"(?P<day>\d{8})_(?P<ticker>.+)_minute_trade\.csv", re.IGNORECASE)
_DAY: Final = "%Y%m%d"


def read_lean(
    path: Path,
    venue: str,
    symbol: str | None = None,
    calendar: str = LEAN_CALENDAR,
    feed: str = "lean",
    left_out: Callable[[int], None] | None = None,
) -> StoredBars:
    """Read a zip of trade bars; the ticker is the file's inside, in capitals, the timeframe what the times tell.

    Raises DataError naming the file and row. `left_out` is that of `Target`.
    """
    member = member_name(path)
    minutes = _MINUTES.fullmatch(member)
    name = symbol or (minutes["ticker"] if minutes else Path(member).stem).upper()
    first = first_line(path)
    timeframe = "1m" if minutes else _timeframe(first, path)
    if len(first) != len(_NAMES):
        raise DataError(f"{path}: has {len(first)} columns, trade bars have {len(_NAMES)}: import no quotes, no ticks")
    target = Target(InstrumentId(venue, name), timeframe, feed, "raw", calendar, _TIMEZONE, left_out)
    pieces = read_pieces(path, _NAMES, _NAMES, header=False)
    timed = _on_the_day(pieces, minutes["day"], path) if minutes else _as_iso(pieces)
    return bars_from_pieces(timed, STANDARD_COLUMNS, target, str(path), _PER_DOLLAR)


def _timeframe(first: list[str], path: Path) -> str:
    time = _TIME.fullmatch(first[0]) if first else None
    if time is None:
        told = clip(repr(first[0] if first else ""))
        raise DataError(
            f"{path}: row 1: {told} is no time of LEAN's daily or hourly files, such as "
            f"20131007 09:00, and the file inside is not named like 20131007_spy_minute_trade.csv"
        )
    return "1d" if time[1] == "00:00" else "1h"


def _as_iso(pieces: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    for piece in pieces:
        yield piece.with_columns(pl.col("timestamp").str.replace(r"^(\d{4})(\d{2})(\d{2}) ", "$1-$2-$3 "))


def _on_the_day(pieces: Iterator[pl.DataFrame], day: str, path: Path) -> Iterator[pl.DataFrame]:
    """Make times of milliseconds since midnight. Raises DataError naming the row of what is none."""
    try:
        midnight = datetime.strptime(day, _DAY)  # noqa: DTZ007 - the target says in which zone
    except ValueError as error:
        raise DataError(f"{path}: {day} in the name of the file inside is no date") from error
    rows, start = 0, pl.lit(midnight, pl.Datetime("ms"))
    for piece in pieces:
        since = piece["timestamp"].str.strip_chars().cast(pl.Int64, strict=False)
        wrong = ~since.is_between(0, MS_PER_DAY - 1).fill_null(value=False)
        if wrong.any():
            row = int(wrong.arg_max() or 0)
            told = "is no time: this file counts milliseconds since midnight"
            raise DataError(f"{path}: row {rows + row + 1}: timestamp {clip(str(piece['timestamp'][row]))} {told}")
        clock = (start + pl.duration(milliseconds=pl.lit(since))).dt.to_string("iso:strict")
        yield piece.with_columns(clock.alias("timestamp"))
        rows += piece.height
