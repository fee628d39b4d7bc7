"""Faults that are done once: what happens to sockets, keys, clock, limits, symbols and balances."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from keel.config.faults import Fault
from keel.practice.market_streams import kline_message, kline_stream
from keel.practice.sockets import Socket
from keel.practice.state import VenueState
from keel.practice.symbol_rules import TRADING

_BROKEN: Final = '{"e":"kline","E":17000000'
_SHUTDOWN: Final = "serverShutdown"


class Acts:
    """Do the acts to a venue."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def do(self, fault: Fault) -> None:
        """Do an act."""
        self._acts()[fault.kind](fault)

    def _acts(self) -> dict[str, Callable[[Fault], None]]:
        return {
            "drop_user_stream": lambda fault: self._cut(fault, "user"),
            "drop_market_stream": lambda fault: self._cut(fault, "market"),
            "cut": lambda fault: self._close(self._sockets(fault.sockets)),
            "terminate_user_stream": self._terminate,
            "mute": self._mute,
            "outage": self._outage,
            "burst": self._burst,
            "malformed": lambda fault: self._say(fault, _BROKEN),
            "truncated": self._truncated,
            "clock_shift": self._shift_clock,
            "rate_limit": lambda fault: self._state.limits.close(fault.seconds),
            "ban": self._ban,
            "reject_keys": self._reject_keys,
            "forbid_trading": self._forbid,
            "halt_symbol": lambda fault: self._set_status(fault, "HALT"),
            "resume_symbol": lambda fault: self._set_status(fault, TRADING),
            "change_filter": self._change_filter,
            "balance_change": self._pay,
            "server_shutdown": self._shut_down,
        }

    def _sockets(self, which: str) -> list[Socket]:
        found: list[Socket] = []
        if which != "market":
            found += [session.socket for session in self._state.users.sessions]
        if which != "user":
            found += self._state.streams.sockets
        return found

    def _cut(self, _fault: Fault, which: str) -> None:
        for socket in self._sockets(which):
            socket.abort()

    def _close(self, sockets: list[Socket]) -> None:
        for socket in sockets:
            self._state.later(socket.close())

    def _terminate(self, _fault: Fault) -> None:
        for session in self._state.users.sessions:
            for number in list(session.subscriptions):
                session.end(number, self._state.market.now_ms)

    def _mute(self, fault: Fault) -> None:
        for socket in self._sockets(fault.sockets):
            socket.mute(fault.seconds)

    def _outage(self, fault: Fault) -> None:
        self._state.troubles.outage_until_s = self._now_s() + fault.seconds
        for socket in self._sockets("all"):
            socket.abort()

    def _burst(self, fault: Fault) -> None:
        """Send many updates of bars that change nothing, at once."""
        market = self._state.market
        for i, name in enumerate(market.names):
            for interval in market.intervals():
                stream = kline_stream(name, interval)
                last = market.candles(i, interval, None, None, 1) if self._state.streams.wants(stream) else []
                for candle in last * fault.count:
                    self._state.streams.publish(stream, kline_message(name, interval, candle, market.now_ms))

    def _say(self, fault: Fault, text: str) -> None:
        for socket in self._sockets(fault.sockets):
            socket.send(text)

    def _truncated(self, fault: Fault) -> None:
        market = self._state.market
        (newest,) = market.candles(0, market.timeframe, None, None, 1)
        whole = json.dumps(kline_message(market.names[0], market.timeframe, newest, market.now_ms))
        self._say(fault, whole[: len(whole) // 2])

    def _shift_clock(self, fault: Fault) -> None:
        self._state.troubles.clock_shift_ms += fault.shift_ms

    def _ban(self, fault: Fault) -> None:
        self._state.limits.ban(fault.seconds)
        self._state.hang_up_on_banned()

    def _reject_keys(self, fault: Fault) -> None:
        self._state.troubles.keys_rejected_until_s = self._now_s() + fault.seconds

    def _forbid(self, fault: Fault) -> None:
        for account in self._state.accounts.values():
            account.can_trade = False
        if fault.seconds:
            self._state.later(self._allow(fault.seconds))

    async def _allow(self, seconds: float) -> None:
        await self._state.clock.sleep(seconds)
        for account in self._state.accounts.values():
            account.can_trade = True

    def _set_status(self, fault: Fault, status: str) -> None:
        for rules in self._state.rules:
            if fault.symbol in (None, rules.name):
                rules.status = status

    def _change_filter(self, fault: Fault) -> None:
        for rules in self._state.rules:
            if fault.symbol in (None, rules.name):
                rules.change(str(fault.filter), fault.values)

    def _pay(self, fault: Fault) -> None:
        for account in self._state.accounts.values():
            account.transfer(str(fault.asset), Decimal(str(fault.amount)), self._state.market.now_ms)

    def _shut_down(self, fault: Fault) -> None:
        """Tell that the server goes down, and hang up after a time; new sockets may be opened at once."""
        notice = {"e": _SHUTDOWN, "E": self._state.wire_ms}
        if fault.sockets != "market":
            for socket in self._sockets("user"):
                socket.send({"event": notice})
        if fault.sockets != "user":
            self._state.streams.announce(_SHUTDOWN, notice)
        self._state.later(self._hang_up(self._sockets(fault.sockets), fault.seconds))

    async def _hang_up(self, sockets: list[Socket], seconds: float) -> None:
        await self._state.clock.sleep(seconds)
        await asyncio.gather(*(socket.close() for socket in sockets))

    def _now_s(self) -> float:
        return self._state.clock.monotonic_s()
