"""Orders whose request or answer goes wrong: rows 1 to 8, 21, 38, 40."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from keel.app.wire_live import LiveParts
from keel.config.faults import Fault
from keel.journal.entries import CancelAnswered
from keel.live.orders import Phase
from keel.practice.server import PracticeVenue

from .checks import check_all
from .scene import (
    BINANCE,
    BOTH,
    BOTH_AT_LENGTH,
    COINS,
    LONG,
    NO_END,
    STOCKS,
    Exchange,
    Scene,
    answers,
    booked,
    counted,
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
TAKEN = {"binance": -2010, "alpaca": 40310000}
"""Codes of the refusal of an order that the account cannot pay."""


@pytest.mark.fault(1)
@pytest.mark.parametrize("exchange", [BINANCE, STOCKS, pytest.param(COINS, marks=LONG)], ids=str)
@pytest.mark.parametrize("told", [True, False], ids=["told by the stream", "found by query"])
def test_an_order_whose_answer_is_lost_is_found_by_its_name(tmp_path: Path, seen: Seen, told: bool, exchange: Exchange):
    deaf = Fault(kind="mute", request=exchange.post, sockets="user", seconds=1.5)
    faults = (Fault(kind="drop_response", request=exchange.post), *(() if told else (deaf,)))
    filled = stopping(lambda parts: parts.runner.counts.fills, "a fill")
    outcome = Scene(tmp_path, ("1 buy 0.5",), exchange=exchange).play(NO_END, *faults, beside=filled)
    assert answers(outcome) == ["unknown"]
    assert is_adopted(outcome)
    assert told or requests(outcome, exchange.query)
    assert [order.status for order in orders_of(outcome)] == ["FILLED"]
    assert booked(outcome) == pytest.approx(0.5)
    check_all(outcome)
    seen("UNKNOWN, then adopted by its name; one order at the venue")


@pytest.mark.fault(2)
@pytest.mark.long
@BOTH
def test_an_order_that_never_arrived_is_given_up_after_the_grace_and_decided_anew(
    tmp_path: Path, seen: Seen, exchange: Exchange
):
    live = (*exchange.stamps_of_a_second, "live.unknown_grace_ms=11000")
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

    scene = Scene(tmp_path, ("from 1 target 0.4",), live=live, pace=60, exchange=exchange)
    outcome = scene.play(10_000, Fault(kind="drop_request", request=exchange.post), beside=watch)
    assert answers(outcome)[0] == "unknown"
    assert resolved(outcome)[0] == "not_sent"
    assert waited[0] >= 10.5
    first, second = intents(outcome)[:2]
    assert first.ticket.client_order_id != second.ticket.client_order_id
    assert [order.name for order in orders_of(outcome)].count(first.ticket.client_order_id) == 0
    check_all(outcome)
    seen(f"reserved for {waited[0]:.1f} s, then NOT_SENT; a new order under a new name")


@pytest.mark.fault(3)
@pytest.mark.parametrize(
    ("exchange", "status", "code"),
    [
        (BINANCE, 503, -1007),
        pytest.param(BINANCE, 500, -1000, marks=LONG),
        pytest.param(BINANCE, 504, -1001, marks=LONG),
        (STOCKS, 500, 50010000),
        pytest.param(STOCKS, 503, 50010000, marks=LONG),
    ],
)
def test_an_error_after_the_order_was_taken_is_no_failure(
    tmp_path: Path, seen: Seen, exchange: Exchange, status: int, code: int
):
    fault = Fault(kind="error_after", request=exchange.post, status=status, code=code)
    outcome = Scene(tmp_path, BUY, exchange=exchange).play(20, fault)
    assert answers(outcome)[0] == "unknown"
    assert is_adopted(outcome)
    assert len(orders_of(outcome)) == len(intents(outcome)) == 2
    check_all(outcome)
    seen(f"{status}, {code}: UNKNOWN, adopted, never failed")


@pytest.mark.fault(4)
@pytest.mark.parametrize("exchange", [STOCKS, pytest.param(COINS, marks=LONG)], ids=str)
@pytest.mark.parametrize("taken", [True, pytest.param(False, marks=LONG)], ids=["taken", "not taken"])
def test_an_order_answered_by_a_504_is_posted_once_and_asked_for_by_its_name(
    tmp_path: Path, seen: Seen, taken: bool, exchange: Exchange
):
    """The SDK by itself posts it four times."""

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        while await counted(venue, f"request {exchange.query}") < (1 if taken else 2):
            await asyncio.sleep(0.02)
        await until(lambda: not taken or parts.runner.counts.fills, "a fill")
        parts.runner.ask_to_stop("seen enough")

    kind: Any = "error_after" if taken else "error_instead"
    fault = Fault(kind=kind, request=exchange.post, status=504)
    deaf = Fault(kind="mute", request=exchange.post, sockets="user", seconds=1.5)
    outcome = Scene(tmp_path, ("1 buy 0.5",), exchange=exchange).play(NO_END, fault, deaf, beside=watch)
    assert [one["status"] for one in requests(outcome, exchange.post)] == [504], "exactly one"
    assert answers(outcome) == ["unknown"]
    asked = [one["status"] for one in requests(outcome, exchange.query)]
    assert set(asked) == {200 if taken else 404}
    if taken:
        assert is_adopted(outcome)
        assert booked(outcome) == pytest.approx(0.5)
        check_all(outcome)
    else:
        assert not orders_of(outcome)
    seen(f"504, {'taken' if taken else 'not taken'}: one POST, then asked for by its name")


@pytest.mark.fault(5)
@pytest.mark.parametrize("exchange", [STOCKS, pytest.param(COINS, marks=LONG)], ids=str)
def test_a_request_that_hangs_is_given_up_at_its_deadline(tmp_path: Path, seen: Seen, exchange: Exchange):
    """The SDK by itself waits for ever."""
    waited: list[float] = []

    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        loop, runner = asyncio.get_running_loop(), parts.runner
        await until(lambda: list(runner.tracker.live()), "an order on its way")
        began_s = loop.time()
        await until(lambda: runner.tracker.unknown() or runner.counts.fills, "the deadline")  # the first is short
        waited.append(loop.time() - began_s)
        await until(lambda: runner.counts.fills, "a fill")
        runner.ask_to_stop("seen enough")

    hangs = Fault(kind="slow", request=exchange.post, seconds=8.0)
    deaf = Fault(kind="mute", request=exchange.post, sockets="user", seconds=3.0)
    scene = Scene(tmp_path, ("1 buy 0.5",), live=("latency.timeout_ms=500",), exchange=exchange)
    outcome = scene.play(NO_END, hangs, deaf, beside=watch)
    assert answers(outcome) == ["unknown"]
    assert 0.4 < waited[0] < 4.0
    assert len(requests(outcome, exchange.post)) == 1
    assert is_adopted(outcome)
    check_all(outcome)
    seen(f"given up after {waited[0]:.2f} s (limit 0.5 s): UNKNOWN, adopted by its name; one POST")


@pytest.mark.fault(6)
@BOTH
def test_an_order_that_cannot_be_found_yet_stays_reserved(tmp_path: Path, seen: Seen, exchange: Exchange):
    held: list[int] = []

    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(runner.tracker.unknown, "an order of unknown fate")
        while runner.tracker.unknown():
            held.append(len(runner.trader.desk.live_orders()))
            await asyncio.sleep(0.05)
        runner.ask_to_stop("seen enough")

    faults = (
        Fault(kind="hide_order", request=exchange.post, seconds=2.5),
        Fault(kind="drop_response", request=exchange.post),
        Fault(kind="mute", request=exchange.post, sockets="user", seconds=3.0),
    )
    scene = Scene(tmp_path, ("1 buy 0.5 limit 0.9",), live=("live.poll_ms=3600000",), exchange=exchange)
    outcome = scene.play(NO_END, *faults, beside=watch)
    assert answers(outcome)[0] == "unknown"
    assert len([one for one in requests(outcome, exchange.query) if one.get("code") == exchange.unknown_order]) >= 2
    assert set(held) == {1}, "its exposure is reserved all the while"
    assert is_adopted(outcome)
    check_all(outcome)
    seen(f"{exchange.unknown_order} again and again: UNKNOWN and reserved, then adopted")


@pytest.mark.fault(7)
@BOTH_AT_LENGTH
def test_a_name_that_was_used_is_refused_here(tmp_path: Path, seen: Seen, exchange: Exchange):
    refused: list[str] = []

    async def again(_venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(lambda: runner.counts.fills, "a fill")
        over = next(order for order in runner.tracker.remembered() if order.phase is Phase.OVER)
        with pytest.raises(ValueError, match="used before") as caught:
            runner.tracker.add(over)
        refused.append(str(caught.value))

    outcome = Scene(tmp_path, BUY, exchange=exchange).play(20, beside=again)
    assert refused
    assert len(orders_of(outcome)) == 2
    names = [entry.ticket.client_order_id for entry in intents(outcome)]
    assert len(set(names)) == len(names)
    check_all(outcome)
    seen("refused before anything was sent; no name comes twice")


@pytest.mark.fault(8)
@BOTH
def test_a_duplicate_is_an_order_that_was_sent_already(tmp_path: Path, seen: Seen, exchange: Exchange):
    fault = Fault(kind="error_after", request=exchange.post, **exchange.duplicate)
    outcome = Scene(tmp_path, BUY, exchange=exchange).play(20, fault)
    assert answers(outcome)[0] == "unknown"
    assert is_adopted(outcome)
    check_all(outcome)
    seen(f"{exchange.duplicate['code']} duplicate: asked for by its name, adopted")


@pytest.mark.fault(21)
@BOTH
def test_the_cancel_of_an_order_that_is_filled_ends_in_its_fill(tmp_path: Path, seen: Seen, exchange: Exchange):
    """The fill is not told; the cancel meets an order that is over."""
    plan = ("1 buy 0.5 limit 1.1", "3 cancel 0")
    slow = Fault(kind="slow", request=exchange.query, seconds=0.2)
    deaf = Fault(kind="mute", row=1, sockets="user", seconds=1.5)
    outcome = Scene(tmp_path, plan, live=("live.poll_ms=3600000",), exchange=exchange).play(12, deaf, slow)
    results = [entry.result for entry in outcome.of_kind(CancelAnswered)]
    assert results[0].already_final
    assert len(requests(outcome, exchange.delete)) <= 2, "no loop of cancels"
    assert booked(outcome) == pytest.approx(0.5)
    check_all(outcome)
    seen(f"{results[0].code}: asked for, found filled; the cancel is not repeated")


@pytest.mark.fault(38)
@BOTH
@pytest.mark.parametrize("plan", ["1 buy 0.123456789 limit 0.98765432", "1 buy 0.000001", "1 buy 0.0001"])
def test_an_order_off_the_grid_is_rounded_or_denied_here(tmp_path: Path, seen: Seen, plan: str, exchange: Exchange):
    outcome = Scene(tmp_path, (plan, "4 buy 0.5"), exchange=exchange).play(10)
    refused = [one for one in requests(outcome, exchange.post) if one.get("status") != 200]
    assert not refused, "the venue has nothing to refuse"
    for order in orders_of(outcome):
        assert order.qty % exchange.step == 0
        assert all(price % Decimal("0.01") == 0 for price in order.prices)
    check_all(outcome)
    seen("on the grid or denied before it was sent; the venue refused nothing")


@pytest.mark.fault(40)
@BOTH
def test_an_order_beyond_the_balance_is_refused_for_good(tmp_path: Path, seen: Seen, exchange: Exchange):
    """The account is emptied by somebody else, so our book does not know."""
    empty = Fault(kind="balance_change", asset=exchange.quote, amount="-99000", request=exchange.post)
    told = stopping(lambda parts: parts.runner.trader.desk.account_view().cash < 2000, "that the money is gone")
    outcome = Scene(tmp_path, ("1 buy 0.5", "1 buy 0.6"), exchange=exchange).play(NO_END, empty, beside=told)
    assert "refused" in answers(outcome)
    posts = requests(outcome, exchange.post)
    assert TAKEN[exchange.kind] in {one.get("code") for one in posts}
    assert len(posts) == len(intents(outcome)), "nothing is sent again"
    check_all(outcome)
    seen(f"{TAKEN[exchange.kind]} insufficient balance: REJECTED, not repeated")
