"""The doors of the sockets: the trading stream, and the data streams of stocks and coins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from aiohttp import web

from keel.practice.alpaca.data_streams import Subscriber, as_json, as_msgpack, refuse
from keel.practice.alpaca.state import AlpacaState
from keel.practice.alpaca.trade_streams import Listener, as_binary
from keel.practice.sockets import Frame, Socket

_STOCK_FEEDS: Final = "/v2/{feed:iex|sip|delayed_sip|test}"
_COINS: Final = "/v1beta3/crypto/{loc:us|us-1}"
_PATIENCE_S: Final = 10.0
"""How long a client may take to authenticate."""
_HANG_UP_S: Final = 0.05
"""How long an error is given to leave before the venue hangs up."""


class SocketDoors:
    """Take every WebSocket."""

    def __init__(self, state: AlpacaState) -> None:
        self._state = state

    def routes(self) -> Sequence[web.RouteDef]:
        """Return what it answers."""
        return [
            web.get("/stream", self._serve_trades),
            web.get(_STOCK_FEEDS, self._serve_data),
            web.get(_COINS, self._serve_data),
        ]

    async def _serve_trades(self, request: web.Request) -> web.StreamResponse:
        socket, answer = await self._open(request, "user", as_binary)
        if socket is None:
            return answer
        listener = Listener(socket)

        async def hear(frame: Frame) -> None:
            self._state.trades.answer(listener, frame)

        self._state.trades.listeners.append(listener)
        try:
            await socket.serve(hear)
        finally:
            self._state.trades.listeners.remove(listener)
        return answer

    async def _serve_data(self, request: web.Request) -> web.StreamResponse:
        packed = request.headers.get("Content-Type") == "application/msgpack"
        socket, answer = await self._open(request, "market", as_msgpack if packed else as_json)
        if socket is None:
            return answer
        one, data = Subscriber(socket, crypto="crypto" in request.path), self._state.data

        async def hear(frame: Frame) -> None:
            if data.answer(one, frame, self._state.clock.monotonic_s()) is not None:
                self._state.later(self._hang_up(socket))

        data.subscribers.append(one)
        socket.send([{"T": "success", "msg": "connected"}])
        self._state.later(self._time_out(one))
        try:
            await socket.serve(hear)
        finally:
            data.subscribers.remove(one)
        return answer

    async def _time_out(self, one: Subscriber) -> None:
        await self._state.clock.sleep(_PATIENCE_S)
        if one.account is None and one.socket.is_open:
            refuse(one, 404)
            await self._hang_up(one.socket)

    async def _hang_up(self, socket: Socket) -> None:
        await self._state.clock.sleep(_HANG_UP_S)
        await socket.close()

    async def _open(
        self, request: web.Request, kind: str, encode: Callable[[Any], Frame]
    ) -> tuple[Socket | None, web.StreamResponse]:
        entry = self._state.log.note("socket", f"{kind} {request.path}", self._state.market.now_ms)
        if self._state.is_out():
            entry["fault"] = "outage"
            if request.transport is not None:
                request.transport.abort()
            return None, web.Response(status=503)
        ws = web.WebSocketResponse(autoping=False, max_msg_size=1 << 20)
        await ws.prepare(request)
        terms = self._state.config.sockets
        return Socket(ws, request.transport, terms, self._state.clock, encode), ws
