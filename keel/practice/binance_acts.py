"""Faults that are done once where Binance's wire is spoken: subscriptions, bans, symbols, filters, balances."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from keel.config.faults import Fault
from keel.practice.acts import Act, Acts
from keel.practice.market_streams import kline_message, kline_stream
from keel.practice.sockets import Socket
from keel.practice.state import VenueState
from keel.practice.symbol_rules import TRADING

_SHUTDOWN: Final = "serverShutdown"


class BinanceActs(Acts):
    """Do the acts to a venue that speaks Binance's wire."""

    def __init__(self, state: VenueState) -> None:
        super().__init__(state)
        self._state = state

    def acts(self) -> dict[str, Act]:
        """Return what can be done, by kind."""
        return super().acts() | {
            "terminate_user_stream": self._terminate,
            "burst": self._burst,
            "clock_shift": self._shift_clock,
            "rate_limit": lambda fault: self._state.limits.close(fault.seconds),
            "ban": self._ban,
            "halt_symbol": lambda fault: self._set_status(fault, "HALT"),
            "resume_symbol": lambda fault: self._set_status(fault, TRADING),
            "change_filter": self._change_filter,
            "balance_change": self._pay,
            "server_shutdown": self._shut_down,
        }

    def sockets(self, which: str) -> Sequence[Socket]:
        """Return the sockets of a kind: user, market or all."""
        found: list[Socket] = []
        if which != "market":
            found += [session.socket for session in self._state.users.sessions]
        if which != "user":
            found += self._state.streams.sockets
        return found

    def sample(self) -> Any:  # noqa: ANN401 - any message
        """Return a whole message, to be broken in two."""
        market = self._state.market
        (newest,) = market.candles(0, market.timeframe, None, None, 1)
        return kline_message(market.names[0], market.timeframe, newest, market.now_ms)

    def _terminate(self, _fault: Fault) -> None:
        for session in self._state.users.sessions:
            for number in list(session.subscriptions):
                session.end(number, self._state.market.now_ms)

    def _burst(self, fault: Fault) -> None:
        """Send many updates of bars that change nothing, at once."""
        market = self._state.market
        for i, name in enumerate(market.names):
            for interval in market.intervals():
                stream = kline_stream(name, interval)
                last = market.candles(i, interval, None, None, 1) if self._state.streams.wants(stream) else []
                for candle in last * fault.count:
                    self._state.streams.publish(stream, kline_message(name, interval, candle, market.now_ms))

    def _shift_clock(self, fault: Fault) -> None:
        self._state.troubles.clock_shift_ms += fault.shift_ms

    def _ban(self, fault: Fault) -> None:
        self._state.limits.ban(fault.seconds)
        self._state.hang_up_on_banned()

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
            for socket in self.sockets("user"):
                socket.send({"event": notice})
        if fault.sockets != "user":
            self._state.streams.announce(_SHUTDOWN, notice)
        self._state.later(self._hang_up(self.sockets(fault.sockets), fault.seconds))

    async def _hang_up(self, sockets: Sequence[Socket], seconds: float) -> None:
        await self._state.clock.sleep(seconds)
        await asyncio.gather(*(socket.close() for socket in sockets))
