"""Bars for the tests of the data room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import strategies as st

from keel.data.bars import StoredBars
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import MS_PER_HOUR, timeframe_ms

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests" / "fixtures" / "bars"
SHARED = ROOT.parent / "shared" / "data"
NEW_YEAR_2021 = 1_609_459_200_000
ACME = InstrumentId("testing", "ACME/USDT")


def stored(
    opens: list[int],
    *,
    instrument_id: InstrumentId = ACME,
    timeframe: str = "1h",
    feed: str = "made up",
    calendar: str = "24/7",
    timezone: str = "UTC",
    close: float = 100.0,
) -> StoredBars:
    """Return bars that open at the given milliseconds, all with the same price."""
    n = len(opens)
    columns: dict[str, Any] = {"open_ts_ms": opens, "close_ts_ms": [ts + timeframe_ms(timeframe) for ts in opens]}
    prices = {"open": close - 1.0, "high": close + 2.0, "low": close - 3.0, "close": close, "volume": 7.0}
    table = pl.DataFrame(
        columns | {name: [value] * n for name, value in prices.items()},
        schema_overrides={"open_ts_ms": pl.Int64, "close_ts_ms": pl.Int64},
    )
    return StoredBars(instrument_id, timeframe, feed, "raw", calendar, timezone, table)


def hours(*numbers: int) -> list[int]:
    """Return the opens of hours counted from the start of 2021."""
    return [NEW_YEAR_2021 + number * MS_PER_HOUR for number in numbers]


@st.composite
def any_bars(draw: st.DrawFn, instrument_id: InstrumentId = ACME) -> StoredBars:
    """Draw valid hourly bars with gaps and prices from 1e-8 to 1e9."""
    numbers = sorted(draw(st.sets(st.integers(0, 300), min_size=1, max_size=40)))
    price = st.floats(1e-8, 1e9)
    rows = [sorted(draw(st.tuples(price, price, price, price))) for _ in numbers]
    flips = [draw(st.booleans()) for _ in numbers]
    opens = hours(*numbers)
    table = pl.DataFrame(
        {
            "open_ts_ms": opens,
            "close_ts_ms": [ts + MS_PER_HOUR for ts in opens],
            "open": [row[1 if flip else 2] for row, flip in zip(rows, flips, strict=True)],
            "high": [row[3] for row in rows],
            "low": [row[0] for row in rows],
            "close": [row[2 if flip else 1] for row, flip in zip(rows, flips, strict=True)],
            "volume": [draw(st.floats(0.0, 1e12)) for _ in numbers],
        }
    )
    return StoredBars(instrument_id, "1h", "made up", "raw", "24/7", "UTC", table)
