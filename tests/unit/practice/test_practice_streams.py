"""Sockets of the practice venue: subscriptions, pings, ends; and a market that goes by time."""

from __future__ import annotations

import asyncio
import json

import aiohttp
from made_venue import KLINES, SYMBOL, made_config, running
from websockets.asyncio.client import connect


async def _told(ws: aiohttp.ClientWebSocketResponse) -> dict:
    message = await ws.receive(timeout=5)
    assert message.type is aiohttp.WSMsgType.TEXT, message
    return json.loads(message.data)


def test_streams_are_subscribed_to_and_listed_on_a_raw_socket(bar_folder):
    async def scenario():
        async with (
            running(made_config(bar_folder)) as client,
            client.http.ws_connect(f"{client.venue.address}/ws") as ws,
        ):
            await ws.send_json({"method": "SUBSCRIBE", "params": [KLINES, "synbtcusdt@trade"], "id": 1})
            assert await _told(ws) == {"result": None, "id": 1}
            kinds = [(await _told(ws))["e"] for _ in range(5)]
            assert kinds == ["trade"] * 4 + ["kline"]  # raw, not wrapped; the closed bar comes last
            await ws.send_json({"method": "UNSUBSCRIBE", "params": ["synbtcusdt@trade"], "id": 2})
            assert await _told(ws) == {"result": None, "id": 2}
            await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 3})
            assert await _told(ws) == {"result": [KLINES], "id": 3}
            await ws.send_json({"method": "SUBSCRIBE_ALL", "id": 4})
            assert (await _told(ws))["code"] == 2
            await ws.send_str("{")
            assert (await _told(ws))["code"] == 3

    asyncio.run(scenario())


def test_socket_that_answers_no_ping_is_cut(bar_folder):
    async def scenario():
        config = made_config(bar_folder, sockets={"ping_s": 0.05, "pong_s": 0.2})
        async with running(config) as client:
            address = client.venue.address.replace("http", "ws", 1)
            async with connect(f"{address}/ws/{KLINES}") as polite:
                async with client.http.ws_connect(f"{client.venue.address}/ws/{KLINES}", autoping=False) as mute:
                    pings = 0
                    while (message := await mute.receive(timeout=5)).type is not aiohttp.WSMsgType.CLOSED:
                        pings += message.type is aiohttp.WSMsgType.PING
                        if message.type is aiohttp.WSMsgType.ERROR:
                            break
                    assert pings >= 2
                await polite.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
                while "result" not in await asyncio.wait_for(polite.recv(), 5):
                    pass

    asyncio.run(scenario())


def test_socket_ends_after_its_life(bar_folder):
    async def scenario():
        config = made_config(bar_folder, sockets={"life_s": 0.2})
        async with running(config) as client, client.http.ws_connect(f"{client.venue.address}/ws-api/v3") as ws:
            message = await ws.receive(timeout=5)
            assert message.type is aiohttp.WSMsgType.CLOSE
            assert message.data == aiohttp.WSCloseCode.GOING_AWAY

    asyncio.run(scenario())


def test_user_stream_is_subscribed_to_by_signature_and_its_end_is_told(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            user = await client.listen_user()
            assert (await client.sdk.ws_get_time())["serverTime"] > 0
            assert await client.sdk.ws_ping() == {}
            await client.sdk._ws_api_request("userDataStream.unsubscribe", signed=False, params={"subscriptionId": 0})
            assert (await asyncio.wait_for(user.recv(), 5))["e"] == "eventStreamTerminated"
            user._subscription_id = None  # it is over: nothing is left to unsubscribe

    asyncio.run(scenario())


def test_user_stream_with_a_wrong_signature_is_refused(bar_folder):
    async def scenario():
        async with (
            running(made_config(bar_folder)) as client,
            client.http.ws_connect(f"{client.venue.address}/ws-api/v3") as ws,
        ):
            params = {"apiKey": client.venue.keys["practice"].key, "timestamp": 1, "signature": "00"}
            request = {"id": "a", "method": "userDataStream.subscribe.signature", "params": params}
            await ws.send_json(request)
            assert (await _told(ws))["error"]["code"] == -1021
            clock = await client.get("clock")
            params["timestamp"] = clock["wire_ms"]
            await ws.send_json(request)
            told = await _told(ws)
            assert (told["id"], told["status"], told["error"]["code"]) == ("a", 400, -1022)
            await ws.send_json({"id": 2, "method": "order.place"})
            assert (await _told(ws))["error"]["code"] == -1020

    asyncio.run(scenario())


def test_market_at_a_pace_shows_open_bars_and_closes_them_in_time(bar_folder):
    async def scenario():
        config = made_config(bar_folder, pace=300, sockets={"update_s": 0.02})
        async with running(config) as client:
            stream = await client.listen(KLINES)
            seen = [(await asyncio.wait_for(stream.recv(), 5))["data"]["k"] for _ in range(20)]
            closed = [kline for kline in seen if kline["x"]]
            opened = [kline for kline in seen if not kline["x"]]
            assert closed
            assert len(opened) > len(closed)
            for kline in closed:
                for part in (one for one in opened if one["t"] == kline["t"]):
                    assert part["o"] == kline["o"]
                    assert float(kline["l"]) <= float(part["l"]) <= float(part["c"]) <= float(part["h"])
                    assert float(part["h"]) <= float(kline["h"])
            bars = await client.sdk.get_klines(symbol=SYMBOL, interval="1m", limit=2)
            clock = await client.get("clock")
            assert bars[-1][0] <= clock["market_ms"] <= bars[-1][6] + 60_000  # the open bar is told, too

    asyncio.run(scenario())


def test_fill_at_a_pace_is_heard_within_its_latency(bar_folder):
    async def scenario():
        config = made_config(bar_folder, pace=60, latency={"base_ms": 600, "response_ms": 600, "jitter_ms": 0})
        async with running(config) as client:
            user = await client.listen_user()
            order = await client.market("BUY", "0.01")
            reports = []
            while not reports or reports[-1]["X"] != "FILLED":
                message = await asyncio.wait_for(user.recv(), 5)
                reports += [message] if message["e"] == "executionReport" else []
            assert reports[0]["T"] > order["transactTime"]
            assert reports[-1]["E"] >= reports[-1]["T"] + 300
            assert (await client.sdk.get_order(symbol=SYMBOL, orderId=order["orderId"]))["status"] == "FILLED"

    asyncio.run(scenario())
