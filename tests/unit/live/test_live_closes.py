"""When rows close in a market that closes itself: no night in between, and no row missed before or after it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keel.config.sessions import SessionsSection
from keel.data.market_hours import MarketHours
from keel.domain.layout import (
    BAR_CLOSES_SESSION,
    BAR_ENDS_DAY,
    BAR_EXTENDED,
    BAR_UNTIL_SHIFT,
    MOST_UNTIL_MINUTES,
)
from keel.domain.sessions import Window
from keel.live.closes import Closes

MINUTE_MS = 60_000
HOURS = MarketHours("XNYS", SessionsSection())


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)


def closes(minutes: int = 1) -> Closes:
    return Closes(minutes * MINUTE_MS, "America/New_York", HOURS)


@pytest.mark.parametrize(
    ("minutes", "close", "following"),
    [
        (1, "2024-07-03 12:59", "2024-07-03 13:00"),
        (1, "2024-07-03 16:59", "2024-07-03 17:00"),
        (1, "2024-07-03 17:00", "2024-07-05 04:01"),  # a half day, then Independence Day
        (60, "2024-03-08 20:00", "2024-03-11 05:00"),  # clocks go forward meanwhile
        (60, "2024-11-01 20:00", "2024-11-04 05:00"),  # and back
        (15, "2024-11-27 20:00", "2024-11-29 04:15"),
    ],
)
def test_the_row_after_the_last_of_a_day_is_the_first_of_the_next(minutes: int, close: str, following: str):
    rows = closes(minutes)
    assert rows.after(moment(close)) == moment(following)
    assert rows.ends_day(moment(close)) is (close[:10] != following[:10])


@pytest.mark.parametrize(
    ("minutes", "close", "flags", "until"),
    [
        (1, "2024-07-03 09:28", BAR_EXTENDED, 2),
        (1, "2024-07-03 09:30", BAR_EXTENDED, 0),
        (1, "2024-07-03 09:31", 0, MOST_UNTIL_MINUTES),
        (1, "2024-07-03 12:50", 0, 10),  # a half day
        (1, "2024-07-03 13:00", BAR_CLOSES_SESSION, 0),
        (1, "2024-07-03 13:01", BAR_EXTENDED, MOST_UNTIL_MINUTES),
        (60, "2024-07-05 10:00", 0, MOST_UNTIL_MINUTES),  # half of it lies in the session
        (60, "2024-07-05 20:00", BAR_EXTENDED | BAR_ENDS_DAY, MOST_UNTIL_MINUTES),
    ],
)
def test_row_is_flagged_by_its_session(minutes: int, close: str, flags: int, until: int):
    assert closes(minutes).flags(moment(close)) == flags | until << BAR_UNTIL_SHIFT


@given(start=st.integers(0, 400_000), minutes=st.sampled_from([1, 5, 15, 60]))
@settings(max_examples=40, deadline=None)
def test_every_bar_with_a_part_in_a_window_has_a_row_and_no_other(start: int, minutes: int):
    rows = closes(minutes)
    now_ms = moment("2024-03-01 00:00") + start * MINUTE_MS
    close = rows.latest(now_ms)
    assert close <= now_ms
    following = rows.after(close)
    assert following > now_ms or HOURS.at(now_ms).window is not Window.CLOSED
    for opened in range(close, following - rows.timeframe_ms, max(rows.timeframe_ms, 600_000)):
        assert HOURS.at(opened).window is Window.CLOSED
    assert {HOURS.at(following - 1).window, HOURS.at(following - rows.timeframe_ms).window} != {Window.CLOSED}


@given(start=st.integers(0, 400_000), rows=st.integers(1, 500))
@settings(max_examples=20, deadline=None)
def test_history_reaches_back_over_nights_for_the_rows_it_needs(start: int, rows: int):
    grid = closes(15)
    close = grid.latest(moment("2024-03-01 00:00") + start * MINUTE_MS)
    at, n = grid.before(close, rows), 0
    while at < close:
        at, n = grid.after(at), n + 1
    assert at == close
    assert rows <= n <= rows + 64


def test_round_the_clock_there_is_a_row_each_timeframe():
    rows = Closes(MINUTE_MS)
    midnight = moment("2024-07-03 20:00")
    assert (rows.after(midnight), rows.latest(midnight + 1)) == (midnight + MINUTE_MS, midnight)
    assert rows.before(midnight, 3) == midnight - 3 * MINUTE_MS
    assert (rows.ends_day(midnight), rows.ends_day(midnight + MINUTE_MS)) == (True, False)
    assert not rows.is_thin(midnight, midnight)


def test_a_row_may_be_empty_outside_the_regular_session_and_once_it_is_over():
    rows = closes()
    noon, late = moment("2024-07-05 12:00"), moment("2024-07-05 18:00")
    assert not rows.is_thin(noon, noon + 500)
    assert rows.is_thin(late, late + 500)
    assert rows.is_thin(noon, late), "the session is over: nobody brings that bar any more"


SESSIONS = Closes(86_400_000, "America/New_York", HOURS)


@pytest.mark.parametrize(
    ("close", "following"),
    [
        ("2024-07-02 16:00", "2024-07-03 13:00"),  # a half day
        ("2024-07-03 13:00", "2024-07-05 16:00"),  # Independence Day
        ("2024-03-08 16:00", "2024-03-11 16:00"),  # clocks go forward meanwhile
        ("2024-11-01 16:00", "2024-11-04 16:00"),  # and back
    ],
)
def test_a_row_of_a_day_is_a_session(close: str, following: str):
    assert SESSIONS.after(moment(close)) == moment(following)
    opened = moment(f"{following[:10]} 09:30")
    assert SESSIONS.opening_of(moment(following)) == opened
    assert SESSIONS.fits(opened, moment(following), moment(close))
    assert not SESSIONS.fits(opened, moment(following) + MINUTE_MS, moment(close))
    assert not SESSIONS.fits(opened - MINUTE_MS, moment(following), moment(close))
    assert SESSIONS.ends_day(moment(following))
    assert SESSIONS.sure_after(moment(close)) == moment(following)
    assert not SESSIONS.is_thin(moment(following), moment(following) + 3_600_000), "a session has a bar, however late"


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        ("2024-07-03 12:59", "2024-07-02 16:00"),
        ("2024-07-03 13:00", "2024-07-03 13:00"),
        ("2024-07-03 13:02", "2024-07-03 13:00"),
        ("2024-07-05 09:30", "2024-07-03 13:00"),
        ("2024-07-06 12:00", "2024-07-05 16:00"),
    ],
)
def test_the_newest_session_is_the_last_that_is_over(now: str, newest: str):
    assert SESSIONS.latest(moment(now)) == moment(newest)


def test_history_of_days_is_counted_in_sessions():
    close = moment("2024-07-08 16:00")
    assert SESSIONS.before(close, 1) == moment("2024-07-08 09:30")
    assert SESSIONS.before(close, 4) == moment("2024-07-02 09:30"), "over a weekend, a holiday and a half day"


def test_the_next_bar_that_is_sure_to_come_is_one_of_a_session():
    rows = closes()
    assert rows.sure_after(moment("2024-07-03 12:58")) == moment("2024-07-03 12:59")
    assert rows.sure_after(moment("2024-07-03 13:00")) == moment("2024-07-05 09:31")
    assert closes(60).sure_after(moment("2024-07-03 13:00")) == moment("2024-07-05 10:00")
