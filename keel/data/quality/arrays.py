"""The bars of one instrument as the checks see them: plain columns, gaps in them as NaN."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.domain.layout import BAR_PRESENT

PRICES: Final = ("open", "high", "low", "close")


@dataclass(frozen=True)
class BarArrays:
    """Hold one instrument's columns; `row` is the number of each bar in its file, from 1. Views where they can be."""

    row: NDArray[np.int64]
    open_ts_ms: NDArray[np.int64]
    close_ts_ms: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, which: NDArray[Any] | slice) -> BarArrays:
        """Return some of the bars, by mask, positions or as a view of a range."""
        return BarArrays(*(getattr(self, field.name)[which] for field in fields(self)))


def arrays_of_table(table: pl.DataFrame) -> BarArrays:
    """Return the columns of a table of bars; rows without both times are left out, other missing values are NaN."""
    stamps = ("open_ts_ms", "close_ts_ms")
    row = pl.Series("row", np.arange(1, table.height + 1))
    if any(table[name].null_count() for name in stamps):
        numbered = table.with_columns(row).drop_nulls(stamps)
        row, table = numbered["row"], numbered
    times = {name: table[name].cast(pl.Int64).to_numpy() for name in stamps}
    values = {name: table[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in (*PRICES, "volume")}
    return BarArrays(row=row.to_numpy(), **times, **values)


def arrays_of_records(bars: NDArray[np.void]) -> BarArrays:
    """Return the columns of one instrument's BAR records, without the rows in which it has no bar."""
    there = bars["flags"] & BAR_PRESENT != 0
    own = bars if there.all() else bars[there]
    names = [field.name for field in fields(BarArrays)][1:]
    return BarArrays(np.arange(1, len(own) + 1), *(own[name] for name in names))
