"""Stored bars: the columns they have, the metadata that names them, and their content hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.domain.instrument import InstrumentId

PriceKind: TypeAlias = Literal["raw", "split", "total"]

REQUIRED_COLUMNS: Final[dict[str, pl.DataType]] = {
    "open_ts_ms": pl.Int64(),
    "close_ts_ms": pl.Int64(),
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume": pl.Float64(),
}
EXTRA_COLUMNS: Final[dict[str, pl.DataType]] = {"trade_count": pl.Int64(), "taker_buy_volume": pl.Float64()}
"""Columns a feed may add; a file has them whole or not at all."""
COLUMNS: Final = REQUIRED_COLUMNS | EXTRA_COLUMNS
EARLIEST_TS_MS: Final = -9_214_560_000_000
LATEST_TS_MS: Final = 9_214_646_400_000
"""1678-01-01 and 2262-01-01: whole years that a 64-bit nanosecond time holds, as calendars and zones reckon with."""
PRICE_KINDS: Final[tuple[PriceKind, ...]] = ("raw", "split", "total")


@dataclass(frozen=True)
class StoredBars:
    """Hold one instrument's bars of one timeframe with what is known about their origin.

    `table` has `REQUIRED_COLUMNS`, then any of `EXTRA_COLUMNS`, sorted by `open_ts_ms`, unique; times are
    UTC epoch milliseconds, a bar is [open, close), prices are quote currency per base unit, volume is base
    units. `feed` names who made the bars; `price_kind` is `raw`, `split` (adjusted for splits) or `total`
    (for dividends too); `calendar` is `24/7` or an exchange_calendars name and `timezone` the IANA zone its
    days are counted in.
    """

    instrument_id: InstrumentId
    timeframe: str
    feed: str
    price_kind: PriceKind
    calendar: str
    timezone: str
    table: pl.DataFrame

    def metadata(self) -> dict[str, str]:
        """Return what the file's metadata says of these bars, as text."""
        return {
            "feed": self.feed,
            "price_kind": self.price_kind,
            "venue": self.instrument_id.venue,
            "symbol": self.instrument_id.symbol,
            "timeframe": self.timeframe,
            "calendar": self.calendar,
            "timezone": self.timezone,
        }

    def content_hash(self) -> str:
        """Return the sha256 of metadata and columns, little-endian, in `COLUMNS` order, however the file is encoded."""
        return hash_columns(
            self.metadata(),
            self.table.columns,
            lambda name: (part.to_numpy() for part in self.table[name].get_chunks()),
        )

    @property
    def header(self) -> StoredBars:
        """Return what is known of the bars: itself."""
        return self

    def closes(self) -> NDArray[np.int64]:
        """Return all close times, UTC epoch milliseconds."""
        return self.table["close_ts_ms"].to_numpy()

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Yield the rows in time order: all at once."""
        yield self.table


class BarSource(Protocol):
    """Give one instrument's bars piece by piece, as often as asked: `StoredBars` in memory, `BarFile` on disk."""

    @property
    def header(self) -> StoredBars:
        """Return what is known of the bars; its table may be empty."""

    def closes(self) -> NDArray[np.int64]:
        """Return all close times, UTC epoch milliseconds."""

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Yield the rows in time order, each piece a table of at least one."""


def hash_columns(
    metadata: Mapping[str, str], columns: Iterable[str], parts: Callable[[str], Iterable[NDArray[Any]]]
) -> str:
    """Return the sha256 of metadata and columns, little-endian, in `COLUMNS` order; `parts` gives one in pieces."""
    given = set(columns)
    names = [name for name in COLUMNS if name in given]
    digest = hashlib.sha256(json.dumps([metadata, names], sort_keys=True).encode())
    for name in names:
        for values in parts(name):
            digest.update(values.astype(values.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()


def in_column_order(table: pl.DataFrame) -> pl.DataFrame:
    """Return the table with its known columns in `COLUMNS` order; other columns are left out."""
    return table.select([name for name in COLUMNS if name in table.columns])
