"""Repairs do what they say, tell which rows, and leave whole bars behind; what they cannot mend is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_bars import any_bars, hours, stored

from keel.config.quality import QualitySection
from keel.data.actions import no_actions
from keel.data.bars import StoredBars
from keel.data.check import check_bars
from keel.data.quality.arrays import arrays_of_table
from keel.data.quality.examine import Clock, Question, examine_bars
from keel.data.quality.unchecked import read_unchecked
from keel.data.repair import Repair, RepairedBars, read_splits, repair_bars, told_repair
from keel.data.store import BarStore
from keel.domain.errors import DataError

NONE = no_actions(0).records


def repaired(bars: StoredBars, *steps: str, **more: object) -> RepairedBars:
    rules = QualitySection(repair=list(steps), **more)
    (splits,) = read_splits(rules, [bars])
    return repair_bars(bars, rules, Path("x.parquet"), splits)


def only(done: RepairedBars) -> Repair:
    (repair,) = done.repairs
    return repair


def put(bars: StoredBars, row: int, **values: float | None) -> StoredBars:
    at = pl.int_range(pl.len()) == row - 1
    changes = [
        pl.when(at).then(pl.lit(value, bars.table.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    ]
    return replace(bars, table=bars.table.with_columns(changes))


def test_bad_rows_are_dropped_and_named_with_the_hashes_before_and_after() -> None:
    bars = put(put(put(stored(hours(*range(8))), 2, close=None), 3, high=1.0), 7, open_ts_ms=None)
    done = repaired(bars, "drop_bad_rows")
    assert (only(done).count, only(done).rows) == (3, ((2, 3), (7, 7)))
    assert done.bars.table["open_ts_ms"].to_list() == hours(0, 3, 4, 5, 7)
    assert (only(done).hash_before, only(done).hash_after) == (bars.content_hash(), done.content_hash())
    assert told_repair(only(done), "x.parquet") == (
        "x.parquet: drop_bad_rows changed 3 bars: rows 2 to 3 and 1 more places"
    )


def test_first_of_two_rows_of_one_time_is_kept() -> None:
    bars = put(stored(hours(0, 1, 1, 2)), 3, close=101.0)
    done = repaired(bars, "drop_duplicates")
    assert (only(done).rows, done.bars.table["close"].to_list()) == (((3, 3),), [100.0] * 3)


def test_rows_out_of_order_are_sorted() -> None:
    done = repaired(stored(hours(0, 3, 1, 2, 4)), "sort")
    assert done.bars.table["open_ts_ms"].to_list() == hours(0, 1, 2, 3, 4)
    assert (only(done).count, only(done).rows) == (3, ((2, 4),))


def test_gap_is_filled_at_the_close_before_with_no_volume_and_named_by_the_row_behind_it() -> None:
    bars = stored(hours(0, 1, 5, 6))
    with_counts = replace(
        bars, table=bars.table.with_columns(trade_count=pl.lit(3, pl.Int64), taker_buy_volume=pl.lit(2.0))
    )
    done = repaired(put(with_counts, 2, close=99.0), "forward_fill")
    table = done.bars.table
    assert table["open_ts_ms"].to_list() == hours(*range(7))
    assert table["volume"].to_list() == [7.0, 7.0, 0.0, 0.0, 0.0, 7.0, 7.0]
    assert table["trade_count"].to_list() == [3, 3, 0, 0, 0, 3, 3]
    assert table[3].select("open", "high", "low", "close").row(0) == (99.0,) * 4
    assert (only(done).count, only(done).rows) == (3, ((3, 3),))


@given(any_bars())
def test_filled_bars_have_no_gap_keep_every_bar_there_was_and_a_second_time_change_nothing(bars: StoredBars) -> None:
    done = repaired(bars, "forward_fill")
    check_bars(done.bars.table, "filled")
    question = Question(QualitySection(max_missing_fraction=0.0), Clock("1h", "24/7"))
    _, findings = examine_bars(arrays_of_table(done.bars.table), question)
    assert "gaps" not in {finding.check for finding in findings}
    kept = done.bars.table.join(bars.table.select("open_ts_ms"), on="open_ts_ms")
    assert kept.sort("open_ts_ms").equals(bars.table)
    again = repaired(done.bars, "forward_fill")
    assert (only(again).count, only(again).rows) == (0, ())
    assert again.content_hash() == done.content_hash()


def test_half_day_is_filled_to_its_bell() -> None:
    thanksgiving = [1_700_836_200_000 + hour * 3_600_000 for hour in (0, 3)]  # 2023-11-24 14:30 and 17:30 UTC
    bars = stored([thanksgiving[0], 1_701_095_400_000], calendar="XNYS", timezone="America/New_York")
    done = repaired(bars, "forward_fill")
    closes = done.bars.table["close_ts_ms"].to_list()
    assert done.bars.table.height == 5
    assert closes[3] == thanksgiving[1] + 1_800_000  # 13:00 in New York


def split_file(folder: Path, *rows: str) -> str:
    path = folder / "splits.csv"
    path.write_text("time,symbol,kind,value\n" + "".join(f"{row}\n" for row in rows))
    return str(path)


def test_prices_before_a_split_are_divided_volumes_multiplied_and_the_prices_called_split(tmp_path: Path) -> None:
    bars = put(stored(hours(*range(5))), 1, close=100.0)
    file = split_file(tmp_path, "2021-01-01T02:30:00Z,ACME/USDT,split,4", "2021-01-01T01:00:00Z,ACME/USDT,dividend,1")
    done = repaired(bars, "split_adjust", split_file=file)
    assert done.bars.price_kind == "split"
    assert done.bars.table["close"].to_list() == [25.0, 25.0, 25.0, 100.0, 100.0]
    assert done.bars.table["volume"].to_list() == [28.0, 28.0, 28.0, 7.0, 7.0]
    assert (only(done).count, only(done).rows) == (3, ((1, 3),))


def test_adjusted_prices_are_not_adjusted_again(tmp_path: Path) -> None:
    file = split_file(tmp_path, "2021-01-01T02:30:00Z,ACME/USDT,split,4")
    bars = replace(stored(hours(*range(5))), price_kind="split")
    with pytest.raises(DataError, match="adjusted for its split already"):
        repaired(bars, "split_adjust", split_file=file)


def test_outliers_are_dropped_where_the_checks_find_them() -> None:
    rng = np.random.default_rng(1)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.002, 300)))
    prices = {name: close * factor for name, factor in (("open", 1), ("high", 1.001), ("low", 0.999), ("close", 1))}
    bars = stored(hours(*range(300)))
    bars = replace(bars, table=bars.table.with_columns(**{name: pl.Series(column) for name, column in prices.items()}))
    done = repaired(put(bars, 150, high=200.0), "drop_outliers")
    assert (only(done).rows, done.bars.table.height) == (((150, 150),), 299)


def test_what_no_repair_has_mended_is_refused_by_file_repairs_and_row() -> None:
    bars = put(stored(hours(0, 1, 2, 2)), 2, close=None)
    with pytest.raises(DataError, match=r"x.parquet, after drop_bad_rows: row 3 .*the row above has the same time"):
        repaired(bars, "drop_bad_rows")
    with pytest.raises(DataError, match=r"x.parquet, before forward_fill: row 2: close has no value"):
        repaired(bars, "forward_fill", "drop_bad_rows")


@given(st.permutations(["drop_bad_rows", "sort", "drop_duplicates"]), any_bars(), st.randoms())
def test_order_of_dropping_and_sorting_is_the_callers(steps: list[str], bars: StoredBars, chance: object) -> None:
    rows = list(range(bars.table.height)) * 2
    chance.shuffle(rows)
    done = repaired(replace(bars, table=bars.table[rows]), *steps)
    assert done.bars.table.equals(bars.table)
    assert [repair.step for repair in done.repairs] == steps


def test_stored_file_is_read_as_it_is_within_its_range(tmp_path: Path) -> None:
    bars = stored(hours(*range(6)))
    path = BarStore(tmp_path).write(bars)
    assert read_unchecked(path).table.equals(bars.table)
    assert read_unchecked(path, *hours(2, 4)).table["open_ts_ms"].to_list() == hours(2, 3)
    with pytest.raises(DataError, match="no bar opens in the time asked for"):
        read_unchecked(path, *hours(8, 9))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match="damaged"):
        read_unchecked(path)
