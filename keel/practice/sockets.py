"""One WebSocket of a client: what goes out in order, pings and pongs, and the end after its time.

Source: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams (pings every 20 s, hanging up after
a minute without a pong, 24 hours at most)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from keel.config.practice import SocketsSection
from keel.domain.clock import Clock

_MOST_WAITING: Final = 100_000
"""Messages that may wait for a client that does not read before the venue hangs up."""
_GONE: Final = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


Frame = str | bytes
"""What goes over the wire: a text frame or a binary one."""


def as_text(message: Any) -> Frame:  # noqa: ANN401 - any message
    """Return a message as a text frame of JSON."""
    return json.dumps(message, separators=(",", ":"))


class Socket:
    """Hold a socket. Messages leave in the order in which they were given; none waits for the client."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        terms: SocketsSection,
        clock: Clock,
        encode: Callable[[Any], Frame] = as_text,
    ) -> None:
        self._ws, self._transport, self._terms, self._clock, self._encode = ws, transport, terms, clock, encode
        self._waiting: asyncio.Queue[tuple[Frame, bool]] = asyncio.Queue()
        """Frames, each with whether it is a ping."""
        self._numbers = count(1)
        self._pongs: dict[bytes, asyncio.Event] = {}
        self._heard_s = clock.monotonic_s()
        self._mute_until_s = 0.0
        self._over = False

    @property
    def is_open(self) -> bool:
        """Say whether it can still be written to."""
        return not self._ws.closed

    def send(self, message: Any) -> None:  # noqa: ANN401 - any message
        """Send a message; a mute socket loses it."""
        self._put(self._encode(message))

    def send_half(self, message: Any) -> None:  # noqa: ANN401 - any message
        """Send the first half of a message."""
        frame = self._encode(message)
        self._put(frame[: len(frame) // 2])

    def send_broken(self, text: str) -> None:
        """Send a text as it is, in a frame of the kind that messages come in."""
        self._put(text if isinstance(self._encode({}), str) else text.encode())

    def _put(self, frame: Frame) -> None:
        if self._clock.monotonic_s() < self._mute_until_s or self._ws.closed:
            return
        self._waiting.put_nowait((frame, False))
        if self._waiting.qsize() > _MOST_WAITING:
            self.abort()

    def mute(self, seconds: float) -> None:
        """Say nothing for a time, pings included; the socket stays open."""
        self._mute_until_s = self._clock.monotonic_s() + seconds

    async def is_read(self, within_s: float) -> bool:
        """Wait until the client has taken all that was sent; say whether it did in time."""
        if self._over or self._ws.closed or self._clock.monotonic_s() < self._mute_until_s:
            return False
        mark = f"read-{next(self._numbers)}".encode()
        self._pongs[mark] = answered = asyncio.Event()
        self._waiting.put_nowait((mark, True))
        try:
            await asyncio.wait_for(answered.wait(), within_s)
        except TimeoutError:
            return False
        finally:
            self._pongs.pop(mark, None)
        return not self._over

    async def serve(self, hear: Callable[[Frame], Awaitable[None]]) -> None:
        """Keep the socket until it ends: read what comes, write what waits, ping."""
        tasks = [asyncio.ensure_future(job) for job in (self._write(), self._ping(), self._end_in_time())]
        try:
            await self._read(hear)
        finally:
            self._over = True
            for answered in self._pongs.values():
                answered.set()  # nobody is left who could answer
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """End the socket as the protocol wants it."""
        with suppress(ConnectionError, RuntimeError):
            await asyncio.wait_for(self._ws.close(code=WSCloseCode.GOING_AWAY), 1.0)

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def _read(self, hear: Callable[[Frame], Awaitable[None]]) -> None:
        while True:
            message = await self._ws.receive()
            if message.type in _GONE:
                return
            if message.type is WSMsgType.PING:
                await self._ws.pong(message.data)
            elif message.type is WSMsgType.PONG:
                self._heard_s = self._clock.monotonic_s()
                answered = self._pongs.get(bytes(message.data))
                if answered is not None:
                    answered.set()
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                await hear(message.data)

    async def _write(self) -> None:
        with suppress(ConnectionError, RuntimeError):
            while True:
                frame, is_ping = await self._waiting.get()
                if is_ping:
                    await self._ws.ping(frame.encode() if isinstance(frame, str) else frame)
                elif isinstance(frame, str):
                    await self._ws.send_str(frame)
                else:
                    await self._ws.send_bytes(frame)

    async def _ping(self) -> None:
        while True:
            await self._clock.sleep(self._terms.ping_s)
            now_s = self._clock.monotonic_s()
            if now_s - self._heard_s > self._terms.pong_s:
                self.abort()
                return
            if now_s >= self._mute_until_s:
                self._waiting.put_nowait((str(int(now_s * 1000)).encode(), True))

    async def _end_in_time(self) -> None:
        await self._clock.sleep(self._terms.life_s)
        await self.close()
