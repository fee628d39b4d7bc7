"""Binance's two kinds of stream, one connection each, over the SDK's sockets: market data, and our own account.

What the SDK's sockets do by themselves is switched off: they never connect again. Each of them ends with the first
fault, and the supervisor opens another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

from keel.domain.errors import HaltTradingError, RetryableError
from keel.wire.addresses import refuse_elsewhere
from keel.wire.binance_client import SOCKET_ARGUMENTS, make_socket_manager
from keel.wire.binance_link import BinanceLink
from keel.wire.budget import Spend
from keel.wire.sdk import ReadLoopClosed, ReconnectingWebsocket, WebsocketAPI, WSListenerState
from keel.wire.supervisor import LastNoticeError, StreamLostError

_QUEUE_MESSAGES: Final = 100_000
_CONNECT_WEIGHT, _SUBSCRIBE_WEIGHT, _PING_WEIGHT = 2, 2, 1
_ERROR, _SHUTDOWN, _TERMINATED = "error", "serverShutdown", "eventStreamTerminated"


class MarketConnection:
    """Be one combined market stream; messages are those of its streams, unwrapped."""

    def __init__(self, link: BinanceLink, streams: Sequence[str]) -> None:
        self._link = link
        self._streams = list(streams)
        self._socket: ReconnectingWebsocket | None = None

    async def open(self) -> None:
        """Connect; the address names the streams, so nothing has to be subscribed."""
        manager = make_socket_manager(self._link.client, self._link.addresses, _QUEUE_MESSAGES)
        self._socket = manager.multiplex_socket(self._streams)
        self._socket.MAX_RECONNECTS = 0
        await self._socket.connect()

    async def receive(self) -> dict[str, Any]:
        """Return the next message. Raises StreamLostError, LastNoticeError."""
        return _unwrapped(await self._next())

    async def probe(self) -> bool:
        """Do nothing: a market speaks by itself, and one that answers questions but sends no prices is mute."""
        return False

    def left(self) -> list[dict[str, Any]]:
        """Return the messages that have come and were not asked for."""
        waiting = _emptied(self._socket._queue) if self._socket is not None else []
        return [each["data"] for each in waiting if _is_event(each.get("data"))]

    async def close(self) -> None:
        """Let go of it."""
        await _closed(self._socket)

    async def _next(self) -> dict[str, Any]:
        if self._socket is None:
            raise StreamLostError("not connected")
        try:
            message: dict[str, Any] = await self._socket.recv()
        except ReadLoopClosed:
            # the SDK's reading has ended, and what it had read is left in its queue
            if self._socket._queue.empty():
                raise StreamLostError("the SDK stopped reading") from None
            message = self._socket._queue.get_nowait()
        return message


class UserConnection:
    """Be one subscription to our account's events, over the WebSocket API; messages are the events."""

    def __init__(self, link: BinanceLink) -> None:
        self._link = link
        self._api = _UserApi(link)

    async def open(self) -> None:
        """Connect and subscribe. Raises RetryableError, or HaltTradingError where the key is refused."""
        await self._link.ask_once(_CONNECT_WEIGHT, lambda _: self._api.connect())
        await self._link.ask_once(_SUBSCRIBE_WEIGHT, lambda _: self._api.subscribe())

    async def receive(self) -> dict[str, Any]:
        """Return the next event. Raises StreamLostError, LastNoticeError."""
        event = await self._api.events.get()
        if event.get("e") == _TERMINATED:
            raise StreamLostError("the exchange ended the subscription")
        return _checked(event)

    async def probe(self) -> bool:
        """Ask the other end for an answer: an account may be quiet for days."""
        try:
            self._link.budget.refuse_if_shut()
        except (RetryableError, HaltTradingError):
            return True  # nothing may be asked now: silence proves nothing
        await self._link.budget.acquire(Spend.READ, _PING_WEIGHT, self._link.settings.timeout_s)
        with suppress(Exception):
            await self._api.call("ping", {})
            return True
        return False

    def left(self) -> list[dict[str, Any]]:
        """Return the events that have come and were not asked for."""
        return [event for event in _emptied(self._api.events) if _is_event(event)]

    async def close(self) -> None:
        """Let go of it."""
        await _closed(self._api)


class _UserApi(WebsocketAPI):  # type: ignore[misc]  # the SDK has no types
    """Be the SDK's WebSocket API, on which every event is kept, and which never connects again behind our back.

    The SDK keeps an event only if it carries the number of a subscription that is known already: the notice of a
    shutdown carries none, and an event may come with the subscription's own answer.
    """

    MAX_RECONNECTS = 0

    def __init__(self, link: BinanceLink) -> None:
        refuse_elsewhere(link.addresses.environment, (link.addresses.ws_api,))
        super().__init__(url=link.addresses.ws_api)
        self._link = link
        self._ws_kwargs = dict(SOCKET_ARGUMENTS)
        self.TIMEOUT = link.settings.timeout_s
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def subscribe(self) -> object:
        """Ask for our account's events."""
        return await self.call("userDataStream.subscribe.signature", self._link.client.sign_socket_request({}))

    async def call(self, method: str, params: dict[str, Any]) -> object:
        """Return the answer to one request."""
        name = uuid4().hex
        return await self.request(name, {"id": name, "method": method, "params": params})

    async def _ensure_ws_connection(self) -> None:
        if self.ws is None or self.ws_state is not WSListenerState.STREAMING:
            raise StreamLostError("not connected")

    async def _propagate_error(self, error_msg: dict[str, Any]) -> None:
        self.events.put_nowait(error_msg)

    def _handle_message(self, msg: str | bytes) -> object:
        message = ReconnectingWebsocket._handle_message(self, msg)
        if isinstance(message, dict) and isinstance(message.get("event"), dict):
            self.events.put_nowait(message["event"])
            return None
        return super()._handle_message(msg)


def _unwrapped(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("e") in (_ERROR, _SHUTDOWN):
        return _checked(message)
    data = message.get("data")
    if not isinstance(data, dict):
        raise StreamLostError(f"a message that is none of a combined stream: {str(message)[:160]}")
    return _checked(data)


def _checked(event: dict[str, Any]) -> dict[str, Any]:
    if event.get("e") == _ERROR:
        raise StreamLostError(f"{event.get('type')}: {str(event.get('m'))[:160]}")
    if event.get("e") == _SHUTDOWN:
        raise LastNoticeError("the exchange is about to close this connection")
    return event


def _is_event(event: object) -> bool:
    return isinstance(event, dict) and event.get("e") not in (_ERROR, _SHUTDOWN, _TERMINATED)


def _emptied(queue: asyncio.Queue[dict[str, Any]]) -> list[dict[str, Any]]:
    return [queue.get_nowait() for _ in range(queue.qsize())]


async def _closed(socket: ReconnectingWebsocket | None) -> None:
    if socket is None:
        return
    # told to leave first, and its connection ended: otherwise the SDK waits for its read to time out
    socket.ws_state = WSListenerState.EXITING
    for each in (socket.ws, socket):
        if each is not None:
            with suppress(Exception):
                await each.close()
