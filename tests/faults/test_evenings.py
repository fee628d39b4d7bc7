"""Orders for the opening auction that are decided on at the close: Alpaca takes them from 19:00 on (row 52)."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rehearsal.test_daily_bars import moment, store_days

from keel.app.wire_live import LiveParts
from keel.domain.orders import OrderSide, OrderStatus, OrderType, TimeInForce
from keel.domain.timeframe import utc_text
from keel.domain.venue_messages import OrderTicket, Outcome
from keel.journal.entries import Note, OrderHeld
from keel.journal.reading import JournalReader
from keel.practice.server import PracticeVenue

from . import child
from .checks import check_all
from .scene import LONG, NO_END, STOCKS, Scene, ask, intents, requests, stopping, until
from .scene import Outcome as Played

Seen = Callable[[str], None]
ROOT = Path(__file__).resolve().parents[2]
NIGHTS = {
    moment(f"2024-07-{close}"): (moment(f"2024-07-{evening} 19:00"), moment(f"2024-07-{opening} 09:30"))
    for close, evening, opening in (
        ("02 16:00", "02", "03"),
        ("03 13:00", "04", "05"),
        ("05 16:00", "07", "08"),
        ("08 16:00", "08", "09"),
    )
}
"""The evening in which, and the opening for which, what is decided on at a close is sent."""
VENUE = ("data.timeframe=1d", "data.provider=null", "data.start=null", "data.end=null", "warm_up_bars=64")
"""The market begins at the close of a Monday, 2024-07-01."""
LIVE = (
    *("data.timeframe=1d", "latency.timeout_ms=10000", "sessions.after_hours=trade"),
    *("live.bar_wait_ms=0", "live.stale_after_ms=10000000", "live.decide_timeout_ms=60000"),
)


def evening_of(folder: Path, *, sells: bool = False) -> Scene:
    """Return a scene of days in which an hour and a half take a second."""
    store_days(folder)
    return Scene(folder, (), VENUE, LIVE, "Overnight", {"qty": 30, "sells": sells}, pace=5400, exchange=STOCKS)


def idle(scene: Scene) -> Scene:
    """Return the scene of the same run with a strategy that does nothing."""
    return replace(scene, strategy="Planned", params=None)


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def held_in(parts: LiveParts) -> list[Any]:
    """Return the orders that the status tells of as waiting with us."""
    status = parts.board.status
    return [] if status is None else [one for one in status.orders if one.state == "held"]


def held_entries(scene: Scene) -> list[OrderHeld]:
    with JournalReader.open(scene.stage.journal_path) as reader:
        return [one.entry for one in reader.entries() if isinstance(one.entry, OrderHeld)]


def posts(outcome: Played) -> int:
    """Return how often an order was placed, or tried to be."""
    return len(requests(outcome, STOCKS.post))


def check_sent_in_time(outcome: Played) -> int:
    """Check that the last order of the venue came in its evening and met its opening; return when it came."""
    decided_ms = outcome.of_kind(OrderHeld)[-1].ticket.decided_ts_ms
    evening_ms, opening_ms = NIGHTS[decided_ms]
    order, trade = outcome.accounts["practice"]["orders"][-1], outcome.accounts["practice"]["fills"][-1]
    assert (order["time_in_force"], order["status"]) == ("opg", "filled")
    assert evening_ms <= at(order["submitted_at"]) < opening_ms - 120_000
    assert at(trade["transaction_time"]) == opening_ms
    return at(order["submitted_at"])


def ends(outcome: Played) -> list[str]:
    """Return what was told of the end of orders that waited."""
    return [one.text for one in outcome.of_kind(Note) if "is over" in one.text]


def check_cancelled(outcome: Played) -> None:
    """Check that the order is over to all who know of it: to the desk's book it is from the next close on."""
    runner = outcome.parts.runner
    assert not runner.tracker.kept
    assert set(runner.trader.desk.live_orders()["status"].tolist()) <= {OrderStatus.CANCELED}


async def killed_while_it_waits(scene: Scene, venue: PracticeVenue) -> None:
    """Play a run in a process of its own, and kill that once its order waits for the evening."""
    process = child.begin(scene, venue)

    async def waits() -> bool:
        return scene.stage.journal_path.exists() and bool(held_entries(scene))

    await child.seen_soon(waits, process, "an order that waits")
    await child.kill(process)
    assert not (await ask(venue, "accounts"))["practice"]["orders"], "it was killed in time"


def until_morning(scene: Scene) -> Callable[[LiveParts], bool]:
    """Return what says that a run is there after the opening for which the scene's order waited."""

    def is_there(parts: LiveParts) -> bool:
        _, opening_ms = NIGHTS[held_entries(scene)[0].ticket.decided_ts_ms]
        return parts.runner.status.phase == "trading" and parts.runner.clock.now_ms() > opening_ms

    return is_there


@pytest.mark.fault(52)
def test_order_for_the_open_waits_for_the_evening_and_meets_its_auction(tmp_path: Path, seen: Seen):
    waiting: list[Any] = []

    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        await until(lambda: held_in(parts), "an order that waits")
        early = OrderTicket("early", "SYNA", OrderSide.BUY, OrderType.MARKET, TimeInForce.AT_OPEN, Decimal(1), 0)
        refused = await parts.runner.venue.submit(early)
        assert (refused.outcome, refused.code) == (Outcome.REFUSED, 40310000)
        (reserving,) = parts.runner.trader.desk.live_orders()
        waiting.extend((*held_in(parts), float(reserving["qty"] * reserving["reserve_per_unit"])))
        await until(lambda: parts.runner.counts.fills, "the opening")
        parts.runner.ask_to_stop("filled")

    outcome = evening_of(tmp_path).play(NO_END, beside=watch)
    assert outcome.ending.exit_code == 0, outcome.ending
    line, reserved = waiting
    assert (line.symbol, line.qty) == ("SYNA", 30)
    assert reserved > 30 * 50, "what it may cost is kept back while it waits"
    (kept,), (sent,) = outcome.of_kind(OrderHeld), intents(outcome)
    evening_ms, _ = NIGHTS[kept.ticket.decided_ts_ms]
    assert kept.why == f"kept until {utc_text(evening_ms + 10_000)}: the venue takes it no sooner"
    assert posts(outcome) == 2, "one that came too soon, and it"
    (order,) = outcome.accounts["practice"]["orders"]
    assert order["client_order_id"] == sent.ticket.client_order_id
    sent_ms = check_sent_in_time(outcome)
    check_all(outcome)
    seen(f"decided at {utc_text(kept.ticket.decided_ts_ms)}, one POST at {utc_text(sent_ms)}, filled at the open")


@pytest.mark.fault(10)
@pytest.mark.parametrize(
    "sent", [pytest.param(False, id="while it waits"), pytest.param(True, id="once it is sent", marks=LONG)]
)
def test_order_that_waits_outlives_a_kill_and_is_sent_once(tmp_path: Path, seen: Seen, sent: bool):
    scene = evening_of(tmp_path)

    async def play() -> Played:
        async with scene.venue_of() as venue:
            if sent:
                process = child.begin(scene, venue)

                async def is_sent() -> bool:
                    return bool((await ask(venue, "accounts"))["practice"]["orders"])

                await child.seen_soon(is_sent, process, "the order at the venue")
                await child.kill(process)
            else:
                await killed_while_it_waits(scene, venue)
            return await idle(scene).beside(venue, NO_END, stopping(lambda parts: parts.runner.counts.fills, "filled"))

    outcome = asyncio.run(play())
    assert outcome.ending.exit_code == 0, outcome.ending
    assert posts(outcome) == len(outcome.of_kind(OrderHeld)) == len(intents(outcome)) == 1
    check_sent_in_time(outcome)
    assert outcome.there.balance("SYNA") == 30
    check_all(outcome)
    seen("killed, started again: one POST, one order, filled at the open")


@pytest.mark.fault(42)
@pytest.mark.parametrize("how", [pytest.param("stopped", marks=LONG), "kill switch"])
def test_order_that_waits_is_gone_with_a_run_that_stops(tmp_path: Path, seen: Seen, how: str):
    flag = tmp_path / "state" / "kill_switch.flag"
    scene = evening_of(tmp_path)

    async def stop(_venue: PracticeVenue, parts: LiveParts) -> None:
        await until(lambda: held_in(parts), "an order that waits")
        if how == "stopped":
            parts.runner.ask_to_stop("enough")
        else:
            flag.touch()

    async def play() -> tuple[Played, Played]:
        async with scene.venue_of() as venue:
            first = await scene.beside(venue, NO_END, stop)
            flag.unlink(missing_ok=True)
            return first, await idle(scene).beside(venue, NO_END, stopping(until_morning(scene), "morning"))

    first, second = asyncio.run(play())
    assert first.ending.exit_code == (0 if how == "stopped" else 3)
    assert second.ending.exit_code == 0, second.ending
    assert posts(second) == len(intents(second)) == 0
    check_cancelled(second)
    check_all(second)
    seen(f"{how}: nothing was sent, and nothing after a restart")


@pytest.mark.fault(52)
def test_order_whose_auction_passed_while_nobody_was_there_expires(tmp_path: Path, seen: Seen):
    scene = evening_of(tmp_path)

    async def play() -> Played:
        async with scene.venue_of() as venue:
            await killed_while_it_waits(scene, venue)
            _, opening_ms = NIGHTS[held_entries(scene)[0].ticket.decided_ts_ms]
            await until(lambda: venue._state.market.now_ms >= opening_ms, "the opening")
            over = stopping(lambda parts: parts.runner.status.phase == "trading" and not held_in(parts), "over")
            return await idle(scene).beside(venue, NO_END, over)

    outcome = asyncio.run(play())
    assert posts(outcome) == 0
    (held,) = outcome.of_kind(OrderHeld)
    assert ends(outcome) == [f"order {held.order_id} is over: AUCTION_OVER"]
    check_all(outcome)
    seen("nothing sent; the order is EXPIRED, AUCTION_OVER")


@pytest.mark.fault(52)
@LONG
def test_order_that_waits_is_given_up_by_flattening_beside_no_run(tmp_path: Path, seen: Seen):
    scene = evening_of(tmp_path)

    async def flatten(venue: PracticeVenue) -> dict[str, Any]:
        command = (str(ROOT / "scripts" / "flatten.py"), "--config", str(tmp_path / "live.yaml"), "--yes", "--json")
        environ = {**scene.stage.environ_of(venue), "PYTHONPATH": str(ROOT), "PATH": ""}
        options = [word for override in (f"run.name={scene.name}", *scene.stage.live) for word in ("--set", override)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *command, *options), env=environ, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        return dict(json.loads(out))

    async def play() -> tuple[dict[str, Any], Played]:
        async with scene.venue_of() as venue:
            await killed_while_it_waits(scene, venue)
            told = await flatten(venue)
            over = stopping(
                lambda parts: parts.runner.status.phase == "trading" and not parts.runner.tracker.kept, "over"
            )
            return told, await idle(scene).beside(venue, NO_END, over)

    told, outcome = asyncio.run(play())
    (held,) = outcome.of_kind(OrderHeld)
    assert told["flat"]
    assert (told["before"]["unsent"], told["left"]["unsent"]) == ([held.ticket.client_order_id], [])
    assert ends(outcome) == [f"order {held.order_id} is over: CLIENT_REQUEST"]
    assert posts(outcome) == len(intents(outcome)) == 0
    check_cancelled(outcome)
    check_all(outcome)
    seen("flatten tells of it, the next start sends nothing")


@pytest.mark.fault(52)
def test_what_protects_stands_until_the_sale_at_the_open_is_taken(tmp_path: Path, seen: Seen):
    standing: list[str] = []

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        orders_kept = parts.runner.tracker.kept
        await until(lambda: any(one.closes for one in orders_kept.values()), "a sale that waits")
        (sale,) = (one for one in orders_kept.values() if one.closes)
        evening_ms, _ = NIGHTS[sale.ticket.decided_ts_ms]
        await until(lambda: parts.runner.clock.now_ms() >= evening_ms - 3_600_000, "the hour before")
        orders = (await ask(venue, "accounts"))["practice"]["orders"]
        standing.extend(one["type"] for one in orders if one["status"] in ("new", "accepted"))
        await until(lambda: parts.runner.counts.fills == 2, "the opening")
        parts.runner.ask_to_stop("sold")

    outcome = evening_of(tmp_path, sells=True).play(NO_END, beside=watch)
    assert outcome.ending.exit_code == 0, outcome.ending
    assert standing == ["stop"]
    assert outcome.there.balance("SYNA") == 0
    bought, stop, sold = (entry.ticket for entry in intents(outcome))
    assert (bought.side, stop.type, sold.side) == (OrderSide.BUY, OrderType.STOP, OrderSide.SELL)
    check_sent_in_time(outcome)
    check_all(outcome)
    seen("the stop stands until 19:00, then the sale takes its place and meets the open")
