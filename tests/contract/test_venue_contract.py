"""What every venue keeps to, whoever it is: one suite, run against each adapter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from alpaca_rig import alpaca_rig
from practice_rig import practice_rig
from rig import BASE, HIGH, LOW, MIN_NOTIONAL, PRICE, QUOTE, START, STEP, SYMBOL, TICK, Rig, fills_of, state_of
from simulated_rig import simulated_rig
from tickets import BUY, limit, ref, ticket

from keel.domain.orders import OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import OrderRef, OrderTicket, Outcome, StreamState, VenueStatus

RIGS = {"binance": practice_rig, "alpaca": alpaca_rig, "simulated": simulated_rig}
REAL = ["binance", "alpaca"]
"""Those with rules of their own; of a dry run's orders the desk has seen to them."""
PAIRS = ["binance"]
"""Those that keep pairs."""
MINIMUMS = ["binance"]
"""Those with a tick and minimums for coins: the practice venue's Alpaca rounds and takes them."""
SELL = OrderSide.SELL
GTC, IOC, FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK

Scenario = Callable[[Rig], Awaitable[None]]


@pytest.fixture(params=list(RIGS))
def on_venue(request) -> Callable[[Scenario], None]:
    def run(scenario: Scenario) -> None:
        async def with_rig() -> None:
            async with RIGS[request.param]() as rig:
                await scenario(rig)

        asyncio.run(with_rig())

    return run


EVERY_KIND = {
    "market": lambda life: ticket(OrderType.MARKET, life=life),
    "limit": lambda life: limit("80", life=life),
    "stop": lambda life: ticket(OrderType.STOP, life=life, trigger_price=115),
    "stop limit": lambda life: ticket(OrderType.STOP_LIMIT, life=life, trigger_price=115, limit_price=119),
    "take profit": lambda life: ticket(OrderType.TAKE_PROFIT, SELL, life=life, trigger_price=115),
    "trailing stop": lambda life: ticket(OrderType.TRAILING_STOP, SELL, life=life, trail_rate="0.15"),
}


def test_market_order_is_reported_filled_and_its_trade_is_found_again(on_venue):
    async def scenario(rig):
        order = ticket(qty="2")
        result = await rig.submit(order)
        assert result.outcome is Outcome.DONE
        assert result.venue_order_id
        await rig.pass_bars()
        last = rig.heard.of(order.client_order_id)[-1]
        assert (last.state.status, last.state.filled_qty, last.state.side) == (VenueStatus.FILLED, 2, BUY)
        fills = await fills_of(rig)
        assert [fill.client_order_id for fill in fills] == [order.client_order_id]
        assert last.fill == fills[0]
        assert (fills[0].qty, fills[0].price, fills[0].side) == (2, PRICE, BUY)
        state = await state_of(rig, order.client_order_id)
        assert state is not None
        assert (state.status, state.venue_order_id) == (VenueStatus.FILLED, result.venue_order_id)

    on_venue(scenario)


def test_limit_order_rests_until_it_is_canceled_under_its_own_name(on_venue):
    async def scenario(rig):
        order = limit("80", qty="3")
        assert (await rig.submit(order)).outcome is Outcome.DONE
        await rig.pass_bars()
        (working,) = await rig.venue.open_orders()
        assert (working.client_order_id, working.status, working.qty) == (order.client_order_id, VenueStatus.WORKING, 3)
        assert (working.symbol, working.limit_price, working.type) == (SYMBOL, 80, OrderType.LIMIT)
        canceled = await rig.venue.cancel(ref(order))
        assert (canceled.outcome, canceled.already_final) == (Outcome.DONE, False)
        await rig.pass_bars()
        assert rig.heard.of(order.client_order_id)[-1].state.status is VenueStatus.CANCELED
        assert list(await rig.venue.open_orders()) == []
        state = await state_of(rig, order.client_order_id)
        assert state is not None
        assert state.status is VenueStatus.CANCELED

    on_venue(scenario)


def test_cancel_of_a_filled_order_says_that_it_was_final(on_venue):
    async def scenario(rig):
        order = ticket()
        await rig.submit(order)
        await rig.pass_bars()
        canceled = await rig.venue.cancel(ref(order))
        assert canceled.already_final
        assert canceled.outcome is not Outcome.UNKNOWN
        state = await state_of(rig, order.client_order_id)
        assert state is not None
        assert state.status is VenueStatus.FILLED

    on_venue(scenario)


def test_order_that_never_was_is_none_and_has_nothing_to_cancel(on_venue):
    async def scenario(rig):
        never = ref(ticket())
        assert await rig.venue.order(never) is None
        canceled = await rig.venue.cancel(never)
        assert canceled.already_final
        assert canceled.outcome is not Outcome.UNKNOWN

    on_venue(scenario)


def test_name_that_is_in_use_makes_no_second_order(on_venue):
    async def scenario(rig):
        order = limit("80")
        await rig.submit(order)
        again = await rig.submit(order)
        assert again.outcome in (Outcome.REFUSED, Outcome.UNKNOWN)
        assert again.reason
        await rig.pass_bars()
        assert len(await rig.venue.open_orders()) == 1

    on_venue(scenario)


@pytest.mark.parametrize("on_venue", REAL, indirect=True)
@pytest.mark.parametrize(
    "wrong",
    [
        ticket(qty=str(1 + STEP / 2)),
        ticket(qty="1000"),
        ticket(side=SELL, qty="11"),
        ticket(OrderType.STOP, trigger_price=95),
    ],
    ids=["off the step", "no money", "nothing to sell", "at once"],
)
def test_order_against_the_rules_is_refused_and_leaves_nothing(on_venue, wrong):
    on_venue(refused(wrong))


@pytest.mark.parametrize("on_venue", MINIMUMS, indirect=True)
@pytest.mark.parametrize(
    "wrong",
    [limit(PRICE - TICK / 2), ticket(qty=str(STEP)), limit("80", qty=str(MIN_NOTIONAL / PRICE))],
    ids=["off the tick", "too small", "worth too little"],
)
def test_order_off_the_tick_or_below_the_minimums_is_refused_and_leaves_nothing(on_venue, wrong):
    on_venue(refused(wrong))


def refused(wrong: OrderTicket) -> Scenario:
    async def scenario(rig):
        result = await rig.submit(wrong)
        assert result.outcome is Outcome.REFUSED
        assert result.reason
        await rig.pass_bars()
        assert await rig.venue.order(ref(wrong)) is None
        assert (await rig.venue.account()).balances[QUOTE].total == START[QUOTE]

    return scenario


@pytest.mark.parametrize(
    "wrong", [ticket(qty="1000"), ticket(side=SELL, qty="11")], ids=["no money", "nothing to sell"]
)
def test_order_that_the_account_cannot_pay_is_refused_or_reported_rejected(on_venue, wrong):
    async def scenario(rig):
        result = await rig.submit(wrong)
        await rig.pass_bars()
        rejected = [report.state.status for report in rig.heard.of(wrong.client_order_id)] == [VenueStatus.REJECTED]
        assert (result.outcome is Outcome.REFUSED) != rejected
        assert list(await fills_of(rig)) == []
        account = await rig.venue.account()
        assert {asset: account.balances[asset].total for asset in START} == START

    on_venue(scenario)


@pytest.mark.parametrize("on_venue", REAL, indirect=True)
def test_what_an_order_needs_is_locked_while_it_rests(on_venue):
    async def scenario(rig):
        await rig.submit(limit("80", qty="2"))
        await rig.submit(limit("150", SELL, qty="3"))
        await rig.pass_bars()
        balances = (await rig.venue.account()).balances
        assert (balances[QUOTE].locked, balances[QUOTE].free) == (160, START[QUOTE] - 160)
        assert (balances[BASE].locked, balances[BASE].total) == (3, START[BASE])

    on_venue(scenario)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_order_is_held_as_it_was_meant_or_refused(on_venue, kind):
    async def scenario(rig):
        orders = [EVERY_KIND[kind](life) for life in TimeInForce]
        results = [await rig.submit(order) for order in orders]
        await rig.pass_bars()
        for order, result in zip(orders, results, strict=True):
            state = await state_of(rig, order.client_order_id)
            if not rig.venue.holds(SYMBOL, order.type, order.time_in_force):
                assert result.outcome is Outcome.REFUSED
                assert state is None
                continue
            assert result.outcome is Outcome.DONE
            assert state is not None
            assert (state.type, state.side, state.qty, state.symbol) == (order.type, order.side, order.qty, SYMBOL)
            assert (state.limit_price, state.trigger_price) == (order.limit_price, order.trigger_price)

    on_venue(scenario)


@pytest.mark.parametrize("life", [IOC, FOK])
def test_order_that_may_not_rest_expires(on_venue, life):
    async def scenario(rig):
        order = limit("80", life=life)
        result = await rig.submit(order)
        if not rig.venue.holds(SYMBOL, order.type, life):
            assert result.outcome is Outcome.REFUSED
            return
        await rig.pass_bars()
        last = rig.heard.of(order.client_order_id)[-1]
        assert last.state.status in (VenueStatus.EXPIRED, VenueStatus.CANCELED)
        assert last.state.filled_qty == 0
        assert list(await fills_of(rig)) == []

    on_venue(scenario)


@pytest.mark.parametrize(
    ("order", "least", "most"),
    [
        (ticket(OrderType.STOP, trigger_price=115), 115, HIGH),
        (ticket(OrderType.STOP, SELL, trigger_price=95), LOW, 95),
        (ticket(OrderType.STOP_LIMIT, trigger_price=115, limit_price=118), 115, 118),
        (ticket(OrderType.TAKE_PROFIT, SELL, trigger_price=115), 110, HIGH),
        (ticket(OrderType.TAKE_PROFIT, trigger_price=95), LOW, 95),
        (ticket(OrderType.TRAILING_STOP, SELL, trail_rate="0.05"), LOW, 114),
        (limit("110", SELL), 110, 110),
        (limit("91"), 91, 91),
    ],
    ids=["stop buys", "stop sells", "stop limit", "take profit sells", "take profit buys", "trailing", "offer", "bid"],
)
def test_order_that_waits_for_a_price_is_filled_when_the_market_swings_there(on_venue, order, least, most):
    async def scenario(rig):
        result = await rig.submit(order)
        if not rig.venue.holds(SYMBOL, order.type, order.time_in_force):
            assert result.outcome is Outcome.REFUSED
            return
        assert result.outcome is Outcome.DONE
        await rig.pass_bars()
        assert list(await fills_of(rig)) == []
        await rig.pass_bars(swing=True)
        (fill,) = await fills_of(rig)
        assert least <= fill.price <= most
        reports = rig.heard.of(order.client_order_id)
        assert reports[-1].state.status is VenueStatus.FILLED
        assert any(report.triggered for report in reports) == (order.type is not OrderType.LIMIT)

    on_venue(scenario)


@pytest.mark.parametrize("on_venue", PAIRS, indirect=True)
@pytest.mark.parametrize("kind", [{"trigger_price": 95}, {"trail_rate": "0.05"}], ids=["stop", "trailing"])
def test_of_a_pair_for_the_same_coins_one_ends_the_other(on_venue, kind):
    async def scenario(rig):
        assert rig.venue.holds_pairs
        stop = ticket(OrderType.TRAILING_STOP if "trail_rate" in kind else OrderType.STOP, SELL, qty="6", **kind)
        target = limit("110", SELL, qty="6")
        results = await rig.venue.submit_pair(stop, target)
        assert [result.outcome for result in results] == [Outcome.DONE] * 2
        assert len({result.venue_order_id for result in results} - {None}) == 2
        await rig.pass_bars()
        states = {state.client_order_id: state for state in await rig.venue.open_orders()}
        assert {name: state.type for name, state in states.items()} == {
            stop.client_order_id: stop.type,
            target.client_order_id: OrderType.LIMIT,
        }
        assert (await rig.venue.account()).balances[BASE].locked == 6
        await rig.pass_bars(swing=True)
        ended = [(await state_of(rig, one.client_order_id)).status for one in (stop, target)]
        assert sorted(ended) == [VenueStatus.EXPIRED, VenueStatus.FILLED]
        assert sum(fill.qty for fill in await fills_of(rig)) == 6
        assert {await _last_told(rig, one) for one in (stop, target)} == set(ended)

    on_venue(scenario)


async def _last_told(rig, order):
    return rig.heard.of(order.client_order_id)[-1].state.status


@pytest.mark.parametrize("on_venue", REAL, indirect=True)
def test_a_pair_that_the_venue_cannot_take_is_refused_whole(on_venue):
    async def scenario(rig):
        for stop, target in (
            (ticket(OrderType.STOP, SELL, trigger_price=95), limit("99", SELL)),
            (ticket(OrderType.STOP, SELL, trigger_price=95), limit("110", SELL, qty="2")),
            (ticket(OrderType.TAKE_PROFIT, SELL, trigger_price=105), limit("110", SELL)),
        ):
            results = await rig.venue.submit_pair(stop, target)
            assert [result.outcome for result in results] == [Outcome.REFUSED] * 2
            assert all(result.reason for result in results)
        assert list(await rig.venue.open_orders()) == []

    on_venue(scenario)


def test_account_adds_up_to_its_start_and_the_fills(on_venue):
    async def scenario(rig):
        start = await rig.venue.account()
        assert start.can_trade
        assert {asset: start.balances[asset].total for asset in START} == START
        for order in (ticket(qty="1.234"), ticket(side=SELL, qty="2.5"), limit("110", SELL, qty="1")):
            await rig.submit(order)
            await rig.pass_bars()  # not every venue takes orders that could trade with one's own
        resting = limit("80", qty="2")
        await rig.submit(resting)
        await rig.pass_bars(swing=True)
        await rig.pass_bars()
        expected = dict(START)
        fills = await fills_of(rig)
        assert len(fills) == 3
        for fill in fills:
            expected[BASE] += fill.side * fill.qty
            expected[QUOTE] -= fill.side * fill.qty * fill.price
            expected[fill.fee_currency] -= fill.fee
        account = await rig.venue.account()
        assert {asset: account.balances[asset].total for asset in START} == expected
        told = {asset: balance for each in rig.heard.accounts for asset, balance in each.balances.items()}
        assert all(told[asset].total == expected[asset] for asset in told)

    on_venue(scenario)


def test_fills_of_a_time_are_all_of_them_oldest_first(on_venue):
    async def scenario(rig):
        orders = [ticket(qty=f"0.{number}") for number in range(1, 4)]
        for order in orders:
            await rig.submit(order)
            await rig.pass_bars()
        fills = await fills_of(rig)
        assert [fill.client_order_id for fill in fills] == [order.client_order_id for order in orders]
        assert len({fill.trade_id for fill in fills}) == 3
        since = await fills_of(rig, fills[1].ts_ms)
        assert list(since) == list(fills[1:])
        assert list(await fills_of(rig, fills[-1].ts_ms + 1)) == []

    on_venue(scenario)


def test_reports_tell_what_queries_tell(on_venue):
    async def scenario(rig):
        for order in (ticket(), limit("80"), ticket(OrderType.STOP, trigger_price=115)):
            await rig.submit(order)
        await rig.pass_bars()
        for order in {report.state.client_order_id for report in rig.heard.reports}:
            told = rig.heard.of(order)[-1].state
            asked = await state_of(rig, order)
            assert asked is not None
            assert (asked.status, asked.filled_qty, asked.type) == (told.status, told.filled_qty, told.type)
            assert (asked.venue_order_id, asked.limit_price) == (told.venue_order_id, told.limit_price)
        assert rig.heard.faults == []
        assert rig.heard.streams == [StreamState.UP]

    on_venue(scenario)


@pytest.mark.parametrize("on_venue", REAL, indirect=True)
def test_unknown_symbol_is_refused(on_venue):
    async def scenario(rig):
        wrong = OrderTicket("k1", "NOPE/USD", BUY, OrderType.MARKET, GTC, Decimal(1), 0)
        assert (await rig.submit(wrong)).outcome is Outcome.REFUSED
        assert (await rig.venue.cancel(OrderRef("NOPE/USD", "k1"))).outcome is Outcome.REFUSED

    on_venue(scenario)
