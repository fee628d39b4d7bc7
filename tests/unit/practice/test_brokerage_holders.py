"""Splits, dividends and fees on Alpaca's practice wire: what is held, ordered, written and announced."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import StopOrderRequest
from made_brokerage import STOCK, Client, made_config

from keel.app.wire_data import read_market_data
from keel.app.wiring import instruments_of
from keel.config.yaml_tree import Document
from keel.data.actions import Actions
from keel.data.provide import ensure_bars
from keel.data.store import BarStore
from keel.domain.layout import ACTION
from keel.domain.orders import ActionKind
from keel.practice.server import PracticeVenue

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK imports what its WebSocket library is giving up
    from alpaca.data.historical.corporate_actions import CorporateActionsClient
    from alpaca.data.requests import CorporateActionsRequest

EX_DATE_MS = 1_719_979_200_000
"""Midnight in New York of 2024-07-03."""
HISTORY, EVENING = 20, 6


@asynccontextmanager
async def night(folder: Path, *happens: tuple[str, float], **changes: Any) -> AsyncIterator[Client]:
    """Serve the minutes around a night at 100 dollars, in which something happens to holders."""
    config = made_config(folder, **({"warm_up_bars": HISTORY} | changes))
    simulated = config.simulated(next(iter(config.accounts.values())))
    ensure_bars(config.data, config.market.calendar, BarStore(Path(config.data.store)))
    bars = read_market_data(simulated, Document("config", {}, {})).bars
    begins = int(np.searchsorted(bars["open_ts_ms"][:, 0], EX_DATE_MS))
    bars = bars[begins - HISTORY - EVENING : begins + 10].copy()
    ratio = float(np.prod([value for kind, value in happens if kind == "split"]))
    for name in ("open", "high", "low", "close"):
        bars[name] = np.where(bars["open_ts_ms"] >= EX_DATE_MS, 100.0 / ratio, 100.0)
    records = np.zeros(len(happens), ACTION)
    for record, (kind, value) in zip(records, happens, strict=True):
        record["ts_ms"], record["kind"], record["value"] = EX_DATE_MS, ActionKind[kind.upper()], value
    actions = Actions(records, np.array([0]), np.array([len(records)]))
    venue = PracticeVenue(config, bars, instruments_of(simulated), actions=actions)
    await venue.start()
    try:
        async with aiohttp.ClientSession() as http:
            client = Client(venue, "practice", http)
            try:
                yield client
            finally:
                await client.close()
    finally:
        await venue.stop()


async def stop(client: Client, quantity: float, price: float, side: str, life: str = "gtc") -> Any:
    terms = {"symbol": STOCK, "qty": quantity, "side": OrderSide(side), "time_in_force": TimeInForce(life)}
    return await client.call(client.trading.submit_order, StopOrderRequest(**terms, stop_price=price))


async def open_with_stop(client: Client, side: str, stop_price: float) -> Any:
    """Open ten shares and protect them; return the stop once the night is over."""
    client.listen(STOCK)
    await client.buy(10, side=side)
    await client.decide(2)
    placed = await stop(client, 10, stop_price, "sell" if side == "buy" else "buy")
    await client.decide(EVENING)
    return await client.call(client.trading.get_order_by_id, placed["id"])


async def statement(client: Client, **asked: str) -> list[dict[str, Any]]:
    given = asked or {"category": "non_trade_activity"}
    _, told, _ = await client.ask("GET", "/v2/account/activities", params=given | {"direction": "asc"})
    return told


@pytest.mark.parametrize(
    ("ratio", "side", "price", "left"),
    [
        (2.0, "buy", 90, ("new", "20", "45")),  # sell stops are adjusted
        (2.0, "sell", 110, ("new", "10", "110")),  # buy stops are not
        (0.1, "buy", 90, ("canceled", "10", "90")),  # before a reverse split all end
        (0.1, "sell", 110, ("canceled", "10", "110")),
    ],
)
def test_a_split_recounts_what_is_held_and_does_to_orders_what_the_broker_does(bar_folder, ratio, side, price, left):
    async def scenario():
        async with night(bar_folder, ("split", ratio)) as client:
            standing = await open_with_stop(client, side, price)
            assert standing["status"] == left[0]
            if left[0] == "new":
                assert (standing["qty"], standing["stop_price"]) == left[1:]
            (held,) = await client.call(client.trading.get_all_positions)
            sign = 1 if side == "buy" else -1
            assert float(held["qty"]) == sign * 10 * ratio
            assert float(held["avg_entry_price"]) == pytest.approx(100 / ratio, rel=1e-3)
            gone, came = await statement(client, activity_types="SPLIT")
            assert (gone["activity_type"], came["activity_type"]) == ("SPLIT", "SPLIT")
            assert gone["group_id"] == came["group_id"]
            assert gone["date"] == came["date"] == "2024-07-03"
            assert float(gone["qty"]) == -sign * 10
            assert float(came["qty"]) == sign * 10 * ratio
            account, told = await client.call(client.trading.get_account), (await client.get("accounts"))["practice"]
            charged = float(account["equity"]) - float(account["accrued_fees"])
            assert charged == pytest.approx(float(told["simulated_equity"]), abs=1e-4)

    asyncio.run(scenario())


def test_a_part_of_a_share_that_cannot_be_held_is_paid_in_cash(bar_folder):
    async def scenario():
        whole = {"market": {"instrument": {"step_size": "1", "min_notional": 1, "shortable": True}}}
        async with night(bar_folder, ("split", 0.25), **whole) as client:
            client.listen(STOCK)
            await client.buy(10)
            await client.decide(EVENING + 2)
            (held,) = await client.call(client.trading.get_all_positions)
            assert held["qty"] == "2"
            *_, paid = await statement(client)
            assert (paid["activity_type"], float(paid["net_amount"])) == ("CIL", 200)

    asyncio.run(scenario())


@pytest.mark.parametrize(("side", "paid"), [("buy", 15), ("sell", -15)])
def test_a_dividend_is_paid_on_what_is_held_and_charged_on_what_is_owed(bar_folder, side, paid):
    async def scenario():
        async with night(bar_folder, ("dividend", 1.5)) as client:
            client.listen(STOCK)
            await client.buy(10, side=side)
            await client.decide(2)
            before = float((await client.call(client.trading.get_account))["cash"])
            await client.decide(EVENING)
            (written,) = [one for one in await statement(client) if one["activity_type"] == "DIV"]
            assert (float(written["net_amount"]), written["per_share_amount"]) == (paid, "1.5")
            fees = sum(float(one["net_amount"]) for one in await statement(client) if one["activity_type"] == "FEE")
            assert float((await client.call(client.trading.get_account))["cash"]) == pytest.approx(before + paid + fees)

    asyncio.run(scenario())


def test_fees_of_a_day_are_charged_at_its_end_in_one_entry(bar_folder):
    async def scenario():
        fees = {"fees": {"taker_bps": 0, "maker_bps": 0, "sell_fee_bps": 2}}
        async with night(bar_folder, **fees) as client:
            client.listen(STOCK)
            await client.buy(10)
            await client.decide(2)
            await client.buy(4, side="sell")
            await client.buy(6, side="sell")
            await client.decide(2)
            account = await client.call(client.trading.get_account)
            assert float(account["accrued_fees"]) == pytest.approx(0.2, abs=1e-3)
            assert not await statement(client)
            await client.decide(EVENING)
            (charged,) = await statement(client)
            assert (charged["activity_type"], charged["activity_sub_type"], charged["date"]) == (
                "FEE",
                "REG",
                "2024-07-02",
            )
            after = await client.call(client.trading.get_account)
            assert float(after["cash"]) == pytest.approx(float(account["cash"]) + float(charged["net_amount"]))
            assert float(after["accrued_fees"]) == 0

    asyncio.run(scenario())


def test_the_library_reads_what_is_announced(bar_folder):
    async def scenario():
        async with night(bar_folder, ("split", 1 / 3), ("dividend", 0.25)) as client:
            asked = CorporateActionsRequest(symbols=[STOCK], start="2024-07-01", end="2024-07-10")
            corporate = CorporateActionsClient(*client.keys, url_override=client.venue.address)
            found = await client.call(corporate.get_corporate_actions, asked)
            (split,), (dividend,) = found.data["reverse_splits"], found.data["cash_dividends"]
            assert (split.new_rate, split.old_rate, str(split.ex_date)) == (1, 3, "2024-07-03")
            assert dividend.rate == 0.25
            status, told, _ = await client.ask(
                "GET", "/v1/corporate-actions", params={"symbols": STOCK, "start": "2024-07-04", "end": "2024-07-10"}
            )
            assert (status, told["corporate_actions"]) == (200, {})

    asyncio.run(scenario())


def test_activities_are_asked_for_by_kind_or_by_category(bar_folder):
    async def scenario():
        async with night(bar_folder, ("dividend", 1.0)) as client:
            client.listen(STOCK)
            await client.buy(10)
            await client.decide(EVENING + 2)
            _, trades, _ = await client.ask("GET", "/v2/account/activities", params={"category": "trade_activity"})
            assert {one["activity_type"] for one in trades} == {"FILL"}
            _, paid, _ = await client.ask("GET", "/v2/account/activities/DIV")
            assert [one["activity_type"] for one in paid] == ["DIV"]
            both = {"category": "trade_activity", "activity_types": "DIV"}
            status, refused, _ = await client.ask("GET", "/v2/account/activities", params=both)
            assert (status, "only one" in refused["message"]) == (422, True)

    asyncio.run(scenario())
