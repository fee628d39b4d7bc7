"""Timelines for generated cases: when bars open and close, to which day they belong, which ends it, and
what of it is the regular session (rules 1, 3, 4, 29)."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from .packed import among

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
MONDAY_MS = 1_609_718_400_000
"""2021-01-04 00:00 UTC."""
FAR_MINUTES = 127
REGULAR_PARTS = [(0, 2), (1, 2), (0, 1), (1, 1), (2, 2)]
"""Which of a day's three bars are its regular session, first and last."""
EPOCH_MINUTE_OF_WEEK = 3 * 24 * 60
"""1970-01-01 was a Thursday."""


@dataclass(frozen=True)
class Slot:
    """Hold the time of one row: its common opening and close, its day, whether the day ends with it, its session."""

    open_ts_ms: int
    close_ts_ms: int
    day: int
    ends_day: bool
    extended: bool = False
    closes_session: bool = False
    until_minutes: int = 0


@dataclass(frozen=True)
class Timeline:
    """Hold the rows' times, the usual bar length and the market's zone as an offset from UTC."""

    slots: tuple[Slot, ...]
    bar_ms: int
    zone_ms: int
    has_sessions: bool = False

    def minute_of_week(self, open_ts_ms: int) -> int:
        return ((open_ts_ms + self.zone_ms) // MINUTE_MS + EPOCH_MINUTE_OF_WEEK) % (7 * 24 * 60)


def timelines() -> st.SearchStrategy[Timeline]:
    """Draw round-the-clock markets of minutes and hours, and sessions of one or several bars with nights between."""
    return st.one_of(round_the_clock(), round_the_clock(), sessions())


@st.composite
def round_the_clock(draw: st.DrawFn) -> Timeline:
    """Draw contiguous bars around a midnight, with a bar of everybody missing now and then."""
    n = draw(st.integers(1, 40), label="rows")
    bar_ms = draw(among(HOUR_MS, MINUTE_MS, 4 * HOUR_MS, 20_000), label="bar_ms")
    offset_ms = draw(among(0, 0, 0, HOUR_MS - 100), label="offset_ms")
    before_midnight = draw(st.integers(0, 12), label="bars before midnight")
    weekday = draw(st.integers(0, 6), label="weekday")
    outages = draw(st.sets(st.integers(1, 40), max_size=2), label="rows after an outage")
    opens, ts = [], MONDAY_MS + weekday * DAY_MS - before_midnight * bar_ms + offset_ms
    for row in range(n):
        ts += bar_ms if row in outages else 0
        opens.append(ts)
        ts += bar_ms
    days = [ts // DAY_MS for ts in opens]
    ends = [days[row] != days[row + 1] for row in range(n - 1)] + [(opens[-1] + bar_ms) % DAY_MS == 0]
    slots = (Slot(o, o + bar_ms, d, e) for o, d, e in zip(opens, days, ends, strict=True))
    return Timeline(tuple(slots), bar_ms, 0)


@st.composite
def sessions(draw: st.DrawFn) -> Timeline:
    """Draw an exchange's days of one or more bars, half days included, in a zone west of UTC.

    Of three bars the first, the last or both may lie outside of the regular session.
    """
    n = draw(st.integers(1, 40), label="rows")
    per_day = draw(among(1, 1, 3, 3), label="bars a day")
    regular = draw(among(*REGULAR_PARTS), label="parts of the regular session") if per_day == 3 else (0, 0)
    half_days = draw(st.sets(st.integers(0, 10), max_size=2), label="half days")
    zone_ms = draw(among(-5 * HOUR_MS, 0), label="zone_ms")
    full_ms = 13 * HOUR_MS // 2 // per_day
    slots = []
    for row in range(n):
        day, part = divmod(row, per_day)
        bar_ms = full_ms // 2 if day in half_days else full_ms
        calendar_day = day + 2 * (day // 5)  # weekends
        opens = MONDAY_MS + calendar_day * DAY_MS + 29 * HOUR_MS // 2 + part * bar_ms
        last = part == per_day - 1 or row == n - 1
        slots.append(Slot(opens, opens + bar_ms, (opens + zone_ms) // DAY_MS, last, *_session(part, bar_ms, *regular)))
    return Timeline(tuple(slots), full_ms, zone_ms, has_sessions=True)


def _session(part: int, bar_ms: int, first: int, last: int) -> tuple[bool, bool, int]:
    """Return whether a part of a day lies outside of its session, whether it ends it, and the minutes that are left."""
    if part > last:
        return True, False, FAR_MINUTES
    bars_left = first - part - 1 if part < first else last - part
    return part < first, part == last, min(bars_left * bar_ms // MINUTE_MS, FAR_MINUTES)
