"""The rules every stored bar keeps. A row that breaks one is refused by name; nothing is mended here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.config.section import clip
from keel.data.bars import COLUMNS, EARLIEST_TS_MS, EXTRA_COLUMNS, LATEST_TS_MS, REQUIRED_COLUMNS
from keel.domain.errors import DataError
from keel.domain.timeframe import utc_text

_Mask: TypeAlias = NDArray[np.bool_]
_Columns: TypeAlias = dict[str, NDArray[Any]]
_PRICES = ("open", "high", "low", "close")


def check_bars(table: pl.DataFrame, where: str, above: int = 0) -> None:
    """Refuse a table with a bad bar. Rows are counted from 1, after `above` rows; `where` names the file.

    Raises DataError naming `where`, the first bad row and its UTC time for: NaN, inf, a price at or below
    zero, negative volume, high < low, open or close outside [low, high], duplicate, unsorted or overlapping
    stamps, close_ts <= open_ts, times before 1678 or after 2261; and naming the column where one is missing, of
    another type, or has no value.
    """
    check_schema(table.schema, where)
    _refuse_gaps(table, where, above)
    columns = {name: table[name].to_numpy() for name in table.columns if name in COLUMNS}
    first: tuple[int, str] | None = None
    for bad, reason in _faults(columns):
        row = int(bad.argmax()) if bad.size else 0
        if bad.size and bad[row] and (first is None or row < first[0]):
            first = row, reason
    if first is None:
        return
    row, reason = first
    values = {name: values[row] for name, values in columns.items()}
    times = {name: utc_text(int(values[name])) for name in ("open_ts_ms", "close_ts_ms")}
    raise DataError(f"{where}: row {above + row + 1} ({times['open_ts_ms']}): {reason.format(**values, times=times)}")


def check_schema(schema: pl.Schema, where: str) -> None:
    """Refuse columns that are not those of bars. Raises DataError naming `where` and the column."""
    if missing := [name for name in REQUIRED_COLUMNS if name not in schema]:
        raise DataError(f"{where}: no column {', '.join(missing)}: these are no bars Keel has written; import them")
    for name, dtype in schema.items():
        if name not in COLUMNS:
            raise DataError(f"{where}: column {clip(name)} is none of a bar's; bars have {', '.join(COLUMNS)}")
        if dtype != COLUMNS[name]:
            raise DataError(f"{where}: column {name} is {dtype}, not {COLUMNS[name]}; import the bars again")


def _refuse_gaps(table: pl.DataFrame, where: str, above: int) -> None:
    if table.height == 0:
        raise DataError(f"{where}: there is a header but no bar below it")
    for name in table.columns:
        if table[name].null_count():
            row = above + int(table[name].is_null().arg_max() or 0) + 1
            raise DataError(f"{where}: row {row}: {name} has no value")


def _faults(columns: _Columns) -> Iterator[tuple[_Mask, str]]:
    """Yield each rule's bad rows with its message; where one row breaks several rules the first yielded is told."""
    yield from _stamp_faults(columns["open_ts_ms"], columns["close_ts_ms"])
    for name in _PRICES:
        yield ~np.isfinite(columns[name]), f"{name} is {{{name}}}; a price is a finite number"
        yield columns[name] <= 0.0, f"{name} is {{{name}}}; a price is above zero"
    for name in ("volume", *EXTRA_COLUMNS):
        if name in columns:
            yield ~np.isfinite(columns[name]), f"{name} is {{{name}}}; write 0 where nothing traded"
            yield columns[name] < 0, f"{name} is {{{name}}}; it cannot be negative"
    high, low = columns["high"], columns["low"]
    yield high < low, "high {high} is below low {low}"
    for name in ("open", "close"):
        outside = (columns[name] > high) | (columns[name] < low)
        yield outside, f"{name} {{{name}}} is outside low {{low}} .. high {{high}}"


def _stamp_faults(open_ts: NDArray[np.int64], close_ts: NDArray[np.int64]) -> Iterator[tuple[_Mask, str]]:
    same, back, overlap = (np.zeros(open_ts.size, dtype=bool) for _ in range(3))
    np.equal(open_ts[1:], open_ts[:-1], out=same[1:])
    np.less(open_ts[1:], open_ts[:-1], out=back[1:])
    np.less(open_ts[1:], close_ts[:-1], out=overlap[1:])
    far = (open_ts < EARLIEST_TS_MS) | (close_ts > LATEST_TS_MS) | (close_ts < EARLIEST_TS_MS)
    yield far, "a bar lies between 1678 and 2261; is its time in another unit?"
    yield same, "the row above has the same time; remove one of them"
    yield back, "it is earlier than the row above; sort the rows by time"
    yield close_ts <= open_ts, "it closes at {times[close_ts_ms]}, not after its open"
    yield overlap, "it opens before the row above has closed; is the timeframe right?"
