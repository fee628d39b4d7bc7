"""A small server that speaks as much of Binance's wire as a test tells it to, over real sockets on this machine."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

from keel.wire.binance_link import BinanceSettings

KEY, SECRET = "key-of-the-test", "secret-of-the-test"
Script = Callable[[web.WebSocketResponse], Awaitable[None]]
Handler = Callable[["Asked"], Awaitable[web.StreamResponse] | web.StreamResponse]

SYMBOL = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "orderTypes": ["LIMIT", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT"],
    "allowTrailingStop": True,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001"},
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2000,
            "minTrailingBelowDelta": 10,
            "maxTrailingBelowDelta": 2000,
        },
        {"filterType": "NOTIONAL", "minNotional": "5.0", "maxNotional": "9000000.0"},
    ],
}
LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
]


@dataclass
class Asked:
    """Hold one request as it came."""

    method: str
    path: str
    parameters: dict[str, str]
    raw: str
    request: web.Request
    at_s: float = field(default_factory=time.monotonic)


@dataclass
class WireServer:
    """Answer by `answers`, one after the other, then by `always`; run `markets` and `users` on sockets, in turn."""

    skew_ms: int = 0
    address: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: dict[tuple[str, str], list[Handler]] = field(default_factory=lambda: defaultdict(list))
    always: dict[tuple[str, str], Handler] = field(default_factory=dict)
    markets: list[Script] = field(default_factory=list)
    users: list[Script] = field(default_factory=list)
    market_paths: list[str] = field(default_factory=list)
    subscribed: list[dict[str, Any]] = field(default_factory=list)
    refusing: bool = False
    """Sockets are turned away, and counted."""
    turned_away: int = 0
    opens_after_s: float = 0.0
    stalling: bool = False
    """Sockets are taken and never opened."""

    def __post_init__(self) -> None:
        self.always |= {
            ("GET", "/api/v3/time"): lambda _: web.json_response({"serverTime": self.now_ms()}),
            ("GET", "/api/v3/exchangeInfo"): lambda _: web.json_response({"rateLimits": LIMITS, "symbols": [SYMBOL]}),
            ("GET", "/api/v3/account"): lambda _: web.json_response({"canTrade": True, "balances": []}),
        }

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.skew_ms

    def of(self, method: str, path: str) -> list[Asked]:
        return [each for each in self.asked if (each.method, each.path) == (method, path)]

    def then(self, method: str, path: str, *handlers: Handler) -> None:
        self.answers[method, path] += handlers

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raw = request.query_string or (await request.read()).decode()
        asked = Asked(request.method, request.path, dict(parse_qsl(raw)), raw, request)
        self.asked.append(asked)
        key = (request.method, request.path)
        handler = self.answers[key].pop(0) if self.answers[key] else self.always.get(key)
        if handler is None:
            return refusal(-1101, "no such endpoint in this test", 404)
        answer = handler(asked)
        return await answer if asyncio.iscoroutine(answer) else answer

    async def market(self, request: web.Request) -> web.WebSocketResponse:
        self.market_paths.append(request.path_qs)
        socket = await self._socket(request)
        await (self.markets.pop(0) if self.markets else stay)(socket)
        return socket

    async def user(self, request: web.Request) -> web.WebSocketResponse:
        socket = await self._socket(request)
        script = self.users.pop(0) if self.users else stay
        message = json.loads(await socket.receive_str())
        self.subscribed.append(message)
        await socket.send_json({"id": message["id"], "status": 200, "result": {"subscriptionId": 0}})
        await script(socket)
        return socket

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        if self.stalling:
            await asyncio.sleep(30)
        await asyncio.sleep(self.opens_after_s)
        if self.refusing:
            self.turned_away += 1
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        return socket


def settings(address: str, **changes) -> BinanceSettings:
    base = BinanceSettings(
        environment="practice",
        practice_address=address,
        recv_window_ms=3000,
        timeout_s=1.0,
        retries=2,
        cancel_share=0.2,
        backoff_base_s=0.01,
        max_backoff_s=0.02,
        clock_refresh_s=60.0,
        seed=7,
        state_dir=None,
        key=KEY,
        secret=SECRET,
    )
    return replace(base, **changes)


def refusal(code: int, message: str, status: int = 400, **headers: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response({"code": code, "msg": message}, status=status, headers=named)


def refuses(code: int, message: str, status: int = 400, **headers: str) -> Handler:
    return lambda _: refusal(code, message, status, **headers)


def says(tree: object, **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: web.json_response(tree, headers=named)


async def hangs(_: Asked) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


def drops(asked: Asked) -> web.StreamResponse:
    """Take the request and cut the connection instead of answering."""
    assert asked.request.transport is not None
    asked.request.transport.abort()
    return web.Response()


async def stay(socket: web.WebSocketResponse) -> None:
    """Answer pings, say nothing else, until the other end leaves."""
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            asked = json.loads(message.data)
            await socket.send_json({"id": asked["id"], "status": 200, "result": {}})


async def mute(socket: web.WebSocketResponse) -> None:
    """Take everything and answer nothing."""
    async for _ in socket:
        pass


@asynccontextmanager
async def wire_server(**settings: Any) -> AsyncIterator[WireServer]:
    server = WireServer(**settings)
    app = web.Application()
    app.router.add_route("GET", "/stream", server.market)
    app.router.add_route("GET", "/ws-api/v3", server.user)
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.05, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    server.address = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
