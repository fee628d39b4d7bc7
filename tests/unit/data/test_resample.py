from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_bars import ACME, NEW_YEAR_2021, SHARED, hours, stored

from keel.data.bars import StoredBars
from keel.data.check import check_bars
from keel.data.importers.files import freqtrade_target, read_freqtrade
from keel.data.importers.lean import read_lean
from keel.data.resample import resample, resample_and_count
from keel.domain.errors import DataError, UsageError
from keel.domain.timeframe import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE

NEW_YORK = "America/New_York"


def ms(text: str, zone: str = NEW_YORK) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def rows(*rows: tuple[int, float, float, float, float, float], timeframe: str = "1h", length: int = MS_PER_HOUR):
    """Return bars of (open time, open, high, low, close, volume)."""
    table = pl.DataFrame(rows, ["open_ts_ms", "open", "high", "low", "close", "volume"], orient="row")
    table = table.with_columns(close_ts_ms=pl.col("open_ts_ms") + length)
    columns = ["open_ts_ms", "close_ts_ms", "open", "high", "low", "close", "volume"]
    return StoredBars(ACME, timeframe, "fixture", "raw", "24/7", "UTC", table.select(columns))


def session_bars(opens: list[str], minutes: int, timeframe: str) -> StoredBars:
    table = stored([ms(text) for text in opens], timeframe=timeframe, calendar="XNYS", timezone=NEW_YORK).table
    length = minutes * MS_PER_MINUTE
    table = table.with_columns(close_ts_ms=pl.col("open_ts_ms") + length)
    return StoredBars(ACME, timeframe, "fixture", "raw", "XNYS", NEW_YORK, table)


def refusal(call, error=DataError) -> str:
    with pytest.raises(error) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@st.composite
def minutes(draw: st.DrawFn) -> StoredBars:
    """Draw minutes of two days with gaps, now and then with counts, prices in hundredths."""
    numbers = sorted(draw(st.sets(st.integers(0, 2 * 24 * 60 - 1), min_size=1, max_size=120)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    prices = np.sort(rng.integers(1, 10_000, (len(numbers), 4)) / 100, axis=1)
    opens = NEW_YEAR_2021 + np.array(numbers, dtype=np.int64) * MS_PER_MINUTE
    table = pl.DataFrame(
        {
            "open_ts_ms": opens,
            "close_ts_ms": opens + MS_PER_MINUTE,
            "open": prices[:, 1],
            "high": prices[:, 3],
            "low": prices[:, 0],
            "close": prices[:, 2],
            "volume": rng.random(len(numbers)) * 10.0 ** rng.integers(-3, 9, len(numbers)),
        }
    )
    if draw(st.booleans()):
        table = table.with_columns(trade_count=pl.Series(rng.integers(0, 99, len(numbers))))
    return StoredBars(ACME, "1m", "made up", "raw", "24/7", "UTC", table)


TIMEFRAMES = st.sampled_from(["2m", "5m", "7m", "1h", "4h", "1d"])


def made(bars: StoredBars, timeframe: str) -> pl.DataFrame:
    """Return the longer bars, none where nothing is whole."""
    try:
        return resample(bars, timeframe).table
    except DataError:
        return bars.table.clear()


@settings(max_examples=60, deadline=None)
@given(minutes(), TIMEFRAMES)
def test_each_bar_is_open_of_first_high_max_low_min_close_of_last_and_volume_sum_of_its_parts(bars, timeframe):
    table = made(bars, timeframe)
    for row in table.iter_rows(named=True):
        parts = bars.table.filter(pl.col("open_ts_ms").is_between(row["open_ts_ms"], row["close_ts_ms"] - 1))
        assert (row["open"], row["close"]) == (parts["open"][0], parts["close"][-1])
        assert (row["high"], row["low"]) == (parts["high"].max(), parts["low"].min())
        assert row["volume"] == pytest.approx(parts["volume"].sum(), rel=1e-12)
        assert row.get("trade_count") == (parts["trade_count"].sum() if "trade_count" in parts.columns else None)
    if table.height:
        check_bars(table, "resampled")


@settings(max_examples=60, deadline=None)
@given(minutes(), TIMEFRAMES, st.data())
def test_bars_known_up_to_a_moment_give_the_same_longer_bars_as_all_of_them_do(bars, timeframe, data):
    known = data.draw(st.integers(1, bars.table.height))
    first = StoredBars(ACME, "1m", "made up", "raw", "24/7", "UTC", bars.table.head(known))
    some, whole = made(first, timeframe), made(bars, timeframe)
    assert some.equals(whole.head(some.height))
    if some.height:
        assert some["close_ts_ms"][-1] <= first.table["close_ts_ms"][-1]


@settings(max_examples=60, deadline=None)
@given(minutes(), st.sampled_from([("5m", "1h"), ("1h", "1d"), ("2m", "4h")]))
def test_two_steps_give_what_one_step_gives_of_whole_bars(bars, steps):
    middle, long = steps
    direct, between = made(bars, long), made(bars, middle)
    if between.height == 0:
        return
    stepped = made(StoredBars(ACME, middle, "made up", "raw", "24/7", "UTC", between), long)
    same = direct.join(stepped, on=["open_ts_ms", "open", "high", "low", "close"], how="semi")
    # a first part bar that is not whole takes the first long bar with it
    assert same.height >= stepped.height - 1


def test_hours_become_days_from_midnight_and_unfinished_ends_are_not_made():
    bars = stored(hours(*range(10, 24 * 3 + 5)))
    done = resample_and_count(bars, "1d")
    assert done.bars.table["open_ts_ms"].to_list() == [NEW_YEAR_2021 + MS_PER_DAY, NEW_YEAR_2021 + 2 * MS_PER_DAY]
    assert done.bars.table["volume"].to_list() == [24 * 7.0, 24 * 7.0]
    assert (done.unfinished, done.incomplete, done.missing) == (2, 0, 0)
    assert (done.bars.timeframe, done.bars.feed) == ("1d", "made up from 1h")


def test_missing_parts_are_counted_and_their_bar_is_made_of_the_others():
    bars = rows(
        (hours(0)[0], 10.0, 11.0, 9.0, 10.5, 1.0),
        (hours(2)[0], 10.0, 15.0, 8.0, 9.5, 2.0),
        (hours(9)[0], 20.0, 21.0, 19.0, 20.5, 4.0),
    )
    done = resample_and_count(bars, "4h")
    assert done.bars.table.rows() == [(hours(0)[0], hours(4)[0], 10.0, 15.0, 8.0, 9.5, 3.0)]
    assert (done.incomplete, done.missing, done.unfinished) == (1, 2, 1)


def test_weeks_begin_on_monday():
    days = [NEW_YEAR_2021 + day * MS_PER_DAY for day in range(12)]  # Friday 2021-01-01 .. Tuesday 12th
    done = resample_and_count(stored(days, timeframe="1d"), "1w")
    assert done.bars.table["open_ts_ms"].to_list() == [ms("2021-01-04", "UTC")]
    assert done.bars.table["close_ts_ms"].to_list() == [ms("2021-01-11", "UTC")]
    assert done.unfinished == 2


@pytest.mark.parametrize(
    ("timeframe", "edges"),
    [
        ("1h", ["09:30", "10:00", "11:00", "12:00", "13:00"]),
        ("2h", ["09:30", "10:00", "12:00", "13:00"]),
        ("4h", ["09:30", "12:00", "13:00"]),
        ("1d", ["09:30", "13:00"]),
    ],
)
def test_minutes_of_a_half_day_become_bars_counted_from_midnight_in_its_zone_and_cut_to_it(timeframe, edges):
    opens = [f"2020-11-27T{9 + minute // 60:02}:{minute % 60:02}" for minute in range(30, 240)]  # 09:30 .. 12:59
    done = resample_and_count(session_bars(opens, 1, "1m"), timeframe)
    times = [ms(f"2020-11-27T{edge}") for edge in edges]
    assert done.bars.table["open_ts_ms"].to_list() == times[:-1]
    assert done.bars.table["close_ts_ms"].to_list() == times[1:]
    lengths = [(end - start) // MS_PER_MINUTE for start, end in pairwise(times)]
    assert done.bars.table["volume"].to_list() == [7.0 * length for length in lengths]
    assert (done.incomplete, done.unfinished) == (0, 0)


def test_a_session_is_a_day_in_the_markets_zone_on_both_sides_of_the_clock_change():
    days = ("2021-03-12", "2021-03-15")  # Friday in winter time, Monday in summer time
    opens = [f"{day}T{hour}" for day in days for hour in ("09:30", *(f"{n}:00" for n in range(10, 16)))]
    bars = session_bars(opens, 60, "1h")
    cut = pl.when(pl.col("open_ts_ms") % MS_PER_HOUR == 0).then(pl.col("close_ts_ms"))
    table = bars.table.with_columns(close_ts_ms=cut.otherwise(pl.col("close_ts_ms") - MS_PER_HOUR // 2))
    done = resample_and_count(StoredBars(ACME, "1h", "fixture", "raw", "XNYS", NEW_YORK, table), "1d")
    assert done.bars.table["open_ts_ms"].to_list() == [ms(f"{day}T09:30") for day in days]
    assert done.bars.table["close_ts_ms"].to_list() == [ms(f"{day}T16:00") for day in days]
    assert (done.incomplete, done.missing, done.unfinished) == (0, 0, 0)


def test_day_without_its_last_minute_is_made_once_a_later_bar_is_there():
    opens = ["2021-01-04T09:30", "2021-01-04T15:58"]
    bars = session_bars(opens, 1, "1m")
    assert "no 1d bar is whole" in refusal(lambda: resample(bars, "1d"))
    done = resample_and_count(session_bars([*opens, "2021-01-05T09:30"], 1, "1m"), "1d")
    assert done.bars.table["close_ts_ms"].to_list() == [ms("2021-01-04T16:00")]
    assert (done.incomplete, done.missing, done.unfinished) == (1, 388, 1)


def test_week_of_sessions_lasts_from_its_first_open_to_its_last_close_holidays_left_out():
    days = ["2021-01-13", "2021-01-14", "2021-01-15", "2021-01-19", "2021-01-20", "2021-01-21", "2021-01-22"]
    opens = [f"{day}T09:30" for day in days]  # Monday the 18th is a holiday
    done = resample_and_count(session_bars(opens, 390, "1d"), "1w")
    assert done.bars.table["open_ts_ms"].to_list() == [ms("2021-01-19T09:30")]
    assert done.bars.table["close_ts_ms"].to_list() == [ms("2021-01-22T16:00")]
    assert (done.incomplete, done.unfinished) == (0, 1)


@pytest.mark.parametrize(
    ("timeframe", "calendar", "told"),
    [
        ("30m", "24/7", "cannot be made of 1h"),
        ("1h", "24/7", "cannot be made of 1h"),
        ("90m", "24/7", "cannot be made of 1h"),
        ("7h", "XNYS", "does not divide a day"),
        ("2d", "XNYS", "by weeks only"),
    ],
)
def test_timeframe_the_bars_do_not_fill_is_refused(timeframe, calendar, told):
    zone = "UTC" if calendar == "24/7" else NEW_YORK
    bars = stored([ms("2021-01-04T10:00")], calendar=calendar, timezone=zone)
    assert told in refusal(lambda: resample(bars, timeframe), UsageError)


def test_bars_that_do_not_lie_inside_the_longer_ones_are_refused_by_their_time():
    off = [ts + 30 * MS_PER_MINUTE for ts in hours(0, 1, 2, 3, 4)]
    told = refusal(lambda: resample(stored(off), "2h"))
    assert "the bar of 2021-01-01 01:30 UTC reaches over the end of its 2h bar" in told


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared market data is not beside this project")
def test_real_hours_of_six_years_become_days_and_every_gap_is_told():
    path = SHARED / "crypto" / "BTC_USDT-1h.feather"
    bars = read_freqtrade(path, freqtrade_target(path, "binance", None, None))
    done = resample_and_count(bars, "1d")
    lost = bars.table.height + done.missing - 24 * done.bars.table.height
    assert 0 <= lost < 48  # the hours of the two unfinished days
    assert done.missing > 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared market data is not beside this project")
def test_real_stock_hours_agree_with_the_vendors_own_days():
    left_out: list[int] = []
    hourly = read_lean(SHARED / "lean" / "hour_spy.zip", "lean", left_out=left_out.append)
    days = read_lean(SHARED / "lean" / "daily_spy.zip", "lean").table
    ours = resample(hourly, "1d").table.join(days, on=["open_ts_ms", "close_ts_ms"], suffix="_vendor")
    assert ours.height > 5_800
    agree = ours.select(
        (pl.col("high") == pl.col("high_vendor")).mean(), (pl.col("low") == pl.col("low_vendor")).mean()
    )
    assert min(agree.row(0)) > 0.9
