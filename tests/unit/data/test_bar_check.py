from __future__ import annotations

import math

import polars as pl
import pytest
from made_bars import hours, stored

from keel.data.check import check_bars
from keel.domain.errors import DataError

GOOD = stored(hours(0, 1, 2, 5)).table


def refusal(table: pl.DataFrame) -> str:
    with pytest.raises(DataError) as caught:
        check_bars(table, "some.csv")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("some.csv: ")
    return message


def with_value(column: str, row: int, value: float) -> pl.DataFrame:
    values = GOOD[column].to_list()
    values[row - 1] = value
    return GOOD.with_columns(pl.Series(column, values, dtype=GOOD.schema[column]))


def test_good_bars_pass():
    check_bars(GOOD, "some.csv")


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_bad_price_is_refused_with_row_and_time(column, value):
    message = refusal(with_value(column, 3, value))
    assert "row 3 (2021-01-01 02:00 UTC)" in message
    assert f"{column} is {value}" in message


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_bad_volume_is_refused(value):
    assert f"row 2 (2021-01-01 01:00 UTC): volume is {value}" in refusal(with_value("volume", 2, value))


def test_high_below_low_is_refused():
    assert "row 1 (2021-01-01 00:00 UTC): high 96.0 is below low 97.0" in refusal(with_value("high", 1, 96.0))


@pytest.mark.parametrize(("column", "value"), [("open", 103.0), ("open", 96.0), ("close", 103.0), ("close", 96.0)])
def test_open_or_close_outside_the_range_is_refused(column, value):
    assert f"row 4 (2021-01-01 05:00 UTC): {column} {value} is outside" in refusal(with_value(column, 4, value))


def test_duplicate_stamp_is_refused():
    assert "row 2 (2021-01-01 00:00 UTC): the row above has the same time" in refusal(stored(hours(0, 0, 1)).table)


def test_unsorted_stamp_is_refused():
    assert "row 3 (2021-01-01 01:00 UTC): it is earlier than the row above" in refusal(stored(hours(0, 2, 1)).table)


def test_bar_that_opens_before_the_one_above_closed_is_refused():
    overlapping = GOOD.with_columns(close_ts_ms=pl.col("open_ts_ms") + 2 * 3_600_000)
    assert "row 2 (2021-01-01 01:00 UTC): it opens before the row above has closed" in refusal(overlapping)


def test_close_at_or_before_open_is_refused():
    backwards = GOOD.with_columns(close_ts_ms=pl.col("open_ts_ms"))
    assert "row 1 (2021-01-01 00:00 UTC): it closes at 2021-01-01 00:00 UTC, not after" in refusal(backwards)


def test_first_bad_row_is_named_whatever_is_wrong_with_later_ones():
    table = with_value("close", 2, math.nan).with_columns(
        volume=pl.Series([7.0, 7.0, -1.0, 7.0]),
    )
    assert "row 2" in refusal(table)


def test_bad_values_of_extra_columns_are_refused():
    table = GOOD.with_columns(trade_count=pl.Series([1, 2, -3, 4]))
    assert "row 3 (2021-01-01 02:00 UTC): trade_count is -3" in refusal(table)


def test_missing_value_is_refused_by_row():
    table = GOOD.with_columns(close=pl.Series([1.0, None, 1.0, 1.0]))
    assert "row 2: close has no value" in refusal(table)


def test_wrong_columns_are_named():
    assert "no column volume" in refusal(GOOD.drop("volume"))
    assert "column colour is none of a bar's" in refusal(GOOD.with_columns(colour=pl.lit(1)))
    assert "column volume is Int64, not Float64" in refusal(GOOD.with_columns(pl.col("volume").cast(pl.Int64)))


def test_no_rows_are_refused():
    assert "there is a header but no bar" in refusal(GOOD.clear())
