"""Request limits: weights and order counts with their headers, 429 with Retry-After, 418 for who goes on regardless."""

from __future__ import annotations

import asyncio

import pytest
from made_venue import KLINES, BinanceAPIException, made_config, running


async def _refused(ask):
    """Ask until it is refused; return the refusal."""
    for _ in range(10):
        try:
            await ask()
        except BinanceAPIException as refusal:
            return refusal
    raise AssertionError("ten times, and never refused")


def test_answers_tell_the_weight_used(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            await client.sdk.ping()
            before = int(client.sdk.response.headers["X-MBX-USED-WEIGHT-1M"])
            await client.sdk.get_account()
            assert int(client.sdk.response.headers["X-MBX-USED-WEIGHT-1M"]) - before in (
                20,
                20 - before,
            )  # a new minute

    asyncio.run(scenario())


def test_too_much_weight_is_429_and_going_on_is_418(bar_folder):
    async def scenario():
        config = made_config(bar_folder, limits={"weight_1m": 60, "ban_after": 3, "ban_s": 120})
        async with running(config) as client:
            over = await _refused(client.sdk.get_account)
            assert (over.status_code, over.code) == (429, -1003)
            assert 1 <= int(over.response.headers["Retry-After"]) <= 60
            statuses = []
            for _ in range(4):
                again = await _refused(client.sdk.ping)
                statuses.append(again.status_code)
            assert statuses == [429, 429, 418, 418]
            assert "IP banned until" in again.message
            assert 100 <= int(again.response.headers["Retry-After"]) <= 120

    asyncio.run(scenario())


def test_too_many_orders_are_429_with_their_own_code(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, limits={"orders_1d": 3})) as client:
            for number in range(3):
                await client.limit("BUY", "0.001", "20000")
                assert client.sdk.response.headers["X-MBX-ORDER-COUNT-1D"] == str(number + 1)
            with pytest.raises(BinanceAPIException) as over:
                await client.limit("BUY", "0.001", "20000")
            assert (over.value.status_code, over.value.code) == (429, -1015)
            counts = await client.sdk.get_current_order_count()
            assert [(one["interval"], one["intervalNum"]) for one in counts] == [("SECOND", 10), ("DAY", 1)]
            assert counts[1]["count"] == 3

    asyncio.run(scenario())


def test_open_orders_of_a_symbol_are_limited_by_its_filter(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, filters={"max_orders": 2})) as client:
            for _ in range(2):
                await client.limit("BUY", "0.001", "20000")
            with pytest.raises(BinanceAPIException, match="MAX_NUM_ORDERS"):
                await client.limit("BUY", "0.001", "20000")

    asyncio.run(scenario())


def test_orders_that_trade_are_taken_off_the_counts(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, limits={"orders_1d": 3})) as client:
            bars = await client.listen(KLINES)
            await asyncio.wait_for(bars.recv(), 5)
            await client.limit("BUY", "0.001", "20000")
            for _ in range(4):  # one rests, one at a time trades: never more than two count
                await client.market("BUY", "0.001")
                assert client.sdk.response.headers["X-MBX-ORDER-COUNT-1D"] == "2"
                await client.decide()
                await asyncio.wait_for(bars.recv(), 5)

    asyncio.run(scenario())
