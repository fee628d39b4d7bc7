"""Streams of a practice venue that speaks Alpaca's wire, what breaks on demand, and a market that goes by real time."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import msgpack
import pytest
import requests
from alpaca.common.exceptions import APIError
from made_brokerage import STOCK, WARM_UP, heard, made_config, running

OTHER = "SYNY"
TWO = {"data": {"symbols": [STOCK, OTHER]}}


async def opened(client, *, packed: bool, path: str = "/v2/iex"):
    """Open a socket of the data stream and take its greeting."""
    headers = {"Content-Type": "application/msgpack"} if packed else {}
    ws = await client.http.ws_connect(client.venue.address + path, headers=headers)
    assert await said(ws) == [{"T": "success", "msg": "connected"}]
    return ws


async def said(ws):
    """Return the next message, whatever way it is written."""
    message = await ws.receive(timeout=5)
    return json.loads(message.data) if isinstance(message.data, str) else msgpack.unpackb(message.data)


def auth(client) -> dict[str, str]:
    return {"action": "auth", "key": client.keys[0], "secret": client.keys[1]}


def test_second_connection_of_an_account_gets_406_and_is_hung_up_on(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            first, second = await opened(client, packed=True), await opened(client, packed=False)
            await first.send_bytes(msgpack.packb(auth(client)))
            assert await said(first) == [{"T": "success", "msg": "authenticated"}]
            await second.send_json(auth(client))
            assert await said(second) == [{"T": "error", "code": 406, "msg": "connection limit exceeded"}]
            assert (await second.receive(timeout=5)).data == 1001
            await first.close()
            third = await opened(client, packed=False)
            await third.send_json(auth(client))
            assert (await said(third))[0]["msg"] == "authenticated"
            await third.close()
            client.break_by(kind="connection_limit", seconds=60)
            fourth = await opened(client, packed=False)
            await fourth.send_json(auth(client))
            assert (await said(fourth))[0]["code"] == 406

    asyncio.run(scenario())


def test_subscriptions_are_told_and_what_is_wrong_has_its_code(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            ws = await opened(client, packed=False)
            await ws.send_json({"action": "subscribe", "bars": [STOCK]})
            assert (await said(ws))[0]["code"] == 401
            await ws.send_json(auth(client))
            await said(ws)
            await ws.send_json(auth(client))
            assert (await said(ws))[0]["code"] == 403
            await ws.send_json({"action": "subscribe", "bars": ["*"], "trades": [STOCK]})
            told = (await said(ws))[0]
            assert (told["bars"], told["trades"], told["quotes"]) == (["*"], [STOCK], [])
            await ws.send_json({"action": "unsubscribe", "trades": [STOCK]})
            while told["T"] != "subscription" or told["trades"]:
                told = (await said(ws))[0]
            other = await opened(client, packed=False)
            await other.send_json({"action": "auth", "key": "a", "secret": "b"})
            assert (await said(other))[0]["code"] == 402
            broken = await opened(client, packed=True)
            await broken.send_bytes(b"\xc1")
            assert (await said(broken))[0] == {"T": "error", "code": 400, "msg": "invalid syntax"}

    asyncio.run(scenario())


def test_trading_stream_refuses_who_is_not_authorized(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            ws = await client.http.ws_connect(f"{client.venue.address}/stream")
            listen = {"action": "listen", "data": {"streams": ["trade_updates"]}}
            for asked, status in ((listen, "unauthorized"), ({"action": "authenticate", "data": {}}, "unauthorized")):
                await ws.send_json(asked)
                assert json.loads((await ws.receive(timeout=5)).data)["data"]["status"] == status

    asyncio.run(scenario())


def test_bar_without_trades_is_not_told_and_the_other_is(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, **TWO)) as client:
            client.venue._state.market.bars["flags"][WARM_UP + 1, 1] = 0  # nobody trades it in the second minute
            bars = client.listen(STOCK, OTHER)
            told = [await heard(bars) for _ in range(2)]
            await client.decide(2)
            told += [await heard(bars) for _ in range(3)]
            assert [one["S"] for one in told] == [STOCK, OTHER, STOCK, STOCK, OTHER]
            path = f"/v2/stocks/bars?symbols={OTHER}&timeframe=1Min&start=2024-07-02T14:30:00Z"
            _, page, _ = await client.ask("GET", path)
            assert [one["t"][11:16] for one in page["bars"][OTHER]] == ["14:30", "14:32"]

    asyncio.run(scenario())


def test_revised_bar_comes_half_a_minute_later_and_rest_has_it_right(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, alpaca={"revise_every": 2})) as client:
            queue = client.listen(STOCK)
            first = await heard(queue)
            late = asyncio.Queue()
            stream = client._streams[0][0]

            async def hear(message):
                await late.put(message)

            await asyncio.to_thread(stream.subscribe_updated_bars, hear, STOCK)
            await asyncio.sleep(0.05)
            await client.decide()
            short = await heard(queue)
            assert late.empty()
            await client.decide()
            revised = await heard(late)
            assert (revised["T"], revised["t"]) == ("u", short["t"])
            assert short["v"] == int(revised["v"] * 0.9)
            newest = await heard(queue)
            assert first["t"].seconds + 120 == newest["t"].seconds

    asyncio.run(scenario())


def test_bars_that_break_are_told_as_the_fault_says(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, sockets={"queue_s": 0.1})) as client:
            queue = client.listen(STOCK)
            first = await heard(queue)
            client.break_by(kind="kline_duplicate", row=1)
            client.break_by(kind="bad_price", row=2, price="thousandfold")
            client.break_by(kind="kline_gap", row=3)
            client.break_by(kind="kline_out_of_order", row=5)
            await client.decide(6)
            told = [await heard(queue) for _ in range(6)]
            minutes = [(one["t"].seconds - first["t"].seconds) // 60 for one in told]
            assert minutes == [1, 1, 2, 4, 6, 5]
            assert told[2]["c"] > 50_000

    asyncio.run(scenario())


def test_dropped_and_doubled_fills_and_a_lost_socket(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            trades = await client.listen_trades()
            client.break_by(kind="drop_fill")
            await client.buy(1)
            await client.decide(2)
            client.break_by(kind="duplicate_report")
            await client.buy(2)
            await client.decide(2)
            told = [(await heard(trades))["data"] for _ in range(4)]
            assert [one["event"] for one in told] == ["new", "new", "fill", "fill"]
            assert told[2]["execution_id"] == told[3]["execution_id"]
            (before,) = listeners = client.venue._state.trades.listeners
            client.break_by(kind="drop_user_stream")
            async with asyncio.timeout(20):
                while before in listeners or not any(
                    one.listens for one in listeners
                ):  # the SDK comes back by itself after a second
                    await asyncio.sleep(0.05)
            await client.buy(3)
            await client.decide(2)
            assert (await heard(trades))["data"]["event"] == "new"
            client.break_by(kind="mute", seconds=60)
            await client.buy(4)
            await client.decide(1)
            assert (await heard(trades))["data"]["event"] == "fill"
            assert trades.empty()

    asyncio.run(scenario())


def test_broken_frames_go_out_in_the_stream_s_own_form(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            ws = await opened(client, packed=True)
            for kind in ("malformed", "truncated"):
                client.break_by(kind=kind, sockets="market")
                frame = (await ws.receive(timeout=5)).data
                assert isinstance(frame, bytes)
                with pytest.raises(ValueError, match=r"."):
                    msgpack.unpackb(frame)

    asyncio.run(scenario())


def test_timeout_after_an_order_was_taken_leaves_one_order(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            client.break_by(kind="error_after", request="POST /v2/orders", status=504)
            client.trading._retry = 0  # what the SDK does by itself is to send it again
            with pytest.raises(APIError) as failed:
                await client.buy(1, client_order_id="mine")
            assert failed.value.status_code == 504
            client.break_by(kind="drop_response", request="POST /v2/orders market")
            with pytest.raises(requests.ConnectionError):
                await client.buy(1, client_order_id="other")
            client.break_by(kind="hide_order", request="POST /v2/orders", seconds=60)
            await client.buy(1, client_order_id="hidden")
            assert {one["client_order_id"] for one in await client.call(client.trading.get_orders)} == {"mine", "other"}
            with pytest.raises(APIError, match="order not found"):
                await client.call(client.trading.get_order_by_client_id, "hidden")
            assert (await client.get("log"))["counts"]["request POST /v2/orders"] == 3

    asyncio.run(scenario())


def test_outage_keys_halt_and_limit_are_told_by_status(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            client.break_by(kind="halt_symbol", symbol=STOCK)
            with pytest.raises(APIError, match="is not tradable"):
                await client.buy(1)
            client.break_by(kind="resume_symbol")
            client.break_by(kind="forbid_trading", seconds=0)
            with pytest.raises(APIError, match="blocked from trading"):
                await client.buy(1)
            assert (await client.call(client.trading.get_account))["trading_blocked"] is True
            client.break_by(kind="balance_change", asset="USD", amount="-1000")
            assert (await client.call(client.trading.get_account))["cash"] == "99000"
            client.break_by(kind="rate_limit", seconds=0.3)
            assert (await client.ask("GET", "/v2/clock"))[0] == 429
            await asyncio.sleep(0.3)
            client.break_by(kind="reject_keys", seconds=0.3)
            assert (await client.ask("GET", "/v2/clock"))[0] == 401
            status, told = await client.post("faults", {"kind": "ban"})
            assert (status, told["error"]) == (400, "kind: ban means nothing to a venue that speaks alpaca")
            client.break_by(kind="outage", seconds=60)
            with suppress(Exception):
                await client.ask("GET", "/v2/clock")
                pytest.fail("it answers")

    asyncio.run(scenario())


def test_market_by_real_time_fills_and_cancels_between_closes(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, pace=120)) as client:
            trades = await client.listen_trades()
            quotes = client.listen(STOCK, channel="quotes")
            await client.buy(5)
            assert [(await heard(trades))["data"]["event"] for _ in range(2)] == ["new", "fill"]
            resting = await client.limit(1, 80)
            assert (await heard(trades))["data"]["event"] == "new"
            await client.call(client.trading.cancel_order_by_id, resting["id"])
            assert (await heard(trades))["data"]["event"] == "canceled"
            assert (await heard(quotes))["bp"] > 90

    asyncio.run(scenario())
