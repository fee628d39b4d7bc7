"""The trading stream: who listens to which account, and what faults hold back of the updates.

Source: https://docs.alpaca.markets/docs/websocket-streaming
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from keel.practice.alpaca.account import Account, Update
from keel.practice.faults import FaultDesk
from keel.practice.sockets import Frame, Socket

TRADE_UPDATES: Final = "trade_updates"
_FILLS: Final = ("fill", "partial_fill")


def as_binary(message: Any) -> Frame:  # noqa: ANN401 - any message
    """Return a message as this stream sends it: JSON in a binary frame."""
    return json.dumps(message, separators=(",", ":")).encode()


@dataclass(slots=True, eq=False)
class Listener:
    """Hold a socket of the trading stream, whose account it is, and whether it listens to updates."""

    socket: Socket
    account: Account | None = None
    listens: bool = False


class TradeStreams:
    """Hold the listeners. `find` returns the account of a key and its secret."""

    def __init__(self, faults: FaultDesk, find: Callable[[str, str], Account | None]) -> None:
        self.listeners: list[Listener] = []
        self._faults, self._find = faults, find
        self._held: dict[tuple[str, str], Update] = {}

    @property
    def listening(self) -> list[Socket]:
        """Return the open sockets that updates go to."""
        return [one.socket for one in self.listeners if one.listens and one.socket.is_open]

    def hear(self, account: Account, update: Update) -> None:
        """Send an update to all who listen to an account, unless a fault happens to it."""
        for one in self._through_faults(update):
            for listener in self.listeners:
                if listener.account is account and listener.listens:
                    listener.socket.send({"stream": TRADE_UPDATES, "data": one})

    def answer(self, listener: Listener, frame: Frame) -> None:
        """Answer a message of a socket; what cannot be read is not answered."""
        try:
            asked = json.loads(frame)
            action, data = str(asked["action"]), asked.get("data")
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        data = data if isinstance(data, dict) else asked
        if action in ("authenticate", "auth"):
            key, secret = data.get("key_id", data.get("key")), data.get("secret_key", data.get("secret"))
            listener.account = self._find(str(key), str(secret))
            listener.socket.send(_authorization(action, ok=listener.account is not None))
        elif action == "listen" and listener.account is None:
            listener.socket.send(_authorization(action, ok=False))
        elif action == "listen":
            streams = [name for name in data.get("streams") or () if name == TRADE_UPDATES]
            listener.listens = bool(streams)
            listener.socket.send({"stream": "listening", "data": {"streams": streams}})

    def _through_faults(self, update: Update) -> list[Update]:
        symbol, kind, name = update["order"]["symbol"], update["event"], update["order"]["id"]
        if kind == "new" and self._faults.on_report("fill_before_ack", symbol):
            self._held["ack", name] = update
            return []
        if kind in _FILLS:
            return self._fill_through_faults(update, symbol, name)
        kept = [self._held.pop((what, name), None) for what in ("ack", "fill")]
        return [one for one in (kept[0], update, kept[1]) if one is not None]

    def _fill_through_faults(self, update: Update, symbol: str, name: str) -> list[Update]:
        late = self._held.pop(("ack", name), None)
        if late is not None:
            return [update, late]
        if self._faults.on_report("drop_fill", symbol):
            return []
        if self._faults.on_report("duplicate_report", symbol):
            return [update, update]
        held = self._held.pop(("fill", name), None)
        partial = update["event"] == "partial_fill"
        if partial and (held is not None or self._faults.on_report("cancel_before_fill", symbol)):
            self._held["fill", name] = update
            return [] if held is None else [held]
        return [update] if held is None else [held, update]


def _authorization(action: str, *, ok: bool) -> dict[str, Any]:
    return {"stream": "authorization", "data": {"status": "authorized" if ok else "unauthorized", "action": action}}
