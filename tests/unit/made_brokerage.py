"""A practice venue that speaks Alpaca's wire in this process, and the real client library that connects to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.live import CryptoDataStream, StockDataStream
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest
from alpaca.trading.stream import TradingStream

from keel.app.practice import open_venue
from keel.config.faults import Fault
from keel.config.practice import PracticeConfig
from keel.practice.server import PracticeVenue

STOCK, COIN = "SYNX", "SYNBTC/USD"
WARM_UP = 60
SESSION_ROWS = 390
BEFORE_HALF_DAY = "2024-07-02"
"""A Tuesday; the day after closes at 13:00, the next is a holiday."""


def made_config(folder: Path, **changes: Any) -> PracticeConfig:
    """Return the config of a small venue in lockstep on made-up minutes of stocks; `changes` are laid over it."""
    tree: dict[str, Any] = {
        "speaks": "alpaca",
        "port": 0,
        "pace": "lockstep",
        "warm_up_bars": WARM_UP,
        "data": {
            "store": str(folder / "bars"),
            "venue": "synthetic",
            "symbols": [STOCK],
            "timeframe": "1m",
            "provider": {
                "kind": "synthetic",
                "start": BEFORE_HALF_DAY,
                "end": "2024-07-06",
                "initial_price": 100,
                "annual_volatility": 0.3,
            },
        },
        "market": {
            "calendar": "XNYS",
            "timezone": "America/New_York",
            "instrument": {"step_size": "0.0001", "min_notional": 1, "shortable": True},
        },
        "quality": {"gaps": "off"},
        "account": {"currency": "USD", "type": "margin", "initial_margin": 0.5},
        "accounts": {"practice": {"keys": "ALPACA"}},
        "latency": {"base_ms": 50, "response_ms": 10, "jitter_ms": 0},
    }
    for name, change in changes.items():
        section = tree.get(name)
        tree[name] = section | change if isinstance(section, dict) and isinstance(change, dict) else change
    return PracticeConfig.model_validate(tree)


class Client:
    """Hold clients of a venue: the SDK's, and the venue's own controls. The SDK's calls run in threads."""

    def __init__(self, venue: PracticeVenue, account: str, http: aiohttp.ClientSession) -> None:
        pair = venue.keys[account]
        self.venue, self.http, self.keys = venue, http, (pair.key, pair.secret)
        self.trading = TradingClient(*self.keys, raw_data=True, url_override=venue.address)
        self.stocks = StockHistoricalDataClient(*self.keys, raw_data=True, url_override=venue.address)
        self.coins = CryptoHistoricalDataClient(*self.keys, raw_data=True, url_override=venue.address)
        self._streams: list[tuple[Any, asyncio.Task[None]]] = []

    @property
    def socket(self) -> str:
        """Return the address of the venue's sockets."""
        return self.venue.address.replace("http", "ws", 1)

    def listen(self, *symbols: str, channel: str = "bars") -> asyncio.Queue[Any]:
        """Subscribe the SDK's data stream to symbols; return where its messages come."""
        crypto = "/" in symbols[0]
        kind, path = (CryptoDataStream, "/v1beta3/crypto/us") if crypto else (StockDataStream, "/v2/iex")
        stream = kind(*self.keys, raw_data=True, url_override=self.socket + path)
        queue, hear = _queue()
        getattr(stream, f"subscribe_{channel}")(hear, *symbols)
        self._run(stream)
        return queue

    async def listen_trades(self) -> asyncio.Queue[Any]:
        """Listen to the SDK's trading stream; return where its updates come once it is listened to."""
        stream = TradingStream(*self.keys, raw_data=True, url_override=f"{self.socket}/stream")
        queue, hear = _queue()
        stream.subscribe_trade_updates(hear)
        self._run(stream)
        async with asyncio.timeout(10):
            while not stream._running:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        return queue

    def _run(self, stream: Any) -> None:
        self._streams.append((stream, asyncio.ensure_future(stream._run_forever())))

    async def close(self) -> None:
        """End every stream."""
        for stream, task in self._streams:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await stream.close()

    async def call(self, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """Call the SDK in a thread: the venue answers in this one."""
        return await asyncio.to_thread(function, *given, **named)

    async def buy(self, quantity: float, symbol: str = STOCK, side: str = "buy", **more: Any) -> Any:
        """Place a market order of the day."""
        life = TimeInForce(more.pop("life", "gtc" if "/" in symbol else "day"))
        terms = {"symbol": symbol, "side": OrderSide(side), "time_in_force": life} | more
        if quantity:
            terms["qty"] = quantity
        return await self.call(self.trading.submit_order, MarketOrderRequest(**terms))

    async def limit(self, quantity: float, price: float, symbol: str = STOCK, side: str = "buy", **more: Any) -> Any:
        """Place a limit order of the day."""
        life = TimeInForce(more.pop("life", "gtc" if "/" in symbol else "day"))
        terms = {"symbol": symbol, "side": OrderSide(side), "time_in_force": life, "qty": quantity}
        return await self.call(self.trading.submit_order, LimitOrderRequest(**terms, limit_price=price, **more))

    async def get(self, what: str) -> Any:
        """Ask the venue's own controls, such as `clock`."""
        async with self.http.get(f"{self.venue.address}/practice/{what}") as answer:
            return await answer.json()

    async def post(self, what: str, body: Any) -> tuple[int, Any]:
        """Tell the venue's own controls something."""
        async with self.http.post(f"{self.venue.address}/practice/{what}", json=body) as answer:
            return answer.status, await answer.json()

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any, Any]:
        """Ask the wire without the SDK; return status, answer and headers."""
        headers = {"APCA-API-KEY-ID": self.keys[0], "APCA-API-SECRET-KEY": self.keys[1]}
        async with self.http.request(method, f"{self.venue.address}{path}", headers=headers, **more) as answer:
            return answer.status, await answer.json() if await answer.text() else None, answer.headers

    async def decide(self, times: int = 1) -> None:
        """Tell that decisions are journalled, a bar after another."""
        for _ in range(times):
            clock = await self.get("clock")
            await self.post("decided", {"close_ts_ms": clock["market_ms"]})
            async with asyncio.timeout(10):
                while not clock["over"] and (await self.get("clock"))["row"] == clock["row"]:
                    await asyncio.sleep(0.002)

    def break_by(self, **fault: Any) -> None:
        """Add a fault."""
        self.venue.add_fault(Fault(**fault))


def _queue() -> tuple[asyncio.Queue[Any], Any]:
    queue: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(message: Any) -> None:
        await queue.put(message)

    return queue, hear


async def heard(queue: asyncio.Queue[Any]) -> Any:
    """Return the next message."""
    return await asyncio.wait_for(queue.get(), 15)


@asynccontextmanager
async def running(config: PracticeConfig, account: str = "practice") -> AsyncIterator[Client]:
    """Run a venue and clients of it."""
    venue = open_venue(config)
    await venue.start()
    try:
        async with aiohttp.ClientSession() as http:
            client = Client(venue, account, http)
            try:
                yield client
            finally:
                await client.close()
    finally:
        await venue.stop()
