"""What protects orders is taken out, one part at a time: the schedules must notice each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keel.domain.venue_messages import Outcome
from keel.journal.journal import Journal
from keel.live.orders import OrderTracker
from keel.live.runner import LiveRunner
from keel.live.sender import Sender

from .faults import Fault, Schedule
from .lives import Stand, play
from .test_chaos_schedules import MEMORY

SEEDS = range(5)


@pytest.fixture
def stand() -> Iterator[Stand]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Stand(Path(folder))


def wrong_with(stand: Stand, *faults: Fault) -> list[str]:
    """Return what goes wrong under the same faults with any of a few markets."""
    told = []
    for seed in SEEDS:
        schedule = Schedule(seed, 5, 1, fee_in_base=False, kill_policy="cancel", faults=faults)
        told += play(stand, schedule).wrong
    return told


LOST = tuple(Fault("submit", "lose_after", nth=n) for n in range(1, 9))
DROPPED = tuple(Fault("report", "drop", nth=n) for n in range(1, 30, 3))
KILLED = (Fault("append", "kill", nth=6), Fault("append", "kill", nth=7), Fault("append", "kill", nth=8))
TWICE = tuple(Fault("report", "duplicate", nth=n, seconds=0.3) for n in range(1, 20))


def test_an_order_of_unknown_fate_taken_for_not_sent_is_noticed(stand: Stand, monkeypatch: pytest.MonkeyPatch):
    take = Sender._take

    def give_up(self: Sender, order: Any, result: Any, latency_ms: float) -> None:
        if result.outcome is Outcome.UNKNOWN:
            result = replace(result, outcome=Outcome.NOT_SENT)
        take(self, order, result, latency_ms)

    assert wrong_with(stand, *LOST) == []
    monkeypatch.setattr(Sender, "_take", give_up)
    assert any("was given up and lives" in one for one in wrong_with(stand, *LOST))


def test_looks_at_the_venue_that_are_left_out_are_noticed(stand: Stand, monkeypatch: pytest.MonkeyPatch):
    async def look_at_nothing(_: LiveRunner) -> None:
        return

    assert wrong_with(stand, *DROPPED) == []
    monkeypatch.setattr(LiveRunner, "_compare", look_at_nothing)
    assert any("was not found within" in one for one in wrong_with(stand, *DROPPED))


def test_a_kill_switch_that_is_not_asked_before_a_send_is_noticed(stand: Stand, monkeypatch: pytest.MonkeyPatch):
    begin = Sender.__init__

    def ask_nobody(self: Sender, *parts: Any) -> None:
        begin(self, *parts)
        self._line._may_send = lambda: True

    assert wrong_with(stand, *KILLED) == []
    monkeypatch.setattr(Sender, "__init__", ask_nobody)
    assert any("was sent after the kill switch" in one for one in wrong_with(stand, *KILLED))


def test_a_trade_that_is_told_twice_and_booked_twice_is_noticed(stand: Stand, monkeypatch: pytest.MonkeyPatch):
    schedule = Schedule(1, 4, 1, fee_in_base=False, kill_policy="cancel", faults=TWICE)
    assert play(stand, schedule).wrong == []
    monkeypatch.setattr(OrderTracker, "is_new_trade", lambda *_: True)
    monkeypatch.setattr(Journal, "has_fill", lambda *_: False)
    assert play(stand, schedule).wrong


def test_an_intent_that_is_not_written_before_its_send_is_noticed(stand: Stand, monkeypatch: pytest.MonkeyPatch):
    append = Journal.append

    def forget(self: Journal, entries: Any, *rest: Any) -> int:
        return append(self, [one for one in entries if one.kind != "OrderIntent"], *rest)

    monkeypatch.setattr(Journal, "append", forget)
    assert any("was sent without an intent" in one for one in wrong_with(stand))
