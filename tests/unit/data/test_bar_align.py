from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
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
    rows = align(bars, "UTC")
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
    rows = align([first, second], zone)
    for record in rows[:, 0]:
        wall = datetime.fromtimestamp(int(record["open_ts_ms"]) / 1000, UTC).astimezone(ZoneInfo(zone))
        assert record["day"] == wall.date().toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal()
        assert record["minute_of_week"] == wall.weekday() * 1440 + wall.hour * 60 + wall.minute


def test_missing_instrument_has_no_prices_but_the_rows_time_and_day():
    rows = align([stored(hours(0, 1)), stored(hours(1, 2), instrument_id=OTHER)], "UTC")
    absent = rows[0, 1]
    assert absent["flags"] & BAR_PRESENT == 0
    assert all(np.isnan(absent[name]) for name in ("open", "high", "low", "close"))
    assert absent["volume"] == 0.0
    assert absent["close_ts_ms"] == hours(1)[0]
    assert absent["day"] == rows[0, 0]["day"] == 18_628


def test_last_row_of_a_day_ends_it_for_every_instrument_missing_ones_too():
    rows = align([stored(hours(22, 23, 24)), stored(hours(22, 24), instrument_id=OTHER)], "UTC")
    assert (rows["flags"] & BAR_ENDS_DAY).tolist() == [[0, 0], [BAR_ENDS_DAY] * 2, [0, 0]]


@pytest.mark.parametrize(("last", "ends"), [(23, True), (22, False)])
def test_very_last_row_ends_a_round_the_clock_day_only_at_midnight(last, ends):
    rows = align([stored(hours(21, last))], "UTC")
    assert bool(rows["flags"][-1, 0] & BAR_ENDS_DAY) is ends


def test_very_last_row_ends_the_day_of_a_market_that_closes():
    rows = align([stored(hours(15), calendar="XNYS", timezone="America/New_York")], "America/New_York")
    assert rows["flags"][0, 0] == BAR_PRESENT | BAR_ENDS_DAY


def test_day_of_the_zone_is_not_the_day_of_utc():
    rows = align([stored(hours(3, 4, 5, 6))], "America/New_York")
    assert rows["day"][:, 0].tolist() == [18_627, 18_627, 18_628, 18_628]
    assert (rows["flags"][:, 0] & BAR_ENDS_DAY).tolist() == [0, BAR_ENDS_DAY, 0, 0]


def test_minute_of_week_follows_the_clock_through_a_change():
    opens = [ms("2021-03-12T09:30", "America/New_York"), ms("2021-03-15T09:30", "America/New_York")]
    assert opens[1] - opens[0] == 71 * 3_600_000
    rows = align([stored(opens)], "America/New_York")
    assert rows["minute_of_week"][:, 0].tolist() == [4 * 1440 + 570, 570]


def test_more_rows_than_a_block_agree_with_each_row_alone():
    opens = [hours(0)[0] + 60_000 * i for i in range(70_000)]
    rows = align([stored(opens, timeframe="1m")], "Europe/Berlin")
    for i in (0, 65_535, 65_536, 69_999):
        alone = align([stored([opens[i]], timeframe="1m")], "Europe/Berlin")[0, 0]
        for name in (*FIELDS, "day", "minute_of_week"):
            assert rows[i, 0][name] == alone[name]


@pytest.mark.parametrize(
    ("bars", "told"),
    [
        ([], "no bars"),
        ([stored(hours(0)), stored(hours(1))], "stands twice"),
        ([stored(hours(0)), stored([0], timeframe="1d", instrument_id=OTHER)], "one run takes one timeframe"),
        ([stored(hours(0)), stored(hours(0), calendar="XNYS", instrument_id=OTHER)], "one run takes one calendar"),
    ],
)
def test_bars_one_run_cannot_hold_are_refused(bars, told):
    with pytest.raises(DataError, match=told):
        align(bars, "UTC")


def test_unknown_zone_is_refused():
    with pytest.raises(DataError, match="'Mars/Olympus' is not in the IANA database"):
        align([stored(hours(0))], "Mars/Olympus")


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
    rows = align([low, high], "UTC")
    assert rows["close"].tolist() == [[10.0, 500.0]]
