"""Faults of sockets and bars: what comes wrong, what does not come, and what ends."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from made_venue import KLINES, MINUTE_MS, SYMBOL, BinanceAPIException, made_config, running

FAST = {"latency": {"base_ms": 50, "response_ms": 10, "jitter_ms": 0, "jitter_sigma": 0}}
POST = "POST /api/v3/order"
NOT_ANSWERED = (aiohttp.ClientError, asyncio.TimeoutError)


async def _reports(user):
    found = []
    while user._queue.qsize():
        found.append(await user.recv())
    return [one for one in found if one["e"] == "executionReport"]


async def _orders(client):
    return (await client.get("accounts"))["practice"]["orders"]


async def _next_kline(client, bars, *, decide=True):
    if decide:
        await client.decide()
    return (await asyncio.wait_for(bars.recv(), 5))["data"]["k"]


def test_bars_are_left_out_doubled_revised_and_out_of_order(bar_folder):
    async def scenario():
        faults = [
            {"kind": "kline_gap", "row": 2},
            {"kind": "kline_duplicate", "row": 4},
            {"kind": "kline_out_of_order", "row": 6},
            {"kind": "kline_revised", "row": 9},
        ]
        config = made_config(bar_folder, faults=faults, sockets={"queue_s": 0.1})
        async with running(config) as client:
            bars = await client.listen(KLINES)
            first = await _next_kline(client, bars, decide=False)
            seen = [first]
            while seen[-1]["t"] < first["t"] + 10 * MINUTE_MS:
                seen.append(await _next_kline(client, bars))
            rows = [((one["t"] - first["t"]) // MINUTE_MS, one["x"]) for one in seen]
            wanted = [0, 1, 3, 4, 4, 5, 7, 6, 8]
            assert rows == [(row, True) for row in wanted] + [(9, False), (9, True), (10, True)]
            told = await client.sdk.get_klines(symbol=SYMBOL, interval="1m", startTime=first["t"], limit=11)
            assert [(row[0] - first["t"]) // MINUTE_MS for row in told] == list(range(11))  # REST has them all

    asyncio.run(scenario())


@pytest.mark.parametrize(("price", "shown"), [("nan", "NaN"), ("zero", "0.00000000"), ("negative", "-")])
def test_bar_has_an_impossible_price(bar_folder, price, shown):
    async def scenario():
        faults = [
            {"kind": "bad_price", "row": 0, "price": price},
            {"kind": "bad_price", "row": 1, "price": "thousandfold"},
        ]
        config = made_config(bar_folder, faults=faults, sockets={"queue_s": 0.05})
        async with running(config) as client:
            bars = await client.listen(KLINES)
            bad = await _next_kline(client, bars, decide=False)
            assert bad["c"].startswith(shown)
            huge, right = await _next_kline(client, bars), await _next_kline(client, bars)
            assert 500 < float(huge["c"]) / float(right["c"]) < 2000

    asyncio.run(scenario())


def test_data_are_stale_while_the_socket_lives(bar_folder):
    async def scenario():
        config = made_config(
            bar_folder, faults=[{"kind": "stale", "row": 1, "count": 3}], sockets={"queue_s": 0.05, "ping_s": 0.02}
        )
        async with running(config) as client:
            bars = await client.listen(KLINES)
            first = await _next_kline(client, bars, decide=False)
            after = await _next_kline(client, bars)
            assert (after["t"] - first["t"]) // MINUTE_MS == 4

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["drop_user_stream", "server_shutdown", "cut"])
def test_user_socket_ends_and_a_new_one_may_be_had(bar_folder, kind):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            async with client.http.ws_connect(f"{client.venue.address}/ws-api/v3") as ws:
                await client.break_by(kind=kind, seconds=0.05)
                told = []
                while (message := await ws.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
                    told.append(json.loads(message.data))
                assert [one["event"]["e"] for one in told] == (["serverShutdown"] if kind == "server_shutdown" else [])
            await client.listen_user()

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["drop_market_stream", "server_shutdown"])
def test_market_socket_ends_and_a_new_one_may_be_had(bar_folder, kind):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            path = f"{client.venue.address}/stream?streams=synbtcusdt@bookTicker"
            async with client.http.ws_connect(path) as ws:
                await client.break_by(kind=kind, seconds=0.05)
                told = []
                while (message := await ws.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
                    told.append(json.loads(message.data))
                notices = [one["data"]["e"] for one in told if one["stream"] == "!serverShutdown"]
                assert notices == (["serverShutdown"] if kind == "server_shutdown" else [])
            await client.listen(KLINES)

    asyncio.run(scenario())


def test_subscription_is_terminated(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            user = await client.listen_user()
            await client.break_by(kind="terminate_user_stream")
            assert (await asyncio.wait_for(user.recv(), 5))["e"] == "eventStreamTerminated"
            user._subscription_id = None

    asyncio.run(scenario())


def test_sockets_are_mute_and_open(bar_folder):
    async def scenario():
        config = made_config(bar_folder, **FAST, sockets={"queue_s": 0.05})
        async with running(config) as client:
            user, bars = await client.listen_user(), await client.listen(KLINES)
            await _next_kline(client, bars, decide=False)
            await client.break_by(kind="mute", sockets="user", seconds=60)
            await client.market("BUY", "0.01")
            await _next_kline(client, bars)
            assert await _reports(user) == []
            assert len(await client.sdk.get_my_trades(symbol=SYMBOL)) == 1
            user._subscription_id = None  # nobody would answer

    asyncio.run(scenario())


def test_nobody_can_reach_the_venue_for_a_time(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            await client.break_by(kind="outage", seconds=0.3)
            with pytest.raises(NOT_ANSWERED):
                await client.sdk.ping()
            with pytest.raises(aiohttp.ClientError):
                await client.http.ws_connect(f"{client.venue.address}/ws/{KLINES}")
            await asyncio.sleep(0.35)
            assert await client.sdk.ping() == {}

    asyncio.run(scenario())


def test_burst_is_larger_than_a_queue(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            bars = await client.listen(KLINES)
            await _next_kline(client, bars, decide=False)
            await client.break_by(kind="burst", count=500)
            seen = [await _next_kline(client, bars, decide=False) for _ in range(500)]
            assert len({json.dumps(one) for one in seen}) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["malformed", "truncated"])
def test_frame_is_no_json(bar_folder, kind):
    async def scenario():
        async with (
            running(made_config(bar_folder)) as client,
            client.http.ws_connect(f"{client.venue.address}/ws/synbtcusdt@bookTicker") as ws,
        ):
            await client.break_by(kind=kind, sockets="market")
            message = await ws.receive(timeout=5)
            with pytest.raises(json.JSONDecodeError):
                json.loads(message.data)

    asyncio.run(scenario())


def test_subscription_to_a_user_stream_fails_and_then_succeeds(bar_folder):
    async def scenario():
        fault = {"kind": "error_instead", "request": "WS userDataStream.subscribe.signature", "code": -1008}
        async with running(made_config(bar_folder, faults=[fault])) as client:
            with pytest.raises(BinanceAPIException, match="-1008"):
                await client.listen_user()
            await client.listen_user()

    asyncio.run(scenario())


def test_banned_address_loses_the_websocket_api(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            async with client.http.ws_connect(f"{client.venue.address}/ws-api/v3") as ws:
                await client.break_by(kind="ban", seconds=30)
                assert (await ws.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
            with pytest.raises(aiohttp.WSServerHandshakeError, match="418"):
                await client.http.ws_connect(f"{client.venue.address}/ws-api/v3")

    asyncio.run(scenario())
