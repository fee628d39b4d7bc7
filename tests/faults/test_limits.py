"""Clocks, request limits, changed rules, limits of risk, bad strategies: rows 31 to 34, 39, 45, 47, 51."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from keel.app.wire_live import LiveParts
from keel.config.faults import Fault
from keel.domain.errors import HaltTradingError, RetryableError
from keel.domain.orders import OrderSide
from keel.journal.entries import Alarm, Decision
from keel.live.orders import Phase
from keel.practice.server import PracticeVenue

from .checks import check_all
from .scene import (
    BINANCE,
    BOTH,
    BOTH_AT_LENGTH,
    NO_END,
    STOCKS,
    Exchange,
    Outcome,
    Scene,
    answers,
    ask,
    held,
    intents,
    orders_of,
    requests,
    stopping,
    texts,
    until,
)

Seen = Callable[[str], None]
POST = BINANCE.post


@pytest.mark.fault(31)
@pytest.mark.parametrize("shift_ms", [-2000, 7000])
def test_a_stamp_that_is_refused_is_set_right_and_sent_again_once(tmp_path: Path, seen: Seen, shift_ms: int):
    outcome = Scene(tmp_path, ("1 buy 0.5",)).play(10, Fault(kind="clock_shift", request=POST, shift_ms=shift_ms))
    posts = [one.get("code", one["status"]) for one in requests(outcome, POST)]
    assert posts == [-1021, 200]
    assert answers(outcome) == ["done"]
    check_all(outcome)
    seen(f"{shift_ms:+d} ms: -1021, compared anew, sent once more; one order")


@pytest.mark.fault(31)
@pytest.mark.parametrize("shift_ms", [-2000, 2000])
def test_a_clock_that_is_too_far_off_ends_the_run(tmp_path: Path, seen: Seen, shift_ms: int):
    scene = Scene(tmp_path, ("1 buy 0.5",), live=("clock_sync.refresh_sec=1",))
    outcome = scene.play(NO_END, Fault(kind="clock_shift", row=5, shift_ms=shift_ms))
    assert outcome.ending.exit_code == HaltTradingError.exit_code
    assert "our clock is" in outcome.ending.why
    check_all(outcome)
    seen(f"{shift_ms:+d} ms is past the limit of 1000 ms: {outcome.ending.why[:40]}, exit 4")


@pytest.mark.fault(32)
@BOTH_AT_LENGTH
def test_nothing_is_asked_inside_a_retry_after_and_cancels_go_first(tmp_path: Path, seen: Seen, exchange: Exchange):
    """Alpaca's 429 says when its minute is over instead of how long to wait, and its data have limits of their own."""
    window: list[int] = []

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        pause = runner.venue._link.budget._retry_after  # type: ignore[attr-defined]
        await until(lambda: [one for one in runner.tracker.live() if one.phase is Phase.WORKING], "an order that rests")
        venue.add_fault(Fault(kind="rate_limit", seconds=3))
        await until(lambda: pause.until_ms > 0, "a 429")
        window.extend((time.time_ns() // 1_000_000, pause.until_ms))
        order = next(iter(runner.tracker.live()))
        cancel = asyncio.ensure_future(runner.sender.cancel([order], "a test"))
        await asyncio.sleep(pause.left_s(time.time_ns() // 1_000_000) + 0.01)
        await cancel
        await until(lambda: not runner.blocks, "that all is well again")
        runner.ask_to_stop("seen enough")

    live = (f"latency.timeout_ms={exchange.longest_pause_s + 5}000", "live.poll_ms=200")
    outcome = Scene(tmp_path, ("1 buy 0.5 limit 0.9",), live=live, exchange=exchange).play(NO_END, beside=watch)
    trading = [one for one in outcome.log["entries"] if one["kind"] == "request" and exchange.is_trading(one["what"])]
    all_requests = sorted(trading, key=lambda one: one["wall_ms"])
    inside = [one["what"] for one in all_requests if window[0] < one["wall_ms"] < window[1]]
    assert not inside
    first = next(one["what"] for one in all_requests if one["wall_ms"] >= window[1])
    assert first == exchange.delete
    check_all(outcome)
    seen("0 requests inside the window; the cancel is the first after it")


@pytest.mark.fault(33)
def test_a_ban_ends_the_run_and_a_restart_does_not_ask_early(tmp_path: Path, seen: Seen):
    async def play() -> tuple[Outcome, int, int, Outcome]:
        scene = Scene(tmp_path, ("1 buy 0.5",))
        async with scene.venue_of(Fault(kind="ban", row=5, seconds=6)) as venue:
            first = await scene.beside(venue, NO_END)
            before = len(await _asked(venue))
            with pytest.raises(HaltTradingError):
                await scene.beside(venue, NO_END)
            early = len(await _asked(venue)) - before
            held = first.parts.runner.venue._link.budget._retry_after  # type: ignore[attr-defined]
            inside = not held.left_s(time.time_ns() // 1_000_000) <= 0
            assert inside, "the restart came in time to be early"
            await until(lambda: held.left_s(time.time_ns() // 1_000_000) <= 0, "the end of the ban")
            return first, early, before, await scene.beside(venue, 3)

    first, early, _, second = asyncio.run(play())
    assert first.ending.exit_code == HaltTradingError.exit_code
    assert early == 0
    check_all(second)
    seen("halted, exit 4; the early restart asked nothing; after the ban it trades")


async def _asked(venue: PracticeVenue) -> list[dict[str, Any]]:
    entries = (await ask(venue, "log"))["entries"]
    return [one for one in entries if one["kind"] == "request" and one["what"].partition(" ")[2].startswith("/api")]


@pytest.mark.fault(34)
@pytest.mark.parametrize("exchange", [STOCKS], ids=str)
def test_a_minute_s_requests_are_kept_to_here_and_cancels_have_their_part_of_it(
    tmp_path: Path, seen: Seen, exchange: Exchange
):
    """With 200 requests a minute the exchange never has to say so itself."""

    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(lambda: [one for one in runner.tracker.live() if one.phase is Phase.WORKING], "an order that rests")
        with suppress(RetryableError):
            while True:
                await runner.venue._link.ask_once(1, lambda client: client.get("/account"))  # type: ignore[attr-defined]
        order = next(iter(runner.tracker.live()))
        await runner.sender.cancel([order], "a test")
        await until(lambda: order.phase is not Phase.WORKING, "the cancel, within the minute")
        runner.ask_to_stop("seen enough")

    live = ("live.poll_ms=3600000", "latency.timeout_ms=5000", "latency.retries=0")
    scene = Scene(tmp_path, ("1 buy 0.5 limit 0.9",), live=live, venue=("alpaca.requests_1m=200",), exchange=exchange)
    outcome = scene.play(NO_END, beside=watch)
    trading = [one for one in outcome.log["entries"] if one["kind"] == "request" and exchange.is_trading(one["what"])]
    assert not [one for one in trading if one.get("status") == 429], "the exchange was never made to refuse"
    asked = len([one for one in trading if one["what"] == "GET /v2/account"])
    assert 120 <= asked <= 160, "what is not kept for cancels"
    assert [one["status"] for one in requests(outcome, exchange.delete)] == [204]
    check_all(outcome)
    seen(f"{asked} questions, then none; the cancel went at once; no 429")


HALT = Fault(kind="halt_symbol", row=5)
FILTER = Fault(
    kind="change_filter", row=5, filter="LOT_SIZE", values={"stepSize": "0.10000000", "minQty": "0.10000000"}
)


@pytest.mark.fault(39)
@pytest.mark.parametrize(
    ("exchange", "fault"),
    [(BINANCE, HALT), (BINANCE, FILTER), (STOCKS, HALT)],
    ids=["Binance, HALT", "Binance, filter", "stocks, HALT"],
)
def test_entries_stop_where_the_rules_have_changed(tmp_path: Path, seen: Seen, exchange: Exchange, fault: Fault):
    symbol = exchange.symbols[0]
    blocked: list[str] = []

    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(lambda: any(exchange.asset in reason for reason in runner.blocks.reasons), "that it is noticed")
        blocked.extend(reason for reason in runner.blocks.reasons if exchange.asset in reason)
        bought = len([order for order in runner.tracker.remembered() if order.ticket.side is OrderSide.BUY])
        done = runner.counts.decisions
        await until(lambda: runner.counts.decisions > done + 10, "closes meanwhile")
        assert len([one for one in runner.tracker.remembered() if one.ticket.side is OrderSide.BUY]) == bought
        runner.ask_to_stop("seen enough")

    plan = ("1 buy 0.5 limit 0.9", *(f"{row} buy 0.01234" for row in range(7, 60)))
    outcome = Scene(tmp_path, plan, exchange=exchange).play(NO_END, fault, beside=watch)
    assert any(one.get("code") == exchange.against_rules for one in requests(outcome, exchange.post))
    assert requests(outcome, exchange.delete), "the cancel is tried all the same"
    assert any(symbol in entry.text for entry in outcome.of_kind(Alarm))
    check_all(outcome)
    seen(f"{exchange.against_rules}, then: {blocked[0][:70]}; cancels go")


@pytest.mark.fault(45)
@BOTH_AT_LENGTH
def test_too_many_orders_a_minute_are_denied_and_latched(tmp_path: Path, seen: Seen, exchange: Exchange):
    plan = tuple("1 buy 0.01" for _ in range(8))
    live = ("risk.max_orders_per_min=5", "risk.close_order_reserve=1")
    outcome = Scene(tmp_path, plan, live=live, exchange=exchange).play(6)
    assert len(requests(outcome, exchange.post)) == 4, "5 less the reserve for closing"
    whys = " ".join(text for entry in outcome.of_kind(Decision) for text in entry.why.values())
    assert "denied" in whys
    assert outcome.parts.runner.counts.denied == 4
    check_all(outcome)
    seen(f"4 sent, 4 denied here; the guard is {outcome.parts.runner.trader.desk.trading_state.name}")


@pytest.mark.fault(47)
@BOTH
def test_a_protective_stop_that_is_refused_is_never_silent(tmp_path: Path, seen: Seen, exchange: Exchange):
    fault = Fault(kind="error_instead", request=f"{exchange.post} {exchange.stop}", **exchange.refusal)
    ready = stopping(
        lambda parts: (
            parts.runner.counts.orders_rejected and parts.runner.trader.desk.account_now().position_qty[0] < 0.001
        ),
        "that the position is closed",
    )
    outcome = Scene(tmp_path, ("1 buy 0.5 stop_loss 0.9",), exchange=exchange).play(NO_END, fault, beside=ready)
    assert exchange.symbols[0] in texts(outcome)
    assert [entry.ticket.side for entry in intents(outcome)][-1] is OrderSide.SELL
    check_all(outcome)
    seen(f"alarm: {texts(outcome).splitlines()[0][:80]}")


@pytest.mark.fault(51)
@BOTH_AT_LENGTH
@pytest.mark.parametrize("how", ["nan", "huge", "raise", "slow"])
def test_a_bad_answer_of_the_strategy_leads_to_no_order_and_counts(
    tmp_path: Path, seen: Seen, how: str, exchange: Exchange
):
    params = {"how": how, "after": 2, "seconds": 1.0}
    live = ("live.decide_timeout_ms=300",)
    scene = Scene(tmp_path, strategy="Bad", params=params, live=live, exchange=exchange)
    if how == "huge":
        outcome = scene.play(8)
        assert held(outcome) * 32_000 < 110_000, "never more than the limits and the cash allow"
        check_all(outcome)
        seen("1e9 of equity: clipped to the limits")
        return
    outcome = scene.play(NO_END)
    assert outcome.ending.exit_code == HaltTradingError.exit_code
    assert outcome.parts.runner.counts.strategy_failures == 3
    assert len(intents(outcome)) == len(orders_of(outcome)) <= 2, "those of the two good answers"
    assert texts(outcome).count("no decision") == 3
    check_all(outcome)
    seen(f"{how}: no order, counted three times, then the run ends, exit 4")
