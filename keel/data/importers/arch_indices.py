"""The daily index bars that the installed `arch` package carries: nothing is downloaded or redistributed."""

from __future__ import annotations

import importlib
from typing import Final

import polars as pl

from keel.data.bars import StoredBars
from keel.data.importers.columns import Target, bars_from_columns
from keel.domain.errors import DataError
from keel.domain.instrument import InstrumentId

ARCH_VENUE: Final = "indices"
ARCH_CALENDAR: Final = "XNYS"
ARCH_TIMEFRAME: Final = "1d"
_MODULES: Final = {"SP500": "arch.data.sp500", "NASDAQ": "arch.data.nasdaq"}
ARCH_SYMBOLS: Final = tuple(_MODULES)
_COLUMNS: Final = {
    "timestamp": "Date",
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "volume": "Volume",
}


def read_arch(symbol: str) -> StoredBars:
    """Return `SP500` or `NASDAQ`, daily, 1999-2018, as arch stores it: raw index points, feed `arch`.

    Raises DataError for another symbol, or naming the row if an arch release should carry a bad one.
    """
    if symbol not in _MODULES:
        raise DataError(f"arch has no bars of {symbol!r}; it has {' and '.join(_MODULES)}")
    frame = importlib.import_module(_MODULES[symbol]).load()
    table = pl.DataFrame(
        {
            "Date": frame.index.to_numpy().astype("datetime64[ms]"),
            **{name: frame[name].to_numpy() for name in frame},
        }
    )
    target = Target(InstrumentId(ARCH_VENUE, symbol), ARCH_TIMEFRAME, "arch", "raw", ARCH_CALENDAR)
    return bars_from_columns(table, _COLUMNS, target, _MODULES[symbol])
