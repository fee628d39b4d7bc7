from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_server import SYMBOL as ENTRY

from keel.domain.orders import OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import OrderTicket
from keel.venues.binance_orders import held, order_parameters, pair_parameters
from keel.venues.wording import NotHeldError, plain
from keel.wire.binance_rules import rules_of

RULES = rules_of({"symbols": [ENTRY]})["BTC/USDT"]
GTC = TimeInForce.GTC
NAMED = {"symbol": "BTCUSDT", "quantity": "0.00002", "newClientOrderId": "k1", "newOrderRespType": "ACK"}


def ticket(kind: OrderType, side=OrderSide.BUY, life=GTC, qty="0.00002000", **prices) -> OrderTicket:
    exact = {name: Decimal(value) for name, value in prices.items()}
    return OrderTicket("k1", "BTC/USDT", side, kind, life, Decimal(qty), 0, **exact)


@pytest.mark.parametrize(
    ("order", "more"),
    [
        (ticket(OrderType.MARKET), {"side": "BUY", "type": "MARKET"}),
        (
            ticket(OrderType.LIMIT, OrderSide.SELL, limit_price="1E+2"),
            {"side": "SELL", "type": "LIMIT", "price": "100", "timeInForce": "GTC"},
        ),
        (
            ticket(OrderType.LIMIT, life=TimeInForce.FOK, limit_price="0.00001"),
            {"side": "BUY", "type": "LIMIT", "price": "0.00001", "timeInForce": "FOK"},
        ),
        (ticket(OrderType.STOP, trigger_price="101.50"), {"side": "BUY", "type": "STOP_LOSS", "stopPrice": "101.5"}),
        (
            ticket(OrderType.STOP_LIMIT, life=TimeInForce.IOC, trigger_price="101", limit_price="102"),
            {"side": "BUY", "type": "STOP_LOSS_LIMIT", "stopPrice": "101", "price": "102", "timeInForce": "IOC"},
        ),
        (
            ticket(OrderType.TAKE_PROFIT, OrderSide.SELL, trigger_price="120"),
            {"side": "SELL", "type": "TAKE_PROFIT", "stopPrice": "120"},
        ),
        (
            ticket(OrderType.TRAILING_STOP, OrderSide.SELL, trail_rate="0.012345"),
            {"side": "SELL", "type": "STOP_LOSS", "trailingDelta": "123"},
        ),
    ],
)
def test_order_is_written_as_the_exchange_documents_it(order, more):
    assert order_parameters(order, RULES) == NAMED | more


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (ticket(OrderType.LIMIT, life=TimeInForce.DAY, limit_price="1"), "DAY"),
        (ticket(OrderType.LIMIT, life=TimeInForce.GTD, limit_price="1"), "GTD"),
        (ticket(OrderType.MARKET, life=TimeInForce.FOK), "FOK"),
        (ticket(OrderType.STOP, life=TimeInForce.IOC, trigger_price="1"), "IOC"),
        (ticket(OrderType.TRAILING_STOP, trail="5"), "rate only"),
        (ticket(OrderType.TRAILING_STOP, trail_rate="0.0009"), "9 bips is outside"),
        (ticket(OrderType.TRAILING_STOP, trail_rate="0.2001"), "2001 bips is outside"),
        (ticket(OrderType.LIMIT), "no limit price"),
        (ticket(OrderType.STOP), "no trigger price"),
    ],
)
def test_order_that_is_not_held_is_refused_before_it_is_sent(order, why):
    with pytest.raises(NotHeldError, match=why):
        order_parameters(order, RULES)


@pytest.mark.parametrize(
    ("side", "distance", "stop_terms", "places"),
    [
        (OrderSide.SELL, {"trigger_price": "90"}, ("StopPrice", "90"), ("below", "above")),
        (OrderSide.BUY, {"trigger_price": "130"}, ("StopPrice", "130"), ("above", "below")),
        (OrderSide.SELL, {"trail_rate": "0.05"}, ("TrailingDelta", "500"), ("below", "above")),
    ],
)
def test_pair_is_written_as_the_exchange_documents_it(side, distance, stop_terms, places):
    kind = OrderType.STOP if "trigger_price" in distance else OrderType.TRAILING_STOP
    stop, target = ticket(kind, side, **distance), ticket(OrderType.LIMIT, side, limit_price="110.0")
    of_stop, of_target = places
    assert pair_parameters(stop, replace(target, client_order_id="k2"), RULES) == {
        "symbol": "BTCUSDT",
        "side": side.name,
        "quantity": "0.00002",
        "newOrderRespType": "ACK",
        f"{of_stop}Type": "STOP_LOSS",
        f"{of_stop}ClientOrderId": "k1",
        f"{of_stop}{stop_terms[0]}": stop_terms[1],
        f"{of_target}Type": "LIMIT_MAKER",
        f"{of_target}ClientOrderId": "k2",
        f"{of_target}Price": "110",
    }


@pytest.mark.parametrize(
    ("stop", "target"),
    [
        (ticket(OrderType.STOP_LIMIT, limit_price="90", trigger_price="91"), ticket(OrderType.LIMIT, limit_price="1")),
        (ticket(OrderType.STOP, trigger_price="91"), ticket(OrderType.TAKE_PROFIT, trigger_price="1")),
        (ticket(OrderType.STOP, trigger_price="91"), ticket(OrderType.LIMIT, OrderSide.SELL, limit_price="1")),
        (ticket(OrderType.STOP, trigger_price="91"), ticket(OrderType.LIMIT, qty="1", limit_price="1")),
    ],
)
def test_two_that_are_no_pair_are_refused_before_they_are_sent(stop, target):
    with pytest.raises(NotHeldError, match="pair"):
        pair_parameters(stop, target, RULES)


def test_no_type_is_held_for_a_day_or_to_a_date():
    assert not any(held(kind, life) for kind in OrderType for life in (TimeInForce.DAY, TimeInForce.GTD))
    assert all(held(kind, GTC) for kind in OrderType)


@given(st.decimals(min_value="1e-8", max_value="1e9", places=8))
def test_decimals_are_written_plainly_and_exactly(value):
    text = plain(value)
    assert "E" not in text.upper()
    assert Decimal(text) == value
    assert plain(value.normalize()) == text
