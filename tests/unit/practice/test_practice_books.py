"""Random orders of every kind, in step and at a pace: an account's money is what its trades say."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal

import pytest
from made_venue import KLINES, SYMBOL, BinanceAPIException, Client, made_config, running

START = {"USDT": Decimal(50_000), "SYNBTC": Decimal(1)}
COSTS = {
    "accounts": {"practice": {"balances": {"USDT": 50_000, "SYNBTC": "1"}}},
    "execution": {"price_model": "bridge", "max_participation": 0.02},
    "limits": {"orders_10s": 1_000_000, "orders_1d": 1_000_000, "weight_1m": 1_000_000},
}


async def _ask(client: Client, draw: random.Random) -> None:
    """Place or cancel something at random; what the venue refuses is no harm."""
    price, side = await client.price(), draw.choice(("BUY", "SELL"))
    quantity = f"{draw.uniform(0.001, 0.4):.5f}"
    near = [f"{price * (1 + sign * draw.uniform(0, 0.002)):.2f}" for sign in (-1, 1)]
    order = {"symbol": SYMBOL, "side": side, "quantity": quantity}
    life = draw.choice(("GTC", "IOC", "FOK"))
    choices = [
        {"type": "MARKET"},
        {"type": "LIMIT", "price": draw.choice(near), "timeInForce": life},
        {"type": "LIMIT_MAKER", "price": near[side == "SELL"]},
        {"type": "STOP_LOSS", "stopPrice": near[side == "BUY"]},
        {"type": "TAKE_PROFIT", "stopPrice": near[side == "SELL"]},
        {
            "type": "STOP_LOSS_LIMIT",
            "stopPrice": near[side == "BUY"],
            "price": near[side == "BUY"],
            "timeInForce": "GTC",
        },
        {"type": "STOP_LOSS", "trailingDelta": draw.randint(10, 50)},
    ]
    try:
        if draw.random() < 0.2:
            opened = await client.sdk.get_open_orders(symbol=SYMBOL)
            if opened:
                await client.sdk.cancel_order(symbol=SYMBOL, orderId=draw.choice(opened)["orderId"])
        elif draw.random() < 0.15:
            low, high = ("LIMIT_MAKER", "STOP_LOSS") if side == "BUY" else ("STOP_LOSS", "LIMIT_MAKER")
            terms = {"LIMIT_MAKER": "Price", "STOP_LOSS": "StopPrice"}
            pair = {"aboveType": high, f"above{terms[high]}": near[1], "belowType": low, f"below{terms[low]}": near[0]}
            await client.sdk.create_oco_order(**order, **pair)
        else:
            await client.sdk.create_order(**order, **draw.choice(choices))
    except BinanceAPIException as refusal:
        if refusal.code not in (-2010, -2011, -1013):
            raise


def _check(told: dict) -> None:
    total = dict(START)
    for trade in told["trades"]:
        sign = 1 if trade["isBuyer"] else -1
        total["SYNBTC"] += sign * Decimal(trade["qty"])
        total["USDT"] -= sign * Decimal(trade["quoteQty"])
        total[trade["commissionAsset"]] -= Decimal(trade["commission"])
    balances = {one["asset"]: (Decimal(one["free"]), Decimal(one["locked"])) for one in told["balances"]}
    assert {asset: free + locked for asset, (free, locked) in balances.items()} == total
    filled: dict[int, Decimal] = {}
    for trade in told["trades"]:
        filled[trade["orderId"]] = filled.get(trade["orderId"], Decimal(0)) + Decimal(trade["qty"])
    for order in told["orders"]:
        assert Decimal(order["executedQty"]) == filled.get(order["orderId"], Decimal(0))
        assert (order["status"] == "FILLED") == (Decimal(order["executedQty"]) == Decimal(order["origQty"]))
    opened = [one for one in told["orders"] if one["status"] in ("NEW", "PARTIALLY_FILLED")]
    if not opened:
        assert all(locked == 0 for _, locked in balances.values())


async def _course(client: Client, draw: random.Random, rows: int) -> dict:
    bars = await client.listen(KLINES)
    await asyncio.wait_for(bars.recv(), 10)
    for _ in range(rows):
        for _ in range(draw.randint(0, 2)):
            await _ask(client, draw)
        await client.decide()
        await asyncio.wait_for(bars.recv(), 10)
    for order in await client.sdk.get_open_orders(symbol=SYMBOL):
        with_partner = {one["orderId"] for one in await client.sdk.get_open_orders(symbol=SYMBOL)}
        if order["orderId"] in with_partner:
            await client.sdk.cancel_order(symbol=SYMBOL, orderId=order["orderId"])
    for _ in range(3):
        await client.decide()
        await asyncio.wait_for(bars.recv(), 10)
    return (await client.get("accounts"))["practice"]


@pytest.mark.parametrize("seed", [1, 11])
def test_money_in_step_is_what_the_trades_say(bar_folder, seed):
    async def scenario():
        async with running(made_config(bar_folder, **COSTS)) as client:
            draw = random.Random(seed)  # noqa: S311 - orders, not secrets
            told = await _course(client, draw, 120)
            assert len(told["trades"]) > 30
            _check(told)
            price = await client.price()
            mine = sum(float(one["free"]) * (price if one["asset"] == "SYNBTC" else 1) for one in told["balances"])
            assert abs(float(told["simulated_equity"]) - mine) < 1e-4  # the simulator's own book says the same

    asyncio.run(scenario())


def test_money_at_a_pace_is_what_the_trades_say(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, **COSTS, pace=3000)) as client:
            draw = random.Random(3)  # noqa: S311 - orders, not secrets
            for _ in range(150):
                await _ask(client, draw)
                await asyncio.sleep(0.005)
            with_trades = (await client.get("accounts"))["practice"]
            assert len(with_trades["trades"]) > 30
            _check(with_trades)

    asyncio.run(scenario())
