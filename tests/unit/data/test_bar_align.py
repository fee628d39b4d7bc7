from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_bars import any_bars, hours, stored

from keel.data.align import align, fine_bars
from keel.domain.errors import DataError
from keel.domain.instrument import InstrumentId
from keel.domain.layout import BAR, BAR_ENDS_DAY, BAR_PRESENT

OTHER = InstrumentId("testing", "OTHER")
FIELDS = ("open", "high", "low", "close", "volume", "open_ts_ms", "close_ts_ms")


def ms(text: str, zone: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@settings(max_examples=60, deadline=None)
@given(any_bars(), any_bars(OTHER), any_bars(InstrumentId("testing", "THIRD")))
def test_every_bar_is_kept_exactly_once(first, second, third):
    bars = first, second, third
    rows = align(bars)
    assert rows.dtype == BAR
    assert rows.flags.c_contiguous
    assert np.all(np.diff(rows["close_ts_ms"][:, 0]) > 0)
    for i, one in enumerate(bars):
        present = rows[:, i][rows[:, i]["flags"] & BAR_PRESENT == BAR_PRESENT]
        for name in FIELDS:
            np.testing.assert_array_equal(present[name], one.table[name].to_numpy())
    assert np.all((rows["flags"] & BAR_PRESENT).max(axis=1) == BAR_PRESENT)


@settings(max_examples=30, deadline=None)
@given(any_bars(), any_bars(OTHER), st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]))
def test_day_and_minute_are_those_of_a_wall_clock(first, second, zone):
    rows = align([replace(first, timezone=zone), replace(second, timezone=zone)])
    for record in rows[:, 0]:
        wall = datetime.fromtimestamp(int(record["open_ts_ms"]) / 1000, UTC).astimezone(ZoneInfo(zone))
        assert record["day"] == wall.date().toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal()
        assert record["minute_of_week"] == wall.weekday() * 1440 + wall.hour * 60 + wall.minute


def test_missing_instrument_has_no_prices_but_the_rows_time_and_day():
    rows = align([stored(hours(0, 1)), stored(hours(1, 2), instrument_id=OTHER)])
    absent = rows[0, 1]
    assert absent["flags"] & BAR_PRESENT == 0
    assert all(np.isnan(absent[name]) for name in ("open", "high", "low", "close"))
    assert absent["volume"] == 0.0
    assert absent["close_ts_ms"] == hours(1)[0]
    assert absent["day"] == rows[0, 0]["day"] == 18_628


def test_last_row_of_a_day_ends_it_for_every_instrument_missing_ones_too():
    rows = align([stored(hours(22, 23, 24)), stored(hours(22, 24), instrument_id=OTHER)])
    assert (rows["flags"] & BAR_ENDS_DAY).tolist() == [[0, 0], [BAR_ENDS_DAY] * 2, [0, 0]]


@pytest.mark.parametrize(("last", "ends"), [(23, True), (22, False)])
def test_very_last_row_ends_a_round_the_clock_day_only_at_midnight(last, ends):
    rows = align([stored(hours(21, last))])
    assert bool(rows["flags"][-1, 0] & BAR_ENDS_DAY) is ends


def test_very_last_row_ends_the_day_of_a_market_that_closes():
    rows = align([stored(hours(15), calendar="XNYS", timezone="America/New_York")])
    assert rows["flags"][0, 0] & (BAR_PRESENT | BAR_ENDS_DAY) == BAR_PRESENT | BAR_ENDS_DAY


def test_day_of_the_zone_is_not_the_day_of_utc():
    rows = align([stored(hours(3, 4, 5, 6), timezone="America/New_York")])
    assert rows["day"][:, 0].tolist() == [18_627, 18_627, 18_628, 18_628]
    assert (rows["flags"][:, 0] & BAR_ENDS_DAY).tolist() == [0, BAR_ENDS_DAY, 0, 0]


def test_minute_of_week_follows_the_clock_through_a_change():
    opens = [ms("2021-03-12T09:30", "America/New_York"), ms("2021-03-15T09:30", "America/New_York")]
    assert opens[1] - opens[0] == 71 * 3_600_000
    rows = align([stored(opens, timezone="America/New_York")])
    assert rows["minute_of_week"][:, 0].tolist() == [4 * 1440 + 570, 570]


def test_more_rows_than_a_block_agree_with_each_row_alone():
    opens = [hours(0)[0] + 60_000 * i for i in range(70_000)]
    rows = align([stored(opens, timeframe="1m", timezone="Europe/Berlin")])
    for i in (0, 65_535, 65_536, 69_999):
        alone = align([stored([opens[i]], timeframe="1m", timezone="Europe/Berlin")])[0, 0]
        for name in (*FIELDS, "day", "minute_of_week"):
            assert rows[i, 0][name] == alone[name]


@pytest.mark.parametrize(
    ("bars", "told"),
    [
        ([], "no bars"),
        ([stored(hours(0)), stored(hours(1))], "stands twice"),
        ([stored(hours(0)), stored([0], timeframe="1d", instrument_id=OTHER)], "one run takes one timeframe"),
    ],
)
def test_bars_one_run_cannot_hold_are_refused(bars, told):
    with pytest.raises(DataError, match=told):
        align(bars)


def test_unknown_zone_is_refused():
    with pytest.raises(DataError, match="'Mars/Olympus' is not in the IANA database"):
        align([stored(hours(0), timezone="Mars/Olympus")])


@settings(max_examples=30, deadline=None)
@given(any_bars(), any_bars(OTHER))
def test_fine_bars_lie_one_instrument_after_another(first, second):
    bars, starts, ends = fine_bars([first, second])
    assert bars.ndim == 1
    assert starts.tolist() == [0, first.table.height]
    assert ends.tolist() == [first.table.height, first.table.height + second.table.height]
    for one, start, end in zip((first, second), starts, ends, strict=True):
        for name in FIELDS:
            np.testing.assert_array_equal(bars[start:end][name], one.table[name].to_numpy())
    assert np.all(bars["flags"] == BAR_PRESENT)


def test_no_fine_bars_are_refused():
    with pytest.raises(DataError, match="no bars"):
        fine_bars([])


def test_a_bar_carries_its_own_prices_not_its_neighbours():
    low, high = stored(hours(0), close=10.0), stored(hours(0), instrument_id=OTHER, close=500.0)
    rows = align([low, high])
    assert rows["close"].tolist() == [[10.0, 500.0]]


def daily(opens_at: str, hours_long: float, *days: str, zone: str = "UTC", calendar: str = "24/7", name: str = "BTC"):
    """Return daily bars of an instrument that open at a wall clock's time on each of the days."""
    opens = [ms(f"{day}T{opens_at}", zone) for day in days]
    bars = stored(opens, instrument_id=InstrumentId("testing", name), timeframe="1d", calendar=calendar, timezone=zone)
    length = int(hours_long * 3_600_000)
    return replace(bars, table=bars.table.with_columns(close_ts_ms=pl.Series([ts + length for ts in opens])))


def spy(*days: str):
    return daily("09:30", 6.5, *days, zone="America/New_York", calendar="XNYS", name="SPY")


FRIDAY, SATURDAY, SUNDAY, MONDAY = "2021-01-08", "2021-01-09", "2021-01-10", "2021-01-11"
LONG_WEEKEND = (FRIDAY, SATURDAY, SUNDAY, MONDAY)


def test_calendars_of_one_run_may_differ_and_a_row_is_one_close():
    rows = align([daily("00:00", 24, *LONG_WEEKEND), spy(FRIDAY, MONDAY)])
    present = (rows["flags"] & BAR_PRESENT).tolist()
    # the stock closes at 21:00 UTC, three hours before the coin's day
    assert present == [[0, 1], [1, 0], [1, 0], [1, 0], [0, 1], [1, 0]]
    assert rows["close_ts_ms"][:2, 0].tolist() == [ms("2021-01-08T21:00", "UTC"), ms("2021-01-09T00:00", "UTC")]


def test_each_calendar_ends_its_own_days_on_its_own_rows():
    coin, stock = align([daily("00:00", 24, *LONG_WEEKEND), spy(FRIDAY, MONDAY)])["flags"].T & BAR_ENDS_DAY
    assert np.flatnonzero(coin).tolist() == [1, 2, 3, 5]
    assert np.flatnonzero(stock).tolist() == [0, 4]


def test_hourly_day_of_a_stock_ends_at_its_bell_while_the_coin_trades_on():
    opens = [ms(f"2021-01-08T{hour:02}:00", "America/New_York") for hour in range(10, 16)]
    stock = stored(opens, instrument_id=OTHER, calendar="XNYS", timezone="America/New_York")
    rows = align([stored([ms("2021-01-08T00:00", "UTC") + i * 3_600_000 for i in range(24)]), stock])
    coin, stock = rows["flags"].T & BAR_ENDS_DAY
    assert np.flatnonzero(coin).tolist() == [23]
    assert np.flatnonzero(stock).tolist() == [20]
    assert rows["close_ts_ms"][20, 0] == ms("2021-01-08T16:00", "America/New_York")


def test_each_instrument_counts_days_and_minutes_in_its_own_zone():
    rows = align([stored(hours(15)), stored(hours(15), timezone="Asia/Tokyo", instrument_id=OTHER)])
    assert rows["day"].tolist() == [[18_628, 18_629]]
    assert rows["minute_of_week"].tolist() == [[4 * 1440 + 15 * 60, 5 * 1440]]


def test_days_of_an_instrument_that_rests_go_on_with_the_rows():
    stock = align([spy(FRIDAY, MONDAY), daily("00:00", 24, *LONG_WEEKEND)])[:, 0]
    friday = date.fromisoformat(FRIDAY).toordinal() - date(1970, 1, 1).toordinal()
    # the coin's Friday closes at 19:00 New York time, on Friday still
    assert (stock["day"] - friday).tolist() == [0, 0, 1, 2, 3, 3]
    assert stock["open_ts_ms"][1] == stock["close_ts_ms"][1] - 1


def test_days_never_go_back_where_a_session_opens_on_the_evening_before():
    evening = daily("18:00", 23, SUNDAY, MONDAY, zone="America/New_York", calendar="CMES", name="ES")
    tokyo = daily("09:00", 6, MONDAY, "2021-01-12", zone="Asia/Tokyo", calendar="XTKS", name="7203")
    london = daily("08:00", 8.5, MONDAY, "2021-01-12", zone="Europe/London", calendar="XLON", name="VOD")
    days = align([evening, tokyo, london])["day"] - align([evening])["day"][0, 0]
    # Tokyo and London close on Monday, before the session of Sunday evening does
    assert days[:, 0].tolist() == [1, 1, 1, 2, 2, 2]


@settings(max_examples=60, deadline=None)
@given(any_bars(), any_bars(OTHER), st.integers(1, 310))
def test_rows_up_to_a_time_are_the_same_whether_later_bars_exist(coin, stock, hour):
    bars = coin, replace(stock, calendar="XNYS", timezone="America/New_York")
    now = hours(hour)[0]
    known = [replace(one, table=one.table.filter(pl.col("close_ts_ms") <= now)) for one in bars]
    assume(all(one.table.height for one in known))
    early, late = align(known), align(bars)[: len(align(known))]
    for name in (*FIELDS, "day", "minute_of_week"):
        np.testing.assert_array_equal(early[name], late[name])
    np.testing.assert_array_equal(early["flags"] & BAR_PRESENT, late["flags"] & BAR_PRESENT)
    for i, flags in enumerate((early["flags"] ^ late["flags"]).T):
        # whether its last bar is its day's last is known from the calendar at a venue, and here from the bar after it
        last = np.flatnonzero(early["flags"][:, i] & BAR_PRESENT)[-1]
        assert set(np.flatnonzero(flags)) <= {last}
