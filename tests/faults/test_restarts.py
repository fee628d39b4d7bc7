"""Processes that die and start again: rows 9 to 15, 46, 48 and 49."""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from keel.app.wire_live import LiveParts
from keel.config.faults import Fault
from keel.domain.clock import WallClock
from keel.domain.errors import GateRefusedError, KeelError
from keel.domain.orders import TradingState
from keel.journal.entries import (
    BarsSeen,
    BookAdjusted,
    ExternalSeen,
    FillBooked,
    LatchSet,
    Note,
    OrderIntent,
    OrderResolved,
    ReportHeard,
    SessionEnded,
)
from keel.journal.lock import RunLock, account_name
from keel.practice.server import PracticeVenue

from . import child
from .checks import check_all, no_exposure_is_doubled
from .scene import (
    BINANCE,
    BOTH,
    BOTH_AT_LENGTH,
    FLIPS,
    NO_END,
    Exchange,
    Outcome,
    Scene,
    ask,
    counted,
    held,
    intents,
    is_adopted,
    orders_of,
    requests,
    resolved,
    stopping,
    until,
)
from .strangers import stranger

Seen = Callable[[str], None]
CALM = stopping(lambda parts: parts.runner.counts.decisions >= 3 and not parts.runner.tracker.unknown(), "calm")


async def account(venue: PracticeVenue) -> dict[str, Any]:
    return dict((await ask(venue, "accounts"))["practice"])


def die(scene: Scene, ready: Callable[[PracticeVenue], Any], *faults: Fault, stalls: bool = False) -> Outcome:
    """Kill a run once something holds at the venue, start it again without a plan, and return how that ended."""

    async def play() -> Outcome:
        async with scene.venue_of(*faults) as venue:
            process = child.begin(scene, venue, stalls=stalls)
            await child.seen_soon(lambda: ready(venue), process, "the moment to die")
            await child.kill(process)
            return await replace(scene, plan=()).beside(venue, NO_END, CALM)

    return asyncio.run(play())


@pytest.mark.fault(9)
@pytest.mark.long
@BOTH
def test_an_intent_that_was_never_sent_leads_to_no_order(tmp_path: Path, seen: Seen, exchange: Exchange):
    grace = (*exchange.stamps_of_a_second, "live.unknown_grace_ms=11000")
    scene = Scene(tmp_path, ("1 buy 0.5",), live=grace, exchange=exchange)

    async def intended(_venue: PracticeVenue) -> bool:
        return scene.stalled.exists()

    outcome = die(scene, intended, stalls=True)
    assert len(intents(outcome)) == 1
    assert not requests(outcome, exchange.post)
    asked = [one for one in requests(outcome, exchange.query) if one["code"] == exchange.unknown_order]
    assert asked, "the venue was asked for it"
    assert resolved(outcome) == ["not_sent"]
    check_all(outcome)
    seen("the intent is found, the venue asked until the grace is over, no order")


@pytest.mark.fault(10)
@BOTH
def test_an_order_that_was_sent_before_the_end_is_adopted(tmp_path: Path, seen: Seen, exchange: Exchange):
    async def sent(venue: PracticeVenue) -> bool:
        return await counted(venue, f"request {exchange.post}") >= 1

    scene = Scene(tmp_path, ("1 buy 0.5",), exchange=exchange)
    outcome = die(scene, sent, Fault(kind="slow", request=exchange.post, seconds=0.5))
    assert len(intents(outcome)) == len(orders_of(outcome)) == 1
    assert is_adopted(outcome)
    assert held(outcome) == pytest.approx(0.5, rel=0.01)
    check_all(outcome)
    seen("found by its name after the restart, adopted; one order")


@pytest.mark.fault(11)
@pytest.mark.parametrize("torn", [False, True], ids=["whole journal", "torn tail"])
@BOTH
def test_after_an_end_in_a_partial_fill_quantity_fees_and_rest_are_exact(
    tmp_path: Path, seen: Seen, torn: bool, exchange: Exchange
):
    qty = 0.05 if exchange is BINANCE else 0.5
    scene = Scene(tmp_path, (f"1 buy {qty} limit 1.01",), venue=(exchange.thin,), exchange=exchange)

    async def play() -> Outcome:
        async with scene.venue_of() as venue:
            process = child.begin(scene, venue)

            async def partly() -> bool:
                return len(exchange.read(await account(venue), exchange.symbols[:1]).trades) >= 3

            await child.seen_soon(partly, process, "a partial fill")
            await child.kill(process)
            if torn:
                tear(tmp_path)
            return await replace(scene, plan=()).beside(venue, NO_END, CALM)

    outcome = asyncio.run(play())
    (order,) = orders_of(outcome)
    trades = outcome.there.trades
    assert len(trades) >= 3
    fills = {entry.fill.trade_id: entry.fill for entry in outcome.of_kind(FillBooked)}
    for trade in trades:
        booked = fills[trade.id]
        assert (booked.qty, booked.fee) == (trade.qty, trade.fee)
    assert sum(fill.qty for fill in fills.values()) == order.filled
    check_all(outcome)
    seen(f"{len(trades)} fills with their fees, {order.filled} of {order.qty}")


def tear(folder: Path) -> None:
    """Lose the end of what was written last."""
    log = folder / "state" / "stage.journal.sqlite-wal"
    if log.exists() and log.stat().st_size > 1000:
        with log.open("r+b") as file:
            file.truncate(log.stat().st_size - 100)


@pytest.mark.fault(12)
@pytest.mark.parametrize("external", ["block", "adopt"])
@BOTH
def test_what_somebody_else_has_done_meanwhile_is_never_ignored(
    tmp_path: Path, seen: Seen, external: str, exchange: Exchange
):
    scene = Scene(tmp_path, ("1 buy 0.5",), live=(f"live.external={external}",), exchange=exchange)
    reasons: list[str] = []

    async def look(_venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(lambda: runner.counts.decisions >= 5, "decisions")
        reasons.extend(runner.blocks.reasons)
        if external == "adopt":
            most = exchange.qty(0.6)
            await until(lambda: runner.trader.desk.account_view().position_qty[0] > most, "the trade to be ours")
        else:
            await until(lambda: not runner.ear.external_fills, "the trade to be looked at")
        runner.ask_to_stop("seen enough")

    async def play() -> Outcome:
        async with scene.venue_of() as venue:
            await scene.beside(venue, 5)
            async with stranger(venue, exchange) as client:
                await client.buy(exchange.qty(0.2))
                await client.buy(exchange.qty(0.2), limit=exchange.price * 0.66)
            plan = ("every 1 flip 0.1",) if external == "block" else ()
            return await replace(scene, plan=plan).beside(venue, NO_END, look)

    outcome = asyncio.run(play())
    assert outcome.of_kind(ExternalSeen)
    if external == "block":
        assert any("not ours" in reason for reason in reasons)
        assert len(intents(outcome)) == 1 + len([one for one in intents(outcome)[1:] if one.ticket.side < 0])
        theirs = Decimal("0.2") * exchange.unit - fee_of_stranger(outcome)
        assert outcome.parts.runner.reconciler.holdings.other[exchange.asset] == theirs
    else:
        assert outcome.of_kind(BookAdjusted)
    no_exposure_is_doubled(outcome, others=2)
    seen(f"{external}: EXTERNAL on record; " + (reasons[0][:50] if reasons else "the position is ours now"))


def fee_of_stranger(outcome: Outcome) -> Decimal:
    ours = {entry.ticket.client_order_id for entry in intents(outcome)}
    theirs = {one.number for one in orders_of(outcome) if one.name not in ours}
    trades = [one for one in outcome.there.trades if one.order in theirs]
    return sum((one.fee for one in trades if one.fee_currency == outcome.exchange.asset), start=Decimal(0))


@pytest.mark.fault(13)
@BOTH
def test_where_the_venue_holds_less_it_is_right(tmp_path: Path, seen: Seen, exchange: Exchange):
    reasons: list[str] = []
    gone = Decimal("0.2") * exchange.unit

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner

        def position() -> float:
            return float(runner.trader.desk.account_view().position_qty[0]) / exchange.unit

        await until(lambda: position() > 0.4, "a position")
        venue.add_fault(Fault(kind="balance_change", asset=exchange.asset, amount=f"-{gone}"))
        await until(lambda: runner.blocks, "that it is noticed")
        reasons.extend(runner.blocks.reasons)
        await until(lambda: position() < 0.35, "the venue to be right")
        await until(lambda: not runner.blocks, "that entries may go again")
        runner.ask_to_stop("seen enough")

    outcome = Scene(tmp_path, ("1 buy 0.5",), exchange=exchange).play(NO_END, beside=watch)
    assert "differ" in reasons[0]
    (adjusted,) = outcome.of_kind(BookAdjusted)
    assert adjusted.before - adjusted.after == gone
    check_all(outcome)
    seen("held back while they differ; the adjustment is journalled")


@pytest.mark.fault(14)
@BOTH
def test_a_start_whose_questions_fail_does_not_trade(tmp_path: Path, seen: Seen, exchange: Exchange):
    scene = Scene(tmp_path, ("0 buy 0.5",), live=("latency.retries=0",), exchange=exchange)
    failing = Fault(kind="error_instead", request=exchange.open_orders, count=1000)

    async def play() -> tuple[KeelError, dict[str, Any]]:
        async with scene.venue_of(failing) as venue:
            with pytest.raises(KeelError) as caught:
                await scene.beside(venue, 5)
            return caught.value, await account(venue)

    error, there = asyncio.run(play())
    assert error.exit_code != 0
    assert not there["orders"]
    seen(f"no start: exit {error.exit_code}, no order")


@pytest.mark.fault(14)
@BOTH
def test_a_run_whose_questions_fail_opens_nothing_and_is_unhealthy(tmp_path: Path, seen: Seen, exchange: Exchange):
    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(lambda: runner.counts.decisions > 3, "decisions")
        venue.add_fault(Fault(kind="error_instead", request=exchange.open_orders, count=4))
        await until(lambda: runner.blocks, "that it is noticed")
        await until(lambda: not parts.board.healthy()[0], "an unhealthy board")
        sent, done = runner.counts.orders_sent, runner.counts.decisions
        bought = len([order for order in runner.tracker.remembered() if order.ticket.side > 0])
        await until(lambda: runner.counts.decisions > done + 3 or not runner.blocks, "closes meanwhile")
        if runner.blocks:
            assert len([order for order in runner.tracker.remembered() if order.ticket.side > 0]) == bought
        await until(lambda: not runner.blocks, "that all is well again")
        await until(lambda: runner.counts.orders_sent > sent + 1, "orders after it")
        runner.ask_to_stop("seen enough")

    scene = Scene(tmp_path, FLIPS, live=("latency.retries=0",), exchange=exchange)
    outcome = scene.play(NO_END, beside=watch)
    check_all(outcome)
    seen("entries held back, /health 503 with the reason, until an answer came")


@pytest.mark.fault(15)
@BOTH_AT_LENGTH
def test_ten_restarts_change_nothing(tmp_path: Path, seen: Seen, exchange: Exchange):
    scene = Scene(tmp_path, ("1 buy 0.5", "3 sell 0.2"), exchange=exchange)
    hashes: list[str] = []
    kinds = (FillBooked, ReportHeard, OrderIntent, BookAdjusted, OrderResolved)

    async def play() -> tuple[Outcome, Outcome]:
        async with scene.venue_of() as venue:
            first = await scene.beside(venue, 8)
            again = replace(scene, plan=())
            for _ in range(10):
                last = await again.beside(venue, 1)
                hashes.append(state_hash(last))
            return first, last

    first, last = asyncio.run(play())
    assert set(hashes) == {state_hash(first)}
    before, after = (
        Counter(type(entry) for entry in outcome.entries if isinstance(entry, kinds)) for outcome in (first, last)
    )
    assert before == after
    check_all(last)
    seen(f"state {hashes[0][:12]} ten times, no new event")


def state_hash(outcome: Outcome) -> str:
    """Return the hash of what is ours: cash, positions, orders and what is not ours; not of the market's moves."""
    runner = outcome.parts.runner
    state = runner.trader.resumable.capture()
    now = runner.trader.desk.account_now()
    positions, cash = now.position_qty, now.cash
    ours = {"orders": state["orders"], "other": state["holdings"]["other"]}
    ours |= {"cash": cash, "positions": positions.tolist(), "latch": runner.trader.desk.trading_state.name}
    return hashlib.sha256(json.dumps(ours, sort_keys=True).encode()).hexdigest()


@pytest.mark.fault(46)
@BOTH_AT_LENGTH
def test_a_loss_of_the_day_is_remembered_over_a_restart(tmp_path: Path, seen: Seen, exchange: Exchange):
    scene = Scene(tmp_path, ("1 buy 1.5",), live=("risk.daily_loss_limit=1",), exchange=exchange)

    async def play() -> tuple[Outcome, Outcome]:
        async with scene.venue_of() as venue:
            lost = stopping(lambda parts: parts.runner.trader.desk.trading_state is TradingState.REDUCING, "a loss")
            first = await scene.beside(venue, NO_END, lost)
            return first, await replace(scene, plan=("1 buy 0.1",)).beside(venue, 5)

    first, second = asyncio.run(play())
    assert first.of_kind(LatchSet)
    assert second.parts.runner.trader.desk.trading_state is TradingState.REDUCING
    assert len(intents(second)) == 1, "nothing was opened after the restart"
    check_all(second)
    seen("REDUCING before and after the restart; the entry is denied")


@pytest.mark.fault(46)
def test_a_close_that_is_thought_about_when_the_run_ends_is_in_the_journal(tmp_path: Path, seen: Seen):
    scene = Scene(tmp_path, strategy="Bad", params={"how": "slow", "after": 2, "seconds": 3.0})

    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        booked = parts.runner.trader.resumable
        await until(lambda: parts.runner.counts.decisions == 2, "decisions")
        before_ms = booked.close_ts_ms
        await until(lambda: booked.close_ts_ms > before_ms, "a close that is thought about")
        parts.runner.ask_to_stop("meanwhile")

    outcome = scene.play(NO_END, beside=watch)
    *_, bars, note, end = (one for one in outcome.entries if isinstance(one, BarsSeen | Note | SessionEnded))
    assert isinstance(bars, BarsSeen)
    assert bars.close_ts_ms == outcome.parts.runner.trader.resumable.close_ts_ms
    assert isinstance(note, Note)
    assert "only booked: the run has ended" in note.text
    assert isinstance(end, SessionEnded)
    seen("what the close came to is written before the end of the session")


@pytest.mark.fault(48)
@BOTH_AT_LENGTH
def test_a_full_disk_stops_entries_and_nothing_is_sent_unwritten(tmp_path: Path, seen: Seen, exchange: Exchange):
    reasons: list[str] = []

    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        runner, limits = parts.runner, resource.getrlimit(resource.RLIMIT_FSIZE)
        await until(lambda: runner.counts.decisions > 3, "decisions")
        size = sum(path.stat().st_size for path in (tmp_path / "state").glob("*.sqlite*"))
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (min(size // 2, 40_000), limits[1]))
            await until(lambda: any("journal" in reason for reason in runner.blocks.reasons), "a full disk")
            reasons.extend(runner.blocks.reasons)
            sent, done = runner.counts.orders_sent, runner.counts.decisions
            await until(lambda: runner.counts.decisions > done + 5, "closes meanwhile")
            assert runner.counts.orders_sent == sent
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        await until(lambda: not runner.blocks, "room again")
        await until(lambda: runner.counts.orders_sent > sent, "orders again")
        runner.ask_to_stop("seen enough")

    outcome = Scene(tmp_path, FLIPS, exchange=exchange).play(NO_END, beside=watch)
    check_all(outcome)
    seen(f"{reasons[0][:60]}; nothing sent until it could be written")


@pytest.mark.fault(49)
@BOTH
def test_a_second_run_on_the_account_is_refused(tmp_path: Path, seen: Seen, exchange: Exchange):
    name = account_name(exchange.kind, "practice", "a-key")
    process = child.hold_lock(tmp_path, name)
    try:
        with pytest.raises(GateRefusedError, match=str(process.pid)) as caught:
            RunLock(tmp_path, name, clock=WallClock()).take()
    finally:
        asyncio.run(child.kill(process))
    with RunLock(tmp_path, name, clock=WallClock()):
        pass  # the lock went with its process
    assert caught.value.exit_code == 3
    seen("refused, exit 3, while the first lives; free after its SIGKILL")
