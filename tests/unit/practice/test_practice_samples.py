"""Every message of the practice venue has the fields and types of the vendor's own samples.

The samples under tests/fixtures/wire/binance are transcribed from the vendor's pages, each with its address.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from made_venue import KLINES, SYMBOL, BinanceAPIException, made_config, running
from sample_check import differences

FOLDER = Path(__file__).parents[2] / "fixtures" / "wire" / "binance"
SAMPLES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
CONDITIONAL = {
    *("icebergQty", "stopPrice", "trailingDelta", "trailingTime"),  # conditional fields in order responses
    *("v", "W", "d", "D"),  # conditional fields in execution reports
    *("sors", "rateLimits"),  # only where there is smart order routing; only where they are asked for
}
"""Fields that the vendor's pages show or leave out by the case."""
FAST = {"latency": {"base_ms": 50, "response_ms": 10, "jitter_ms": 0}, "pace": 600}


@pytest.fixture(scope="module")
def messages(bar_folder: Path) -> dict[str, Any]:
    """Return what the venue says at one occasion of each message."""
    return asyncio.run(_collect(bar_folder))


async def _collect(folder: Path) -> dict[str, Any]:
    config = made_config(folder, **FAST, accounts={"practice": {"balances": {"USDT": 50_000, "SYNBTC": "1"}}})
    async with running(config) as client, aiohttp.ClientSession() as http:
        found = await _public(client)
        user = await client.listen_user()
        found |= await _orders(client) | await _account(client)
        found |= await _lists(client)
        found |= await _streams(client, http)
        await client.break_by(kind="balance_change", asset="USDT", amount="1")
        await asyncio.sleep(0.2)
        await client.break_by(kind="terminate_user_stream")
        await asyncio.sleep(0.05)
        while user._queue.qsize():
            event = await user.recv()
            name = {
                "executionReport": "execution_report",
                "outboundAccountPosition": "account_position",
                "balanceUpdate": "balance_update",
                "listStatus": "list_status",
                "eventStreamTerminated": "stream_terminated",
            }[event["e"]]
            found.setdefault(name, {"subscriptionId": 0, "event": event})
        user._subscription_id = None
    return found


async def _public(client) -> dict[str, Any]:
    info = await client.sdk.get_exchange_info()
    try:
        await client.sdk.get_klines(symbol="NOSUCH", interval="1m")
    except BinanceAPIException as refused:
        error = {"code": refused.code, "msg": refused.message}
    return {
        "ping": await client.sdk.ping(),
        "time": await client.sdk.get_server_time(),
        "error": error,
        "exchange_info": info,
        "filters": info["symbols"][0]["filters"],
        "depth": await client.sdk.get_order_book(symbol=SYMBOL),
        "klines": await client.sdk.get_klines(symbol=SYMBOL, interval="1m", limit=3),
        "price": await client.sdk.get_symbol_ticker(symbol=SYMBOL),
        "book_ticker": await client.sdk.get_orderbook_ticker(symbol=SYMBOL),
    }


async def _orders(client) -> dict[str, Any]:
    limit = {"side": "BUY", "quantity": "0.01", "price": "20000"}
    found = {
        "order_test": await client.sdk.create_test_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.01"),
        "order_ack": await client.limit(**limit, newOrderRespType="ACK"),
        "order_result": await client.limit(**limit, newOrderRespType="RESULT"),
        "order_full": await client.market("BUY", "0.01"),
    }
    number = found["order_ack"]["orderId"]
    await asyncio.sleep(0.05)
    return found | {
        "order_state": await client.sdk.get_order(symbol=SYMBOL, orderId=number),
        "open_orders": await client.sdk.get_open_orders(symbol=SYMBOL),
        "order_canceled": await client.sdk.cancel_order(symbol=SYMBOL, orderId=number),
        "open_orders_canceled": await client.sdk._delete("openOrders", signed=True, data={"symbol": SYMBOL}),
        "all_orders": await client.sdk.get_all_orders(symbol=SYMBOL),
    }


async def _account(client) -> dict[str, Any]:
    return {
        "account": await client.sdk.get_account(),
        "my_trades": await client.sdk.get_my_trades(symbol=SYMBOL),
        "order_counts": await client.sdk.get_current_order_count(),
        "commission": await client.sdk._get("account/commission", signed=True, data={"symbol": SYMBOL}),
        "api_restrictions": await client.sdk.get_account_api_permissions(),
    }


async def _lists(client) -> dict[str, Any]:
    pair = {"symbol": SYMBOL, "side": "SELL", "quantity": "0.1", "aboveType": "LIMIT_MAKER", "abovePrice": "60000"}
    stop = {"belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "15000", "belowPrice": "14900", "belowTimeInForce": "GTC"}
    placed = await client.sdk.create_oco_order(**pair, **stop)
    number = placed["orderListId"]
    return {
        "order_list_placed": placed,
        "order_list": await client.sdk._get("orderList", signed=True, data={"orderListId": number}),
        "open_order_lists": await client.sdk._get("openOrderList", signed=True, data={}),
        "order_list_canceled": await client.sdk._delete(
            "orderList", signed=True, data={"symbol": SYMBOL, "orderListId": number}
        ),
    }


async def _streams(client, http: aiohttp.ClientSession) -> dict[str, Any]:
    found = {}
    async with http.ws_connect(f"{client.venue.address}/ws") as ws:
        await ws.send_json(
            {"method": "SUBSCRIBE", "params": [KLINES, "synbtcusdt@trade", "synbtcusdt@bookTicker"], "id": 1}
        )
        found["stream_answer"] = await ws.receive_json(timeout=5)
        await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 3})
        found["stream_list"] = await ws.receive_json(timeout=5)
        while len(found) < 5:
            event = await ws.receive_json(timeout=5)
            found[{"kline": "kline_event", "trade": "trade_event"}.get(event.get("e"), "book_ticker_event")] = event
    async with http.ws_connect(f"{client.venue.address}/ws-api/v3") as ws:
        await client.break_by(kind="server_shutdown", sockets="user", seconds=30)
        found["server_shutdown"] = await ws.receive_json(timeout=5)
    async with http.ws_connect(f"{client.venue.address}/ws-api/v3") as ws:
        params = {"apiKey": client.sdk.API_KEY, "timestamp": (await client.get("clock"))["wire_ms"]}
        params["signature"] = client.sdk._generate_ws_api_signature(params)
        await ws.send_json({"id": "x", "method": "userDataStream.subscribe.signature", "params": params})
        found["subscribed"] = await ws.receive_json(timeout=5)
    return found


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_message_has_the_fields_and_types_of_its_sample(messages, name):
    sample, ours = SAMPLES[name]["message"], messages[name]
    if name == "filters":
        by_type = {one["filterType"]: one for one in ours}
        assert [differences(one, by_type[one["filterType"]], CONDITIONAL) for one in sample] == [[]] * len(sample)
        return
    if name == "exchange_info":
        ours = ours | {"symbols": [one | {"filters": []} for one in ours["symbols"]]}
    assert differences(sample, ours, CONDITIONAL) == []


def test_no_message_goes_without_a_sample(messages):
    assert messages.keys() == SAMPLES.keys()


def test_every_sample_tells_where_it_is_from():
    for name, sample in SAMPLES.items():
        assert sample.keys() == {"source", "seen", "kind", "message"}, name
        assert sample["kind"] == "documented"
        assert sample["source"].startswith(("https://github.com/binance/", "https://developers.binance.com/")), name


def test_differences_are_seen():
    assert differences({"a": 1, "b": ["x"]}, {"a": "1", "c": 2}) == [
        ".b is missing",
        ".c is not documented",
        ".a is str, documented as int",
    ]
