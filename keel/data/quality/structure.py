"""Faults of single rows, without which no run can be made: missing values, impossible prices, times out of order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.data.quality.arrays import PRICES, BarArrays

Mask: TypeAlias = NDArray[np.bool_]
Fault: TypeAlias = tuple[str, str, Mask]
"""Check, detail, and the rows it concerns."""

EARLIER: Final = "a row is earlier than the one above"
"""The one fault that leaves its row fit to be looked at further, once it is sorted in."""
_TWICE: Final = "a time stands twice"
_BLOCK: Final = 1 << 16
"""Rows looked at together: what is between stays in cache and out of the memory peak."""
DROP: Final = "drop_bad_rows"
MENDS: Final = {
    "values": f"get the rows anew, or drop them with {DROP}",
    "ohlc": f"get the rows anew, or drop them with {DROP}",
    "duplicates": "remove all but one, or let drop_duplicates keep the first",
    "order": "sort the rows by time, or let sort do it; if they overlap, is the timeframe right?",
}


def missing_values(table: pl.DataFrame) -> dict[str, int]:
    """Count the values that each column lacks: empty, NaN or infinite."""
    counts = {}
    for name in table.columns:
        column = table[name]
        # a null times anything is null: only finite values count as there
        there = column.is_finite().sum() if column.dtype.is_float() else column.count()
        counts[name] = table.height - int(there or 0)
    return counts


def structural_faults(bars: BarArrays) -> Iterator[Fault]:
    """Yield each rule of single rows with the rows that break it; only rules that are broken."""
    found: dict[tuple[str, str], Mask] = {}
    for start in range(0, len(bars), _BLOCK):
        above = max(start - 1, 0)  # a row is compared with the one above
        for check, detail, bad in _all_rules(bars.take(slice(above, start + _BLOCK))):
            if bad[start - above :].any():
                mask = found.setdefault((check, detail), np.zeros(len(bars), dtype=bool))
                mask[start : start + _BLOCK] = bad[start - above :]
    if ("order", EARLIER) in found:  # then duplicates need not be neighbours
        found["duplicates", _TWICE] = _repeated(bars.open_ts_ms)
    for (check, detail), mask in found.items():
        if mask.any():
            yield check, detail, mask


def _all_rules(bars: BarArrays) -> Iterator[Fault]:
    for name in (*PRICES, "volume"):
        yield "values", f"{name} has no finite value", ~np.isfinite(getattr(bars, name))
    lowest, highest = np.fmin(bars.open, bars.close), np.fmax(bars.open, bars.close)
    yield "ohlc", "a price is not above zero", np.fmin(bars.low, lowest) <= 0.0
    yield "ohlc", "high is below open, close or low", bars.high < np.fmax(highest, bars.low)
    yield "ohlc", "low is above open or close", bars.low > lowest
    yield "ohlc", "volume is negative", bars.volume < 0.0
    yield "order", "a bar closes at or before its open", bars.close_ts_ms <= bars.open_ts_ms
    same, back, overlap = (np.zeros(len(bars), dtype=bool) for _ in range(3))
    np.equal(bars.open_ts_ms[1:], bars.open_ts_ms[:-1], out=same[1:])
    np.less(bars.open_ts_ms[1:], bars.open_ts_ms[:-1], out=back[1:])
    np.less(bars.open_ts_ms[1:], bars.close_ts_ms[:-1], out=overlap[1:])
    yield "duplicates", _TWICE, same
    yield "order", EARLIER, back
    yield "order", "a bar opens before the one above has closed", overlap & ~same & ~back


def _repeated(stamps: NDArray[np.int64]) -> Mask:
    """Say which rows have the time of an earlier row."""
    _, firsts = np.unique(stamps, return_index=True)
    repeated = np.ones(stamps.size, dtype=bool)
    repeated[firsts] = False
    return repeated
