"""Faults that are done once where Alpaca's wire is spoken: limits, symbols, cash, bursts, connections."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from keel.config.faults import Fault
from keel.practice.acts import Act, Acts
from keel.practice.alpaca.messages import bar
from keel.practice.alpaca.state import AlpacaState
from keel.practice.amounts import exact
from keel.practice.sockets import Socket


class AlpacaActs(Acts):
    """Do the acts to a venue that speaks Alpaca's wire."""

    def __init__(self, state: AlpacaState) -> None:
        super().__init__(state)
        self._state = state

    def acts(self) -> dict[str, Act]:
        """Return what can be done, by kind."""
        return super().acts() | {
            "burst": self._burst,
            "rate_limit": lambda fault: self._state.limits.close(fault.seconds),
            "halt_symbol": lambda fault: self._set_tradable(fault, tradable=False),
            "resume_symbol": lambda fault: self._set_tradable(fault, tradable=True),
            "balance_change": self._pay,
            "connection_limit": self._hold_connections,
        }

    def sockets(self, which: str) -> Sequence[Socket]:
        """Return the sockets of a kind: user, market or all."""
        found: list[Socket] = []
        if which != "market":
            found += [one.socket for one in self._state.trades.listeners]
        if which != "user":
            found += self._state.data.sockets
        return found

    def sample(self) -> Any:  # noqa: ANN401 - any message
        """Return a whole message, to be broken in two."""
        first = self._state.assets[0]
        return [bar(first, self._state.bars.newest(first) or {})]

    def _burst(self, fault: Fault) -> None:
        """Send bars that are known already again and again, at once."""
        for asset in self._state.assets:
            newest = self._state.bars.newest(asset)
            for _ in range(fault.count if newest is not None else 0):
                self._state.data.publish("updatedBars", asset.symbol, bar(asset, newest or {}, "u"))

    def _set_tradable(self, fault: Fault, *, tradable: bool) -> None:
        for asset in self._state.assets:
            if fault.symbol in (None, *asset.names):
                asset.tradable = tradable

    def _pay(self, fault: Fault) -> None:
        """Pay in or out, dollars or units of a position; no stream tells it."""
        for account in self._state.accounts.values():
            change, asset = exact(Decimal(str(fault.amount))), self._state.find(str(fault.asset))
            if asset is None:
                account.holdings.cash += change
            else:
                account.holdings.positions[asset.place].trade(change, self._state.last(asset))

    def _hold_connections(self, fault: Fault) -> None:
        """Let the old connection of every account seem to be there still."""
        self._state.data.closed_until_s = self._state.clock.monotonic_s() + fault.seconds
