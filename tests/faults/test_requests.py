"""Orders whose request or answer goes wrong: rows 1, 2, 3, 6, 7, 8, 21, 38, 40."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from keel.app.wire_live import LiveParts
from keel.config.faults import Fault
from keel.journal.entries import CancelAnswered
from keel.live.orders import Phase
from keel.practice.server import PracticeVenue

from .checks import check_all
from .scene import (
    DELETE,
    GET,
    NO_END,
    POST,
    Scene,
    answers,
    booked,
    intents,
    is_adopted,
    orders_of,
    requests,
    resolved,
    stopping,
    until,
)

Seen = Callable[[str], None]
BUY = ("1 buy 0.5", "12 sell 0.2")
DEAF = Fault(kind="mute", request=POST, sockets="user", seconds=1.5)


@pytest.mark.fault(1)
@pytest.mark.parametrize("told", [True, False], ids=["told by the stream", "found by query"])
def test_an_order_whose_answer_is_lost_is_found_by_its_name(tmp_path: Path, seen: Seen, told: bool):
    faults = (Fault(kind="drop_response", request=POST), *(() if told else (DEAF,)))
    filled = stopping(lambda parts: parts.runner.counts.fills, "a fill")
    outcome = Scene(tmp_path, ("1 buy 0.5",)).play(NO_END, *faults, beside=filled)
    assert answers(outcome) == ["unknown"]
    assert is_adopted(outcome)
    assert told or requests(outcome, GET)
    assert [order["status"] for order in orders_of(outcome)] == ["FILLED"]
    assert booked(outcome) == pytest.approx(0.5)
    check_all(outcome)
    seen("UNKNOWN, then adopted by its name; one order at the venue")


@pytest.mark.fault(2)
@pytest.mark.long
def test_an_order_that_never_arrived_is_given_up_after_the_grace_and_decided_anew(tmp_path: Path, seen: Seen):
    live = ("venue.recv_window_ms=1000", "live.unknown_grace_ms=11000")
    waited: list[float] = []

    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        tracker, loop = parts.runner.tracker, asyncio.get_running_loop()
        await until(tracker.unknown, "an order of unknown fate")
        began_s, reserved = loop.time(), parts.runner.trader.desk.live_orders()
        assert len(reserved) == 1
        await until(lambda: not tracker.unknown(), "its end")
        waited.append(loop.time() - began_s)
        await until(lambda: parts.runner.counts.orders_sent >= 2, "a new order")
        parts.runner.ask_to_stop("seen enough")

    scene = Scene(tmp_path, ("from 1 target 0.4",), live=live, pace=60, venue=("data.end=2024-01-03",))
    outcome = scene.play(10_000, Fault(kind="drop_request", request=POST), beside=watch)
    assert answers(outcome)[0] == "unknown"
    assert resolved(outcome)[0] == "not_sent"
    assert waited[0] >= 10.5
    first, second = intents(outcome)[:2]
    assert first.ticket.client_order_id != second.ticket.client_order_id
    assert [order["clientOrderId"] for order in orders_of(outcome)].count(first.ticket.client_order_id) == 0
    check_all(outcome)
    seen(f"reserved for {waited[0]:.1f} s, then NOT_SENT; a new order under a new name")


@pytest.mark.fault(3)
@pytest.mark.parametrize(
    ("status", "code"),
    [(503, -1007), pytest.param(500, -1000, marks=pytest.mark.long), pytest.param(504, -1001, marks=pytest.mark.long)],
)
def test_an_error_after_the_order_was_taken_is_no_failure(tmp_path: Path, seen: Seen, status: int, code: int):
    fault = Fault(kind="error_after", request=POST, status=status, code=code)
    outcome = Scene(tmp_path, BUY).play(20, fault)
    assert answers(outcome)[0] == "unknown"
    assert is_adopted(outcome)
    assert len(orders_of(outcome)) == len(intents(outcome)) == 2
    check_all(outcome)
    seen(f"{status}, {code}: UNKNOWN, adopted, never failed")


@pytest.mark.fault(6)
def test_an_order_that_cannot_be_found_yet_stays_reserved(tmp_path: Path, seen: Seen):
    held: list[int] = []

    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(runner.tracker.unknown, "an order of unknown fate")
        while runner.tracker.unknown():
            held.append(len(runner.trader.desk.live_orders()))
            await asyncio.sleep(0.05)
        runner.ask_to_stop("seen enough")

    faults = (
        Fault(kind="hide_order", request=POST, seconds=2.5),
        Fault(kind="drop_response", request=POST),
        Fault(kind="mute", request=POST, sockets="user", seconds=3.0),
    )
    scene = Scene(tmp_path, ("1 buy 0.5 limit 0.9",), live=("live.poll_ms=3600000",))
    outcome = scene.play(NO_END, *faults, beside=watch)
    assert answers(outcome)[0] == "unknown"
    assert len([one for one in requests(outcome, GET) if one.get("code") == -2013]) >= 2
    assert set(held) == {1}, "its exposure is reserved all the while"
    assert is_adopted(outcome)
    check_all(outcome)
    seen("-2013 again and again: UNKNOWN and reserved, then adopted")


@pytest.mark.fault(7)
def test_a_name_that_was_used_is_refused_here(tmp_path: Path, seen: Seen):
    refused: list[str] = []

    async def again(_venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(lambda: runner.counts.fills, "a fill")
        over = next(order for order in runner.tracker.remembered() if order.phase is Phase.OVER)
        with pytest.raises(ValueError, match="used before") as caught:
            runner.tracker.add(over)
        refused.append(str(caught.value))

    outcome = Scene(tmp_path, BUY).play(20, beside=again)
    assert refused
    assert len(orders_of(outcome)) == 2
    names = [entry.ticket.client_order_id for entry in intents(outcome)]
    assert len(set(names)) == len(names)
    check_all(outcome)
    seen("refused before anything was sent; no name comes twice")


@pytest.mark.fault(8)
def test_a_duplicate_is_an_order_that_was_sent_already(tmp_path: Path, seen: Seen):
    fault = Fault(kind="error_after", request=POST, status=400, code=-2010, message="Duplicate order sent.")
    outcome = Scene(tmp_path, BUY).play(20, fault)
    assert answers(outcome)[0] == "unknown"
    assert is_adopted(outcome)
    check_all(outcome)
    seen("-2010 duplicate: asked for by its name, adopted")


@pytest.mark.fault(21)
def test_the_cancel_of_an_order_that_is_filled_ends_in_its_fill(tmp_path: Path, seen: Seen):
    """The fill is not told; the cancel meets an order that is over."""
    plan = ("1 buy 0.5 limit 1.1", "3 cancel 0")
    faults = (Fault(kind="mute", row=1, sockets="user", seconds=1.5), Fault(kind="slow", request=GET, seconds=0.2))
    outcome = Scene(tmp_path, plan, live=("live.poll_ms=3600000",)).play(12, *faults)
    results = [entry.result for entry in outcome.of_kind(CancelAnswered)]
    assert results[0].already_final
    assert len(requests(outcome, DELETE)) <= 2, "no loop of cancels"
    assert booked(outcome) == pytest.approx(0.5)
    check_all(outcome)
    seen("-2011: asked for, found filled; the cancel is not repeated")


@pytest.mark.fault(38)
@pytest.mark.parametrize("plan", ["1 buy 0.123456789 limit 0.98765432", "1 buy 0.000001", "1 buy 0.0001"])
def test_an_order_off_the_grid_is_rounded_or_denied_here(tmp_path: Path, seen: Seen, plan: str):
    outcome = Scene(tmp_path, (plan, "4 buy 0.5")).play(10)
    refused = [one for one in requests(outcome, POST) if one.get("status") != 200]
    assert not refused, "the venue has nothing to refuse"
    for order in orders_of(outcome):
        assert Decimal(order["origQty"]) % Decimal("0.00001") == 0
        assert Decimal(order["price"]) % Decimal("0.01") == 0
    check_all(outcome)
    seen("on the grid or denied before it was sent; the venue refused nothing")


@pytest.mark.fault(40)
def test_an_order_beyond_the_balance_is_refused_for_good(tmp_path: Path, seen: Seen):
    """The account is emptied by somebody else, so our book does not know."""
    empty = Fault(kind="balance_change", asset="USDT", amount="-99000", request=POST)
    told = stopping(lambda parts: parts.runner.trader.desk.account_view().cash < 2000, "that the money is gone")
    outcome = Scene(tmp_path, ("1 buy 0.5", "1 buy 0.6")).play(NO_END, empty, beside=told)
    assert "refused" in answers(outcome)
    assert len(requests(outcome, POST)) == len(intents(outcome)), "nothing is sent again"
    check_all(outcome)
    seen("-2010 insufficient balance: REJECTED, not repeated")
