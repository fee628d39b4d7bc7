"""The rules that bars in the store keep, written anew: numpy and Python's own readers, nothing of Keel's checks."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl

PRICES = ("open", "high", "low", "close")
TYPES = {
    "open_ts_ms": pl.Int64,
    "close_ts_ms": pl.Int64,
    **dict.fromkeys((*PRICES, "volume"), pl.Float64),
    "trade_count": pl.Int64,
    "taker_buy_volume": pl.Float64,
}
_UNITS_PER_MS = ((10**11, 1000.0), (10**14, 1.0), (10**17, 1e-3), (2**63, 1e-6))


def assert_bars_hold(table: pl.DataFrame) -> None:
    """Assert types, finite positive prices within low and high, volumes of 0 or more, and times that rise."""
    assert table.height > 0
    assert dict(table.schema) == {name: dtype for name, dtype in TYPES.items() if name in table.columns}
    assert table.columns[:7] == list(TYPES)[:7]
    assert sum(table.null_count().row(0)) == 0
    values = {name: table[name].to_numpy() for name in table.columns}
    for name in PRICES:
        assert np.isfinite(values[name]).all(), name
        assert (values[name] > 0.0).all(), name
        assert (values["low"] <= values[name]).all(), name
        assert (values[name] <= values["high"]).all(), name
    for name in table.columns[6:]:
        assert np.isfinite(values[name]).all(), name
        assert (values[name] >= 0).all(), name
    opens, closes = values["open_ts_ms"], values["close_ts_ms"]
    assert (opens < closes).all()
    assert (closes[:-1] <= opens[1:]).all()
    assert int(opens[0]) > -(10**13)
    assert int(closes[-1]) < 10**13


def assert_same_as_python_reads(
    bars: pl.DataFrame, text: str, columns: Sequence[str], *, header: bool, divisor: float = 1.0, aware: bool = True
) -> None:
    """Assert that imported rows are those Python's csv module reads, each number the float nearest to its decimal.

    `columns` are the file's names of timestamp, open, high, low, close and volume. Times are compared where they are
    `aware`: epoch numbers, or ISO with a zone.
    """
    if re.search(r"\r(?!\n)", text):  # Python ends a row there
        return
    read = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        rows = [row for row in read if row]
    except csv.Error:  # quotes where none belong: Python and polars differ in what they make of it
        return
    names = rows.pop(0) if header else [str(place) for place in range(1, len(rows[0]) + 1)]
    assert len(rows) == bars.height, "rows were lost"
    places = [names.index(column) for column in columns]
    for name, place in zip((*PRICES, "volume"), places[1:], strict=True):
        written = [float(row[place].strip()) for row in rows]
        expected = [one / divisor if name in PRICES else one for one in written]
        assert bars[name].to_list() == expected, name
    if aware:
        assert bars["open_ts_ms"].to_list() == [_epoch_ms(row[places[0]].strip()) for row in rows]


def _epoch_ms(stamp: str) -> int:
    stamp = re.sub(" +(?=[Z+-])", "", stamp)
    try:
        number = int(stamp.partition(".")[0])
    except ValueError:
        moment = datetime.fromisoformat(stamp).replace(tzinfo=None)
        offset = datetime.fromisoformat(stamp).utcoffset()
        assert offset is not None, stamp
        return round(((moment - offset).replace(tzinfo=UTC)).timestamp() * 1000)
    ratio = next(ratio for limit, ratio in _UNITS_PER_MS if number < limit)
    return int(number * ratio) if ratio >= 1.0 else number // round(1 / ratio)
