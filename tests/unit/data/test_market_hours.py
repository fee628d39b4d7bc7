"""The windows of a trading day: in New York time, on half days, holidays and days on which clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keel.config.sessions import SessionsSection
from keel.data.calendars import Sessions, sessions
from keel.data.market_hours import MarketHours, Span, activities
from keel.domain.sessions import Activity, Window

NEW_YORK = ZoneInfo("America/New_York")
HOURS = MarketHours("XNYS", SessionsSection())
EPOCH, FIRST, LAST = date(1970, 1, 1), date(2019, 1, 1), date(2026, 12, 31)
DAYS = st.dates(FIRST, LAST)
FULL_DAY = [(4, 0), (9, 30), (16, 0), (16, 1), (20, 0)]
HALF_DAY = [(4, 0), (9, 30), (13, 0), (13, 1), (17, 0)]
IN_ORDER = [Window.PRE_MARKET, Window.REGULAR, Window.AT_CLOSE, Window.AFTER_HOURS, Window.CLOSED]


@pytest.fixture(scope="module", autouse=True)
def all_years() -> Sessions:
    HOURS.windows(np.array([ms(FIRST), ms(LAST)]))
    return sessions("XNYS", (FIRST - EPOCH).days, (LAST - EPOCH).days)


def ms(day: date, hour: int = 0, minute: int = 0) -> int:
    return int(datetime.combine(day, time(hour, minute), NEW_YORK).timestamp() * 1000)


def changes_of(day: date) -> list[tuple[tuple[int, int], Window]]:
    """Return when windows begin on a day, by the clock on the wall in New York, and which."""
    found, ts_ms, end_ms = [], ms(day), ms(day + timedelta(days=1))
    while (following := HOURS.at(ts_ms).end_ms) is not None and following < end_ms:
        wall = datetime.fromtimestamp(following / 1000, NEW_YORK)
        found.append(((wall.hour, wall.minute), HOURS.at(following).window))
        ts_ms = following
    return found


@pytest.mark.parametrize(
    ("day", "begins"),
    [
        ("2024-03-08", FULL_DAY),  # the Friday before clocks go forward
        ("2024-03-11", FULL_DAY),
        ("2024-11-01", FULL_DAY),  # the Friday before they go back
        ("2024-11-04", FULL_DAY),
        ("2024-11-29", HALF_DAY),  # after Thanksgiving
        ("2024-12-24", HALF_DAY),
        ("2024-07-03", HALF_DAY),
        ("2020-07-03", []),  # Independence Day, observed
        ("2024-11-28", []),
        ("2024-12-25", []),
        ("2025-01-09", []),  # a day of mourning
        ("2024-03-10", []),  # the Sunday itself
        ("2024-12-31", FULL_DAY),
    ],
)
def test_windows_of_a_day_in_new_york(day: str, begins: list[tuple[int, int]]):
    assert changes_of(date.fromisoformat(day)) == list(zip(begins, IN_ORDER, strict=False))


@given(day=DAYS)
@example(day=date(2026, 11, 27))
@settings(max_examples=60, deadline=None)
def test_every_day_is_a_session_s_day_or_closed_throughout(all_years: Sessions, day: date):
    at = int(np.searchsorted(all_years.day, (day - EPOCH).days))
    if at == all_years.day.size or all_years.day[at] != (day - EPOCH).days:
        assert changes_of(day) == []
        assert HOURS.at(ms(day, 12)).window is Window.CLOSED
        return
    assert changes_of(day) in (list(zip(begins, IN_ORDER, strict=True)) for begins in (FULL_DAY, HALF_DAY))
    assert HOURS.at(int(all_years.open_ts_ms[at])).window is Window.REGULAR
    assert HOURS.at(int(all_years.close_ts_ms[at]) - 1).window is Window.REGULAR
    assert HOURS.at(int(all_years.close_ts_ms[at])).window is Window.AT_CLOSE


@given(day=DAYS, minute=st.integers(0, 1439))
@settings(max_examples=100, deadline=None)
def test_a_moment_lies_within_its_span_and_the_span_is_the_same_at_both_ends(day: date, minute: int):
    ts_ms = ms(day) + minute * 60_000
    span = HOURS.at(ts_ms)
    assert span.start_ms is not None
    assert span.end_ms is not None
    assert span.start_ms <= ts_ms < span.end_ms
    assert HOURS.at(span.start_ms) == HOURS.at(span.end_ms - 1) == span
    assert HOURS.at(span.start_ms - 1).window is not span.window
    assert HOURS.at(span.end_ms).window is not span.window


@given(days=st.lists(DAYS, min_size=1, max_size=20), minute=st.integers(0, 1439))
@settings(max_examples=20, deadline=None)
def test_many_moments_are_told_as_each_by_itself(days: list[date], minute: int):
    stamps = np.array([ms(day) + minute * 60_000 for day in days])
    fresh = MarketHours("XNYS", SessionsSection())
    assert fresh.windows(stamps).tolist() == [HOURS.at(int(ts_ms)).window for ts_ms in stamps]


def test_a_market_round_the_clock_is_always_regular():
    hours = MarketHours("24/7", SessionsSection())
    assert hours.at(ms(date(2024, 12, 25))) == Span(Window.REGULAR, None, None)
    assert hours.windows(np.arange(3)).tolist() == [Window.REGULAR] * 3


def test_windows_have_the_lengths_of_the_section():
    hours = MarketHours("XNYS", SessionsSection(pre_market_minutes=0, after_hours_minutes=30))
    day = date(2024, 11, 29)
    assert hours.at(ms(day, 9, 29)).window is Window.CLOSED
    assert hours.at(ms(day, 13, 29)).window is Window.AFTER_HOURS
    assert hours.at(ms(day, 13, 30)).window is Window.CLOSED


def test_sessions_that_meet_leave_no_room_for_windows_between_them():
    hours = MarketHours("24/5", SessionsSection())
    thursday = int(datetime(2024, 5, 2, tzinfo=UTC).timestamp() * 1000)
    assert hours.windows(np.array([thursday - 1, thursday, thursday + 1])).tolist() == [Window.REGULAR] * 3


def test_another_exchange_has_its_own_hours():
    hours, berlin = MarketHours("XETR", SessionsSection()), ZoneInfo("Europe/Berlin")
    open_ms = int(datetime(2024, 3, 12, 9, tzinfo=berlin).timestamp() * 1000)
    assert hours.at(open_ms - 1).window is Window.PRE_MARKET
    assert hours.at(open_ms).window is Window.REGULAR


def test_activities_follow_the_section_and_the_end_of_the_session():
    day = date(2024, 7, 3)
    closes = np.array([ms(day, 9, 29), ms(day, 9, 30), ms(day, 13, 0), ms(day, 13, 1), ms(day, 17, 0)])
    section = SessionsSection(after_hours="reduce")
    found = activities(section, "XNYS", "1m", closes)
    assert found is not None
    assert found.tolist() == [Activity.WATCH, Activity.TRADE, Activity.TRADE, Activity.REDUCE, Activity.WATCH]


def test_where_everything_is_allowed_there_are_no_activities_to_look_at():
    closes = np.array([ms(date(2024, 7, 3), 16)])
    assert activities(SessionsSection(), "24/7", "1m", closes) is None
    assert activities(SessionsSection(), "XNYS", "1d", closes) is None, "bars of a day close with their session"
    assert activities(SessionsSection(), "XNYS", "1m", closes - 4 * 3_600_000) is None
