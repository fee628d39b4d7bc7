"""The files bars come in: CSV, Parquet, freqtrade's feather and Yahoo's CSV."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from keel.data.bars import StoredBars
from keel.data.importers.arrow_file import parquet_columns, parquet_pieces, read_feather_table
from keel.data.importers.columns import Target, bars_from_columns, bars_from_pieces, refuse_missing
from keel.data.importers.csv_file import first_line, read_pieces
from keel.domain.errors import UsageError
from keel.domain.instrument import InstrumentId

_YAHOO_COLUMNS: Final[Mapping[str, str]] = {
    "timestamp": "Date",
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "volume": "Volume",
}
_FREQTRADE_COLUMNS: Final[Mapping[str, str]] = {
    "timestamp": "date",
    **{name: name for name in ("open", "high", "low", "close", "volume")},
}
_FREQTRADE_NAME: Final = re.compile(r"([^_]+)_([^_]+)-(\d+[mhdw])")


def read_csv(path: Path, mapping: Mapping[str, str], target: Target, *, header: bool = True) -> StoredBars:
    """Read bars from a CSV file, or a zip of one, a piece at a time. Raises DataError naming the file and row.

    Without a header the file's columns are called 1, 2, ... from the left.
    """
    first = first_line(path)
    names = first if header else [str(place) for place in range(1, len(first) + 1)]
    refuse_missing(names, mapping, str(path))
    pieces = read_pieces(path, names, list(mapping.values()), header=header)
    return bars_from_pieces(pieces, mapping, target, str(path))


def read_parquet(path: Path, mapping: Mapping[str, str], target: Target) -> StoredBars:
    """Read bars from a Parquet file by the same mapping as CSV. Raises DataError naming the file and row."""
    refuse_missing(parquet_columns(path), mapping, str(path))
    return bars_from_pieces(parquet_pieces(path, list(mapping.values())), mapping, target, str(path))


def read_freqtrade(path: Path, target: Target) -> StoredBars:
    """Read a feather file as freqtrade writes it: date, open to close, volume. Raises DataError naming file and row."""
    return bars_from_columns(read_feather_table(path), _FREQTRADE_COLUMNS, target, str(path))


def read_yahoo(path: Path, target: Target) -> StoredBars:
    """Read Yahoo's daily CSV: Date, Open, High, Low, Close, Adj Close, Volume. Raises DataError with its row.

    Yahoo's open to close are adjusted for splits (price kind `split`); Adj Close, for dividends too, is
    left out.
    """
    return read_csv(path, _YAHOO_COLUMNS, target)


def freqtrade_target(
    path: Path, venue: str, symbol: str | None, timeframe: str | None, feed: str = "freqtrade"
) -> Target:
    """Say whose bars a freqtrade file holds, by its name (`BTC_USDT-1h.feather`) where an argument is None.

    Raises UsageError if neither tells.
    """
    named = _FREQTRADE_NAME.fullmatch(path.stem)
    if named is None and not (symbol and timeframe):
        raise UsageError(f"{path}: its name is not like BTC_USDT-1h.feather: state --symbol and --timeframe")
    base, quote, length = named.groups() if named else ("", "", "")
    return Target(InstrumentId(venue, symbol or f"{base}/{quote}"), timeframe or length, feed, "raw")
