"""The files bars come in: CSV, Parquet, freqtrade's feather and Yahoo's CSV."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import polars as pl

from keel.data.bars import StoredBars
from keel.data.importers.columns import Target, bars_from_columns, refuse_missing
from keel.domain.errors import DataError, UsageError
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


def read_csv(path: Path, mapping: Mapping[str, str], target: Target) -> StoredBars:
    """Read bars from a CSV file with a header. Raises DataError naming the file and row."""
    # every value is read as text, so that a bad one can be quoted with its row
    table = _read(path, lambda: pl.read_csv(path, infer_schema=False))
    return bars_from_columns(table, mapping, target, str(path))


def read_parquet(path: Path, mapping: Mapping[str, str], target: Target) -> StoredBars:
    """Read bars from a Parquet file by the same mapping as CSV. Raises DataError naming the file and row."""

    def load() -> pl.DataFrame:
        refuse_missing(list(pl.read_parquet_schema(path)), mapping, str(path))
        return pl.read_parquet(path, columns=list(dict.fromkeys(mapping.values())))

    return bars_from_columns(_read(path, load), mapping, target, str(path))


def read_freqtrade(path: Path, target: Target) -> StoredBars:
    """Read a feather file as freqtrade writes it: date, open to close, volume. Raises DataError naming file and row."""
    table = _read(path, lambda: pl.read_ipc(path))
    return bars_from_columns(table, _FREQTRADE_COLUMNS, target, str(path))


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


def _read(path: Path, load: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    if not path.is_file():
        raise DataError(f"{path}: {'is a folder; name a file' if path.is_dir() else 'no such file'}")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty")
    try:
        return load()
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: cannot be read as {path.suffix or 'such a file'}: {reason}") from error
