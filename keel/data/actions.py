"""Splits, dividends and funding: read from a file, checked, and laid out as the simulator takes them."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.config.section import clip
from keel.data.bars import PriceKind
from keel.data.importers.arrow_file import read_parquet_table
from keel.data.importers.columns import listed_columns
from keel.data.importers.csv_file import first_line, read_pieces
from keel.data.importers.stamps import read_stamps
from keel.domain.errors import DataError
from keel.domain.layout import ACTION
from keel.domain.orders import ActionKind
from keel.domain.timeframe import utc_text

_COLUMNS: Final = ("time", "symbol", "kind", "value")
_KINDS: Final = {kind.name.lower(): kind for kind in ActionKind}
_MAX_FUNDING_RATE: Final = 0.1
"""A funding rate is a fraction of a per cent; from here on it was meant in per cent or basis points."""
_MAX_SPLIT: Final = 1_000_000
"""Units that one may become: more than any venue has seen, so that no price leaves the numbers there are."""
_TOLD: Final = 3
"""Symbols a message names before it says how many more there are."""


@dataclass(frozen=True)
class TradedBars:
    """Tell what an action must fit: an instrument's symbol, zone, price kind and the time its bars span."""

    symbol: str
    timezone: str
    price_kind: PriceKind
    first_open_ts_ms: int
    last_close_ts_ms: int


@dataclass(frozen=True)
class Actions:
    """Hold ACTION records of a run's instruments; those of instrument i are `records[starts[i]:ends[i]]`."""

    records: NDArray[Any]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def content_hash(self, symbols: Sequence[str]) -> str:
        """Return the sha256 of what the run sees: symbols and records, however the file is written."""
        digest = hashlib.sha256(json.dumps(list(symbols)).encode())
        for name in ("instrument", "ts_ms", "kind", "value"):
            values = np.ascontiguousarray(self.records[name])
            digest.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
        return digest.hexdigest()


def no_actions(instruments: int) -> Actions:
    """Return the actions of a run that has none."""
    none = np.zeros(instruments, dtype=np.int64)
    return Actions(np.zeros(0, dtype=ACTION), none, none)


def read_actions(path: Path, instruments: Sequence[TradedBars]) -> Actions:
    """Read a CSV or Parquet file with the columns time, symbol, kind (split, dividend or funding) and value.

    A time is a date (then midnight of that day in the instrument's zone), ISO with its zone, or epoch ms. Rows of
    symbols that are not in the run are checked and left out, and so is what happens before the first bar has opened or
    after the last has closed. Raises DataError naming file, row (from 1, below the header) and mend for a value or kind
    that cannot be, for a row that stands twice, where the prices are adjusted for it already, and where no row is of
    any of the instruments.
    """
    where = str(path)
    table = _checked(_read(path), where)
    symbols = [one.symbol for one in instruments]
    if not table["symbol"].is_in(symbols).any():
        given = [clip(symbol) for symbol in table["symbol"].unique(maintain_order=True).to_list()]
        more = f" and {len(given) - _TOLD} more" if len(given) > _TOLD else ""
        raise DataError(
            f"{where}: no row is of {', '.join(symbols[:_TOLD])}; its symbols are {', '.join(given[:_TOLD])}{more}: "
            f"write the run's symbols, or set data.actions to null"
        )
    parts = [_records(table.filter(pl.col("symbol") == one.symbol), one, where) for one in instruments]
    for i, part in enumerate(parts):
        part["instrument"] = i
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return Actions(np.concatenate(parts), ends - np.array([len(part) for part in parts], dtype=np.int64), ends)


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise DataError(f"{path}: no such file: mend data.actions, or set it to null")
    if path.suffix == ".parquet":
        table = read_parquet_table(path)
        _refuse_missing(table.columns, path)
        return table
    names = first_line(path)
    _refuse_missing(names, path)
    pieces = list(read_pieces(path, names, _COLUMNS, header=True))
    return pl.concat(pieces) if pieces else pl.DataFrame(schema=dict.fromkeys(_COLUMNS, pl.String))


def _refuse_missing(columns: Sequence[str], path: Path) -> None:
    for name in _COLUMNS:
        if name not in columns:
            told = f"its columns are {listed_columns(columns)}: an actions file has {', '.join(_COLUMNS)}"
            raise DataError(f"{path}: no column {name}; {told}")


def _checked(table: pl.DataFrame, where: str) -> pl.DataFrame:
    """Return row, time (Date or UTC), symbol, kind (a number) and value of every row."""
    if table.height == 0:
        raise DataError(f"{where}: there is a header but no row below it: set data.actions to null")
    text = {name: _text(table[name], where).str.strip_chars() for name in ("symbol", "kind", "value")}
    _refuse(text["symbol"].fill_null("") == "", where, lambda _: "symbol is empty")
    kind = text["kind"].str.to_lowercase().replace_strict(_KINDS, default=None, return_dtype=pl.Int8)
    _refuse(kind.is_null(), where, lambda row: _told_kind(text["kind"][row]))
    value = text["value"].cast(pl.Float64, strict=False)
    _refuse(
        ~value.is_finite().fill_null(value=False),
        where,
        lambda row: f"value {clip(repr(text['value'][row]))} is no number",
    )
    _refuse_values(kind, value, where)
    time = read_stamps(table["time"], where)
    if isinstance(time.dtype, pl.Datetime) and time.dtype.time_zone is None:
        raise DataError(
            f"{where}: row 1: time {clip(str(table['time'][0]))} has no zone: add Z or an offset, or write a date"
        )
    checked = pl.DataFrame({"time": time, "symbol": text["symbol"], "kind": kind, "value": value})
    return checked.with_row_index("row", offset=1)


def _text(column: pl.Series, where: str) -> pl.Series:
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        raise DataError(f"{where}: column {column.name} is {column.dtype.base_type()}, not text or numbers")
    return column.cast(pl.String)


def _told_kind(kind: str | None) -> str:
    near = difflib.get_close_matches(str(kind), _KINDS, n=1)
    return f"kind {clip(repr(kind))} is none of {', '.join(_KINDS)}{f'; did you mean {near[0]}?' if near else ''}"


def _refuse_values(kind: pl.Series, value: pl.Series, where: str) -> None:
    funding = kind == ActionKind.FUNDING
    wrong = ~funding & (value <= 0.0)
    _refuse(wrong, where, lambda row: f"value {value[row]:g}: a {ActionKind(kind[row]).name.lower()} is above zero")
    split = kind == ActionKind.SPLIT
    wrong = split & ((value > _MAX_SPLIT) | (value < 1 / _MAX_SPLIT))
    _refuse(
        wrong, where, lambda row: f"value {value[row]:g}: a split makes at most {_MAX_SPLIT:,} of one, or the reverse"
    )
    wrong = funding & (value.abs() >= _MAX_FUNDING_RATE)
    mend = f"a funding rate is a fraction between -{_MAX_FUNDING_RATE} and {_MAX_FUNDING_RATE}, 0.0001 for one bp"
    _refuse(wrong, where, lambda row: f"value {value[row]:g}: {mend}")


def _records(rows: pl.DataFrame, bars: TradedBars, where: str) -> NDArray[Any]:
    """Return the ACTION records of one instrument, sorted by time and kind."""
    _refuse_adjusted(rows, bars, where)
    rows = rows.with_columns(ts_ms=_moments(rows["time"], bars.timezone))
    twice = rows.filter(~pl.struct("ts_ms", "kind").is_first_distinct())
    if twice.height:
        row, ts_ms, kind = twice.row(0, named=True)["row"], twice["ts_ms"][0], ActionKind(twice["kind"][0])
        told = f"{bars.symbol} has another {kind.name.lower()} at {utc_text(ts_ms)}; remove one of them"
        raise DataError(f"{where}: row {row}: {told}")
    ts_ms = pl.col("ts_ms")
    rows = rows.filter(ts_ms > bars.first_open_ts_ms, ts_ms < bars.last_close_ts_ms).sort("ts_ms", "kind")
    product = float(np.prod(rows.filter(pl.col("kind") == ActionKind.SPLIT)["value"].to_numpy()))
    if not 1 / _MAX_SPLIT <= product <= _MAX_SPLIT:
        told = f"the splits of {bars.symbol} make {product:g} of one together"
        raise DataError(f"{where}: {told}, more than {_MAX_SPLIT:,} or the reverse: is one listed many times?")
    out = np.zeros(rows.height, dtype=ACTION)
    for name in ("ts_ms", "kind", "value"):
        out[name] = rows[name].to_numpy()
    return out


def _refuse_adjusted(rows: pl.DataFrame, bars: TradedBars, where: str) -> None:
    adjusted_for = {
        "raw": (),
        "split": (ActionKind.SPLIT,),
        "total": (ActionKind.SPLIT, ActionKind.DIVIDEND),
    }[bars.price_kind]
    twice = rows.filter(pl.col("kind").is_in([int(kind) for kind in adjusted_for]))
    if twice.height:
        kind = ActionKind(twice["kind"][0]).name.lower()
        raise DataError(
            f"{where}: row {twice['row'][0]}: the prices of {bars.symbol} are {bars.price_kind}, adjusted for its "
            f"{kind} already: remove the row, or import raw prices"
        )


def _moments(time: pl.Series, timezone: str) -> pl.Series:
    if time.dtype != pl.Date:
        return time.cast(pl.Int64)
    midnight = time.cast(pl.Datetime("ms"))
    starts = midnight.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    # where the clocks change at midnight the day starts an hour later
    later = midnight.dt.offset_by("1h").dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return starts.fill_null(later).cast(pl.Int64)


def _refuse(wrong: pl.Series, where: str, told: Callable[[int], str]) -> None:
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise DataError(f"{where}: row {row + 1}: {told(row)}")
