"""Alpaca's words and ours: orders out, reports, fills and balances back. Samples are the vendor's, as documented."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from keel.domain.orders import OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import Balance, OrderTicket, VenueStatus
from keel.venues.alpaca_orders import ends_daily, held, order_body
from keel.venues.alpaca_reports import account_state, order_report, order_state, venue_fill
from keel.venues.wording import NotHeldError, UnreadableError
from keel.wire.alpaca_assets import AlpacaAsset, asset_of

BUY, SELL = OrderSide.BUY, OrderSide.SELL
GTC, IOC, FOK, DAY = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.DAY
STOCK: dict[str, Any] = {  # the assets page of Alpaca's documentation
    "id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415",
    "class": "us_equity",
    "exchange": "NASDAQ",
    "symbol": "AAPL",
    "name": "Apple Inc. Common Stock",
    "status": "active",
    "tradable": True,
    "marginable": True,
    "shortable": True,
    "easy_to_borrow": True,
    "fractionable": True,
}
PAIR = STOCK | {
    "class": "crypto",
    "exchange": "CRYPTO",
    "symbol": "BTC/USD",
    "shortable": False,
    "easy_to_borrow": False,
    "min_order_size": "0.0001",
    "min_trade_increment": "0.0001",
    "price_increment": "1",
}
ORDER: dict[str, Any] = {  # the order entity of its page on orders
    "id": "904837e3-3b76-47ec-b432-046db621571b",
    "client_order_id": "k1",
    "created_at": "2018-10-05T05:48:59Z",
    "updated_at": "2018-10-05T05:48:59.123456789Z",
    "submitted_at": "2018-10-05T05:48:59Z",
    "asset_class": "us_equity",
    "symbol": "AAPL",
    "notional": None,
    "qty": "15",
    "filled_qty": "0",
    "filled_avg_price": None,
    "order_class": "",
    "type": "limit",
    "side": "buy",
    "time_in_force": "day",
    "limit_price": "107.00",
    "stop_price": None,
    "status": "accepted",
    "extended_hours": False,
    "trail_percent": None,
    "trail_price": None,
    "hwm": None,
}
FILL: dict[str, Any] = {  # the trade activity of its page on account activities
    "activity_type": "FILL",
    "cum_qty": "1",
    "id": "20190524113406977::8efc7b9a-8b2b-4000-9955-d36e7db0df74",
    "leaves_qty": "0",
    "price": "1.63",
    "qty": "1",
    "side": "buy",
    "symbol": "LPCN",
    "transaction_time": "2019-05-24T15:34:06.977Z",
    "order_id": "904837e3-3b76-47ec-b432-046db621571b",
    "type": "fill",
}


def asset(**changes: object) -> AlpacaAsset:
    return asset_of(STOCK | changes)


def ticket(kind=OrderType.MARKET, life=GTC, qty="10", side=BUY, **prices) -> OrderTicket:
    given = {name: Decimal(value) for name, value in prices.items()}
    return OrderTicket("k1", "AAPL", side, kind, life, Decimal(qty), 0, **given)


@pytest.mark.parametrize(
    ("order", "body"),
    [
        (ticket(), {"type": "market", "time_in_force": "gtc", "side": "buy"}),
        (ticket(OrderType.LIMIT, DAY, limit_price="107.10"), {"type": "limit", "limit_price": "107.1"}),
        (ticket(OrderType.LIMIT, FOK, limit_price="107"), {"time_in_force": "fok"}),
        (ticket(OrderType.STOP, side=SELL, trigger_price="95"), {"type": "stop", "stop_price": "95", "side": "sell"}),
        (
            ticket(OrderType.STOP_LIMIT, trigger_price="95", limit_price="96"),
            {"type": "stop_limit", "stop_price": "95", "limit_price": "96"},
        ),
        (ticket(OrderType.TRAILING_STOP, trail_rate="0.015"), {"type": "trailing_stop", "trail_percent": "1.5"}),
        (ticket(OrderType.TRAILING_STOP, trail="2.50"), {"type": "trailing_stop", "trail_price": "2.5"}),
        (ticket(qty="0.3"), {"time_in_force": "day", "qty": "0.3"}),
        (ticket(OrderType.LIMIT, qty="0.3", limit_price="107"), {"time_in_force": "day", "qty": "0.3"}),
        (ticket(life=TimeInForce.AT_OPEN), {"type": "market", "time_in_force": "opg"}),
        (ticket(OrderType.LIMIT, TimeInForce.AT_CLOSE, limit_price="107"), {"type": "limit", "time_in_force": "cls"}),
    ],
)
def test_order_is_said_in_alpacas_words_with_exact_decimals(order, body):
    said = order_body(order, asset())
    assert said | body == said
    assert (said["symbol"], said["client_order_id"]) == ("AAPL", "k1")
    assert all(isinstance(value, str) for value in said.values())


def test_an_order_of_a_part_of_a_share_that_waits_for_a_price_ends_with_the_day():
    part, whole = (ticket(OrderType.LIMIT, qty=qty, limit_price="107") for qty in ("1.3", "1"))
    assert (ends_daily(part, asset()), ends_daily(whole, asset())) == (True, False)
    assert not ends_daily(ticket(qty="0.3"), asset()), "at market it is over soon"
    assert not ends_daily(ticket(OrderType.LIMIT, DAY, qty="0.3", limit_price="107"), asset()), "as it was meant"
    assert not ends_daily(part, asset_of(PAIR))


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (ticket(OrderType.TAKE_PROFIT, trigger_price="110"), "keeps no TAKE_PROFIT GTC orders of stocks"),
        (ticket(OrderType.STOP, IOC, trigger_price="95"), "keeps no STOP IOC orders"),
        (ticket(OrderType.LIMIT, IOC, qty="0.3", limit_price="107"), "a part of a share for a day only, not ioc"),
        (ticket(OrderType.TRAILING_STOP, GTC, qty="0.3", trail="1"), "a part of a share for a day only, not gtc"),
        (ticket(OrderType.LIMIT), "the order has no limit price"),
    ],
)
def test_order_that_alpaca_does_not_keep_is_refused_before_it_is_sent(order, why):
    with pytest.raises(NotHeldError, match=why):
        order_body(order, asset())


def test_crypto_has_fewer_kinds_of_orders_and_none_to_the_days_end():
    pair = asset_of(PAIR)
    kept = {(kind, life) for kind in OrderType for life in TimeInForce if held(pair, kind, life)}
    at_once = {(kind, life) for kind in (OrderType.MARKET, OrderType.LIMIT) for life in (GTC, IOC)}
    assert kept == at_once | {(OrderType.STOP_LIMIT, GTC)}
    assert held(asset(), OrderType.STOP, DAY)


def test_rules_of_an_asset_are_its_own_and_coarser_ones_of_ours_keep_to_them():
    pair, stock = asset_of(PAIR), asset()
    assert (pair.tick_size, pair.step_size, pair.min_qty) == (1, Decimal("0.0001"), Decimal("0.0001"))
    assert (stock.base, pair.base, stock.is_crypto, pair.is_crypto) == ("AAPL", "BTC", False, True)
    assert stock.fits("step_size", Decimal(1))
    assert not asset(fractionable=False).fits("step_size", Decimal("0.1"))
    assert not stock.fits("min_notional", Decimal(0))
    assert not asset(status="inactive").is_trading
    assert not asset(tradable=False).is_trading
    assert AlpacaAsset.from_json(pair.as_json()) == pair


def test_order_of_an_answer_is_read_to_the_last_digit():
    state = order_state(ORDER, str)
    assert (state.symbol, state.client_order_id, state.side, state.type) == ("AAPL", "k1", BUY, OrderType.LIMIT)
    assert (state.status, state.qty, state.limit_price) == (VenueStatus.WORKING, 15, Decimal(107))
    assert state.trigger_price is None
    assert state.ts_ms == 1_538_718_539_123


@pytest.mark.parametrize(
    ("status", "filled", "ours"),
    [
        ("pending_cancel", "0", VenueStatus.WORKING),
        ("done_for_day", "3", VenueStatus.PARTIAL),
        ("held", "0", VenueStatus.WORKING),
        ("canceled", "3", VenueStatus.CANCELED),
        ("replaced", "0", VenueStatus.CANCELED),
        ("expired", "0", VenueStatus.EXPIRED),
        ("rejected", "0", VenueStatus.REJECTED),
        ("filled", "15", VenueStatus.FILLED),
    ],
)
def test_status_is_read_by_whether_more_may_come(status, filled, ours):
    assert order_state(ORDER | {"status": status, "filled_qty": filled}, str).status is ours


@pytest.mark.parametrize(
    "changes",
    [{"status": "shrugged"}, {"qty": 1.5}, {"qty": "NaN"}, {"side": "hold"}, {"updated_at": "2018-10-05T05:48:59"}],
)
def test_order_that_cannot_be_read_is_never_guessed(changes):
    with pytest.raises(UnreadableError, match="Alpaca's order cannot be read"):
        order_state(ORDER | changes, str)


def test_trade_is_the_same_one_in_a_trade_update_and_in_the_activities():
    order = ORDER | {"status": "partially_filled", "filled_qty": "1.0", "symbol": "LPCN"}
    update = {
        "event": "partial_fill",
        "execution_id": "2f63ea93-423d-4169-b3f6-3fdafc10c418",
        "timestamp": "2019-05-24T15:34:06.977Z",
        "price": "1.63",
        "qty": "1",
        "position_qty": "1",
        "order": order,
    }
    report = order_report(update, str)
    assert report.fill == venue_fill(FILL, str, "k1", "USD")
    assert report.state.status is VenueStatus.PARTIAL
    assert not report.triggered
    stop = order_report(update | {"order": order | {"type": "stop", "stop_price": "1.60"}}, str)
    assert stop.triggered
    assert order_report(update | {"event": "new"}, str).fill is None


def test_account_is_cash_and_positions_with_shorts_below_zero():
    account = {
        "currency": "USD",
        "cash": "10000",
        "non_marginable_buying_power": "9840",
        "status": "ACTIVE",
        "trading_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": False,
    }
    positions = [
        {"symbol": "AAPL", "qty": "-5", "qty_available": "-5"},
        {"symbol": "BTCUSD", "qty": "10", "qty_available": "7"},
    ]
    state = account_state(account, positions, {"AAPL": "AAPL", "BTCUSD": "BTC/USD"}.__getitem__, 7)
    assert state.balances == {
        "USD": Balance(Decimal(9840), Decimal(160)),
        "AAPL": Balance(Decimal(-5), Decimal(0)),
        "BTC": Balance(Decimal(7), Decimal(3)),
    }
    assert state.can_trade
    assert not account_state(account | {"account_blocked": True}, [], str, 7).can_trade
    with pytest.raises(UnreadableError):
        account_state(account | {"cash": None}, [], str, 7)
