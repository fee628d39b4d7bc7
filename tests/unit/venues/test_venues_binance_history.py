from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

from binance_harness import order_json, with_venue
from wire_server import refuses, says

from keel.domain.orders import OrderSide

ORDER, TRADES = "/api/v3/order", "/api/v3/myTrades"
DAY_MS = 86_400_000


def trade(number: int, ts_ms: int, order: int = 7) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "id": number,
        "orderId": order,
        "price": "4.00000100",
        "qty": "12.00000000",
        "commission": "10.10000000",
        "commissionAsset": "BNB",
        "time": ts_ms,
        "isBuyer": True,
        "isMaker": False,
    }


def test_trades_are_read_page_by_page_until_they_end_each_with_its_orders_name():
    now_ms = time.time_ns() // 1_000_000
    all_trades = [trade(number, now_ms - 3 * DAY_MS + number) for number in range(1, 2501)]

    def page(asked):
        if "fromId" in asked.parameters:
            found = [each for each in all_trades if each["id"] >= int(asked.parameters["fromId"])]
        else:
            start, end = int(asked.parameters["startTime"]), int(asked.parameters.get("endTime", now_ms * 2))
            assert end - start <= DAY_MS or "endTime" not in asked.parameters
            found = [each for each in all_trades if start <= each["time"] <= end]
        return says(found[: int(asked.parameters["limit"])])(asked)

    async def scenario(server, venue, heard):
        server.always["GET", TRADES] = page
        server.always["GET", ORDER] = says(order_json(7, "k77"))
        fills = await venue.fills("BTC/USDT", now_ms - 10 * DAY_MS)
        later = await venue.fills("BTC/USDT", now_ms - 3 * DAY_MS + 2400)
        old = await venue.fills("BTC/USDT", 0)
        return fills, later, old, len(server.of("GET", ORDER))

    fills, later, old, asked = with_venue(scenario)
    assert [int(fill.trade_id) for fill in fills] == list(range(1, 2501))
    assert {fill.client_order_id for fill in fills} == {"k77"}
    assert asked == 1
    assert len(later) == 101
    assert [fill.trade_id for fill in old] == [fill.trade_id for fill in fills]
    assert (fills[0].fee, fills[0].fee_currency, fills[0].side) == (Decimal("10.1"), "BNB", OrderSide.BUY)


def test_names_of_many_orders_are_read_from_the_history():
    now_ms = time.time_ns() // 1_000_000
    trades = [trade(number, now_ms - 1000 + number, order=number) for number in range(1, 21)]

    async def scenario(server, venue, heard):
        server.always["GET", TRADES] = lambda asked: says([] if "fromId" in asked.parameters else trades)(asked)
        server.always["GET", "/api/v3/allOrders"] = says([order_json(number, f"k{number}") for number in range(1, 20)])
        server.always["GET", ORDER] = refuses(-2013, "Order does not exist.")
        fills = await venue.fills("BTC/USDT", now_ms - 5000)
        return fills, len(server.of("GET", "/api/v3/allOrders")), len(server.of("GET", ORDER))

    fills, histories, asked = with_venue(scenario)
    assert [fill.client_order_id for fill in fills] == [f"k{number}" for number in range(1, 20)] + [""]
    assert (histories, asked) == (1, 1)
