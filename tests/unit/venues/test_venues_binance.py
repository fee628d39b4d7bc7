from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from binance_harness import Heard, order_json, until, with_venue
from wire_server import drops, refuses, says, settings, stay, wire_server

from keel.domain.clock import WallClock
from keel.domain.errors import ConfigError, HaltTradingError, RetryableError
from keel.domain.orders import OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import OrderRef, OrderTicket, Outcome, StreamState, VenueStatus
from keel.venues.binance import BinanceVenue
from keel.wire.binance_link import BinanceLink

ORDER, TRADES, ACCOUNT = "/api/v3/order", "/api/v3/myTrades", "/api/v3/account"
DAY_MS = 86_400_000
TICKET = OrderTicket("k1", "BTC/USDT", OrderSide.BUY, OrderType.MARKET, TimeInForce.GTC, Decimal(1), 0)
REF = OrderRef("BTC/USDT", "k1")
REPORT = {
    "e": "executionReport",
    "E": 1499405658658,
    "s": "BTCUSDT",
    "c": "k1",
    "S": "BUY",
    "o": "LIMIT",
    "f": "GTC",
    "q": "1.00000000",
    "p": "0.10264410",
    "P": "0.00000000",
    "F": "0.00000000",
    "g": -1,
    "C": "",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": 4293153,
    "l": "0.00000000",
    "z": "0.00000000",
    "L": "0.00000000",
    "n": "0",
    "N": None,
    "T": 1499405658657,
    "t": -1,
    "I": 8641984,
    "w": True,
    "m": False,
    "M": False,
    "O": 1499405658657,
    "Z": "0.00000000",
    "Y": "0.00000000",
    "Q": "0.00000000",
    "W": 1499405658657,
    "V": "NONE",
}
"""Documented: the executionReport of Binance's user data stream page."""


def pushing(*events: object):
    async def script(socket) -> None:
        for event in events:
            await socket.send_json({"subscriptionId": 0, "event": event})
        await stay(socket)

    return script


def heard_of(*events: object) -> Heard:
    async def scenario(server, venue, heard):
        await until(lambda: len(heard.reports) + len(heard.accounts) + len(heard.faults) >= len(events))
        assert heard.states == [StreamState.UP]
        return heard

    return with_venue(scenario, pushing(*events))


def test_trade_is_read_from_its_report():
    report = REPORT | {
        "x": "TRADE",
        "X": "PARTIALLY_FILLED",
        "l": "0.3",
        "z": "0.3",
        "L": "0.10264410",
        "n": "0.0003",
        "N": "BTC",
        "t": 77,
        "m": True,
    }
    (told,) = heard_of(report).reports
    assert (told.state.symbol, told.state.client_order_id, told.state.venue_order_id) == ("BTC/USDT", "k1", "4293153")
    assert (told.state.status, told.state.filled_qty) == (VenueStatus.PARTIAL, Decimal("0.3"))
    assert (told.fill.trade_id, told.fill.qty, told.fill.price) == ("77", Decimal("0.3"), Decimal("0.10264410"))
    assert (told.fill.fee, told.fill.fee_currency, told.fill.maker) == (Decimal("0.0003"), "BTC", True)
    assert not told.triggered


def test_cancel_is_reported_under_the_orders_own_name():
    (told,) = heard_of(REPORT | {"x": "CANCELED", "X": "CANCELED", "c": "name-of-the-cancel", "C": "k1"}).reports
    assert (told.state.client_order_id, told.state.status) == ("k1", VenueStatus.CANCELED)


def test_stop_that_waits_is_not_triggered_and_one_on_the_book_is():
    stop = REPORT | {"o": "STOP_LOSS_LIMIT", "P": "0.2"}
    waits, works = heard_of(stop | {"w": False}, stop).reports
    assert (waits.triggered, works.triggered) == (False, True)
    assert (waits.state.type, waits.state.trigger_price) == (OrderType.STOP_LIMIT, Decimal("0.2"))


def test_trailing_stop_is_told_from_a_stop():
    (told,) = heard_of(REPORT | {"o": "STOP_LOSS", "d": 100, "w": False}).reports
    assert told.state.type is OrderType.TRAILING_STOP


def test_duplicate_report_and_report_of_others_are_passed_on_as_they_are():
    other = REPORT | {"c": "web_123", "s": "XRPEUR", "o": "SOMETHING_NEW"}
    reports = heard_of(REPORT, REPORT, other).reports
    assert reports[0] == reports[1]
    assert (reports[2].state.symbol, reports[2].state.type) == ("XRPEUR", None)


@pytest.mark.parametrize(
    "event",
    [
        {"e": "executionReport"},
        REPORT | {"q": "many"},
        REPORT | {"q": 0.1},
        REPORT | {"X": "SOMETHING_NEW"},
        REPORT | {"S": "HOLD"},
        REPORT | {"z": "NaN"},
        REPORT | {"x": "TRADE", "t": None},
        {"e": "outboundAccountPosition", "u": 1, "B": [{"a": "BTC"}]},
        {"e": "somethingNew"},
        {},
    ],
)
def test_event_that_cannot_be_read_is_told_and_the_next_is_heard(event):
    heard = heard_of(event, REPORT)
    assert len(heard.faults) == 1
    assert len(heard.reports) == 1


def test_balances_are_those_that_the_event_names():
    event = {"e": "outboundAccountPosition", "E": 2, "u": 1, "B": [{"a": "ETH", "f": "10000.000000", "l": "1.5"}]}
    silent = {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "100.00000000", "T": 1}

    async def scenario(server, venue, heard):
        await until(lambda: heard.reports)
        return heard

    heard = with_venue(scenario, pushing(silent, event, REPORT))
    (account,) = heard.accounts
    assert set(account.balances) == {"ETH"}
    assert (account.balances["ETH"].free, account.balances["ETH"].locked, account.ts_ms) == (10_000, Decimal("1.5"), 1)
    assert heard.faults == []


def test_order_accepted_whose_answer_is_lost_is_unknown_and_sent_once():
    async def scenario(server, venue, heard):
        server.always["POST", ORDER] = drops
        result = await venue.submit(TICKET)
        return result, len(server.of("POST", ORDER))

    result, sent = with_venue(scenario)
    assert (result.outcome, sent) == (Outcome.UNKNOWN, 1)


def test_name_in_use_is_no_refusal():
    async def scenario(server, venue, heard):
        server.always["POST", ORDER] = refuses(-2010, "Duplicate order sent.")
        return await venue.submit(TICKET)

    result = with_venue(scenario)
    assert (result.outcome, result.code) == (Outcome.UNKNOWN, -2010)


def test_answer_without_a_number_is_unknown():
    async def scenario(server, venue, heard):
        server.always["POST", ORDER] = says([])
        return await venue.submit(TICKET)

    assert with_venue(scenario).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("handler", "outcome", "final"),
    [
        (refuses(-2011, "Unknown order sent."), Outcome.REFUSED, True),
        (refuses(-2011, "Order was not canceled due to cancel restrictions."), Outcome.REFUSED, False),
        (refuses(-1000, "An unknown error occurred.", 500), Outcome.UNKNOWN, False),
        (says({"status": "CANCELED"}), Outcome.DONE, False),
    ],
)
def test_cancel_tells_what_became_of_it(handler, outcome, final):
    async def scenario(server, venue, heard):
        server.always["DELETE", ORDER] = handler
        return await venue.cancel(REF), server.of("DELETE", ORDER)

    result, (asked,) = with_venue(scenario)
    assert (result.outcome, result.already_final) == (outcome, final)
    assert asked.parameters["origClientOrderId"] == "k1"


def test_order_the_venue_knows_nothing_of_is_none_and_no_answer_is_not():
    async def scenario(server, venue, heard):
        server.then("GET", ORDER, refuses(-2013, "Order does not exist."), refuses(-2026, "Order was archived."))
        server.always["GET", ORDER] = refuses(-1000, "An unknown error occurred.", 500)
        nothing = [await venue.order(REF), await venue.order(REF)]
        with pytest.raises(RetryableError):
            await venue.order(REF)
        return nothing

    assert with_venue(scenario) == [None, None]


@pytest.mark.parametrize("change", [{"status": "SOMETHING_NEW"}, {"origQty": "x"}, {"side": None}])
def test_order_that_cannot_be_read_is_no_answer(change):
    async def scenario(server, venue, heard):
        server.always["GET", ORDER] = says(order_json(7, **change))
        with pytest.raises(RetryableError, match="cannot be read"):
            await venue.order(REF)

    with_venue(scenario)


def test_account_that_cannot_be_read_is_no_answer():
    async def scenario(server, venue, heard):
        for tree in ({}, {"canTrade": "yes", "balances": []}, {"canTrade": True, "balances": [{"asset": "BTC"}]}):
            server.always["GET", ACCOUNT] = says(tree)
            with pytest.raises(RetryableError, match="cannot be read"):
                await venue.account()

    with_venue(scenario)


def test_venue_without_a_key_is_refused_before_anything_is_asked():
    async def run():
        async with wire_server() as server:
            venue = BinanceVenue(BinanceLink(settings(server.address, key=None), WallClock()), 5.0)
            with pytest.raises(ConfigError, match="BINANCE_API_KEY"):
                await venue.open(Heard())
            await venue.close()
            return server.asked

    assert asyncio.run(run()) == []


def test_key_of_another_world_halts_at_the_start():
    async def run():
        async with wire_server() as server:
            server.always["GET", ACCOUNT] = refuses(-2015, "Invalid API-key, IP, or permissions for action.", 401)
            venue = BinanceVenue(BinanceLink(settings(server.address), WallClock()), 5.0)
            with pytest.raises(HaltTradingError, match="-2015"):
                await venue.open(Heard())
            await venue.close()
            return server.subscribed

    assert asyncio.run(run()) == []
