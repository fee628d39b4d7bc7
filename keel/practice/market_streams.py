"""Market streams: who has subscribed to what, and the messages.

Source: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from keel.practice.amounts import text
from keel.practice.market import Candle
from keel.practice.sockets import Socket

_METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_TRADES_A_BAR: Final = 4


class Subscriber:
    """Hold a market socket and its streams; `combined` wraps each message with its stream's name."""

    def __init__(self, socket: Socket, streams: tuple[str, ...], *, combined: bool) -> None:
        self.socket, self.streams, self.combined = socket, dict.fromkeys(streams), combined


class MarketStreams:
    """Hold the market sockets. `changed` is called whenever somebody has subscribed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._subscribers: list[Subscriber] = []
        self._changed = changed

    @property
    def sockets(self) -> list[Socket]:
        """Return the open sockets."""
        return [one.socket for one in self._subscribers if one.socket.is_open]

    def join(self, subscriber: Subscriber) -> None:
        """Take in a socket."""
        self._subscribers.append(subscriber)
        self._changed()

    def leave(self, subscriber: Subscriber) -> None:
        """Let go of a socket."""
        self._subscribers.remove(subscriber)

    def wants(self, stream: str) -> bool:
        """Say whether anybody has subscribed to a stream."""
        return any(stream in one.streams for one in self._subscribers)

    def publish(self, stream: str, message: dict[str, Any]) -> None:
        """Send a message to all who have subscribed to its stream."""
        for one in self._subscribers:
            if stream in one.streams:
                one.socket.send({"stream": stream, "data": message} if one.combined else message)

    def announce(self, name: str, message: dict[str, Any]) -> None:
        """Send everybody a message of the connection itself, in the way of their streams."""
        for one in self._subscribers:
            one.socket.send({"stream": f"!{name}", "data": message} if one.combined else message)

    def answer(self, subscriber: Subscriber, asked: str) -> None:
        """Answer a control message of a socket."""
        try:
            request = json.loads(asked)
        except ValueError:
            subscriber.socket.send({"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"})
            return
        method, params = request.get("method"), request.get("params") or []
        if method not in _METHODS:
            told = f"Invalid request: unknown variant {method}, expected one of {', '.join(_METHODS)}"
            subscriber.socket.send({"code": 2, "msg": told, "id": request.get("id")})
            return
        subscriber.socket.send({"result": self._do(subscriber, method, params), "id": request.get("id")})
        if method == "SUBSCRIBE":
            self._changed()

    @staticmethod
    def _do(subscriber: Subscriber, method: str, params: list[Any]) -> object:
        if method == "SUBSCRIBE":
            subscriber.streams |= dict.fromkeys(map(str, params))
        elif method == "UNSUBSCRIBE":
            for stream in params:
                subscriber.streams.pop(str(stream), None)
        elif method == "LIST_SUBSCRIPTIONS":
            return list(subscriber.streams)
        elif method == "SET_PROPERTY":
            subscriber.combined = bool(params[-1])
        else:
            return subscriber.combined
        return None


def kline_stream(symbol: str, interval: str) -> str:
    """Return the name of a stream of bars."""
    return f"{symbol.lower()}@kline_{interval}"


def kline_row(candle: Candle) -> list[Any]:
    """Return a bar as REST tells it; the quote volumes are the base volumes at the middle of the bar."""
    middle = (candle.high + candle.low) / 2
    return [
        candle.open_ts_ms,
        text(candle.open),
        text(candle.high),
        text(candle.low),
        text(candle.close),
        text(candle.volume),
        candle.close_ts_ms - 1,
        text(candle.volume * middle),
        _TRADES_A_BAR,
        text(candle.volume / 2),
        text(candle.volume / 2 * middle),
        "0",
    ]


def kline_message(symbol: str, interval: str, candle: Candle, now_ms: int) -> dict[str, Any]:
    """Return a bar as its stream tells it."""
    row = kline_row(candle)
    first = candle.open_ts_ms // 1000 * _TRADES_A_BAR
    return {
        "e": "kline",
        "E": now_ms,
        "s": symbol,
        "k": {
            "t": row[0],
            "T": row[6],
            "s": symbol,
            "i": interval,
            "f": first,
            "L": first + _TRADES_A_BAR - 1,
            "o": row[1],
            "c": row[4],
            "h": row[2],
            "l": row[3],
            "v": row[5],
            "n": row[8],
            "x": candle.closed,
            "q": row[7],
            "V": row[9],
            "Q": row[10],
            "B": "0",
        },
    }


def trade_message(symbol: str, number: int, price: float, quantity: float, now_ms: int) -> dict[str, Any]:
    """Return a trade of the market, made up from the bar's walk."""
    return {
        "e": "trade",
        "E": now_ms,
        "s": symbol,
        "t": number,
        "p": text(price),
        "q": text(quantity),
        "T": now_ms,
        "m": False,
        "M": True,
    }


def book_message(symbol: str, number: int, bid: float, ask: float) -> dict[str, Any]:
    """Return the best bid and ask."""
    return {"u": number, "s": symbol, "b": text(bid), "B": text(1.0), "a": text(ask), "A": text(1.0)}
