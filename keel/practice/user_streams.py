"""The WebSocket API as far as user streams need it: subscriptions, and the events that go to them.

Source: https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/user-data-stream-requests
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

from keel.practice.account import Account
from keel.practice.faults import FaultDesk
from keel.practice.sockets import Socket
from keel.practice.user_events import Message, stream_terminated


@dataclass(slots=True, eq=False)
class Session:
    """Hold a socket of the WebSocket API and its subscriptions, by their numbers."""

    socket: Socket
    subscriptions: dict[int, Account] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=count)

    def end(self, number: int, now_ms: int) -> None:
        """End a subscription, which is told."""
        if self.subscriptions.pop(number, None) is not None:
            self.socket.send({"subscriptionId": number, "event": stream_terminated(now_ms)})


class UserStreams:
    """Hold the sessions, and what faults hold back of the reports."""

    def __init__(self, faults: FaultDesk) -> None:
        self.sessions: list[Session] = []
        self._faults = faults
        self._held: dict[tuple[str, int], Message] = {}

    @property
    def sockets(self) -> list[Socket]:
        """Return the open sockets that somebody has subscribed on."""
        return [one.socket for one in self.sessions if one.subscriptions and one.socket.is_open]

    def hear(self, account: Account, message: Message) -> None:
        """Send a message to all subscriptions of an account, unless a fault happens to it."""
        for one in self._through_faults(message):
            self._send(account, one)

    def _send(self, account: Account, message: dict[str, Any]) -> None:
        for session in self.sessions:
            for number, of in session.subscriptions.items():
                if of is account:
                    session.socket.send({"subscriptionId": number, "event": message})

    def _through_faults(self, message: Message) -> list[Message]:
        if message["e"] != "executionReport":
            return [message]
        symbol, kind, name = message["s"], message["x"], message["i"]
        if kind == "NEW" and self._faults.on_report("fill_before_ack", symbol):
            self._held["ack", name] = message
            return []
        if kind == "TRADE":
            return self._trade_through_faults(message)
        kept = [self._held.pop((what, name), None) for what in ("ack", "fill")]
        return [one for one in (kept[0], message, kept[1]) if one is not None]

    def _trade_through_faults(self, message: Message) -> list[Message]:
        symbol, name = message["s"], message["i"]
        late = self._held.pop(("ack", name), None)
        if late is not None:
            return [message, late]
        if self._faults.on_report("drop_fill", symbol):
            return []
        if self._faults.on_report("duplicate_report", symbol):
            return [message, message]
        held = self._held.pop(("fill", name), None)
        if message["X"] != "FILLED" and (held is not None or self._faults.on_report("cancel_before_fill", symbol)):
            self._held["fill", name] = message
            return [] if held is None else [held]
        return [message] if held is None else [held, message]
