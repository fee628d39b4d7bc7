"""The kill switch, whatever else goes wrong: rows 41 to 44."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rehearsal.exchanges import ON_MARGIN

from keel.app.wire_live import LiveParts
from keel.config.faults import Fault
from keel.domain.orders import OrderSide
from keel.journal.entries import KillSwitchSeen, OrderIntent
from keel.practice.server import PracticeVenue

from .checks import check_all
from .scene import (
    BOTH,
    BOTH_AT_LENGTH,
    FLIPS,
    NO_END,
    STOCKS,
    Exchange,
    Scene,
    counted,
    orders_of,
    requests,
    texts,
    until,
)

Seen = Callable[[str], None]


@pytest.mark.fault(42)
@BOTH
@pytest.mark.parametrize("policy", ["cancel", "flatten"])
def test_after_the_kill_flag_nothing_more_is_sent(tmp_path: Path, seen: Seen, policy: str, exchange: Exchange):
    touched: list[int] = []

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        await until(lambda: parts.runner.counts.fills >= 3, "fills")
        venue.add_fault(Fault(kind="slow", request=exchange.post, seconds=0.4))
        sent = await counted(venue, f"request {exchange.post}")
        while await counted(venue, f"request {exchange.post}") == sent:
            pass  # until one is on its way
        (tmp_path / "state" / "kill_switch.flag").touch()
        touched.append(time.time_ns() // 1_000_000)

    plan = (*FLIPS, "1 buy 0.1 limit 0.8")
    scene = Scene(tmp_path, plan, live=(f"live.kill_policy={policy}",), exchange=exchange)
    outcome = scene.play(NO_END, beside=watch)
    assert outcome.ending.exit_code == 3
    assert outcome.of_kind(KillSwitchSeen)
    later = [one for one in requests(outcome, exchange.post) if one["wall_ms"] > touched[0] + 250]
    assert len(later) == 0 if policy == "cancel" else len(later) <= 2
    assert all(order.status in ("FILLED", "CANCELED", "EXPIRED") for order in orders_of(outcome))
    if policy == "flatten":
        assert outcome.parts.runner.trader.desk.account_now().position_qty[0] < exchange.step
    check_all(outcome)
    last = max([one["wall_ms"] - touched[0] for one in requests(outcome, exchange.post)] if policy == "cancel" else [0])
    seen(f"{policy}: last order sent {last:+d} ms from the flag; none open, exit 3")


@pytest.mark.fault(42)
def test_the_kill_switch_s_flattening_buys_a_short_back(tmp_path: Path, seen: Seen):
    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        await until(lambda: parts.runner.trader.desk.account_view().position_qty[0] < 0, "a short")
        (tmp_path / "state" / "kill_switch.flag").touch()

    plan, policy = ("from 0 target -0.3",), ("live.kill_policy=flatten", "live.stale_after_ms=600000")
    scene = Scene(tmp_path, plan, ON_MARGIN, (*ON_MARGIN, *policy), pace=600, exchange=STOCKS)
    outcome = scene.play(NO_END, beside=watch)
    assert outcome.ending.exit_code == 3
    assert outcome.of_kind(KillSwitchSeen)
    sold, *_, bought = outcome.of_kind(OrderIntent)
    assert (sold.ticket.side, bought.ticket.side, bought.why) == (OrderSide.SELL, OrderSide.BUY, "flatten")
    assert outcome.positions.tolist() == [0]
    assert outcome.there.balance("SYNA") == 0
    assert not [order for order in orders_of(outcome) if order.is_open]
    check_all(outcome)
    seen(f"{bought.ticket.qty} shares that were owed are bought; none open, exit 3")


@pytest.mark.fault(43)
@BOTH_AT_LENGTH
def test_a_state_folder_that_is_gone_stops_the_run(tmp_path: Path, seen: Seen, exchange: Exchange):
    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        await until(lambda: parts.runner.counts.fills >= 3, "fills")
        shutil.move(tmp_path / "state", tmp_path / "gone")

    outcome = Scene(tmp_path, FLIPS, exchange=exchange).play(NO_END, beside=watch)
    assert outcome.ending.exit_code == 3
    assert "cannot be read" in outcome.ending.why
    check_all(outcome)
    seen(f"{outcome.ending.why[:60]}: exit 3")


@pytest.mark.fault(44)
@BOTH
def test_a_cancel_that_fails_is_repeated_until_nothing_is_open(tmp_path: Path, seen: Seen, exchange: Exchange):
    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        await until(lambda: any(order.venue_order_id for order in parts.runner.tracker.live()), "an order")
        venue.add_fault(Fault(kind="error_instead", request=exchange.delete, count=5))
        (tmp_path / "state" / "kill_switch.flag").touch()

    outcome = Scene(tmp_path, ("1 buy 0.1 limit 0.8",), exchange=exchange, pace=60).play(NO_END, beside=watch)
    assert outcome.ending.exit_code == 3
    assert len(requests(outcome, exchange.delete)) >= 6
    assert "still open" in texts(outcome)
    assert [order.status for order in orders_of(outcome)] == ["CANCELED"]
    check_all(outcome)
    seen(f"{len(requests(outcome, exchange.delete))} cancels, an alarm, then none open")
