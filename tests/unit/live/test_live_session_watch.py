"""A run's trading day: states by the clock, entries held back outside the windows, halts and errors."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from keel.config.sessions import SessionsSection
from keel.data.market_hours import MarketHours
from keel.domain.clock import WallClock
from keel.domain.sessions import Activity, SessionState
from keel.journal.journal import Journal
from keel.journal.market_entries import MarketStateChanged
from keel.live.blocks import Blocks
from keel.live.session_watch import SessionWatch


class SetClock(WallClock):
    """Stand at a moment."""

    at_ms = 0

    def now_ms(self) -> int:
        return self.at_ms


class Day:
    """Hold a watch, its clock and what it asks for."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.blocks, self.asked = SetClock(), Blocks(), list[str]()
        self.journal = Journal.open(folder / "day.journal.sqlite", clock=self.clock, redact=str)
        section = SessionsSection(after_hours="reduce")
        self.watch = SessionWatch(
            MarketHours("XNYS", section),
            section,
            self.clock,
            self.journal,
            self.blocks,
            lambda: self.asked.append("compare"),
            lambda: self.asked.append("rules"),
        )

    def at(self, text: str) -> SessionState:
        self.clock.at_ms = moment(text)
        self.watch.look()
        return self.watch.state

    def states(self) -> list[str]:
        self.journal.flush()
        entries = [recorded.entry for recorded in self.journal.entries()]
        return [entry.after.value for entry in entries if isinstance(entry, MarketStateChanged)]


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)


@pytest.fixture
def day(tmp_path: Path):
    made = Day(tmp_path)
    yield made
    made.journal.close()


def test_entries_are_held_back_outside_the_windows_and_that_is_no_fault(day: Day):
    day.at("2024-07-05 09:29")
    assert day.blocks
    assert day.blocks.reasons == ("the market's window is pre_market: sessions.pre_market is watch",)
    assert day.blocks.faults == ()
    day.at("2024-07-05 09:30")
    assert not day.blocks


def test_bars_of_whole_sessions_may_come_late_and_still_lead_to_entries(day: Day):
    day.watch.whole_sessions = True
    assert day.at("2024-07-05 16:20") is SessionState.AFTER_HOURS
    assert not day.blocks
    assert day.watch.activity(moment("2024-07-05 16:00")) is Activity.TRADE


def test_a_start_in_the_middle_of_a_day_passes_the_states_before(day: Day):
    assert day.at("2024-07-05 12:00") is SessionState.MARKET_OPEN
    assert day.states() == ["pre_market", "market_open"]


def test_a_machine_that_slept_for_a_night_catches_up(day: Day):
    day.at("2024-07-03 12:00")
    assert day.at("2024-07-05 05:00") is SessionState.PRE_MARKET
    assert day.states()[2:] == ["market_close", "after_hours", "initializing", "pre_market"]


def test_accounts_are_compared_before_the_open_and_after_the_close_and_rules_before_the_open(day: Day):
    for text in ("2024-07-05 04:00", "2024-07-05 04:01", "2024-07-05 09:30", "2024-07-05 16:00"):
        day.at(text)
    assert day.asked == ["compare", "rules"]
    day.at("2024-07-05 16:01")
    assert day.asked == ["compare", "rules", "compare"]


def test_what_may_be_done_at_a_close_is_that_of_its_window(day: Day):
    at = {text: day.watch.activity(moment(f"2024-07-03 {text}")) for text in ("09:29", "09:30", "13:00", "13:01")}
    assert list(at.values()) == [Activity.WATCH, Activity.TRADE, Activity.TRADE, Activity.REDUCE]
    assert day.watch.why_watched(moment("2024-07-03 09:30")) is None
    assert day.watch.why_watched(moment("2024-07-03 13:01")) is None
    assert day.watch.why_watched(moment("2024-07-04 12:00")) is not None


def test_a_halt_stays_whatever_the_clock_says(day: Day):
    day.at("2024-07-05 12:00")
    day.watch.halt("the risk guard is HALTED")
    assert day.at("2024-07-05 16:00") is SessionState.HALTED
    assert day.states() == ["pre_market", "market_open", "halted"]


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("2024-07-05 12:00", ["halted", "error"]),
        ("2024-07-05 18:00", ["initializing", "pre_market", "halted", "error"]),
    ],
)
def test_an_error_is_reached_by_allowed_transitions_from_any_state(day: Day, text: str, way: list[str]):
    day.at(text)
    before = len(day.states())
    day.watch.fail("a bug")
    assert day.watch.state is SessionState.ERROR
    assert day.states()[before:] == way
    day.watch.halt("later")
    assert day.watch.state is SessionState.ERROR
