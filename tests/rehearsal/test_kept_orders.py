"""What an exchange does not keep, kept by us: legs, pairs, distances, lifetimes, changed terms; over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from keel.app.wire_live import LiveParts
from keel.config.faults import Fault
from keel.domain.orders import EventKind, OrderSide, OrderType
from keel.domain.venue_messages import OrderTicket
from keel.journal.entries import (
    Alarm,
    CancelIntent,
    Decision,
    FillBooked,
    OrderHeld,
    OrderIntent,
    ReportHeard,
    SubmitAnswered,
)
from keel.practice.server import PracticeVenue

from .exchanges import BINANCE, STOCKS, Exchange
from .scripted import Scripted
from .stage import Outcome, Stage, stop_after
from .test_lockstep import backtest

SCRIPT = f"{Scripted.__module__}:Scripted"


EXCHANGES = pytest.mark.parametrize("exchange", [BINANCE, STOCKS], ids=str)


def staged(
    folder: Path, script: str, *, venue: tuple[str, ...] = (), exchange: Exchange = BINANCE, **params: float
) -> Stage:
    terms = "".join(f", {name}: {value}" for name, value in ({"qty": exchange.qty(0.1)} | params).items())
    live = (f"strategy.class={SCRIPT}", f"strategy.params={{script: {script}{terms}}}")
    return Stage(folder, venue=venue, live=live, exchange=exchange)


def strategy_of(parts: LiveParts) -> Scripted:
    found = parts.runner.trader.decider._strategy
    assert isinstance(found, Scripted)
    return found


def tickets(outcome: Outcome, kind: OrderType) -> list[OrderTicket]:
    return [entry.ticket for entry in outcome.of_kind(OrderIntent) if entry.ticket.type is kind]


def at_venue(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(one.type, one.side, one.status) for one in outcome.there.orders]


def check_books(outcome: Outcome) -> None:
    """Our book is the venue's, and no coin was sold twice."""
    there, exchange = outcome.there, outcome.exchange
    now = outcome.parts.runner.trader.desk.account_now()
    holdings, cash = now.position_qty, now.cash
    assert float(there.balance(exchange.quote)) == pytest.approx(cash, abs=1e-5)
    assert float(there.balance(exchange.asset)) == pytest.approx(holdings[0], abs=1e-8)
    assert there.balance(exchange.asset) >= 0


def test_legs_stand_at_the_venue_as_a_pair_from_the_first_fill_on_and_one_ends_the_other(tmp_path: Path):
    outcome = asyncio.run(staged(tmp_path, "legs").play(40))
    assert outcome.ending.exit_code == 0, outcome.ending
    held, orders = outcome.of_kind(OrderHeld), at_venue(outcome)
    entries = [ticket for ticket in tickets(outcome, OrderType.MARKET) if ticket.side is OrderSide.BUY]
    assert len(held) == 2 * len(entries) >= 6
    stops, targets = tickets(outcome, OrderType.STOP), tickets(outcome, OrderType.LIMIT)
    assert len(stops) == len(targets) >= 3
    assert all(ticket.qty == Decimal("0.0999") for ticket in stops), "what was kept as a fee cannot be sold"
    ended = [status for kind, _, status in orders if kind in ("STOP", "LIMIT")]
    assert ended.count("FILLED") == ended.count("EXPIRED") >= 3
    assert {"FILLED"} == {status for kind, _, status in orders if kind == "MARKET"}
    strategy = strategy_of(outcome.parts)
    heard = len(strategy.heard(EventKind.FILLED))
    assert heard >= 2 * ended.count("FILLED") - 1, "every entry and exit, but one after the last decision"
    assert ("LINKED_FILL" in {reason for reason, _ in strategy.heard(EventKind.CANCELED)}) is True
    assert not outcome.of_kind(Alarm)
    check_books(outcome)


def test_where_no_pairs_are_kept_the_stop_stands_and_the_target_waits_with_us(tmp_path: Path):
    outcome = asyncio.run(staged(tmp_path, "legs", exchange=STOCKS).play(40))
    assert outcome.ending.exit_code == 0, outcome.ending
    entries = [ticket for ticket in tickets(outcome, OrderType.MARKET) if ticket.side is OrderSide.BUY]
    stops = [status for kind, _, status in at_venue(outcome) if kind == "STOP"]
    assert len(outcome.of_kind(OrderHeld)) == 2 * len(entries) >= 6
    assert stops.count("FILLED") >= 1, "the stop-loss at the venue"
    assert stops.count("CANCELED") >= 1, "the take-profit whose price has come sells in its place"
    assert not outcome.of_kind(Alarm)
    check_books(outcome)


@EXCHANGES
def test_an_order_that_closes_waits_until_the_stop_has_let_go_of_its_coins(tmp_path: Path, exchange: Exchange):
    outcome = asyncio.run(staged(tmp_path, "sell", exchange=exchange, low=0.98).play(14))
    names = [
        (type(entry).__name__, entry.order_name)
        for entry in outcome.entries
        if isinstance(entry, OrderIntent | CancelIntent | SubmitAnswered)
    ]
    (stop,) = tickets(outcome, OrderType.STOP)
    sale = next(ticket for ticket in tickets(outcome, OrderType.MARKET) if ticket.side is OrderSide.SELL)
    intent, cancel, sent = (
        names.index(one)
        for one in (
            ("OrderIntent", sale.client_order_id),
            ("CancelIntent", stop.client_order_id),
            ("SubmitAnswered", sale.client_order_id),
        )
    )
    assert intent < cancel < sent
    assert at_venue(outcome)[1:] == [("STOP", "SELL", "CANCELED"), ("MARKET", "SELL", "FILLED")]
    assert strategy_of(outcome.parts).heard(EventKind.CANCELED) == [("REDUCE_ONLY", 1)]
    assert outcome.positions[0] == 0.0
    check_books(outcome)


@EXCHANGES
def test_an_order_good_till_a_date_is_ended_by_us(tmp_path: Path, exchange: Exchange):
    outcome = asyncio.run(staged(tmp_path, "gtd", exchange=exchange, low=0.97).play(10))
    assert at_venue(outcome) == [("LIMIT", "BUY", "CANCELED")]
    assert strategy_of(outcome.parts).heard(EventKind.EXPIRED) == [("GOOD_TILL_DATE", 0)]


def test_an_order_for_the_day_is_ended_by_us_when_the_day_ends(tmp_path: Path):
    stage = staged(tmp_path, "day", low=0.9, venue=("warm_up_bars=1434",))
    outcome = asyncio.run(stage.play(10))
    assert at_venue(outcome) == [("LIMIT", "BUY", "CANCELED")]
    strategy = strategy_of(outcome.parts)
    assert strategy.heard(EventKind.EXPIRED) == [("SESSION_END", 0)]
    assert next(step for step, what, _, _ in strategy.told if what == "EXPIRED") in (6, 7)


@EXCHANGES
def test_an_amend_takes_the_order_s_place_under_a_new_name_and_stays_one_order(tmp_path: Path, exchange: Exchange):
    outcome = asyncio.run(staged(tmp_path, "amend", exchange=exchange, low=0.97).play(16))
    assert at_venue(outcome) == [("LIMIT", "BUY", "CANCELED"), ("LIMIT", "BUY", "CANCELED"), ("LIMIT", "BUY", "FILLED")]
    strategy = strategy_of(outcome.parts)
    assert strategy.heard(EventKind.AMENDED) == [("NONE", 0), ("NONE", 0)]
    assert strategy.heard(EventKind.FILLED) == [("NONE", 0)]
    assert not strategy.heard(EventKind.CANCELED), "to the strategy it never ended"
    qty = Decimal(str(exchange.qty(0.1)))
    assert [ticket.qty for ticket in tickets(outcome, OrderType.LIMIT)] == [qty, qty / 2, qty / 2]
    check_books(outcome)


def test_an_order_that_nobody_can_keep_is_refused_with_its_legs_and_the_run_goes_on(tmp_path: Path):
    outcome = asyncio.run(staged(tmp_path, "lifetimes").play(8))
    assert outcome.ending.exit_code == 0, outcome.ending
    assert at_venue(outcome) == [("MARKET", "BUY", "FILLED")]
    strategy = strategy_of(outcome.parts)
    assert strategy.heard(EventKind.REJECTED) == [("VENUE_REFUSED", 3)]
    assert strategy.heard(EventKind.CANCELED) == [("PARENT_ENDED", 4)]
    assert [alarm.text for alarm in outcome.of_kind(Alarm)] == ["SYNBTC/USDT: binance has no STOP with FOK"]


def test_one_of_a_pair_of_entries_ends_the_other(tmp_path: Path):
    outcome = asyncio.run(staged(tmp_path, "pair", low=0.95, high=1.0005).play(20))
    assert sorted(at_venue(outcome)) == [("LIMIT", "BUY", "CANCELED"), ("STOP", "BUY", "FILLED")]
    assert strategy_of(outcome.parts).heard(EventKind.CANCELED) == [("LINKED_FILL", 0)]


@EXCHANGES
def test_a_stop_that_we_move_along_never_loosens(tmp_path: Path, exchange: Exchange):
    low = 0.998 if exchange is BINANCE else 0.99
    outcome = asyncio.run(staged(tmp_path, "trailing", exchange=exchange, low=low).play(40))
    triggers = [ticket.trigger_price for ticket in tickets(outcome, OrderType.STOP)]
    assert len(triggers) >= 3
    assert triggers == sorted(triggers, key=lambda price: price or 0)
    assert len(set(triggers)) == len(triggers), "it is placed anew only where it moves"
    check_books(outcome)


def test_a_distance_at_a_rate_is_the_venue_s_own_until_it_has_to_be_placed_again(tmp_path: Path):
    stage = Stage(tmp_path, live=("exits={stop_loss: {fraction: 0.002, trailing: true}}", "account.allocation=0.05"))
    outcome = asyncio.run(stage.play(60))
    stops = [entry.ticket for entry in outcome.of_kind(OrderIntent) if entry.why.startswith("for order")]
    assert stops[0].type is OrderType.TRAILING_STOP
    assert {ticket.type for ticket in stops} <= {OrderType.TRAILING_STOP, OrderType.STOP}
    check_books(outcome)


@pytest.mark.parametrize(
    "exits",
    [
        "{stop_loss: {fraction: 0.001}}",
        "{stop_loss: {atr: 3}, take_profit: {atr: 4}}",
        "{stop_loss: {atr: 3, trailing: true}}",
    ],
)
def test_exits_of_the_config_come_near_to_their_backtest(tmp_path: Path, exits: str):
    stage = Stage(tmp_path, live=(f"exits={exits}", "account.allocation=0.05"))
    outcome = asyncio.run(stage.play(150))
    expected = backtest(stage, len(outcome.of_kind(Decision)))
    equity = float(expected.marks["local_equity"][-1])
    print(exits, outcome.equity, equity, outcome.equity / equity - 1)
    assert outcome.equity == pytest.approx(equity, rel=5e-4)
    assert outcome.of_kind(OrderHeld)
    check_books(outcome)


@EXCHANGES
def test_a_stop_that_is_refused_closes_the_position_at_market(tmp_path: Path, exchange: Exchange):
    async def refuse(venue: PracticeVenue, parts: LiveParts) -> None:
        for request in ("POST /api/v3/orderList/oco", f"{exchange.post} {exchange.stop}"):
            venue.add_fault(Fault(kind="error_instead", request=request, **exchange.refusal))

    stage = staged(tmp_path, "once", exchange=exchange, low=0.99, high=1.01)
    outcome = asyncio.run(stage.play(12, while_running=refuse))
    assert [alarm.text for alarm in outcome.of_kind(Alarm)] == [
        f"{exchange.symbols[0]}: the venue does not take the stop: the position is closed at market"
    ]
    assert at_venue(outcome) == [("MARKET", "BUY", "FILLED"), ("MARKET", "SELL", "FILLED")]
    assert outcome.positions[0] < 1e-5
    check_books(outcome)


def test_a_pair_whose_answer_is_lost_is_found_again_and_not_placed_twice(tmp_path: Path):
    async def lose(venue: PracticeVenue, parts: LiveParts) -> None:
        venue.add_fault(Fault(kind="drop_response", request="POST /api/v3/orderList/oco"))

    outcome = asyncio.run(staged(tmp_path, "once", low=0.9, high=1.1).play(12, while_running=lose))
    orders = at_venue(outcome)
    assert orders.count(("STOP", "SELL", "NEW")) == 1
    assert orders.count(("LIMIT", "SELL", "NEW")) == 1
    assert len(orders) == 3
    check_books(outcome)


@EXCHANGES
@pytest.mark.parametrize("crash", [True, False], ids=["a crash", "a clean stop"])
def test_legs_outlive_a_restart(tmp_path: Path, crash: bool, exchange: Exchange):
    stage = staged(tmp_path, "once", exchange=exchange, low=0.9, high=1.1)

    async def play() -> tuple[Outcome, dict[int, Any]]:
        venue = stage.open_venue()
        await venue.start()
        try:
            if crash:
                await crash_after(stage, venue, 5)
            else:
                await stage.run_beside(venue, 5)
            stage.live = tuple(one.replace("script: once", "script: watch") for one in stage.live)
            outcome = await stage.run_beside(venue, 5)
            return outcome, dict(outcome.parts.runner.tracker.kept)
        finally:
            await venue.stop()

    outcome, kept = asyncio.run(play())
    assert outcome.ending.exit_code == 0, outcome.ending
    assert sorted(at_venue(outcome)) == standing_legs(exchange)
    assert len(kept) == 2, "they are ours again"
    assert len(outcome.of_kind(FillBooked)) == 1
    check_books(outcome)


def standing_legs(exchange: Exchange) -> list[tuple[str, str, str]]:
    """Return what stands of a purchase with a stop-loss and a take-profit: where no pair is kept the latter waits."""
    pair = [("LIMIT", "SELL", "NEW")] if exchange is BINANCE else []
    return [*pair, ("MARKET", "BUY", "FILLED"), ("STOP", "SELL", "NEW")]


async def crash_after(stage: Stage, venue: PracticeVenue, decisions: int) -> None:
    """Let a run take so many decisions and then be gone, without a word to anybody."""
    parts, journal = await stage.wire(venue)
    stopper = asyncio.ensure_future(stop_after(parts, 10_000))
    run = asyncio.ensure_future(parts.runner.run())
    while parts.runner.counts.decisions < decisions:
        await asyncio.sleep(0.005)
    for task in (run, stopper):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert parts.market is not None
    await parts.market.decided(parts.runner.status.last_close_ms or 0)  # a market in lockstep goes on without it
    await parts.market.close()
    journal.close()


@EXCHANGES
def test_a_stop_whose_request_was_lost_with_the_process_is_placed_after_it(tmp_path: Path, exchange: Exchange):
    stage = staged(tmp_path, "once", exchange=exchange, low=0.9, high=1.1)
    lost = "POST /api/v3/orderList/oco" if exchange is BINANCE else f"{exchange.post} {exchange.stop}"

    async def play() -> Outcome:
        venue = stage.open_venue()
        await venue.start()
        try:
            venue.add_fault(Fault(kind="drop_request", request=lost))
            await crash_after(stage, venue, 2)
            stage.live = tuple(one.replace("script: once", "script: watch") for one in stage.live)

            async def placed(venue: PracticeVenue, parts: LiveParts) -> None:
                hasty = parts.runner.config.live.model_copy(update={"unknown_grace_ms": 500})
                parts.runner.reconciler._section = hasty  # less than a config allows: the test's time is short
                tracker = parts.runner.tracker
                legs = len(standing_legs(exchange)) - 1
                await wait_for(lambda: len(tuple(tracker.live())) == legs and not tracker.unknown())
                parts.runner.ask_to_stop("the legs stand")

            return await stage.run_beside(venue, 10_000, while_running=placed)
        finally:
            await venue.stop()

    outcome = asyncio.run(play())
    assert outcome.ending.why == "the legs stand"
    assert sorted(at_venue(outcome)) == standing_legs(exchange)
    check_books(outcome)


def test_at_a_pace_of_real_time_all_of_it_takes_moments(tmp_path: Path):
    stage = staged(tmp_path, "sell", low=0.95, minutes=1, venue=("pace=40",))  # a bar takes 1.5 s
    outcome = asyncio.run(stage.play(4))
    first, last = (entry.fill for entry in outcome.of_kind(FillBooked))
    (stop,) = tickets(outcome, OrderType.STOP)
    told = [entry.report for entry in outcome.of_kind(ReportHeard)]
    stood_ms = next(one.ts_ms for one in told if one.state.client_order_id == stop.client_order_id)
    assert stood_ms - first.ts_ms < 40_000, "within a second of real time"
    sale = next(entry for entry in outcome.of_kind(Decision) if entry.weights["SYNBTC/USDT"] == 0.0)
    assert last.ts_ms - sale.close_ts_ms < 60_000, "cancelled, confirmed and sold within the bar"
    assert last.side is OrderSide.SELL
    check_books(outcome)


async def wait_for(what: Any) -> None:
    while not what():
        await asyncio.sleep(0.01)
