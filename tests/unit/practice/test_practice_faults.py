"""Faults of the practice venue: each happens when it is asked for, as often as it is asked for, and no more."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
import pytest
from made_venue import KLINES, SYMBOL, BinanceAPIException, made_config, running

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


def test_answer_is_lost_after_the_order_was_taken(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, faults=[{"kind": "drop_response", "request": POST}])) as client:
            with pytest.raises(NOT_ANSWERED):
                await client.market("BUY", "0.01", newClientOrderId="lost")
            assert [one["clientOrderId"] for one in await _orders(client)] == ["lost"]
            assert (await client.sdk.get_order(symbol=SYMBOL, origClientOrderId="lost"))["status"] == "NEW"
            await client.market("BUY", "0.01")  # only the first was hit
            log = await client.get("log")
            assert log["counts"]["fault drop_response"] == 1
            assert [one["fault"] for one in log["entries"] if one["kind"] == "request" and "fault" in one] == [
                "drop_response"
            ]

    asyncio.run(scenario())


def test_request_is_lost_before_it_was_seen(bar_folder):
    async def scenario():
        fault = {"kind": "drop_request", "request": POST, "nth": 2, "count": 2}
        async with running(made_config(bar_folder, faults=[fault])) as client:
            await client.market("BUY", "0.001")
            for _ in range(2):
                with pytest.raises(NOT_ANSWERED):
                    await client.market("BUY", "0.001")
            await client.market("BUY", "0.001")
            assert len(await _orders(client)) == 2

    asyncio.run(scenario())


@pytest.mark.parametrize(("kind", "taken"), [("error_after", 1), ("error_instead", 0)])
def test_error_comes_after_the_order_was_taken_or_in_its_place(bar_folder, kind, taken):
    async def scenario():
        async with running(made_config(bar_folder, faults=[{"kind": kind, "request": POST}])) as client:
            with pytest.raises(BinanceAPIException) as error:
                await client.market("BUY", "0.01")
            assert (error.value.status_code, error.value.code) == (503, -1007)
            assert len(await _orders(client)) == taken

    asyncio.run(scenario())


def test_refusals_are_scripted_by_code(bar_folder):
    async def scenario():
        told = "Account has insufficient balance for requested action."
        fault = {"kind": "error_instead", "request": POST, "status": 400, "code": -2010, "message": told}
        async with running(made_config(bar_folder, faults=[fault])) as client:
            with pytest.raises(BinanceAPIException, match=r"-2010.*insufficient"):
                await client.market("BUY", "0.01")

    asyncio.run(scenario())


def test_fault_may_wait_for_a_type_of_order(bar_folder):
    async def scenario():
        fault = {
            "kind": "error_instead",
            "request": f"{POST} STOP_LOSS",
            "status": 400,
            "code": -2010,
            "message": "No.",
        }
        accounts = {"practice": {"balances": {"USDT": 50_000, "SYNBTC": "1"}}}
        async with running(made_config(bar_folder, accounts=accounts, faults=[fault])) as client:
            await client.market("BUY", "0.01")
            stop = {"symbol": SYMBOL, "side": "SELL", "type": "STOP_LOSS", "quantity": "0.5", "stopPrice": "20000"}
            with pytest.raises(BinanceAPIException, match="-2010"):
                await client.sdk.create_order(**stop)
            await client.sdk.create_order(**stop)

    asyncio.run(scenario())


def test_order_is_not_found_for_a_time(bar_folder):
    async def scenario():
        fault = {"kind": "hide_order", "request": POST, "seconds": 0.3}
        async with running(made_config(bar_folder, faults=[fault])) as client:
            await client.market("BUY", "0.01", newClientOrderId="hidden")
            with pytest.raises(BinanceAPIException, match="-2013"):
                await client.sdk.get_order(symbol=SYMBOL, origClientOrderId="hidden")
            await asyncio.sleep(0.35)
            assert (await client.sdk.get_order(symbol=SYMBOL, origClientOrderId="hidden"))["status"] == "NEW"

    asyncio.run(scenario())


def test_request_is_done_late(bar_folder):
    async def scenario():
        fault = {"kind": "late", "request": POST, "seconds": 0.3}
        async with running(made_config(bar_folder, faults=[fault])) as client:
            placing = asyncio.ensure_future(client.market("BUY", "0.01", newClientOrderId="late"))
            await asyncio.sleep(0.1)
            assert await _orders(client) == []
            assert (await placing)["clientOrderId"] == "late"

    asyncio.run(scenario())


def test_answer_is_slow(bar_folder):
    async def scenario():
        fault = {"kind": "slow", "request": "GET /api/v3/account", "seconds": 0.3}
        async with running(made_config(bar_folder, faults=[fault])) as client:
            loop = asyncio.get_running_loop()
            times = [loop.time()]
            for _ in range(2):
                await client.sdk.get_account()
                times.append(loop.time())
            assert times[1] - times[0] >= 0.3 > times[2] - times[1]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("duplicate_report", ["NEW", "TRADE", "TRADE"]),
        ("fill_before_ack", ["TRADE", "NEW"]),
        ("drop_fill", ["NEW"]),
    ],
)
def test_reports_of_a_fill_come_wrong(bar_folder, kind, told):
    async def scenario():
        async with running(made_config(bar_folder, **FAST, faults=[{"kind": kind}])) as client:
            user, bars = await client.listen_user(), await client.listen(KLINES)
            await _next_kline(client, bars, decide=False)
            for expected in (told, ["NEW", "TRADE"]):  # the second order's come right
                await client.market("BUY", "0.01")
                await _next_kline(client, bars)
                reports = await _reports(user)
                assert [one["x"] for one in reports] == expected
            if kind == "duplicate_report":
                assert len(await client.sdk.get_my_trades(symbol=SYMBOL)) == 2  # it was told twice, and is one

    asyncio.run(scenario())


def test_cancel_is_told_before_the_last_fill(bar_folder):
    async def scenario():
        config = made_config(
            bar_folder, **FAST, execution={"max_participation": 0.001}, faults=[{"kind": "cancel_before_fill"}]
        )
        async with running(config) as client:
            user, bars = await client.listen_user(), await client.listen(KLINES)
            await _next_kline(client, bars, decide=False)
            order = await client.market("BUY", "1")
            await _next_kline(client, bars)
            await client.sdk.cancel_order(symbol=SYMBOL, orderId=order["orderId"])
            await _next_kline(client, bars)
            kinds = [one["x"] for one in await _reports(user)]
            assert kinds[-2:] == ["CANCELED", "TRADE"]
            state = await client.sdk.get_order(symbol=SYMBOL, orderId=order["orderId"])
            assert state["status"] == "CANCELED"
            assert float(state["executedQty"]) > 0

    asyncio.run(scenario())


def test_clock_of_the_venue_jumps(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            before = (await client.sdk.get_server_time())["serverTime"]
            await client.break_by(kind="clock_shift", shift_ms=-2000)
            assert -2100 < (await client.sdk.get_server_time())["serverTime"] - before < -1000
            with pytest.raises(BinanceAPIException, match=r"-1021.*ahead"):
                await client.sdk.get_account()
            client.sdk.timestamp_offset -= 2000
            await client.sdk.get_account()

    asyncio.run(scenario())


@pytest.mark.parametrize(("kind", "status"), [("rate_limit", 429), ("ban", 418)])
def test_venue_shuts_the_door_for_a_time(bar_folder, kind, status):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            await client.break_by(kind=kind, seconds=1)
            with pytest.raises(BinanceAPIException) as shut:
                await client.sdk.ping()
            assert shut.value.status_code == status
            assert shut.value.response.headers["Retry-After"] == "1"
            await asyncio.sleep(1.05)
            await client.sdk.ping()

    asyncio.run(scenario())


def test_keys_are_rejected_for_a_time(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            await client.break_by(kind="reject_keys", seconds=0.2)
            with pytest.raises(BinanceAPIException, match="-2015"):
                await client.sdk.get_account()
            await asyncio.sleep(0.25)
            await client.sdk.get_account()

    asyncio.run(scenario())


def test_account_may_not_trade(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            await client.break_by(kind="forbid_trading", seconds=0)
            assert (await client.sdk.get_account())["canTrade"] is False
            with pytest.raises(BinanceAPIException, match=r"-2010.*may not place"):
                await client.market("BUY", "0.01")

    asyncio.run(scenario())


def test_symbol_halts_and_resumes_and_its_filters_change(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            await client.break_by(kind="halt_symbol")
            assert (await client.sdk.get_symbol_info(SYMBOL))["status"] == "HALT"
            with pytest.raises(BinanceAPIException, match=r"-1013.*Market is closed"):
                await client.market("BUY", "0.01")
            await client.break_by(kind="resume_symbol")
            await client.market("BUY", "0.01")
            await client.break_by(kind="change_filter", filter="LOT_SIZE", values={"stepSize": "0.10000000"})
            with pytest.raises(BinanceAPIException, match="LOT_SIZE"):
                await client.market("BUY", "0.01")
            filters = (await client.sdk.get_symbol_info(SYMBOL))["filters"]
            assert {one["filterType"]: one for one in filters}["LOT_SIZE"]["stepSize"] == "0.10000000"

    asyncio.run(scenario())


def test_money_comes_and_goes(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            user = await client.listen_user()
            await client.break_by(kind="balance_change", asset="USDT", amount="-250.5")
            update, position = await user.recv(), await user.recv()
            assert (update["e"], update["a"], update["d"]) == ("balanceUpdate", "USDT", "-250.50000000")
            assert position["B"] == [{"a": "USDT", "f": "99749.50000000", "l": "0.00000000"}]

    asyncio.run(scenario())


def test_faults_are_added_over_the_wire_in_the_words_of_the_config(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            assert (await client.post("faults", {"kind": "halt_symbol"}))[1] == {"added": 1}
            assert (await client.sdk.get_symbol_info(SYMBOL))["status"] == "HALT"
            for wrong in (
                {"kind": "earthquake"},
                {"kind": "clock_shift"},
                {"kind": "ban", "row": 1, "market_ms": 2},
                7,
            ):
                status, told = await client.post("faults", wrong)
                assert status == 400
                assert told["error"]

    asyncio.run(scenario())


def test_drawn_faults_are_the_same_for_the_same_seed(bar_folder):
    async def course(seed):
        drawn = {"seed": seed, "per_request": 0.3, "per_bar": 0, "kinds": ["drop_request", "error_after"]}
        async with running(made_config(bar_folder, random_faults=drawn)) as client:
            for _ in range(40):
                with contextlib.suppress(*NOT_ANSWERED, BinanceAPIException):
                    await client.market("BUY", "0.001")
            return [one["what"] for one in (await client.get("log"))["entries"] if one["kind"] == "fault"]

    async def scenario():
        first, again, other = await course(1), await course(1), await course(2)
        assert len(first) > 5
        assert first == again
        assert first != other

    asyncio.run(scenario())
