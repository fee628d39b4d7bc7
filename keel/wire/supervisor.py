"""Keep one stream of messages alive: find that it is lost or mute, connect again, and say so.

The SDK does neither well: it connects again without subscribing again, gives up after five tries, and never notices an
open socket on which nothing comes. So each connection here is new, and none is ever mended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from keel.domain.clock import Clock
from keel.domain.errors import HaltTradingError, KeelError, RetryableError, reason_of
from keel.domain.venue_messages import StreamState
from keel.wire.backoff import Backoff

RENEW_AFTER_S: Final = 23 * 3600.0
"""Age at which a connection is replaced, seconds: Binance cuts each after 24 hours."""
_CANCEL_AGAIN_S: Final = 0.05
_PROBES_IN_IDLE: Final = 3
_LOG: Final = logging.getLogger(__name__)


class StreamLostError(RetryableError):
    """Report that a connection is over."""


class StreamRefusedError(StreamLostError):
    """Report that the other end takes no connection of ours now: said aloud, once, while we go on trying."""


class LastNoticeError(RetryableError):
    """Report that the other end has said it will close: a new connection is due, this one still gives."""


class Connection(Protocol):
    """Be one connection, from its opening to its end; it is never opened twice."""

    async def open(self) -> None:
        """Connect and subscribe."""

    async def receive(self) -> dict[str, Any]:
        """Return the next message. Raises StreamLostError at the end, LastNoticeError where it was announced."""

    async def probe(self) -> bool:
        """Ask for a sign of life and return whether one came; a stream that speaks by itself answers False at once."""

    def left(self) -> list[dict[str, Any]]:
        """Return the messages that have come and were not asked for, oldest first."""

    async def close(self) -> None:
        """Let go of it, at once."""


@dataclass(frozen=True, slots=True)
class _End:
    """Say why listening to a connection ended; `state` None: it gives still, and a new one is due."""

    state: StreamState | None
    reason: str


class Supervisor:
    """Pass on every message of a stream and keep it connected.

    `hear` is given each message; what it raises counts as a lost connection. `tell` hears UP at each connection (what
    passed before it has to be asked for), DOWN or MUTE when it is lost. Silence is found within `idle_s`. Where
    only one connection may be open, `renew_after_s` is None: none is replaced while it lives.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        hear: Callable[[dict[str, Any]], None],
        tell: Callable[[StreamState, str], None],
        clock: Clock,
        backoff: Backoff,
        idle_s: float,
        open_within_s: float,
        renew_after_s: float | None = RENEW_AFTER_S,
        before_up: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._connect = connect
        self._hear = hear
        self._tell = tell
        self._clock = clock
        self._backoff = backoff
        self._idle_s = idle_s
        self._open_within_s = open_within_s
        self._renew_after_s = renew_after_s
        self._before_up = before_up
        self._heard_s = 0.0
        self._running: asyncio.Task[None] | None = None
        self._open: set[Connection] = set()

    async def start(self) -> None:
        """Connect for the first time, and keep it so. Raises RetryableError, or HaltTradingError, if it does not."""
        connection = await self._opened()
        self._running = asyncio.create_task(self._run(connection))

    async def stop(self) -> None:
        """Let go of the connection and stop."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
        for connection in tuple(self._open):
            await self._let_go(connection)

    async def _run(self, connection: Connection) -> None:
        while True:
            end = await self._listen(connection)
            if end.state is None:
                connection = await self._renewed(connection, end.reason)
                continue
            await self._let_go(connection)
            self._say(end.state, end.reason)
            await self._clock.sleep(self._backoff.next_s())
            connection = await self._again()

    async def _renewed(self, old: Connection, reason: str) -> Connection:
        """Open the new connection before the old one is closed: nothing falls between, some may come twice."""
        try:
            new = await self._opened(reason)
        except KeelError as error:
            self._say(StreamState.DOWN, f"{reason}, and no new connection: {error}")
            await self._let_go(old)
            await self._clock.sleep(self._backoff.next_s())
            return await self._again()
        try:
            for message in old.left():
                self._hear(message)
        except Exception as error:  # noqa: BLE001 - the new connection gives already, and the old one is over
            self._say(StreamState.UP, f"{reason}; of the old connection a message broke off: {reason_of(error)}")
        await self._let_go(old)
        return new

    async def _again(self) -> Connection:
        said = ""
        while True:
            try:
                return await self._opened()
            except KeelError as error:
                _LOG.warning("still no connection: %s", error)
                if isinstance(error, StreamRefusedError | HaltTradingError) and str(error) != said:
                    said = str(error)
                    self._say(StreamState.DOWN, said)
                await self._clock.sleep(self._backoff.next_s())

    async def _opened(self, reason: str = "connected") -> Connection:
        connection = self._connect()
        try:
            await self._within(connection.open(), self._open_within_s)
            if self._before_up is not None:
                await self._before_up()
        except BaseException as error:
            await connection.close()
            if isinstance(error, KeelError) or not isinstance(error, Exception):
                raise
            raise StreamLostError(f"no connection: {type(error).__name__}: {reason_of(error)}") from None
        self._open.add(connection)
        self._heard_s = self._clock.monotonic_s()
        self._say(StreamState.UP, reason)
        return connection

    async def _let_go(self, connection: Connection) -> None:
        await connection.close()
        self._open.discard(connection)

    def _say(self, state: StreamState, reason: str) -> None:
        try:
            self._tell(state, reason)
        except Exception:  # noqa: BLE001 - a listener that breaks must not end the watch over the stream
            _LOG.exception("a listener broke at %s (%s)", state, reason)

    async def _within(self, opening: Awaitable[None], seconds: float) -> None:
        work = asyncio.ensure_future(opening)
        limit = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({work, limit}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise StreamLostError(f"no connection within {seconds:g} s")
            await work
        finally:
            await _drop(work, limit)

    async def _listen(self, connection: Connection) -> _End:
        reading = asyncio.create_task(self._read(connection))
        watching = asyncio.create_task(self._watch())
        probing = asyncio.create_task(self._probe(connection))
        renewing = asyncio.create_task(self._age())
        try:
            done, _ = await asyncio.wait({reading, watching, renewing}, return_when=asyncio.FIRST_COMPLETED)
            return next(task.result() for task in (reading, watching, renewing) if task in done)
        finally:
            await _drop(reading, watching, probing, renewing)

    async def _read(self, connection: Connection) -> _End:
        while True:
            try:
                message = await connection.receive()
                self._heard_s = self._clock.monotonic_s()
                self._hear(message)
            except LastNoticeError as error:
                return _End(None, str(error))
            except StreamLostError as error:
                return _End(StreamState.DOWN, str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, the stream is not to die of it unseen
                return _End(StreamState.DOWN, f"a message broke off: {type(error).__name__}: {reason_of(error)}")
            self._backoff.reset()

    async def _watch(self) -> _End:
        while (left_s := self._heard_s + self._idle_s - self._clock.monotonic_s()) > 0:
            await self._clock.sleep(left_s)
        return _End(StreamState.MUTE, f"nothing came for {self._idle_s:g} s")

    async def _probe(self, connection: Connection) -> None:
        while True:
            await self._clock.sleep(self._idle_s / _PROBES_IN_IDLE)
            with suppress(RetryableError, HaltTradingError):
                if await connection.probe():
                    self._heard_s = self._clock.monotonic_s()

    async def _age(self) -> _End:
        if self._renew_after_s is None:
            await asyncio.get_running_loop().create_future()  # until the connection ends
        renew_after_s = self._renew_after_s or 0.0
        await self._clock.sleep(renew_after_s)
        return _End(None, f"renewed after {renew_after_s / 3600:g} h")


async def _drop(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks until they end: a cancel that comes at once with a message is lost in the SDK's own waiting."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)
    # each is asked for its end, or a failure among them would be reported as never looked at
    await asyncio.gather(*tasks, return_exceptions=True)
