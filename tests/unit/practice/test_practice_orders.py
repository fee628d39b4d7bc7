"""Orders through the real SDK: refusals, fills, cancels, pairs, and what the account has afterwards."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from made_venue import KLINES, SYMBOL, BinanceAPIException, made_config, running

FAST = {"latency": {"base_ms": 50, "response_ms": 10, "jitter_ms": 0, "jitter_sigma": 0}}


async def _next_row(client, bars):
    """Let a bar pass; return its message."""
    await client.decide()
    return await asyncio.wait_for(bars.recv(), 5)


async def _reports(user):
    """Return the messages that wait on a user socket."""
    found = []
    while user._queue.qsize():
        found.append(await user.recv())
    return found


@pytest.mark.parametrize(
    ("terms", "code", "words"),
    [
        ({"type": "MARKET", "quantity": "0.000001"}, -1013, "LOT_SIZE"),
        ({"type": "MARKET", "quantity": "0.0000155"}, -1013, "LOT_SIZE"),
        ({"type": "MARKET", "quantity": "1001"}, -1013, "MARKET_LOT_SIZE"),
        ({"type": "MARKET", "quantity": "0.0001"}, -1013, "NOTIONAL"),
        ({"type": "MARKET", "quantity": "0.123456789"}, -1111, "too much precision"),
        ({"type": "MARKET", "quantity": "one"}, -1100, "Illegal characters"),
        ({"type": "MARKET"}, -1102, "quoteOrderQty"),
        ({"type": "MARKET", "quantity": "0.01", "timeInForce": "GTC"}, -1106, "timeInForce"),
        ({"type": "LIMIT", "quantity": "0.01", "price": "20000"}, -1102, "timeInForce"),
        ({"type": "LIMIT", "quantity": "0.01", "price": "20000", "timeInForce": "DAY"}, -1115, "timeInForce"),
        ({"type": "LIMIT", "quantity": "0.01", "price": "20000.001", "timeInForce": "GTC"}, -1013, "PRICE_FILTER"),
        (
            {"type": "LIMIT", "quantity": "0.01", "price": "200000", "timeInForce": "GTC"},
            -1013,
            "PERCENT_PRICE_BY_SIDE",
        ),
        ({"type": "LIMIT_MAKER", "quantity": "0.01", "price": "60000"}, -2010, "immediately match"),
        ({"type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "20000"}, -2010, "trigger immediately"),
        ({"type": "TAKE_PROFIT", "quantity": "0.01", "stopPrice": "60000"}, -2010, "trigger immediately"),
        ({"type": "STOP_LOSS", "quantity": "0.01", "trailingDelta": "5"}, -1013, "TRAILING_DELTA"),
        ({"type": "TAKE_PROFIT_LIMIT", "quantity": "0.01", "price": "1", "stopPrice": "2"}, -1013, "not supported"),
        ({"type": "ICEBERG", "quantity": "0.01"}, -1116, "orderType"),
        ({"type": "MARKET", "quantity": "0.01", "side": "HOLD"}, -1117, "side"),
        ({"type": "MARKET", "quantity": "0.01", "newClientOrderId": "a" * 37}, -1100, "newClientOrderId"),
        ({"type": "MARKET", "quantity": "10"}, -2010, "insufficient balance"),
        ({"type": "MARKET", "quantity": "0.01", "side": "SELL"}, -2010, "insufficient balance"),
    ],
)
def test_order_that_breaks_a_rule_is_refused(bar_folder, terms, code, words):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            with pytest.raises(BinanceAPIException) as refused:
                await client.sdk.create_order(**({"symbol": SYMBOL, "side": "BUY"} | terms))
            assert refused.value.code == code
            assert words in refused.value.message
            assert (await client.get("accounts"))["practice"]["orders"] == []

    asyncio.run(scenario())


def test_market_order_is_filled_and_reported_before_the_bar_closes(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, **FAST)) as client:
            user = await client.listen_user()
            bars = await client.listen(KLINES)
            first = await asyncio.wait_for(bars.recv(), 5)
            order = await client.market("BUY", "0.01", newClientOrderId="mine-1")
            assert order["status"] == "NEW"
            assert order["fills"] == []
            assert order["transactTime"] == first["data"]["k"]["T"] + 1
            second = await _next_row(client, bars)
            assert second["data"]["k"]["t"] == first["data"]["k"]["T"] + 1
            reports = await _reports(user)
            kinds = [(one["e"], one.get("x"), one.get("X")) for one in reports]
            assert kinds == [
                ("executionReport", "NEW", "NEW"),
                ("outboundAccountPosition", None, None),
                ("executionReport", "TRADE", "FILLED"),
                ("outboundAccountPosition", None, None),
            ]
            accepted, filled = reports[0], reports[2]
            assert 25 <= accepted["T"] - order["transactTime"] <= 150  # base_ms by the volatility factor
            assert 5 <= accepted["E"] - accepted["T"] <= 30
            assert filled["c"] == "mine-1"
            kline = second["data"]["k"]
            assert float(kline["l"]) * 0.999 <= float(filled["L"]) <= float(kline["h"]) * 1.001
            assert filled["N"] == "SYNBTC"
            assert Decimal(filled["n"]) == Decimal("0.01") * Decimal("0.001")
            balances = {one["asset"]: one for one in (await client.sdk.get_account())["balances"]}
            assert balances["SYNBTC"]["free"] == "0.00999000"
            assert Decimal(balances["USDT"]["free"]) == 100_000 - Decimal(filled["Z"])
            trades = await client.sdk.get_my_trades(symbol=SYMBOL)
            assert [one["id"] for one in trades] == [filled["t"]]
            state = await client.sdk.get_order(symbol=SYMBOL, origClientOrderId="mine-1")
            assert (state["status"], state["executedQty"]) == ("FILLED", "0.01000000")

    asyncio.run(scenario())


def test_sale_pays_its_fee_in_the_quote_asset(bar_folder):
    async def scenario():
        config = made_config(bar_folder, **FAST, accounts={"practice": {"balances": {"USDT": 0, "SYNBTC": "1"}}})
        async with running(config) as client:
            bars = await client.listen(KLINES)
            await asyncio.wait_for(bars.recv(), 5)
            await client.market("SELL", "0.5")
            locked = {one["asset"]: one["locked"] for one in (await client.sdk.get_account())["balances"]}
            assert locked["SYNBTC"] == "0.50000000"
            await _next_row(client, bars)
            (trade,) = await client.sdk.get_my_trades(symbol=SYMBOL)
            assert trade["commissionAsset"] == "USDT"
            assert Decimal(trade["commission"]) == (Decimal(trade["quoteQty"]) / 1000).quantize(Decimal("1e-8"))
            free = {one["asset"]: Decimal(one["free"]) for one in (await client.sdk.get_account())["balances"]}
            assert free == {"USDT": Decimal(trade["quoteQty"]) - Decimal(trade["commission"]), "SYNBTC": Decimal("0.5")}

    asyncio.run(scenario())


def test_resting_limit_locks_its_money_and_a_cancel_frees_it(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, **FAST)) as client:
            user = await client.listen_user()
            bars = await client.listen(KLINES)
            await asyncio.wait_for(bars.recv(), 5)
            order = await client.limit("BUY", "0.01", "20000", newClientOrderId="rests")
            with pytest.raises(BinanceAPIException, match=r"-2010.*Duplicate"):
                await client.limit("BUY", "0.01", "20000", newClientOrderId="rests")
            balances = {one["asset"]: one for one in (await client.sdk.get_account())["balances"]}
            assert (balances["USDT"]["free"], balances["USDT"]["locked"]) == ("99800.00000000", "200.00000000")
            await _next_row(client, bars)
            assert [one["orderId"] for one in await client.sdk.get_open_orders(symbol=SYMBOL)] == [order["orderId"]]
            asked = await client.sdk.cancel_order(symbol=SYMBOL, origClientOrderId="rests", newClientOrderId="enough")
            assert asked["status"] == "PENDING_CANCEL"  # the market stands still: nobody knows yet
            await _reports(user)
            await _next_row(client, bars)
            report = (await _reports(user))[0]
            assert (report["x"], report["X"], report["c"], report["C"]) == ("CANCELED", "CANCELED", "enough", "rests")
            assert await client.sdk.get_open_orders() == []
            assert {one["asset"]: one["locked"] for one in (await client.sdk.get_account())["balances"]}["USDT"] == (
                "0.00000000"
            )
            with pytest.raises(BinanceAPIException, match="-2011"):
                await client.sdk.cancel_order(symbol=SYMBOL, orderId=order["orderId"])
            with pytest.raises(BinanceAPIException, match="-2013"):
                await client.sdk.get_order(symbol=SYMBOL, origClientOrderId="never")
            again = await client.limit("BUY", "0.01", "20000", newClientOrderId="rests")
            assert again["orderId"] > order["orderId"]  # a name is free again once its order is over

    asyncio.run(scenario())


def test_stop_is_triggered_by_the_bars_and_sells(bar_folder):
    async def scenario():
        config = made_config(bar_folder, **FAST, accounts={"practice": {"balances": {"USDT": 0, "SYNBTC": "1"}}})
        async with running(config) as client:
            user = await client.listen_user()
            bars = await client.listen(KLINES)
            await asyncio.wait_for(bars.recv(), 5)
            stop = f"{await client.price() * 0.9995:.2f}"
            order = await client.sdk.create_order(
                symbol=SYMBOL, side="SELL", type="STOP_LOSS", quantity="0.5", stopPrice=stop
            )
            assert "status" not in order  # ACK is what stops are answered by
            state = await client.sdk.get_order(symbol=SYMBOL, orderId=order["orderId"])
            assert (state["stopPrice"], state["isWorking"]) == (f"{float(stop):.8f}", False)
            reports = []
            for _ in range(200):
                kline = (await _next_row(client, bars))["data"]["k"]
                reports += [one for one in await _reports(user) if one["e"] == "executionReport"]
                if reports[-1]["X"] == "FILLED":
                    break
            assert [one["x"] for one in reports[:3]] == ["NEW", "NEW", "TRADE"]
            assert [one["w"] for one in reports[:2]] == [False, True]
            assert float(kline["l"]) <= float(stop)
            assert float(reports[-1]["L"]) <= float(stop) * 1.0001

    asyncio.run(scenario())


def test_one_order_of_a_pair_cancels_the_other(bar_folder):
    async def scenario():
        config = made_config(bar_folder, **FAST, accounts={"practice": {"balances": {"USDT": 0, "SYNBTC": "1"}}})
        async with running(config) as client:
            user = await client.listen_user()
            bars = await client.listen(KLINES)
            await asyncio.wait_for(bars.recv(), 5)
            price = await client.price()
            pair = {
                "symbol": SYMBOL,
                "side": "SELL",
                "quantity": "0.8",
                "aboveType": "LIMIT_MAKER",
                "abovePrice": f"{price * 1.001:.2f}",
                "belowType": "STOP_LOSS",
                "belowStopPrice": f"{price * 0.999:.2f}",
            }
            with pytest.raises(BinanceAPIException, match="relationship of the prices"):
                await client.sdk.create_oco_order(**(pair | {"belowStopPrice": f"{price * 1.0005:.2f}"}))
            placed = await client.sdk.create_oco_order(**pair)
            assert placed["listOrderStatus"] == "EXECUTING"
            balances = {one["asset"]: one for one in (await client.sdk.get_account())["balances"]}
            assert balances["SYNBTC"]["locked"] == "0.80000000"  # once for both
            reports = []
            for _ in range(400):
                await _next_row(client, bars)
                reports += await _reports(user)
                if any(one["e"] == "listStatus" and one["L"] == "ALL_DONE" for one in reports):
                    break
            final = {one["i"]: one["X"] for one in reports if one["e"] == "executionReport"}
            assert sorted(final.values()) == ["EXPIRED", "FILLED"]
            assert [one["L"] for one in reports if one["e"] == "listStatus"] == ["EXECUTING", "ALL_DONE"]
            balances = {one["asset"]: one for one in (await client.sdk.get_account())["balances"]}
            assert (balances["SYNBTC"]["free"], balances["SYNBTC"]["locked"]) == ("0.20000000", "0.00000000")

    asyncio.run(scenario())


def test_pair_is_cancelled_as_one(bar_folder):
    async def scenario():
        config = made_config(
            bar_folder, **FAST, pace=6000, accounts={"practice": {"balances": {"USDT": 0, "SYNBTC": "1"}}}
        )
        async with running(config) as client:
            pair = {"symbol": SYMBOL, "side": "SELL", "quantity": "0.8", "aboveType": "LIMIT_MAKER"}
            pair |= {"abovePrice": "60000", "belowType": "STOP_LOSS", "belowStopPrice": "15000"}
            placed = await client.sdk.create_oco_order(**pair)
            done = await client.sdk._delete(
                "orderList", signed=True, data={"symbol": SYMBOL, "orderListId": placed["orderListId"]}
            )
            assert done["listOrderStatus"] == "ALL_DONE"
            assert [one["status"] for one in done["orderReports"]] == ["CANCELED", "CANCELED"]

    asyncio.run(scenario())


def test_test_order_is_checked_and_not_placed(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            assert await client.sdk.create_test_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.01") == {}
            assert (await client.get("accounts"))["practice"]["orders"] == []

    asyncio.run(scenario())


def test_order_by_value_buys_what_the_money_is_worth(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            order = await client.sdk.create_order(symbol=SYMBOL, side="BUY", type="MARKET", quoteOrderQty="1000")
            price = Decimal(str(await client.price()))
            wanted = (1000 / price / Decimal("0.00001")).to_integral_value("ROUND_FLOOR") * Decimal("0.00001")
            assert Decimal(order["origQty"]) == wanted
            assert order["origQuoteOrderQty"] == "1000.00000000"

    asyncio.run(scenario())


def test_all_open_orders_of_a_symbol_are_cancelled_at_a_pace(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, **FAST, pace=600)) as client:
            user = await client.listen_user()
            names = [(await client.limit("BUY", "0.01", price))["clientOrderId"] for price in ("20000", "21000")]
            cancelled = await client.sdk._delete("openOrders", signed=True, data={"symbol": SYMBOL})
            assert [one["origClientOrderId"] for one in cancelled] == names
            assert {one["status"] for one in cancelled} == {"CANCELED"}
            await asyncio.sleep(0.05)
            reports = [one["x"] for one in await _reports(user) if one["e"] == "executionReport"]
            assert sorted(reports) == ["CANCELED", "CANCELED", "NEW", "NEW"]

    asyncio.run(scenario())
