"""In lockstep the practice venue is a backtest that is played over the wire: the same orders, fills, fees and money."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from aiohttp import WSMsgType
from made_venue import KLINES, SYMBOL, BinanceAPIException, Client, made_config, running

from keel.app.wire_data import read_market_data
from keel.app.wiring import instruments_of
from keel.config.yaml_tree import Document
from keel.data.provide import ensure_bars
from keel.data.store import BarStore
from keel.domain.ids import ClientOrderId, DrawKey
from keel.domain.layout import REQUEST
from keel.domain.orders import EventKind, OrderSide, OrderType, RequestKind, TimeInForce
from keel.practice.amounts import text
from keel.sim.engine import Simulator
from keel.sim.parameters import run_records, slot_records

ROWS = 160
COSTS = {
    "latency": {"base_ms": 2500, "response_ms": 900, "jitter_ms": 400, "spike_probability": 0.1},
    "spread": {"half_spread_bps": 2.0},
    "fees": {"taker_bps": 10, "maker_bps": 4},
    "execution": {"price_model": "bridge", "max_participation": 0.02},
    "run": {"seed": 5},
}
TYPES = {OrderType.MARKET: "MARKET", OrderType.LIMIT: "LIMIT", OrderType.STOP: "STOP_LOSS"}


def _simulator(config):
    simulated = config.simulated(config.accounts["practice"])
    bars = read_market_data(simulated, Document("config", {}, {})).bars
    instruments = instruments_of(simulated)
    return (
        bars,
        instruments[0].id.stable_hash,
        Simulator(bars, run_records(simulated), slot_records(simulated, instruments)),
    )


def _wanted(rng: np.random.Generator, row: int, close: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a target every few rows, and between them a limit or stop order near the market now and then."""
    weights, requests = np.full(1, np.nan), np.zeros(0, REQUEST)
    if row % 11 == 0:
        weights[0] = float(rng.choice([0.0, 0.3, 0.6, 0.9]))
    elif row % 11 in (3, 6):
        requests = np.zeros(1, REQUEST)
        asked = requests[0]
        buys = row % 11 == 3
        asked["kind"], asked["side"] = RequestKind.NEW, OrderSide.BUY if buys else OrderSide.SELL
        asked["type"] = OrderType.LIMIT if buys else OrderType.STOP
        asked["time_in_force"], asked["tag"], asked["pair"], asked["expire_ts_ms"] = TimeInForce.GTC, row, -1, -1
        asked["qty"] = 0.01
        asked["limit_price" if buys else "trigger_price"] = round(close * 0.9995, 2)
    return weights, requests


async def _send(client: Client, simulator: Simulator, before: np.ndarray, hash_: int) -> list[int]:
    """Place and cancel at the venue what the simulator's decision has; return the orders it refused at once."""
    known, refused = {int(order["id"]): order for order in before}, []
    for order in simulator.live_orders():
        name = str(
            ClientOrderId("tests", DrawKey(hash_, int(order["birth_ts_ms"]), int(order["seq"])), int(order["id"]))
        )
        if int(order["id"]) not in known:
            try:
                await _place(client, order, name)
            except BinanceAPIException:
                refused.append(int(order["id"]))
        elif order["cancel_requested"] and not known[int(order["id"])]["cancel_requested"]:
            await client.sdk.cancel_order(symbol=SYMBOL, origClientOrderId=name)
    return refused


async def _place(client: Client, order: np.void, name: str) -> None:
    kind = TYPES[OrderType(int(order["type"]))]
    terms = {"symbol": SYMBOL, "side": "BUY" if order["side"] > 0 else "SELL", "type": kind}
    terms |= {"quantity": text(order["qty"]), "newClientOrderId": name}
    if kind == "LIMIT":
        terms |= {"price": text(order["limit_price"]), "timeInForce": "GTC"}
    elif kind == "STOP_LOSS":
        terms |= {"stopPrice": text(order["trigger_price"])}
    await client.sdk.create_order(**terms)


def test_fills_fees_and_money_are_those_of_a_backtest(bar_folder):
    async def scenario():
        config = made_config(bar_folder, **COSTS)
        ensure_bars(config.data, "24/7", BarStore(Path(config.data.store)))
        bars, hash_, simulator = _simulator(config)
        rng, refused = np.random.default_rng(3), []
        for _ in range(config.warm_up_bars):
            simulator.advance()
            simulator.decide(np.full(1, np.nan))
        async with running(config) as client:
            stream = await client.listen(KLINES)
            for row in range(config.warm_up_bars, config.warm_up_bars + ROWS):
                kline = (await asyncio.wait_for(stream.recv(), 5))["data"]["k"]
                assert kline["x"]
                assert kline["T"] + 1 == bars["close_ts_ms"][row, 0]
                assert float(kline["c"]) == bars["close"][row, 0]
                simulator.advance()
                before = simulator.live_orders()
                simulator.decide(*_wanted(rng, row, float(bars["close"][row, 0])))
                refused += await _send(client, simulator, before, hash_)
                await client.decide()
            await asyncio.wait_for(stream.recv(), 5)
            simulator.advance()
            events = simulator.events
            rejected = events["order_id"][events["kind"] == EventKind.REJECTED].tolist()
            assert set(refused) == set(rejected)
            _compare(simulator, (await client.get("accounts"))["practice"], float(bars["close"][row + 1, 0]))

    asyncio.run(scenario())


def _compare(simulator: Simulator, told: dict, close: float) -> None:
    events = simulator.events
    known = events[(events["kind"] == EventKind.FILLED) & (events["known_row"] >= 0)]
    names = {one["orderId"]: ClientOrderId.parse(one["clientOrderId"]).order_id for one in told["orders"]}
    mine = sorted((int(one["order_id"]), int(one["ts_ms"]), text(one["price"]), text(one["qty"])) for one in known)
    theirs = sorted((names[one["orderId"]], one["time"], one["price"], one["qty"]) for one in told["trades"])
    assert len(mine) > 30
    assert theirs == mine
    fees = {(int(one["order_id"]), int(one["ts_ms"])): one for one in known}
    for trade in told["trades"]:
        event = fees[names[trade["orderId"]], trade["time"]]
        in_base = trade["commissionAsset"] == "SYNBTC"
        assert trade["commission"] == text(event["fee_qty"] if in_base else event["fee"])
        assert trade["isMaker"] == bool(event["maker"])
    total = {one["asset"]: Decimal(one["free"]) + Decimal(one["locked"]) for one in told["balances"]}
    assert abs(float(total["SYNBTC"]) - simulator.account_view().position_qty[0]) < 1e-6
    assert abs(float(total["USDT"]) - simulator.account_view().cash) < 1e-4
    equity = float(total["USDT"]) + float(total["SYNBTC"]) * close
    assert abs(equity - simulator.account_view().equity) < 1e-3


def test_market_waits_until_the_decision_is_told(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            stream = await client.listen(KLINES)
            first = await asyncio.wait_for(stream.recv(), 5)
            close_ts_ms = first["data"]["k"]["T"] + 1
            clock = await client.get("clock")
            assert (clock["market_ms"], clock["awaited_ms"], clock["row"]) == (close_ts_ms, close_ts_ms, 1)
            await asyncio.sleep(0.2)
            assert (await client.get("clock"))["market_ms"] == close_ts_ms
            status, told = await client.post("decided", {"close_ts_ms": close_ts_ms + 60_000})
            assert status == 400
            assert "expected a close up to" in told["error"]
            assert (await client.post("decided", {"close_ts_ms": close_ts_ms}))[0] == 200
            second = await asyncio.wait_for(stream.recv(), 5)
            assert second["data"]["k"]["T"] + 1 == close_ts_ms + 60_000

    asyncio.run(scenario())


def test_market_in_lockstep_opens_when_every_symbol_is_listened_to_or_the_client_says_so(bar_folder):
    async def scenario():
        config = made_config(bar_folder, data={"symbols": ["SYNBTC/USDT", "SYNETH/USDT"]}, market={"overrides": {}})
        async with running(config) as client:
            first = await client.listen(KLINES)
            await asyncio.sleep(0.1)
            assert (await client.get("clock"))["row"] == 0
            second = await client.listen("synethusdt@kline_1m", "synethusdt@kline_5m")
            await asyncio.wait_for(first.recv(), 5)
            await asyncio.wait_for(second.recv(), 5)
        async with running(config) as client:
            only = await client.listen(KLINES)
            await client.decide()
            await asyncio.wait_for(only.recv(), 5)

    asyncio.run(scenario())


def test_coarse_bars_close_with_their_last_part(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            stream = await client.listen(KLINES, "synbtcusdt@kline_5m", "synbtcusdt@trade", "synbtcusdt@bookTicker")
            closed = []
            while len(closed) < 2:
                message = await asyncio.wait_for(stream.recv(), 5)
                if message["stream"] == "synbtcusdt@kline_5m":
                    closed.append(message["data"]["k"])
                elif message["stream"] == KLINES:
                    await client.decide()
                elif message["stream"].endswith("bookTicker"):
                    assert float(message["data"]["b"]) <= float(message["data"]["a"])
            assert all(kline["x"] for kline in closed)
            assert [kline["T"] - kline["t"] + 1 for kline in closed] == [300_000, 300_000]
            bars = await client.sdk.get_klines(symbol=SYMBOL, interval="5m", startTime=closed[0]["t"], limit=1)
            assert bars[0][1:6] == [closed[0][name] for name in ("o", "h", "l", "c", "v")]

    asyncio.run(scenario())


def test_bars_end_and_the_venue_still_answers(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, warm_up_bars=1438)) as client:
            stream = await client.listen(KLINES)
            for _ in range(2):
                await asyncio.wait_for(stream.recv(), 5)
                await client.decide()
            clock = await client.get("clock")
            assert (clock["over"], clock["row"], clock["rows"], clock["awaited_ms"]) == (True, 2, 2, None)
            assert (await client.sdk.get_account())["canTrade"] is True

    asyncio.run(scenario())


def test_bar_closes_only_after_the_client_has_taken_its_reports(bar_folder):
    async def scenario():
        latency = {"base_ms": 50, "response_ms": 10, "jitter_ms": 0}
        config = made_config(bar_folder, latency=latency, sockets={"queue_s": 30, "ping_s": 100})
        async with (
            running(config) as client,
            client.http.ws_connect(f"{client.venue.address}/ws-api/v3", autoping=False) as user,
        ):
            params = {"apiKey": client.sdk.API_KEY, "timestamp": (await client.get("clock"))["wire_ms"]}
            params["signature"] = client.sdk._generate_ws_api_signature(params)
            await user.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": params})
            assert (await user.receive_json(timeout=5))["status"] == 200
            bars = await client.listen(KLINES)
            await asyncio.wait_for(bars.recv(), 5)
            await client.market("BUY", "0.01")
            await client.decide()
            kinds = [(await user.receive(timeout=5)).type for _ in range(5)]
            assert kinds == [WSMsgType.TEXT] * 4 + [
                WSMsgType.PING
            ]  # two reports with their balances, then the question
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(bars.recv(), 0.2)
            answering = asyncio.ensure_future(_answer_pings(user))
            await user.pong(b"read-1")
            await asyncio.wait_for(bars.recv(), 5)
            answering.cancel()

    asyncio.run(scenario())


async def _answer_pings(socket):
    while True:
        message = await socket.receive()
        if message.type is WSMsgType.PING:
            await socket.pong(message.data)
