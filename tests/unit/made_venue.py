"""A practice venue in this process, and the real client library that connects to it."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from keel.app.practice import open_venue
from keel.config.faults import Fault
from keel.config.practice import PracticeConfig
from keel.practice.server import PracticeVenue

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK imports what its WebSocket library is giving up
    from binance import AsyncClient, BinanceSocketManager
    from binance.exceptions import BinanceAPIException

__all__ = ["KLINES", "MINUTE_MS", "SYMBOL", "BinanceAPIException", "Client", "made_config", "running", "sdk_at"]

MINUTE_MS = 60_000
SYMBOL = "SYNBTCUSDT"
KLINES = f"{SYMBOL.lower()}@kline_1m"
_PATIENCE_S = 0.2
"""How often the SDK's reading loops look up: closing one waits so long."""


def made_config(folder: Path, **changes: Any) -> PracticeConfig:
    """Return the config of a small venue in lockstep on made-up minutes; sections in `changes` are laid over it."""
    provider = {"kind": "synthetic", "start": "2024-01-01", "end": "2024-01-02"}
    tree: dict[str, Any] = {
        "port": 0,
        "pace": "lockstep",
        "warm_up_bars": 100,
        "data": {
            "store": str(folder / "bars"),
            "venue": "synthetic",
            "symbols": ["SYNBTC/USDT"],
            "timeframe": "1m",
            "start": "2024-01-01",
            "end": "2024-01-02",
            "provider": provider,
        },
        "market": {"instrument": {"fee_currency": "base"}},
        "execution": {"price_model": "bridge"},
    }
    for name, change in changes.items():
        section = tree.get(name)
        tree[name] = section | change if isinstance(section, dict) and isinstance(change, dict) else change
    return PracticeConfig.model_validate(tree)


class Client:
    """Hold a client of a venue: the SDK, its sockets, and the venue's own controls."""

    def __init__(self, venue: PracticeVenue, sdk: AsyncClient, http: aiohttp.ClientSession) -> None:
        self.venue, self.sdk, self.http = venue, sdk, http
        self.sockets: list[Any] = []

    async def listen(self, *streams: str) -> Any:
        """Return an open socket of combined market streams."""
        return await self._opened(self._manager().multiplex_socket(list(streams)))

    async def listen_user(self) -> Any:
        """Return an open user socket."""
        return await self._opened(self._manager().user_socket())

    def _manager(self) -> BinanceSocketManager:
        address = self.venue.address.replace("http", "ws", 1)
        manager = type("Manager", (BinanceSocketManager,), {"STREAM_URL": f"{address}/"})
        return manager(self.sdk, max_queue_size=10_000)

    async def _opened(self, socket: Any) -> Any:
        socket.TIMEOUT = _PATIENCE_S
        await socket.__aenter__()
        self.sockets.append(socket)
        return socket

    async def get(self, what: str) -> Any:
        """Ask the venue's own controls, such as `clock`."""
        async with self.http.get(f"{self.venue.address}/practice/{what}") as answer:
            return await answer.json()

    async def post(self, what: str, body: Any) -> tuple[int, Any]:
        """Tell the venue's own controls something."""
        async with self.http.post(f"{self.venue.address}/practice/{what}", json=body) as answer:
            return answer.status, await answer.json()

    async def decide(self) -> None:
        """Tell that the decision on the last close is journalled."""
        clock = await self.get("clock")
        await self.post("decided", {"close_ts_ms": clock["market_ms"]})

    async def break_by(self, **fault: Any) -> None:
        """Add a fault."""
        self.venue.add_fault(Fault(**fault))

    async def market(self, side: str, quantity: str, **more: Any) -> dict[str, Any]:
        """Place a market order."""
        return await self.sdk.create_order(symbol=SYMBOL, side=side, type="MARKET", quantity=quantity, **more)

    async def limit(self, side: str, quantity: str, price: str, **more: Any) -> dict[str, Any]:
        """Place a limit order."""
        terms = {"timeInForce": "GTC", "quantity": quantity, "price": price}
        return await self.sdk.create_order(symbol=SYMBOL, side=side, type="LIMIT", **(terms | more))

    async def price(self) -> float:
        """Return the newest price."""
        return float((await self.sdk.get_symbol_ticker(symbol=SYMBOL))["price"])


def sdk_at(venue: PracticeVenue) -> type[AsyncClient]:
    """Return the SDK's client pointed at a venue by its address settings; nothing else is changed."""
    socket = venue.address.replace("http", "ws", 1)
    places = {
        "API_URL": f"{venue.address}/api",
        "MARGIN_API_URL": f"{venue.address}/sapi",
        "WS_API_URL": f"{socket}/ws-api/v3",
    }
    return type("Client", (AsyncClient,), places)


@asynccontextmanager
async def running(config: PracticeConfig, account: str = "practice") -> AsyncIterator[Client]:
    """Run a venue and a client of it."""
    venue = open_venue(config)
    await venue.start()
    try:
        async with _connected(venue, account) as client:
            yield client
    finally:
        await venue.stop()


@asynccontextmanager
async def _connected(venue: PracticeVenue, account: str) -> AsyncIterator[Client]:
    pair = venue.keys[account]
    sdk = await sdk_at(venue).create(pair.key, pair.secret)
    sdk.ws_api.TIMEOUT = _PATIENCE_S
    try:
        async with aiohttp.ClientSession() as http:
            client = Client(venue, sdk, http)
            try:
                yield client
            finally:
                for socket in client.sockets:
                    await _closed(socket)
    finally:
        await sdk.close_connection()


async def _closed(socket: Any) -> None:
    try:
        await socket.__aexit__(None, None, None)
    except Exception:  # noqa: BLE001 - a socket that a fault has broken cannot unsubscribe
        return
