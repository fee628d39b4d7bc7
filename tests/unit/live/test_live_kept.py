"""How much of the orders that we keep should stand at the venue, and on which terms."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keel.domain.orders import OrderSide, OrderType, Reason, TimeInForce
from keel.domain.venue_messages import OrderTicket
from keel.live.kept import KeptOrder, on_step, shares, stand_together

TICK = Decimal("0.01")


def kept(order_id: int, kind: OrderType = OrderType.STOP, *, side: OrderSide = OrderSide.SELL, **given) -> KeptOrder:
    prices = {name: given.pop(name, None) for name in ("limit_price", "trigger_price", "trail", "trail_rate")}
    ticket = OrderTicket(
        client_order_id=f"k{order_id}",
        symbol="BTC/USDT",
        side=side,
        type=kind,
        time_in_force=TimeInForce.GTC,
        qty=given.pop("qty", Decimal(1)),
        decided_ts_ms=0,
        reduce_only=given.pop("reduce_only", True),
        **prices,
    )
    return KeptOrder(order_id, 0, ticket, **given)


def leg(order_id: int, kind: OrderType = OrderType.STOP, *, allowed: str = "1", covers: bool = False, **given):
    return kept(order_id, kind, parent_id=1, pair=1, allowed=Decimal(allowed), covers=covers, **given)


def of(orders: list[KeptOrder], held: str, promised: str = "0", *, pairs: bool = True) -> list[Decimal]:
    found = shares(orders, Decimal(held), Decimal(promised), pairs=pairs)
    return [found[order.order_id] for order in orders]


def test_order_for_an_auction_is_placed_as_one_and_what_is_for_extended_hours_as_that():
    at_close = kept(2, OrderType.LIMIT, limit_price=Decimal(9))
    at_close.ticket = replace(at_close.ticket, time_in_force=TimeInForce.AT_CLOSE)
    assert at_close.terms(TICK).time_in_force is TimeInForce.AT_CLOSE
    late = replace(at_close.ticket, time_in_force=TimeInForce.DAY, extended_hours=True)
    at_close.ticket = late
    assert (at_close.terms(TICK).time_in_force, at_close.terms(TICK).extended_hours) == (TimeInForce.DAY, True)
    at_close.reached = True
    assert (at_close.terms(TICK).time_in_force, at_close.terms(TICK).extended_hours) == (TimeInForce.IOC, False)


def test_a_leg_waits_for_its_parent_s_first_fill_and_is_for_what_was_filled():
    assert of([leg(2, allowed="0")], "5") == [0]
    assert of([leg(2, allowed="0.4")], "5") == [Decimal("0.4")]
    assert of([leg(2, allowed="0.4", filled=Decimal("0.1"))], "5") == [Decimal("0.3")]


def test_a_leg_is_never_for_more_than_is_held_and_not_promised_to_a_sale():
    assert of([leg(2)], "0.999") == [Decimal("0.999")]
    assert of([leg(2)], "1", "0.7") == [Decimal("0.3")]
    assert of([leg(2)], "0") == of([leg(2)], "-1") == [0]


def test_a_covering_leg_is_for_the_whole_position():
    assert of([leg(2, allowed="0.1", covers=True)], "3") == [3]


def test_a_pair_has_the_same_coins_where_the_venue_keeps_pairs_and_the_stop_has_them_elsewhere():
    pair = [leg(2), leg(3, OrderType.LIMIT, limit_price=Decimal(110))]
    assert of(pair, "1") == [1, 1]
    assert of(pair, "1", pairs=False) == [1, 0]
    pair[1].reached = True
    assert of(pair, "1", pairs=False) == [0, 1], "its price has come: now it goes first"


def test_a_partner_s_fill_is_taken_from_an_order():
    pair = [leg(2), leg(3, OrderType.LIMIT, limit_price=Decimal(110), filled=Decimal("0.3"))]
    assert of(pair, "0.7") == [Decimal("0.7"), Decimal("0.7")]
    entries = [
        kept(2, OrderType.LIMIT, side=OrderSide.BUY, reduce_only=False, pair=-2, filled=Decimal("0.25")),
        kept(3, OrderType.STOP, side=OrderSide.BUY, reduce_only=False, pair=-2),
    ]
    assert of(entries, "0.25") == [Decimal("0.75"), Decimal("0.75")]


def test_what_is_to_end_has_no_share():
    assert of([leg(2, ends_for=Reason.CLIENT_REQUEST)], "1") == [0]
    entry = kept(2, OrderType.LIMIT, side=OrderSide.BUY, reduce_only=False, ends_for=Reason.CLIENT_REQUEST)
    assert of([entry], "0") == [0]


def test_orders_that_belong_to_nobody_go_one_by_one():
    stop, other = kept(2), kept(3, OrderType.LIMIT, limit_price=Decimal(110))
    assert not stand_together(stop, other)
    assert of([other, stop], "1.5") == [Decimal("0.5"), 1], "what protects goes first"


amounts = st.decimals(0, 10, places=3)


@given(st.lists(st.tuples(amounts, amounts, st.sampled_from([OrderType.STOP, OrderType.LIMIT])), max_size=5), amounts)
def test_shares_are_never_more_than_is_held(given_orders: list[tuple[Decimal, Decimal, OrderType]], held: Decimal):
    orders = [
        leg(10 + i, kind, allowed=str(allowed), filled=filled) for i, (allowed, filled, kind) in enumerate(given_orders)
    ]
    for i, order in enumerate(orders):
        order.pair = 100 + i
    assert sum(shares(orders, held, Decimal(0), pairs=True).values()) <= held


@pytest.mark.parametrize("side", list(OrderSide))
def test_a_stop_in_currency_follows_the_best_price_and_never_loosens(side: OrderSide):
    order = leg(2, OrderType.TRAILING_STOP, side=side, trail=Decimal("1.005"))
    order.trail_from(Decimal(100))
    levels = [order.terms(TICK).trigger_price]
    for high, low in ((101, 99), (103, 97), (102, 98), (106, 94)):
        order.see(Decimal(high), Decimal(low), waits=False)
        levels.append(order.terms(TICK).trigger_price)
    expected = ["98.99", "99.99", "101.99", "101.99", "104.99"]
    if side is OrderSide.BUY:
        expected = ["101.01", "100.01", "98.01", "98.01", "95.01"]
    assert levels == [Decimal(level) for level in expected]
    assert order.terms(TICK).type is OrderType.STOP


def test_a_trailing_rate_is_the_venue_s_until_we_follow_it():
    order = leg(2, OrderType.TRAILING_STOP, trail_rate=Decimal("0.01"))
    order.trail_from(Decimal(100))
    assert order.terms(TICK).type is OrderType.TRAILING_STOP
    order.see(Decimal(110), Decimal(100), waits=False)
    order.follows = True
    assert order.terms(TICK).trigger_price == Decimal("108.90")


def test_what_waits_with_us_is_tried_once_when_its_price_has_come():
    order = leg(3, OrderType.LIMIT, limit_price=Decimal(110))
    order.see(Decimal(120), Decimal(90), waits=False)
    assert not order.reached, "the venue has it"
    order.see(Decimal("109.99"), Decimal(90), waits=True)
    assert not order.reached
    order.see(Decimal(110), Decimal(90), waits=True)
    assert order.terms(TICK).time_in_force is TimeInForce.IOC


def test_a_stop_that_was_refused_goes_at_market():
    order = leg(2, trigger_price=Decimal(90), urgent=True)
    terms = order.terms(TICK)
    assert (terms.type, terms.trigger_price, terms.reduce_only) == (OrderType.MARKET, None, True)


def test_lifetimes_that_the_venue_lacks_are_ours():
    order = leg(2, trigger_price=Decimal(90))
    order.ticket = replace(order.ticket, time_in_force=TimeInForce.GTD, expire_ts_ms=5)
    assert (order.terms(TICK).time_in_force, order.terms(TICK).expire_ts_ms) == (TimeInForce.GTC, None)


@given(st.decimals(0, 1000, places=8), st.sampled_from([Decimal("0.001"), Decimal("0.00001"), Decimal(0)]))
def test_a_quantity_on_its_step_is_not_above_it(qty: Decimal, step: Decimal):
    found = on_step(qty, step)
    assert found <= qty + step * Decimal("1e-8")
    assert not step or (found % step == 0 and qty - found < step)
