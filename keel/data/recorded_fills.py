"""Fills that somebody recorded, read from a CSV or Parquet file: Keel's own `fills.parquet` or a desk's."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from keel.data.importers.csv_file import damage_named, opened, refuse_absent
from keel.data.importers.stamps import read_stamps, to_utc_ms
from keel.domain.errors import DataError, UsageError
from keel.domain.timeframe import utc_text

TIMES: Final[Mapping[str, str]] = {
    "ts_ms": "time",
    "submitted_ts_ms": "submitted",
    "accepted_ts_ms": "accepted",
    "triggered_ts_ms": "triggered",
    "response_ts_ms": "response",
}
"""Time columns and the name each may have instead; the first is the fill's own and must be there."""
NUMBERS: Final = ("qty", "price", "reference_price", "bar_volume", "volatility_bps", "volatility_factor")
"""Columns of numbers above zero."""
REQUIRED: Final = ("side", "qty", "price", "ts_ms")
NAMES: Final = ("symbol", "side", "order_id", "type", "maker", "reason", *NUMBERS, *TIMES)
"""All columns that are read; others are left alone."""
_IN_FULL: Final = {short: name for name, short in TIMES.items()}
_SIDES: Final = {"buy": 1, "b": 1, "1": 1, "+1": 1, "sell": -1, "s": -1, "-1": -1}
_YES_OR_NO: Final = {"true": True, "1": True, "yes": True, "maker": True} | {
    "false": False, "0": False, "no": False, "taker": False,
}  # fmt: skip
_MICROSECONDS: Final = 10**14
_NANOSECONDS: Final = 10**17


@dataclass(frozen=True)
class RecordedFills:
    """Hold fills in time order and what of the file was not read.

    `table` has `row` (in the file, from 1), `symbol` (null if not given), `side` (+1, −1), `order` (0 and up; fills of
    one order share it), `type` (null if unknown), `maker`, `NUMBERS` (NaN where not given) and `TIMES` (UTC epoch
    milliseconds, null where not given). `not_read` are the file's other columns.
    """

    where: str
    table: pl.DataFrame
    columns: tuple[str, ...]
    not_read: tuple[str, ...]


def parse_fill_columns(text: str) -> dict[str, str]:
    """Read `price=px,side=direction`: a fill's column to the file's. Raises UsageError for an unknown column."""
    mapping: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if not (name and equals and column):
            raise UsageError(f"--columns: {part!r} is not NAME=COLUMN, such as price=px")
        name = _IN_FULL.get(name, name)
        if name not in NAMES:
            raise UsageError(f"--columns: {name!r} is no column of a fill ({', '.join(NAMES)}){_near(name, NAMES)}")
        mapping[name] = column
    return mapping


def read_recorded_fills(path: Path, mapping: Mapping[str, str], timezone: str | None) -> RecordedFills:
    """Read a file of fills; `mapping` names columns that are called otherwise, `timezone` is that of naive times.

    Raises DataError naming the file, the column and the row (from 1) of what is missing or cannot be meant.
    """
    where = str(path)
    raw = _raw(path)
    found = _found(raw.columns, mapping, where)
    if raw.height == 0:
        raise DataError(f"{where}: there is a header but no row below it")
    columns = {
        "row": pl.int_range(1, raw.height + 1, dtype=pl.Int64, eager=True),
        "symbol": _text(raw, found, "symbol"),
    }
    columns["side"] = _coded(raw, found["side"], _SIDES, where, "is no side: write BUY or SELL").cast(pl.Int64)
    columns["order"] = _orders(_text(raw, found, "order_id"))
    columns["type"] = _text(raw, found, "type").str.to_uppercase()
    columns["maker"] = pl.repeat(value=False, n=raw.height, eager=True)
    if "maker" in found:
        told = "is neither true nor false"
        columns["maker"] = _coded(raw, found["maker"], _YES_OR_NO, where, told).cast(pl.Boolean)
    for name in NUMBERS:
        columns[name] = _number(raw, found.get(name), where, needed=name in REQUIRED)
    for name in TIMES:
        columns[name] = _time(raw, found.get(name), timezone, where, needed=name in REQUIRED)
    table = pl.DataFrame(columns)
    _refuse_disorder(table, where)
    if "reason" in found:
        table = table.filter(pl.Series(_text(raw, found, "reason")).ne_missing("LIQUIDATION"))
    read = set(found.values())
    return RecordedFills(
        where, table.sort("ts_ms", maintain_order=True), tuple(found), tuple(c for c in raw.columns if c not in read)
    )


def _raw(path: Path) -> pl.DataFrame:
    if path.suffix.lower() == ".parquet":
        refuse_absent(path)
        with damage_named(path):
            return pl.read_parquet(path)
    with opened(path) as file, damage_named(path):
        # as text, so that a bad value can be quoted with its row
        return pl.read_csv(file.read(), infer_schema=False)


def _found(columns: list[str], mapping: Mapping[str, str], where: str) -> dict[str, str]:
    """Return the file's name of each column that it has."""
    for name, column in mapping.items():
        if column not in columns:
            raise DataError(
                f"{where}: no column {column!r} for {name}{_near(column, columns)}; its columns are "
                f"{', '.join(columns)}"
            )
    found = {}
    for name in NAMES:
        for candidate in (mapping.get(name), name, TIMES.get(name)):
            if candidate in columns:
                found[name] = str(candidate)
                break
    for name in REQUIRED:
        if name not in found:
            called = f"{name} (or {TIMES[name]})" if name in TIMES else name
            raise DataError(
                f"{where}: no column {called}{_near(name, columns)}; its columns are {', '.join(columns) or 'none'}: "
                f"name the right one with --columns {name}=..."
            )
    return found


def _near(name: str, among: tuple[str, ...] | list[str]) -> str:
    near = difflib.get_close_matches(name, among, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _text(raw: pl.DataFrame, found: Mapping[str, str], name: str) -> pl.Series:
    if name not in found:
        return pl.Series(name, [None] * raw.height, pl.String)
    return raw[found[name]].cast(pl.String).str.strip_chars()


def _coded(raw: pl.DataFrame, column: str, codes: Mapping[str, int | bool], where: str, told: str) -> pl.Series:
    text = raw[column].cast(pl.String).str.strip_chars().str.to_lowercase()
    coded = text.replace_strict(codes, default=None)
    _refuse_first(coded.is_null(), raw[column], where, told)
    return coded


def _orders(named: pl.Series) -> pl.Series:
    """Number the orders; a fill without one is an order of its own."""
    alone = pl.int_range(named.len(), eager=True).cast(pl.String)
    keys = pl.select(pl.when(named.is_null()).then("fill " + alone).otherwise("order " + named)).to_series()
    return keys.rank("dense").cast(pl.Int64) - 1


def _number(raw: pl.DataFrame, column: str | None, where: str, *, needed: bool) -> pl.Series:
    if column is None:
        return pl.repeat(float("nan"), raw.height, eager=True)
    given = raw[column]
    text = given.str.strip_chars() if given.dtype == pl.String else given
    number = text.cast(pl.Float64, strict=False)
    empty = given.is_null()
    _refuse_first(number.is_null() & ~empty, given, where, "is no number")
    if needed:
        _refuse_first(empty, given, where, "is empty; every fill needs one")
    _refuse_first(~number.fill_null(1.0).is_finite(), given, where, "is no finite number")
    _refuse_first(number.fill_null(1.0) <= 0, given, where, "is not above 0")
    return number.fill_null(float("nan"))


def _time(raw: pl.DataFrame, column: str | None, timezone: str | None, where: str, *, needed: bool) -> pl.Series:
    none = pl.Series([None] * raw.height, dtype=pl.Int64)
    if column is None:
        return none
    given = _whole_milliseconds(raw[column])
    empty = given.is_null()
    if empty.all() and not needed:
        return none
    # an optional time may be empty; the first given stands in its place while the column is read
    stand_in = given if needed else given.fill_null(given.drop_nulls()[0])
    ts_ms = to_utc_ms(read_stamps(stand_in, where), timezone, where)
    return pl.select(pl.when(~empty).then(ts_ms)).to_series()


def _whole_milliseconds(stamps: pl.Series) -> pl.Series:
    """Cut epoch micro- and nanoseconds to the millisecond that the simulator counts in."""
    whole = stamps.cast(pl.Int64, strict=False) if stamps.dtype == pl.String or stamps.dtype.is_integer() else None
    if whole is None or whole.null_count() > stamps.null_count() or whole.null_count() == whole.len():
        return stamps
    first = int(whole.drop_nulls()[0])
    unit = 1_000_000 if first >= _NANOSECONDS else 1_000 if first >= _MICROSECONDS else 1
    return (whole // unit * unit).alias(stamps.name)


def _refuse_disorder(table: pl.DataFrame, where: str) -> None:
    for earlier, later, told in (
        ("submitted_ts_ms", "accepted_ts_ms", "it was accepted at {}, before it was submitted at {}"),
        ("submitted_ts_ms", "ts_ms", "it was filled at {}, before it was submitted at {}"),
        ("accepted_ts_ms", "ts_ms", "it was filled at {}, before it was accepted at {}"),
        ("ts_ms", "response_ts_ms", "its response came at {}, before the fill at {}"),
    ):
        wrong = (table[later] < table[earlier]).fill_null(value=False)
        if wrong.any():
            row = int(wrong.arg_max() or 0)
            moments = told.format(utc_text(table[later][row]), utc_text(table[earlier][row]))
            raise DataError(f"{where}: row {row + 1}: {later}: {moments}: mend the row, or the clock that wrote it")


def _refuse_first(wrong: pl.Series, raw: pl.Series, where: str, told: str) -> None:
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise DataError(f"{where}: row {row + 1}: {raw.name} {raw[row]!s} {told}")
