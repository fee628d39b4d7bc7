"""What a strategy may ask of its order desk, and what it hears back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keel.domain.layout import BAR, BAR_PRESENT, EVENT, ORDER
from keel.domain.orders import OrderSide, OrderType, RequestKind, TimeInForce
from keel.strategies.desk import OrderDesk
from keel.strategies.panel import BarPanel
from keel.strategies.port import Context

SYMBOLS = ("AAA", "BBB")


def desk(live: np.ndarray | None = None) -> OrderDesk:
    return OrderDesk(SYMBOLS, lambda: np.zeros(0, ORDER) if live is None else live, lambda: np.zeros(0, EVENT))


def context(of: OrderDesk) -> Context:
    bars = np.zeros((1, 2), BAR)
    bars["flags"] = BAR_PRESENT
    return Context(BarPanel(bars, SYMBOLS), lambda: None, np.full(2, np.nan), of, 0)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("terms", "kind", "fields"),
    [
        ({}, OrderType.MARKET, {}),
        ({"limit": 99.0}, OrderType.LIMIT, {"limit_price": 99.0}),
        ({"stop": 101.0}, OrderType.STOP, {"trigger_price": 101.0}),
        ({"stop": 101.0, "limit": 102.0}, OrderType.STOP_LIMIT, {"trigger_price": 101.0, "limit_price": 102.0}),
        ({"touch": 95.0}, OrderType.TAKE_PROFIT, {"trigger_price": 95.0}),
        ({"trail": 2.0}, OrderType.TRAILING_STOP, {"trail": 2.0}),
        ({"trail_fraction": 0.02}, OrderType.TRAILING_STOP, {"trail_rate": 0.02}),
        (
            {"stop_loss": 90.0, "take_profit": 120.0},
            OrderType.MARKET,
            {"stop_loss": 90.0, "take_profit": 120.0},
        ),
        ({"stop_trail_fraction": 0.1}, OrderType.MARKET, {"stop_trail_rate": 0.1}),
        ({"time_in_force": "gtd", "expires_ms": 5}, OrderType.MARKET, {"time_in_force": TimeInForce.GTD}),
        ({"time_in_force": "at_open"}, OrderType.MARKET, {"time_in_force": TimeInForce.AT_OPEN}),
        ({"time_in_force": "at_close", "limit": 99.0}, OrderType.LIMIT, {"limit_price": 99.0, "time_in_force": 6}),
        ({"reduce_only": True}, OrderType.MARKET, {"reduce_only": 1}),
    ],
)
def test_terms_become_a_request_of_the_right_type(terms: dict[str, Any], kind: OrderType, fields: dict[str, float]):
    asked = desk()
    context(asked).buy("BBB", 3.0, **terms)
    requests = asked.requests()
    assert requests is not None
    request = requests[0]
    assert (request["kind"], request["side"], request["type"]) == (RequestKind.NEW, OrderSide.BUY, kind)
    assert (request["instrument"], request["qty"], request["pair"]) == (1, 3.0, -1)
    for name in ("limit_price", "trigger_price", "trail", "trail_rate", "stop_loss", "stop_trail_rate", "take_profit"):
        assert request[name] == fields.get(name, 0.0), name
    assert request["reduce_only"] == fields.get("reduce_only", 0)
    assert request["time_in_force"] == fields.get("time_in_force", TimeInForce.GTC)
    assert request["expire_ts_ms"] == terms.get("expires_ms", 0)


@pytest.mark.parametrize(
    ("qty", "terms", "told"),
    [
        (0.0, {}, "qty is 0.0: give a finite number above 0"),
        (float("nan"), {}, "qty is nan"),
        (1.0, {"price": 9.0}, "an order has no 'price': give limit, stop"),
        (1.0, {"limit": -1.0}, "limit_price is -1.0"),
        (1.0, {"limit": 1.0, "touch": 2.0}, "give a limit, a stop"),
        (1.0, {"trail": 1.0, "trail_fraction": 0.1}, "give one of trail and trail_fraction"),
        (1.0, {"trail_fraction": 1.0}, "give a fraction above 0 and below 1"),
        (1.0, {"time_in_force": "later"}, "time_in_force 'later': give gtc, ioc, fok, day, gtd, at"),
        (1.0, {"time_in_force": "GTD", "expires_ms": 5}, "time_in_force 'GTD': give gtc, ioc, fok, day, gtd, at"),
        (1.0, {"time_in_force": "gtd"}, "expires_ms is the end of a gtd order"),
        (1.0, {"expires_ms": 5}, "expires_ms is the end of a gtd order"),
        (1.0, {"time_in_force": "at_open", "stop": 9.0}, "an order at_open is at market or has a limit"),
        (1.0, {"time_in_force": "at_close", "trail": 9.0}, "an order at_close is at market or has a limit"),
        (1.0, {"stop_loss": 9.0, "stop_trail": 1.0}, "give one of stop_loss"),
        (1.0, {"reduce_only": True, "take_profit": 9.0}, "an order that only reduces opens nothing"),
        (1.0, {"stop_loss": 110.0, "take_profit": 100.0}, "the wrong way round"),
    ],
)
def test_terms_that_cannot_be_meant_are_refused(qty: float, terms: dict[str, Any], told: str):
    with pytest.raises(ValueError, match=told):
        context(desk()).buy("AAA", qty, **terms)


def test_each_order_leaves_numbers_for_its_legs():
    asked = desk()
    first = context(asked).buy("AAA", 1.0, stop_loss=1.0)
    second = context(asked).sell("AAA", 1.0)
    assert (first, second) == (0, 3)


def test_partners_carry_the_same_pair_and_the_next_two_another():
    asked = desk()
    at = context(asked)
    orders = [at.sell("AAA", 1.0, limit=price) for price in (1.0, 2.0, 3.0, 4.0)]
    at.pair(orders[0], orders[1])
    at.pair(orders[2], orders[3])
    requests = asked.requests()
    assert requests is not None
    assert requests["pair"].tolist() == [-2, -2, -3, -3]


@pytest.mark.parametrize("symbols", [("AAA", "BBB"), ("AAA",)])
def test_partners_of_two_symbols_or_of_one_order_are_refused(symbols: tuple[str, ...]):
    at = context(desk())
    orders = [at.sell(symbol, 1.0, limit=2.0) for symbol in symbols]
    with pytest.raises(ValueError, match="pair: "):
        at.pair(orders[0], orders[-1])


def test_order_of_an_earlier_close_cannot_become_a_partner():
    asked = desk()
    at = context(asked)
    first = at.sell("AAA", 1.0, limit=2.0)
    asked.requests()
    with pytest.raises(ValueError, match="placed at this close"):
        at.pair(first, at.sell("AAA", 1.0, limit=3.0))


def test_cancel_and_amend_name_the_order_and_only_what_changes():
    asked = desk()
    at = context(asked)
    order = at.buy("AAA", 2.0, limit=9.0)
    asked.requests()
    at.cancel(order)
    at.amend(order + 1, stop=8.0)
    requests = asked.requests()
    assert requests is not None
    assert requests["kind"].tolist() == [RequestKind.CANCEL, RequestKind.AMEND]
    assert requests["tag"].tolist() == [0, 1]
    assert requests[1]["trigger_price"] == 8.0
    assert (requests[1]["qty"], requests[1]["limit_price"]) == (0.0, 0.0)


def test_unknown_order_and_empty_amend_are_refused():
    at = context(desk())
    with pytest.raises(ValueError, match="there is no order 0"):
        at.cancel(0)
    order = at.buy("AAA", 1.0)
    with pytest.raises(ValueError, match="give a qty, a limit or a stop"):
        at.amend(order)


def test_nothing_asked_is_no_request():
    assert desk().requests() is None


def test_orders_of_an_earlier_life_keep_their_numbers_and_partners_and_new_ones_get_others():
    live = np.zeros(3, ORDER)
    live["id"], live["tag"], live["pair"], live["instrument"] = [40, 41, 42], [6, 7, -1], [-3, -3, -1], [1, 1, 0]
    taken = desk(live)
    taken.take_over()
    on = context(taken)
    on.cancel(7)
    first, second = on.buy("AAA", 1.0, limit=9.0), on.buy("AAA", 1.0, stop=11.0)
    on.pair(first, second)
    requests = taken.requests()
    assert requests is not None
    assert requests[0]["instrument"] == 1
    assert (first, second) == (9, 12)
    assert set(requests[1:]["pair"]) == {-4}
    with pytest.raises(ValueError, match="there is no order 3"):
        on.cancel(3)
