"""Orders at a practice venue that speaks Alpaca's wire: what is taken, what is refused, and what comes of it."""

from __future__ import annotations

import asyncio
import math

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetOrdersRequest,
    ReplaceOrderRequest,
    StopOrderRequest,
    TrailingStopOrderRequest,
)
from made_brokerage import COIN, SESSION_ROWS, STOCK, heard, made_config, running

CASH = {
    "account": {"type": "cash", "initial_margin": 1},
    "market": {"instrument": {"step_size": "0.0001", "min_notional": 1}},
}
AT_THE_CLOSE = {"warm_up_bars": SESSION_ROWS}


async def refusal(call) -> tuple[int, int, str]:
    """Return status, code and words of what is refused."""
    with pytest.raises(APIError) as refused:
        await call
    return refused.value.status_code, refused.value.code, refused.value.message


def test_order_is_told_new_and_filled_and_stands_in_position_and_activities(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            trades = await client.listen_trades()
            placed = await client.buy(10, client_order_id="mine-1")
            assert (placed["status"], placed["client_order_id"]) == ("pending_new", "mine-1")
            await client.decide(2)
            new, fill = (await heard(trades))["data"], (await heard(trades))["data"]
            assert (new["event"], fill["event"], fill["qty"], fill["position_qty"]) == ("new", "fill", "10", "10")
            order = await client.call(client.trading.get_order_by_client_id, "mine-1")
            assert order == await client.call(client.trading.get_order_by_id, placed["id"])
            assert (order["status"], order["filled_avg_price"]) == ("filled", fill["price"])
            (position,) = await client.call(client.trading.get_all_positions)
            assert (position["qty"], position["side"], position["avg_entry_price"]) == ("10", "long", fill["price"])
            (activity,) = await client.call(client.trading.get, "/account/activities/FILL")
            assert (activity["order_id"], activity["price"], activity["leaves_qty"]) == (
                order["id"],
                fill["price"],
                "0",
            )
            account = await client.call(client.trading.get_account)
            told = (await client.get("accounts"))["practice"]
            charged = float(account["equity"]) - float(account["accrued_fees"])  # at the end of the day
            assert charged == pytest.approx(float(told["simulated_equity"]), abs=1e-6)
            assert float(account["accrued_fees"]) == pytest.approx(0.01 * float(fill["price"]), abs=0.01)
            assert float(account["cash"]) == pytest.approx(100_000 - 10 * float(fill["price"]), abs=0.01)

    asyncio.run(scenario())


def test_market_buy_needs_the_reserve_and_open_orders_hold_theirs_back(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, **CASH)) as client:
            price = client.venue._state.market.last_price(0)
            most = 100_000 / price / 1.025
            assert (await refusal(client.buy(int(most) + 1)))[:2] == (403, 40310000)
            await client.limit(100, 90)
            left = (100_000 - 9000) / price / 1.025
            status, code, words = await refusal(client.buy(int(left) + 1))
            assert (status, code, words) == (403, 40310000, "insufficient buying power")
            await client.buy(int(left))

    asyncio.run(scenario())


@pytest.mark.parametrize("price", [100, 10], ids=["dear", "cheap"])
def test_market_buy_of_a_coin_needs_two_hundredths_more_than_its_price(bar_folder, price):
    coins = {
        "data": {
            "symbols": [COIN],
            "provider": {"kind": "synthetic", "start": "2024-07-02", "end": "2024-07-03", "initial_price": price},
        },
        "market": {"calendar": "24/7", "timezone": "UTC", "instrument": {"step_size": "0.0001"}},
        "account": {"type": "cash", "initial_margin": 1},
    }

    async def scenario():
        async with running(made_config(bar_folder / str(price), **coins)) as client:
            most = 100_000 / client.venue._state.market.last_price(0) / 1.02
            assert await refusal(client.buy(math.ceil(most), COIN)) == (403, 40310000, "insufficient buying power")
            await client.limit(100, price * 0.9, COIN)
            left = most - 100 * price * 0.9 / client.venue._state.market.last_price(0) / 1.02
            assert (await refusal(client.buy(math.ceil(left), COIN)))[:2] == (403, 40310000)
            await client.buy(math.floor(left), COIN)

    asyncio.run(scenario())


def test_no_order_crosses_zero_and_none_opposes_another(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            await client.buy(10)
            status, code, words = await refusal(client.buy(5, side="sell"))
            assert (status, code) == (403, 40310000)
            assert words == "cannot open a short sell while a long buy order is open"
            await client.decide(2)
            status, code, words = await refusal(client.buy(15, side="sell"))
            assert (status, words) == (403, "insufficient qty available for order (requested: 15, available: 10)")
            await client.limit(6, 150, side="sell")
            _, _, words = await refusal(client.buy(6, side="sell"))
            assert words == "insufficient qty available for order (requested: 6, available: 4)"
            _, _, words = await refusal(client.buy(1))
            assert words == "potential wash trade detected. use complex orders"
            await client.limit(1, 80)  # two limits that do not meet are no wash trade

    asyncio.run(scenario())


def test_short_sale_needs_margin_and_a_stock_that_can_be_borrowed(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            await client.buy(10, side="sell")
            await client.decide(2)
            (position,) = await client.call(client.trading.get_all_positions)
            assert (position["qty"], position["side"]) == ("-10", "short")
            assert (await refusal(client.buy(11)))[2].startswith("insufficient qty available")
            await client.call(client.trading.close_position, STOCK, ClosePositionRequest(percentage="50"))
            await client.decide(2)
            assert (await client.call(client.trading.get_open_position, STOCK))["qty"] == "-5"
            assert (await refusal(client.buy(0.5, side="sell")))[2] == "fractional orders cannot be sold short"
        async with running(made_config(bar_folder, **CASH)) as client:
            assert (await refusal(client.buy(1, side="sell")))[2] == "account is not allowed to short"
        async with running(made_config(bar_folder, alpaca={"hard_to_borrow": [STOCK]})) as client:
            assert "hard to borrow" in (await refusal(client.buy(1, side="sell")))[2]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        ({"symbol": "NOSUCH"}, 422, 42210000, 'asset "NOSUCH" not found'),
        ({"type": "iceberg"}, 422, 40010001, "invalid type: iceberg"),
        ({"qty": None}, 422, 40010001, "qty or notional is required"),
        ({"qty": "0"}, 422, 42210000, "qty must be > 0"),
        ({"notional": "100"}, 400, 40010000, "only one of qty or notional is accepted"),
        ({"qty": "0.5", "time_in_force": "gtc"}, 422, 42210000, "fractional orders must be DAY orders"),
        ({"limit_price": "90"}, 422, 42210000, "market orders require no stop or limit price"),
        ({"type": "limit"}, 422, 42210000, "limit orders require limit_price"),
        ({"extended_hours": True}, 422, 42210000, "extended hours order must be DAY limit orders"),
        ({"client_order_id": "x" * 129}, 422, 40010001, "client_order_id must be no more than 128 characters"),
        ({"time_in_force": "cls", "qty": "0.5"}, 422, 42210000, "fractional orders must be DAY orders"),
        ({"time_in_force": "opg"}, 403, 40310000, "opg orders must be submitted after 7:00pm and before 9:28am"),
        ({"order_class": "bracket"}, 422, 42210000, "complex orders are not supported by the practice venue"),
        (
            {"type": "limit", "limit_price": "90.123"},
            422,
            42210000,
            "invalid limit_price 90.123. sub-penny increment does not fulfill minimum pricing criteria",
        ),
    ],
)
def test_order_that_cannot_be_meant_is_refused_in_the_vendor_s_words(brokerage, body, status, code, words):
    asked = {"symbol": STOCK, "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"} | body
    assert brokerage("POST", "/v2/orders", asked) == (status, {"code": code, "message": words})


def test_name_is_used_once_and_for_ever(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            await client.buy(1, client_order_id="mine")
            await client.decide(2)
            assert (await refusal(client.buy(1, client_order_id="mine"))) == (
                422,
                40010001,
                "client_order_id must be unique",
            )
            assert (await refusal(client.call(client.trading.get_order_by_client_id, "other")))[:2] == (404, 40410000)

    asyncio.run(scenario())


def test_fractions_and_amounts_of_money_are_bought(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            placed = await client.buy(0, notional=500.0)
            assert (placed["qty"], placed["notional"]) == (None, "500")
            await client.buy(0.25)
            await client.decide(2)
            held = await client.call(client.trading.get_open_position, STOCK)
            assert float(held["market_value"]) == pytest.approx(525, abs=2)
        async with running(made_config(bar_folder, alpaca={"whole_shares": [STOCK]})) as client:
            assert (await refusal(client.buy(0.5)))[2] == "requested asset is not fractionable"

    asyncio.run(scenario())


def test_order_waits_while_the_market_is_closed_and_meets_the_open(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, **AT_THE_CLOSE)) as client:
            trades, market = await client.listen_trades(), client.venue._state.market
            assert (await client.call(client.trading.get_clock))["is_open"] is False
            kept, gone = await client.buy(10), await client.limit(1, 80)
            opening = await client.buy(2, life="opg")
            assert [one["status"] for one in (kept, gone, opening)] == ["accepted"] * 3
            await client.call(client.trading.cancel_order_by_id, gone["id"])
            assert (await heard(trades))["data"]["event"] == "canceled"
            opens = float(market.bars["open"][SESSION_ROWS, 0])
            await client.decide(2)
            told = [(await heard(trades))["data"] for _ in range(4)]
            assert sorted(one["event"] for one in told) == ["fill", "fill", "new", "new"]
            fills = [one for one in told if one["event"] == "fill"]
            assert all(one["timestamp"].startswith("2024-07-03T13:30:00") for one in fills)
            assert all(float(one["price"]) == pytest.approx(opens, rel=1e-3) for one in fills)

    asyncio.run(scenario())


def test_orders_for_the_closing_auction_are_taken_until_ten_minutes_before_it(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, warm_up_bars=SESSION_ROWS - 12)) as client:  # 15:48
            trades, market = await client.listen_trades(), client.venue._state.market
            closes = float(market.bars["close"][SESSION_ROWS - 1, 0])
            await client.buy(3, life="cls")
            await client.decide(4)
            late = await refusal(client.buy(3, life="cls"))
            assert late == (403, 40310000, "cls orders must be submitted after 7:00pm and before 3:50pm")
            await client.decide(10)
            new, fill = [(await heard(trades))["data"] for _ in range(2)]
            assert (new["event"], fill["event"]) == ("new", "fill")
            assert fill["timestamp"].startswith("2024-07-02T19:59:59")
            assert float(fill["price"]) == pytest.approx(closes, abs=0.02)

    asyncio.run(scenario())


def test_order_of_the_day_ends_with_an_early_close(bar_folder):
    async def scenario():
        config = made_config(bar_folder, warm_up_bars=SESSION_ROWS + 208)  # two minutes before 13:00 of the half day
        async with running(config) as client:
            trades = await client.listen_trades()
            await client.limit(1, 80)
            lasting = await client.limit(1, 80, life="gtc")
            await client.decide(4)
            told = [(await heard(trades))["data"] for _ in range(3)]
            assert [one["event"] for one in told] == ["new", "new", "expired"]
            assert told[2]["timestamp"] == "2024-07-03T17:00:00Z"
            (still,) = await client.call(client.trading.get_orders)
            assert still["id"] == lasting["id"]
            clock = await client.call(client.trading.get_clock)
            assert clock["timestamp"].startswith("2024-07-05T09:3")  # the holiday is skipped

    asyncio.run(scenario())


def test_orders_are_found_and_cancelled(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            trades = await client.listen_trades()
            first, second = await client.limit(1, 80), await client.limit(2, 81, life="gtc")
            found = await client.call(client.trading.get_orders, GetOrdersRequest(symbols=[STOCK], limit=1))
            assert [one["id"] for one in found] == [second["id"]]
            await client.decide(2)
            await client.call(client.trading.cancel_order_by_id, first["id"])
            assert (await refusal(client.call(client.trading.cancel_order_by_id, first["id"])))[0] == 422
            (cancelled,) = [one for one in await client.call(client.trading.cancel_orders) if one["id"] == second["id"]]
            assert cancelled["status"] == 200
            await client.decide(2)
            assert [(await heard(trades))["data"]["event"] for _ in range(4)] == ["new"] * 2 + ["canceled"] * 2
            closed = await client.call(client.trading.get_orders, GetOrdersRequest(status="closed"))
            assert {one["status"] for one in closed} == {"canceled"}

    asyncio.run(scenario())


def test_replaced_order_goes_on_under_a_new_id(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            trades = await client.listen_trades()
            old = await client.limit(5, 80)
            await client.decide(2)
            asked = ReplaceOrderRequest(qty=3, limit_price=150)
            new = await client.call(client.trading.replace_order_by_id, old["id"], asked)
            assert (new["replaces"], new["qty"], new["limit_price"]) == (old["id"], "3", "150")
            await client.decide(2)
            told = [(await heard(trades))["data"] for _ in range(4)]
            assert [one["event"] for one in told] == ["new", "replaced", "new", "fill"]
            assert told[1]["order"]["replaced_by"] == told[3]["order"]["id"] == new["id"]
            assert told[3]["position_qty"] == "3"
            words = (await refusal(client.call(client.trading.replace_order_by_id, new["id"], asked)))[2]
            assert words == "cannot replace order in filled status"

    asyncio.run(scenario())


def test_stops_trail_and_trigger(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            await client.buy(20)
            await client.decide(2)
            terms = {"symbol": STOCK, "qty": 10, "side": OrderSide.SELL, "time_in_force": TimeInForce.GTC}
            await client.call(client.trading.submit_order, StopOrderRequest(**terms, stop_price=50))
            trailing = TrailingStopOrderRequest(**terms, trail_price=0.05)
            trail = await client.call(client.trading.submit_order, trailing)
            assert trail["trail_price"] == "0.05"
            await client.decide(30)
            assert (await client.call(client.trading.get_order_by_id, trail["id"]))["status"] == "filled"
            (open_order,) = await client.call(client.trading.get_orders)
            assert (open_order["type"], open_order["status"]) == ("stop", "new")
            position = await client.call(client.trading.get_open_position, STOCK)
            assert (position["qty"], position["qty_available"]) == ("10", "0")

    asyncio.run(scenario())


def test_all_positions_are_closed(bar_folder):
    async def scenario():
        config = made_config(bar_folder, accounts={"practice": {"balances": {"USD": 1000, STOCK: "7"}}})
        async with running(config) as client:
            await client.limit(1, 150, side="sell")
            (told,) = await client.call(client.trading.close_all_positions, cancel_orders=True)
            assert (told["symbol"], told["status"]) == (STOCK, 200)
            await client.decide(2)
            assert await client.call(client.trading.get_all_positions) == []
            assert (await refusal(client.call(client.trading.get_open_position, STOCK)))[2] == "position does not exist"

    asyncio.run(scenario())


def test_day_trades_are_counted_where_an_account_has_the_flag(bar_folder):
    async def scenario():
        accounts = {"practice": {"keys": "ALPACA", "pattern_day_trader": False}}
        async with running(made_config(bar_folder, accounts=accounts)) as client:
            await client.buy(1)
            await client.decide(2)
            await client.call(client.trading.close_position, STOCK)
            await client.decide(2)
            account = await client.call(client.trading.get_account)
            assert (account["pattern_day_trader"], account["daytrade_count"]) == (False, 1)

    asyncio.run(scenario())


def test_broker_closes_what_margin_no_longer_carries(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            market = client.venue._state.market
            for name in ("open", "high", "low", "close"):
                market.bars[name][market.row + 2 :] *= 0.6
            trades = await client.listen_trades()
            await client.buy(1900)
            await client.decide(4)
            told = [(await heard(trades))["data"] for _ in range(3)]
            assert [one["event"] for one in told] == ["new", "fill", "fill"]
            called = told[2]
            assert called["order"]["client_order_id"].startswith("margin-call-")
            assert (called["order"]["side"], called["qty"], called["position_qty"]) == ("sell", "1900", "0")
            assert await client.call(client.trading.get_all_positions) == []
            told = (await client.get("accounts"))["practice"]
            left = float(told["cash"]) - float(told["accrued_fees"])
            assert left == pytest.approx(float(told["simulated_equity"]), abs=0.01)

    asyncio.run(scenario())
