"""Each check finds its fault at its exact row, and only there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_bars import NEW_YEAR_2021, any_bars, hours

from keel.config.quality import QualitySection
from keel.data.bars import StoredBars
from keel.data.check import check_bars
from keel.data.quality.anomalies import AROUND, split_ratio, stale_runs
from keel.data.quality.arrays import arrays_of_table
from keel.data.quality.examine import Clock, Days, Question, examine_bars
from keel.data.quality.finding import Finding, told
from keel.data.quality.structure import missing_values
from keel.domain.errors import DataError
from keel.domain.timeframe import MS_PER_DAY, MS_PER_HOUR

ROWS = 400
HOURLY = Clock("1h", "24/7")


def walk(rows: int = ROWS, seed: int = 3) -> pl.DataFrame:
    """Return hourly bars of a random walk of 0.5% a bar, without a fault."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.005, rows)))
    opened = np.concatenate([[100.0], close[:-1]])
    opens = np.array(hours(*range(rows)))
    return pl.DataFrame(
        {
            "open_ts_ms": opens,
            "close_ts_ms": opens + MS_PER_HOUR,
            "open": opened,
            "high": np.maximum(opened, close) * 1.001,
            "low": np.minimum(opened, close) * 0.999,
            "close": close,
            "volume": rng.lognormal(3.0, 0.5, rows),
        }
    )


def put(table: pl.DataFrame, row: int, **values: float | None) -> pl.DataFrame:
    """Change values of a row, counted from 1."""
    at = pl.int_range(pl.len()) == row - 1
    return table.with_columns(
        pl.when(at).then(pl.lit(value, table.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def scaled(table: pl.DataFrame, row: int, factor: float, *names: str) -> pl.DataFrame:
    return put(table, row, **{name: table[name][row - 1] * factor for name in names})


def found(table: pl.DataFrame, **rules: object) -> list[Finding]:
    return list(examine_bars(arrays_of_table(table), Question(QualitySection(**rules), HOURLY))[1])


def only(table: pl.DataFrame, **rules: object) -> Finding:
    (finding,) = found(table, **rules)
    return finding


def without(table: pl.DataFrame, *rows: int) -> pl.DataFrame:
    return table.with_row_index("row", offset=1).filter(~pl.col("row").is_in(rows)).drop("row")


PRICES = ("open", "high", "low", "close")
BAD_CLOSE = scaled(scaled(walk(), 200, 1.3, "high", "close"), 201, 1.3, "open", "high")


@pytest.mark.parametrize(
    ("table", "check", "row", "detail"),
    [
        (put(walk(), 7, close=None), "values", 7, "close has no finite value"),
        (put(walk(), 7, volume=float("nan")), "values", 7, "volume has no finite value"),
        (put(walk(), 7, high=float("inf")), "values", 7, "high has no finite value"),
        (put(walk(), 7, low=0.0), "ohlc", 7, "a price is not above zero"),
        (put(walk(), 7, high=1.0, low=0.5), "ohlc", 7, "high is below"),
        (put(walk(), 7, low=101.0, high=999.0), "ohlc", 7, "low is above"),
        (put(walk(), 7, open=200.0, high=201.0, low=150.0), "ohlc", 7, "low is above"),
        (put(walk(), 7, open=0.6, high=0.7, low=0.5), "ohlc", 7, "high is below"),
        (put(walk(), 7, volume=-1.0), "ohlc", 7, "volume is negative"),
        (pl.concat([walk()[:7], walk()[6:]]), "duplicates", 8, "a time stands twice"),
        (put(walk(), 7, close_ts_ms=hours(6)[0]), "order", 7, "closes at or before its open"),
        (put(walk(), 7, close_ts_ms=hours(8)[0]), "order", 8, "before the one above has closed"),
        (BAD_CLOSE, "outliers", 200, "comes back"),
        (scaled(walk(), 200, 1.2, "high"), "outliers", 200, "comes back"),
        (scaled(walk(), 200, 0.8, "low"), "outliers", 200, "comes back"),
        (put(walk(), 200, volume=0.0), "volume", 200, "no volume"),
        (put(walk(), 200, volume=5000.0), "volume", 200, "volume is over 50 times"),
    ],
)  # fmt: skip
def test_fault_is_found_at_its_row_and_nothing_else_is(table: pl.DataFrame, check: str, row: int, detail: str) -> None:
    findings = found(table)
    assert (findings[0].check, findings[0].rows.tolist(), findings[0].count) == (check, [row], 1)
    assert detail in findings[0].detail
    assert findings[0].ts_ms.tolist() == [table["open_ts_ms"][row - 1]]
    structural = check in ("values", "ohlc", "duplicates", "order")
    # a row that is left out for its own fault leaves a gap, and nothing more
    assert {finding.check for finding in findings[1:]} <= ({"gaps", "ohlc"} if structural else set())
    assert findings[0].severity == ("refuse" if structural else "note")


def test_bars_without_a_fault_have_no_finding() -> None:
    assert found(walk(20_000)) == []


@given(any_bars(), st.integers(0, 50))
def test_valid_bars_never_have_a_structural_finding(bars: StoredBars, length: int) -> None:
    table = bars.table.head(length + 1)
    check_bars(table, "made")
    checks = {finding.check for finding in found(table)}
    assert checks.isdisjoint({"values", "ohlc", "duplicates", "order", "sessions"})


@given(any_bars(), st.data())
def test_what_check_bars_refuses_is_found_at_its_row(bars: StoredBars, data: st.DataObject) -> None:
    row = data.draw(st.integers(1, bars.table.height))
    table = put(bars.table, row, **{data.draw(st.sampled_from([*PRICES, "volume", "close_ts_ms"])): -1})
    with pytest.raises(DataError, match=f"row {row} "):
        check_bars(table, "made")
    assert any(row in finding.rows for finding in found(table) if finding.check in ("ohlc", "order"))


def test_unsorted_rows_and_far_duplicates_are_told_apart() -> None:
    table = walk(20)
    table = pl.concat([table[:5], table[8:], table[5:8], table[2:3]])
    findings = {finding.check: finding for finding in found(table)}
    assert findings["duplicates"].rows.tolist() == [21]
    assert findings["order"].rows.tolist() == [18, 21]
    assert "gaps" not in findings


def test_missing_values_are_counted_by_column() -> None:
    table = put(put(put(walk(10), 2, close=None), 5, close=float("nan")), 6, volume=float("inf"))
    counts = missing_values(table)
    assert (counts["close"], counts["volume"], counts["open"], counts["open_ts_ms"]) == (2, 1, 0, 0)


def test_gap_names_the_row_behind_it_the_first_time_missing_and_how_many() -> None:
    gap = only(without(walk(), 11, 12, 13, 300))
    assert (gap.check, gap.count, gap.expected) == ("gaps", 4, ROWS)
    assert gap.rows.tolist() == [11, 297]
    assert gap.ts_ms.tolist() == hours(10, 299)
    assert gap.amounts is not None
    assert gap.amounts.tolist() == [3, 1]
    assert gap.places() == "3 before row 11 (2021-01-01 10:00 UTC), 1 before row 297 (2021-01-13 11:00 UTC)"


def test_limit_of_gaps_is_a_fraction_of_the_bars_expected() -> None:
    four = without(walk(), 11, 12, 13, 14)
    assert only(four).severity == "note"
    assert only(four, max_missing_fraction=0.0099).severity == "refuse"
    assert only(four, max_missing_fraction=0.0099, gaps="warn").severity == "warn"
    assert found(four, max_missing_fraction=0.0099, gaps="off") == []


def test_one_outlier_passes_and_a_second_is_measured_by_the_limit() -> None:
    two = scaled(BAD_CLOSE, 300, 0.8, "low")
    assert only(BAD_CLOSE).severity == "note"
    assert (only(two).severity, only(two).rows.tolist()) == ("refuse", [200, 300])
    assert only(two, max_outlier_fraction=0.005).severity == "note"
    assert only(two, outliers="warn").severity == "warn"
    assert found(two, outliers="off") == []
    assert found(two, outlier_sigmas=100.0) == []
    assert found(two, outlier_least_move=0.5) == []


def test_move_that_stays_is_no_outlier() -> None:
    table = walk()
    up = pl.when(pl.int_range(pl.len()) >= 200).then(1.3).otherwise(1.0)
    assert found(table.with_columns(pl.col(*PRICES) * up)) == []


def test_outlier_is_found_at_the_edges_of_a_block_of_work() -> None:
    edge = (1 << 16) + 1
    table = walk(edge + AROUND)
    for row in (edge - 1, edge, edge + 1):
        bad = scaled(scaled(table, row, 1.3, "high", "close"), row + 1, 1.3, "open", "high")
        assert row in only(bad, max_outlier_fraction=1.0).rows


def test_two_dozen_bars_say_nothing_of_what_is_usual() -> None:
    assert found(scaled(walk(15), 8, 2.0, "high")) == []


@pytest.mark.parametrize(("ratio", "name"), [(2.0, "2:1"), (7.0, "7:1"), (0.1, "1:10"), (1.5, "3:2")])
def test_split_that_nobody_lists_is_named_at_its_bar_and_a_listed_one_is_not(ratio: float, name: str) -> None:
    table = walk()
    after = pl.when(pl.int_range(pl.len()) >= 200).then(ratio).otherwise(1.0)
    table = table.with_columns(pl.col(*PRICES) / after)
    finding = only(table)
    assert (finding.check, finding.severity, finding.rows.tolist()) == ("splits", "warn", [201])
    assert f"a split of {name} " in finding.detail
    assert split_ratio(arrays_of_table(table), 200) == name
    known = np.array([table["open_ts_ms"][200] - 5 * MS_PER_HOUR // 10])
    question = Question(QualitySection(), HOURLY, splits_ts_ms=known)
    assert examine_bars(arrays_of_table(table), question)[1] == ()


def frozen(rows: int) -> pl.DataFrame:
    """Stop the close of hour 200 for some bars."""
    table = walk()
    still = pl.int_range(pl.len()).is_between(199, 198 + rows)
    price = table["close"][199]
    return table.with_columns(pl.when(still).then(price).otherwise(pl.col(name)).alias(name) for name in PRICES)


def test_frozen_feed_is_found_from_its_first_bar_at_its_length() -> None:
    assert [one.check for one in found(frozen(29))] == []
    finding = only(frozen(30))
    assert (finding.check, finding.severity, finding.rows.tolist()) == ("stale", "warn", [200])
    assert (finding.count, finding.fraction) == (30, 0.075)
    assert only(frozen(30), max_stale_fraction=0.08).severity == "note"


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60), st.integers(2, 6))
def test_stale_runs_are_those_a_plain_count_finds(values: list[int], length: int) -> None:
    starts, lengths = stale_runs(np.array(values, dtype=float), length)
    plain = []
    for i in range(len(values)):
        if i == 0 or values[i] != values[i - 1]:
            end = next((j for j in range(i, len(values)) if values[j] != values[i]), len(values))
            plain += [(i, end - i)] if end - i >= length else []
    assert list(zip(starts.tolist(), lengths.tolist(), strict=True)) == plain


def day(number: int) -> Days:
    return Days(NEW_YEAR_2021 + number * MS_PER_DAY, NEW_YEAR_2021 + (number + 1) * MS_PER_DAY)


def test_one_day_counts_what_is_missing_at_its_edges_and_nothing_of_other_days() -> None:
    table = put(without(walk(), 25, 30, 48, 70), 20, volume=0.0)
    question = Question(QualitySection(), HOURLY, days=day(1))
    expected, (gap,) = examine_bars(arrays_of_table(table), question)
    assert (expected, gap.count, gap.severity) == (24, 3, "refuse")
    assert gap.ts_ms.tolist() == hours(24, 29, 47)
    clean = replace(question, days=day(3))
    assert examine_bars(arrays_of_table(table), clean) == (24, ())
    after = replace(question, days=day(40))
    expected, (gap,) = examine_bars(arrays_of_table(table), after)
    assert (expected, gap.count) == (24, 24)


def test_one_line_names_file_rows_share_and_mend() -> None:
    assert told("x.parquet", [only(without(walk(), 11, 12, 13, 14, 15))]) == (
        "x.parquet: bars are missing: 5 of 400 bars (1.2%, 1% allowed), 5 before row 11 (2021-01-01 10:00 UTC): get "
        "the bars anew, raise quality.max_missing_fraction, set quality.gaps to warn, or forward_fill (quality.repair)"
    )


def test_json_of_a_finding_lists_the_first_places_and_counts_the_rest() -> None:
    every_other = without(walk(), *range(2, 101, 2))
    tree = only(every_other).as_json()
    assert (tree["count"], tree["places_in_all"], len(tree["places"])) == (50, 50, 20)
    time = datetime(2021, 1, 1, 1, tzinfo=UTC)
    first = {"row": 2, "ts_ms": int(time.timestamp()) * 1000, "time": "2021-01-01 01:00 UTC", "bars": 1}
    assert tree["places"][0] == first
