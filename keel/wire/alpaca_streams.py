"""Alpaca's streams, one connection each, over the SDK's: trades of our account (JSON), and market data (msgpack).

Of the SDK's streams only what opens one is used: its address, its greeting, its words. Its endless loops, which connect
again without a word, take a second connection's refusal (406) for a passing fault, and swallow what a handler raises,
never run: each connection ends with the first fault, and the supervisor opens another.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Final, Literal

import msgpack
from websockets.exceptions import ConnectionClosed

from keel.domain.errors import ConfigError, HaltTradingError, reason_of
from keel.wire.alpaca_addresses import refuse_beyond
from keel.wire.alpaca_link import AlpacaLink
from keel.wire.alpaca_sdk import (
    CryptoDataStream,
    RedirectHandshake,
    StockDataStream,
    TradingStream,
    WebSocketClientProtocol,
)
from keel.wire.supervisor import StreamLostError, StreamRefusedError

_PING_S: Final = 10.0
_QUEUE_MESSAGES: Final = 100_000
_SECOND_CONNECTION: Final = 406
_WRONG_KEY: Final = (401, 402, 404, 409)
"""Codes of a market data stream: no login, a wrong one, one too late, a feed that the account has not subscribed to."""


class _Socket(WebSocketClientProtocol):
    """Be a socket of the SDK's that goes nowhere else, and remembers what was said last: the SDK drops refusals."""

    said: str | bytes = b""

    async def handshake(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as the base has it
        try:
            await super().handshake(*arguments, **options)
        except RedirectHandshake:
            # keys are sent after the handshake: they are not to follow to a host that nobody has checked
            raise StreamLostError("Alpaca's stream points elsewhere: nothing was sent there") from None

    async def recv(self) -> str | bytes:
        self.said = await super().recv()
        return self.said


class _Connection(ABC):
    """Be one connection, from its opening to its end."""

    def __init__(self, link: AlpacaLink) -> None:
        self._link = link
        self._stream: Any = None
        self._alive = asyncio.Event()
        self._read: list[dict[str, Any]] = []

    @abstractmethod
    def _made(self, key: str, secret: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        """Return the SDK's stream, connected to nothing yet, and its address."""

    @abstractmethod
    async def _start(self) -> None:
        """Log in and subscribe."""

    @abstractmethod
    async def _ask(self) -> None:
        """Ask for something that is answered at once and changes nothing."""

    @abstractmethod
    def _events(self, frame: str | bytes) -> list[dict[str, Any]]:
        """Return the events of a frame; note a sign of life. Raises StreamLostError for one that cannot be read."""

    async def open(self) -> None:
        """Connect, log in and subscribe. Raises StreamRefusedError, HaltTradingError where the key is refused."""
        settings = self._link.settings
        if not settings.key or not settings.secret:
            raise ConfigError("ALPACA_API_KEY and ALPACA_API_SECRET: not set in the environment; Alpaca needs both")
        limit_s = settings.timeout_s
        parameters = {
            "create_protocol": _Socket,
            "ping_interval": _PING_S,
            "ping_timeout": max(_PING_S, limit_s),
            "open_timeout": limit_s,
            "close_timeout": 1.0,
            "max_queue": _QUEUE_MESSAGES,
        }
        self._stream, address = self._made(settings.key, settings.secret, parameters)
        refuse_beyond(self._link.addresses.environment, (address,))
        try:
            await self._start()
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._refusal(error) from None
        except ConnectionClosed as error:
            raise StreamLostError(f"closed while opening: {reason_of(error)}") from None

    async def receive(self) -> dict[str, Any]:
        """Return the next event. Raises StreamLostError."""
        while not self._read:
            if self._stream is None or self._stream._ws is None:
                raise StreamLostError("not connected")
            try:
                frame = await self._stream._ws.recv()
            except ConnectionClosed as error:
                raise StreamLostError(f"closed: {reason_of(error)}") from None
            self._read = self._events(frame)
        return self._read.pop(0)

    async def probe(self) -> bool:
        """Ask the other end for an answer: an account may be quiet for days, and so may a market at night."""
        self._alive.clear()
        with suppress(Exception):
            await self._ask()
            async with asyncio.timeout(self._link.settings.timeout_s):
                await self._alive.wait()
            return True
        return False

    def left(self) -> list[dict[str, Any]]:
        """Return the events that have come and were not asked for."""
        found, self._read = self._read, []
        socket = self._stream._ws if self._stream is not None else None
        while socket is not None and socket.messages:
            found += self._events(socket.messages.popleft())
        return found

    async def close(self) -> None:
        """Let go of it."""
        if self._stream is not None:
            with suppress(Exception):
                await self._stream.close()

    def _refusal(self, error: Exception) -> Exception:
        """Return what the other end's last word before the SDK gave up means."""
        said = getattr(getattr(self._stream, "_ws", None), "said", b"")
        return self._meant(said) or StreamLostError(f"no connection: {type(error).__name__}: {reason_of(error)}")

    @abstractmethod
    def _meant(self, said: str | bytes) -> Exception | None:
        """Return the failure that a frame tells of, None for another one."""


class TradesConnection(_Connection):
    """Be the stream of our account's trade updates; an event is the data of one."""

    def _made(self, key: str, secret: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        environment, address = self._link.addresses.environment, self._link.addresses.trade_updates
        stream = TradingStream(
            key, secret, paper=environment != "real", raw_data=True, url_override=address, websocket_params=parameters
        )
        return stream, address

    async def _start(self) -> None:
        # what the SDK asks for goes by who would hear it
        self._stream.subscribe_trade_updates(_nobody)
        await self._stream._start_ws()
        while not self._alive.is_set():
            self._read += self._events(await self._stream._ws.recv())

    async def _ask(self) -> None:
        await self._stream._subscribe_trade_updates()

    def _events(self, frame: str | bytes) -> list[dict[str, Any]]:
        message = _json(frame)
        stream, data = message.get("stream"), message.get("data")
        if stream == "listening":
            self._alive.set()
            return []
        if stream != "trade_updates" or not isinstance(data, dict):
            raise self._meant(frame) or StreamLostError(f"a message that is no trade update: {_short(frame)}")
        return [data]

    def _meant(self, said: str | bytes) -> Exception | None:
        try:
            data = _json(said).get("data")
        except StreamLostError:
            return None
        if not isinstance(data, Mapping):
            return None
        code = _code(data)
        text = f"{code or ''} {data.get('error') or data.get('msg') or data.get('message') or ''}".strip()
        if code == _SECOND_CONNECTION or "connection limit" in text:
            return StreamRefusedError(f"Alpaca refused a second connection of this account: {text}")
        if data.get("status") == "unauthorized":
            return HaltTradingError(f"Alpaca shuts us out of the trade updates: {text or 'unauthorized'}")
        return StreamLostError(f"Alpaca's stream ended with an error: {text}") if text else None


class BarsConnection(_Connection):
    """Be the stream of bars of one kind of asset; an event is one bar, new (`b`) or revised (`u`)."""

    _STREAMS: ClassVar[dict[str, Callable[..., Any]]] = {"stocks": StockDataStream, "crypto": CryptoDataStream}

    def __init__(self, link: AlpacaLink, kind: Literal["stocks", "crypto"], wire_symbols: Sequence[str]) -> None:
        super().__init__(link)
        self._kind = kind
        self._symbols = tuple(wire_symbols)

    def _made(self, key: str, secret: str, parameters: dict[str, Any]) -> tuple[Any, str]:
        addresses = self._link.addresses
        address = addresses.stock_stream if self._kind == "stocks" else addresses.crypto_stream
        stream = self._STREAMS[self._kind](
            key, secret, raw_data=True, url_override=address, websocket_params=parameters
        )
        return stream, address

    async def _start(self) -> None:
        self._stream.subscribe_bars(_nobody, *self._symbols)
        self._stream.subscribe_updated_bars(_nobody, *self._symbols)
        await self._stream._start_ws()
        await self._stream._send_subscribe_msg()
        while not self._alive.is_set():
            self._read += self._events(await self._stream._ws.recv())

    async def _ask(self) -> None:
        await self._stream._send_subscribe_msg()

    def _events(self, frame: str | bytes) -> list[dict[str, Any]]:
        found = []
        for message in _unpacked(frame):
            kind = message.get("T")
            if kind in ("b", "u"):
                found.append(message)
            elif kind == "subscription":
                self._alive.set()
            elif kind == "error":
                raise self._told(message)
        return found

    def _meant(self, said: str | bytes) -> Exception | None:
        with suppress(StreamLostError):
            errors = (each for each in _unpacked(said) if each.get("T") == "error")
            return next((self._told(each) for each in errors), None)
        return None

    def _told(self, message: Mapping[str, Any]) -> Exception:
        code, text = _code(message), f"{message.get('code')} {message.get('msg')}"
        if code == _SECOND_CONNECTION:
            return StreamRefusedError(f"Alpaca refused a second connection of this account: {text}")
        if code in _WRONG_KEY:
            return HaltTradingError(f"Alpaca shuts us out of the bars of {self._kind}: {text}")
        return StreamLostError(f"Alpaca's stream ended with an error: {text}")


async def _nobody(_message: object) -> None:
    """Hear nothing: the SDK asks for what somebody hears."""


def _json(frame: str | bytes) -> dict[str, Any]:
    try:
        message = json.loads(frame)
    except ValueError:
        raise StreamLostError(f"a frame that is no JSON: {_short(frame)}") from None
    if not isinstance(message, dict):
        raise StreamLostError(f"a frame that is no message: {_short(frame)}")
    return message


def _unpacked(frame: str | bytes) -> list[dict[str, Any]]:
    try:
        messages = msgpack.unpackb(frame)
    except Exception:  # noqa: BLE001 - msgpack has no tree of its own for what is no msgpack
        raise StreamLostError(f"a frame that is no msgpack: {_short(frame)}") from None
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise StreamLostError(f"a frame that is no list of messages: {_short(frame)}")
    return messages


def _code(message: Mapping[str, Any]) -> int | None:
    code = message.get("code", message.get("error_code"))
    return int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdigit()) else None


def _short(frame: str | bytes) -> str:
    return repr(frame[:80])
