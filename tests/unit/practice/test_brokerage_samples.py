"""Every message of the practice venue that speaks Alpaca's wire has the fields and types of the vendor's samples.

The samples under tests/fixtures/wire/alpaca are transcribed from the vendor's pages, each with its address.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from made_brokerage import COIN, STOCK, made_config, running
from sample_check import differences

FOLDER = Path(__file__).parents[2] / "fixtures" / "wire" / "alpaca"
SAMPLES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
CONDITIONAL = {
    *("qty_available", "account_id"),  # newer than the samples: the SDK's models have them
    *("crypto_status", "accrued_fees", "pending_transfer_in", "non_marginable_buying_power"),  # likewise
    *("min_order_size", "min_trade_increment", "price_increment"),  # of coins
    "notional",  # null where a quantity was asked for
    "cancel_requested_at",  # shown by the stream's sample only
}
STOCKS = {"accounts": {"practice": {"pattern_day_trader": False, "balances": {"USD": 50_000, STOCK: "7"}}}}
COINS = {
    "data": {"symbols": [COIN], "provider": {"kind": "synthetic", "start": "2024-07-02", "end": "2024-07-03"}},
    "market": {"calendar": "24/7", "timezone": "UTC", "instrument": {}},
}


def alike(message: Any) -> Any:
    """Return a message whose numbers are all of one type and whose entries by symbol are a list: JSON knows no more."""
    if isinstance(message, dict):
        plain = {name: alike(value) for name, value in message.items()}
        return {
            name: list(value.values()) if name in ("bars", "quotes", "trades") and isinstance(value, dict) else value
            for name, value in plain.items()
        }
    if isinstance(message, list):
        return [alike(one) for one in message]
    return float(message) if type(message) is int else message


@pytest.fixture(scope="module")
def messages(bar_folder: Path) -> dict[str, Any]:
    """Return what the venue says at one occasion of each message."""
    return asyncio.run(_collect(bar_folder))


async def _collect(folder: Path) -> dict[str, Any]:
    async with running(made_config(folder, **STOCKS)) as client:
        found = await _trading(client) | await _data(client, "stock", STOCK, "/v2/stocks", "/v2/iex")
    async with running(made_config(folder, **COINS)) as client:
        path = "/v1beta3/crypto/us"
        return found | await _data(client, "crypto", COIN, path, path)


async def _trading(client) -> dict[str, Any]:
    async def ask(method: str, path: str, **more: Any) -> Any:
        return (await client.ask(method, path, **more))[1]

    found: dict[str, Any] = {}
    stream = await client.http.ws_connect(f"{client.venue.address}/stream")
    data = {"key_id": client.keys[0], "secret_key": client.keys[1]}
    listen = {"action": "listen", "data": {"streams": ["trade_updates"]}}
    for name, asked in (("authorized", {"action": "authenticate", "data": data}), ("listening", listen)):
        await stream.send_json(asked)
        found[name] = json.loads((await stream.receive(timeout=5)).data)
    terms = {"symbol": STOCK, "side": "buy", "time_in_force": "day", "qty": "3"}
    filled = await ask("POST", "/v2/orders", json=terms | {"type": "market"})
    await client.decide(2)
    while found.get("trade_update", {}).get("data", {}).get("event") != "fill":
        found["trade_update"] = json.loads((await stream.receive(timeout=5)).data)
    resting = terms | {"type": "limit", "limit_price": "80"}
    placed = await ask("POST", "/v2/orders", json=resting)
    await client.decide(2)
    found |= {
        "account": await ask("GET", "/v2/account"),
        "clock": await ask("GET", "/v2/clock"),
        "calendar": await ask("GET", "/v2/calendar?start=2024-07-02&end=2024-07-05"),
        "assets": await ask("GET", "/v2/assets"),
        "asset": await ask("GET", f"/v2/assets/{STOCK}"),
        "order_placed": placed,
        "orders": await ask("GET", "/v2/orders?status=all"),
        "order": await ask("GET", f"/v2/orders/{filled['id']}"),
        "order_by_name": await ask("GET", f"/v2/orders:by_client_order_id?client_order_id={filled['client_order_id']}"),
        "order_replaced": await ask("PATCH", f"/v2/orders/{placed['id']}", json={"limit_price": "81"}),
        "error": await ask("POST", "/v2/orders", json=resting | {"limit_price": "80.123"}),
        "positions": await ask("GET", "/v2/positions"),
        "position": await ask("GET", f"/v2/positions/{STOCK}"),
        "activities": await ask("GET", "/v2/account/activities/FILL"),
    }
    await client.decide(2)
    found["orders_canceled"] = await ask("DELETE", "/v2/orders")
    await client.decide(2)
    found["position_closed"] = await ask("DELETE", f"/v2/positions/{STOCK}?qty=1")
    await client.decide(2)
    return found | {"positions_closed": await ask("DELETE", "/v2/positions")}


async def _data(client, kind: str, symbol: str, path: str, socket: str) -> dict[str, Any]:
    latest = {"stock": "{}/latest", "crypto": "latest/{}"}[kind]
    asked = {f"{kind}_bars": f"bars?timeframe=1Min&start=2024-07-02&limit=2&symbols={symbol}"}
    asked |= {f"{kind}_latest_{name}": latest.format(name) + f"?symbols={symbol}" for name in ("quotes", "trades")}
    if kind == "stock":
        asked["stock_latest_bars"] = f"bars/latest?symbols={symbol}"
    found = {name: (await client.ask("GET", f"{path}/{what}"))[1] for name, what in asked.items()}
    first, second = [await client.http.ws_connect(client.venue.address + socket) for _ in range(2)]
    auth = {"action": "auth", "key": client.keys[0], "secret": client.keys[1]}
    for name in ("connected", "authenticated"):
        found[name] = await first.receive_json(timeout=5)
        await first.send_json(auth) if name == "connected" else None
    await second.receive_json(timeout=5)
    await second.send_json(auth)
    found["connection_limit"] = await second.receive_json(timeout=5)
    await first.send_json({"action": "subscribe", "bars": [symbol], "trades": [symbol], "quotes": [symbol]})
    found[f"{kind}_subscription"] = await first.receive_json(timeout=5)
    await client.decide()
    names = {"b": "bar", "t": "trade", "q": "quote"}
    while not all(f"{kind}_{name}" in found for name in names.values()):
        message = await first.receive_json(timeout=5)
        found[f"{kind}_{names[message[0]['T']]}"] = message
    return found


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_message_has_the_fields_and_types_of_its_sample(messages, name):
    assert differences(alike(SAMPLES[name]["message"]), alike(messages[name]), CONDITIONAL) == []


def test_no_message_goes_without_a_sample(messages):
    assert messages.keys() == SAMPLES.keys()


def test_every_sample_tells_where_it_is_from():
    vendor = ("https://github.com/alpacahq/alpaca-docs/", "https://docs.alpaca.markets/")
    for name, sample in SAMPLES.items():
        assert sample.keys() == {"source", "seen", "kind", "message"}, name
        assert sample["kind"] == "documented"
        assert sample["source"].startswith(vendor), name
