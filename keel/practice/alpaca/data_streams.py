"""The data streams: connections, one for each account and stream, and what they have subscribed to.

Source: https://docs.alpaca.markets/docs/streaming-market-data
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack

from keel.practice.alpaca.account import Account
from keel.practice.alpaca.spelling import moment
from keel.practice.sockets import Frame, Socket

CHANNELS: Final = ("trades", "quotes", "orderbooks", "bars", "updatedBars", "dailyBars", "statuses", "lulds")
ERRORS: Final = {
    400: "invalid syntax",
    401: "not authenticated",
    402: "auth failed",
    403: "already authenticated",
    404: "auth timeout",
    405: "symbol limit exceeded",
    406: "connection limit exceeded",
}


def as_msgpack(message: Any) -> Frame:  # noqa: ANN401 - any message
    """Return a message as msgpack, its times as msgpack's own."""
    packed: bytes = msgpack.packb(_with_times(message, lambda ts_ms: msgpack.Timestamp.from_unix_nano(ts_ms * 10**6)))
    return packed


def as_json(message: Any) -> Frame:  # noqa: ANN401 - any message
    """Return a message as JSON, its times written out."""
    return json.dumps(_with_times(message, moment), separators=(",", ":"))


def _with_times(message: Any, write: Callable[[int], Any]) -> Any:  # noqa: ANN401 - any message
    if not isinstance(message, list):
        return message
    return [one | {"t": write(one["t"])} if isinstance(one.get("t"), int) else one for one in message]


def read(frame: Frame) -> Mapping[str, Any]:
    """Return what a client asks for. Raises ValueError for what cannot be read."""
    try:
        asked = json.loads(frame) if isinstance(frame, str) else msgpack.unpackb(frame)
    except ValueError:
        raise
    except Exception as error:  # msgpack has errors of its own for every way to be broken
        raise ValueError("not msgpack") from error
    if not isinstance(asked, dict):
        raise ValueError("not a message")
    return asked


@dataclass(slots=True, eq=False)
class Subscriber:
    """Hold a socket of a data stream, `crypto` or stocks, and its subscriptions by channel."""

    socket: Socket
    crypto: bool
    account: Account | None = None
    symbols: dict[str, dict[str, None]] = field(default_factory=lambda: {channel: {} for channel in CHANNELS})

    def wants(self, channel: str, symbol: str) -> bool:
        """Say whether it has subscribed to a symbol, or to all."""
        return symbol in self.symbols[channel] or "*" in self.symbols[channel]

    @property
    def as_json(self) -> list[dict[str, Any]]:
        """Return its subscriptions as it is told of them."""
        told = {channel: list(symbols) for channel, symbols in self.symbols.items()}
        if self.crypto:
            return [{"T": "subscription", **{name: told[name] for name in CHANNELS[:6]}}]
        stocks = {name: told[name] for name in CHANNELS if name != "orderbooks"}
        extra = {"corrections": told["trades"], "cancelErrors": told["trades"]}
        return [{"T": "subscription", **stocks, **extra}]


class DataStreams:
    """Hold the connections. `find` returns the account of a key, `changed` is called at every subscription."""

    def __init__(self, find: Callable[[str, str], Account | None], changed: Callable[[], None]) -> None:
        self.subscribers: list[Subscriber] = []
        self.closed_until_s = 0.0
        """Until when nobody else may connect, by the venue's monotonic clock."""
        self._find, self._changed = find, changed

    @property
    def sockets(self) -> list[Socket]:
        """Return the open sockets."""
        return [one.socket for one in self.subscribers if one.socket.is_open]

    def wants(self, channel: str, symbol: str) -> bool:
        """Say whether anybody has subscribed to a symbol."""
        return any(one.wants(channel, symbol) for one in self.subscribers)

    def publish(self, channel: str, symbol: str, message: dict[str, Any]) -> None:
        """Send a message to all who have subscribed to its symbol."""
        for one in self.subscribers:
            if one.wants(channel, symbol) and one.crypto is ("/" in symbol):
                one.socket.send([message])

    def answer(self, one: Subscriber, frame: Frame, now_s: float) -> int | None:
        """Answer a message of a socket; return the code of an error after which the venue hangs up."""
        try:
            asked = read(frame)
        except ValueError:
            return refuse(one, 400)
        action = asked.get("action")
        if action == "auth":
            return self._admit(one, str(asked.get("key")), str(asked.get("secret")), now_s)
        if one.account is None:
            refuse(one, 401)
        elif action in ("subscribe", "unsubscribe"):
            self._subscribe(one, asked, add=action == "subscribe")
        else:
            refuse(one, 400)
        return None

    def _admit(self, one: Subscriber, key: str, secret: str, now_s: float) -> int | None:
        if one.account is not None:
            refuse(one, 403)
            return None
        account = self._find(key, secret)
        if account is None:
            return refuse(one, 402)
        others = [other for other in self.subscribers if other.account is account and other.crypto is one.crypto]
        if others or now_s < self.closed_until_s:
            return refuse(one, 406)
        one.account = account
        one.socket.send([{"T": "success", "msg": "authenticated"}])
        return None

    def _subscribe(self, one: Subscriber, asked: Mapping[str, Any], *, add: bool) -> None:
        for channel in CHANNELS:
            for symbol in asked.get(channel) or ():
                if add:
                    one.symbols[channel][str(symbol)] = None
                else:
                    one.symbols[channel].pop(str(symbol), None)
        one.socket.send(one.as_json)
        self._changed()


def refuse(one: Subscriber, code: int) -> int:
    """Tell an error; return its code."""
    one.socket.send([{"T": "error", "code": code, "msg": ERRORS[code]}])
    return code
