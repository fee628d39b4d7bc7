"""Binance's kline dumps, spot and futures: CSV, or a zip of one, with and without a header, in ms or µs.

Format: https://github.com/binance/binance-public-data. Spot files have no header and, from 2025 on, microseconds;
futures files have a header since 2022 and milliseconds. `close_time` is the last unit of time inside the bar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from keel.config.section import clip
from keel.data.bars import StoredBars
from keel.data.importers.columns import STANDARD_COLUMNS, Target, bars_from_pieces
from keel.data.importers.csv_file import first_line, read_pieces
from keel.domain.errors import DataError, UsageError
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import timeframe_ms

_COLUMNS: Final = (
    ("opentime",),
    ("open",),
    ("high",),
    ("low",),
    ("close",),
    ("volume",),
    ("closetime",),
    ("quotevolume", "quoteassetvolume", "baseassetvolume"),
    ("count", "numberoftrades"),
    ("takerbuyvolume", "takerbuybasevolume", "takerbuybaseassetvolume"),
    ("takerbuyquotevolume", "takerbuyquoteassetvolume", "takerbuybaseassetvolume"),
    ("ignore",),
)
"""The columns in their order, by the names that headers give them, less underscores and capitals."""
_NAMES: Final = tuple(names[0] for names in _COLUMNS)
_MAPPING: Final = {
    **STANDARD_COLUMNS,
    "timestamp": "opentime",
    "trade_count": "count",
    "taker_buy_volume": "takerbuyvolume",
}
_NAME: Final = re.compile(r"(?P<symbol>[A-Za-z0-9_]+)-(?P<timeframe>\d+(?:mo|[smhdw]))-\d{4}-\d{2}(?:-\d{2})?")
_MICROSECONDS_FROM: Final = 10**14


def binance_target(path: Path, venue: str, symbol: str | None, timeframe: str | None, feed: str = "binance") -> Target:
    """Say whose bars a kline file holds, by its name (`BTCUSDT-1m-2024-01.zip`) where an argument is None.

    The symbol is the venue's own, `BTCUSDT`: where base and quote part it does not say. Raises UsageError if neither
    tells.
    """
    named = _NAME.fullmatch(path.stem)
    if named is None and not (symbol and timeframe):
        raise UsageError(f"{path}: its name is not like BTCUSDT-1m-2024-01.zip: state --symbol and --timeframe")
    told = named.groupdict() if named else {"symbol": "", "timeframe": ""}
    return Target(InstrumentId(venue, symbol or told["symbol"]), timeframe or told["timeframe"], feed, "raw")


def read_binance(path: Path, target: Target) -> StoredBars:
    """Read a kline file, with trade count and taker-buy volume. Raises DataError naming the file and row.

    A coin-margined future's volumes are contracts, as Binance writes them.
    """
    first = first_line(path)
    header = not (first and first[0].strip().isdigit())
    _refuse_other_columns(first, path, header=header)
    wanted = [*_MAPPING.values(), "closetime"]
    return bars_from_pieces(_checked(path, wanted, target.timeframe, header=header), _MAPPING, target, str(path))


def _refuse_other_columns(first: list[str], path: Path, *, header: bool) -> None:
    if len(first) != len(_COLUMNS):
        raise DataError(
            f"{path}: has {len(first)} columns, a kline file has {len(_COLUMNS)}: import it with csv --columns"
        )
    for name, known in zip(first, _COLUMNS, strict=True):
        if header and re.sub("[^a-z]", "", name.lower()) not in known:
            told = f"column {clip(repr(name))} stands where a kline file has {known[0]}"
            raise DataError(f"{path}: {told}: import it with csv --columns")


def _checked(path: Path, wanted: list[str], timeframe: str, *, header: bool) -> Iterator[pl.DataFrame]:
    rows, length = 0, timeframe_ms(timeframe)
    for piece in read_pieces(path, _NAMES, wanted, header=header):
        times = piece.select(pl.col("opentime", "closetime").str.strip_chars().cast(pl.Int64, strict=False))
        unit = 1000 if (times["opentime"][0] or 0) >= _MICROSECONDS_FROM else 1
        # A bar cut short by an outage is the venue's; one that lasts longer is of another timeframe.
        longer = (times["closetime"] - times["opentime"] > length * unit).fill_null(value=False)
        if longer.any():
            row = int(longer.arg_max() or 0)
            raise DataError(
                f"{path}: row {rows + row + 1}: close_time {clip(piece['closetime'][row])} is more than {timeframe} "
                f"after open_time {clip(piece['opentime'][row])}: state the right --timeframe"
            )
        yield piece
        rows += piece.height
