"""What a trading calendar expects: half days, holidays, hours cut to their session, clock changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keel.config.quality import QualitySection
from keel.data.calendars import sessions
from keel.data.quality.arrays import arrays_of_table
from keel.data.quality.examine import Clock, Question, examine_bars
from keel.data.quality.finding import Finding
from keel.data.quality.grid import TradingGrid, trading_grid
from keel.data.quality.known_sessions import known_sessions
from keel.domain.timeframe import MS_PER_DAY, MS_PER_HOUR, timeframe_ms


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def bars(opens: np.ndarray, closes: np.ndarray) -> pl.DataFrame:
    prices = {name: np.full(opens.size, 100.0) for name in ("open", "high", "low", "close", "volume")}
    return pl.DataFrame({"open_ts_ms": opens, "close_ts_ms": closes} | prices)


def found(table: pl.DataFrame, timeframe: str, calendar: str = "XNYS") -> tuple[int, list[Finding]]:
    rules = QualitySection(stale="off")
    expected, findings = examine_bars(arrays_of_table(table), Question(rules, Clock(timeframe, calendar)))
    return expected, list(findings)


def year_2023(timeframe: str, lead_ms: int | None = None) -> pl.DataFrame:
    """Lay the bars of 2023, New York, session by session, without the code under test."""
    known, step = sessions("XNYS", 19358, 19722), timeframe_ms(timeframe)
    opens, closes = [], []
    for start, end in zip(known.open_ts_ms.tolist(), known.close_ts_ms.tolist(), strict=True):
        edges = [start, *range(start + (lead_ms or step), end, step), end]
        opens += edges[:-1]
        closes += edges[1:]
    return bars(np.array(opens), np.array(closes))


@pytest.mark.parametrize(
    ("timeframe", "lead_ms"),
    [("1d", None), ("1h", None), ("1h", MS_PER_HOUR // 2), ("15m", None), ("2h", MS_PER_HOUR // 2), ("4h", None)],
)
def test_every_session_of_a_year_is_expected_as_it_is_half_days_and_clock_changes_included(
    timeframe: str, lead_ms: int | None
) -> None:
    table = year_2023(timeframe, lead_ms)
    assert found(table, timeframe) == (table.height, [])
    grid = trading_grid(timeframe, "XNYS", table["open_ts_ms"].to_numpy())
    first = grid.index(table["open_ts_ms"].to_numpy()[:1])
    opens, closes = grid.bars(first + np.arange(table.height))
    assert opens.tolist() == table["open_ts_ms"].to_list()
    assert closes.tolist() == table["close_ts_ms"].to_list()


@given(st.sets(st.integers(1, 1700), min_size=1, max_size=60))
def test_bars_taken_out_are_counted_one_by_one_across_sessions(gone: set[int]) -> None:
    table = year_2023("1h", MS_PER_HOUR // 2)
    assert table.height > 1702
    kept = table.with_row_index().filter(~pl.col("index").is_in(gone)).drop("index")
    expected, (gap,) = found(kept, "1h")
    assert (expected, gap.count) == (table.height, len(gone))
    starts = [row for row in sorted(gone) if row - 1 not in gone]
    assert gap.ts_ms.tolist() == table["open_ts_ms"].gather(starts).to_list()


def test_missing_session_is_found_and_a_holiday_is_not() -> None:
    table = year_2023("1d")
    third = ms("2023-07-03T13:30")  # a half day before the holiday
    expected, (gap,) = found(table.filter(pl.col("open_ts_ms") != third), "1d")
    assert (expected, gap.count, gap.ts_ms.tolist()) == (250, 1, [third])


def test_bar_on_a_holiday_lies_outside_the_sessions() -> None:
    table = year_2023("1d")
    holiday = bars(np.array([ms("2023-07-04T13:30")]), np.array([ms("2023-07-04T20:00")]))
    _, (closed,) = found(pl.concat([table, holiday]).sort("open_ts_ms"), "1d")
    assert (closed.check, closed.count, closed.severity) == ("sessions", 1, "refuse")
    assert closed.ts_ms.tolist() == [ms("2023-07-04T13:30")]


@given(st.integers(0, 10**12), st.sampled_from(["1m", "15m", "1h", "1d", "1w"]), st.integers(1, 500))
def test_round_the_clock_one_bar_is_expected_each_step(start: int, timeframe: str, rows: int) -> None:
    step = timeframe_ms(timeframe)
    opens = start + step * np.arange(rows)
    grid: TradingGrid = trading_grid(timeframe, "24/7", opens)
    assert np.diff(grid.index(opens)).tolist() == [1] * (rows - 1)
    back, closes = grid.bars(grid.index(opens))
    assert back.tolist() == opens.tolist()
    assert (closes - back).tolist() == [step] * rows


def test_sessions_are_kept_between_runs_and_made_again_where_the_cache_is_torn_or_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEL_CACHE_DIR", str(tmp_path))
    day = ms("2023-07-03") // MS_PER_DAY
    first = known_sessions("XNYS", day, day)
    (kept,) = (tmp_path / "keel" / "calendars").iterdir()
    written = kept.stat().st_mtime_ns
    again = known_sessions("XNYS", day - 3, day + 3)
    assert kept.stat().st_mtime_ns == written
    assert again.close_ts_ms.tolist() == first.close_ts_ms.tolist()
    assert again.timezone == first.timezone == "America/New_York"
    longer = known_sessions("XNYS", day - 800, day)
    assert (kept.stat().st_mtime_ns > written, longer.day.size > first.day.size) == (True, True)
    whole = kept.read_bytes()
    kept.write_bytes(whole[:100])
    assert known_sessions("XNYS", day - 800, day).close_ts_ms.tolist() == longer.close_ts_ms.tolist()
    assert kept.stat().st_size == len(whole)


def test_cache_that_cannot_be_written_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KEEL_CACHE_DIR", str(tmp_path / "file"))
    assert known_sessions("XNYS", 19500, 19500).day.size > 240
