"""Faults that are done once, whatever wire is spoken: what happens to sockets, clock, keys and limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from keel.config.faults import Fault
from keel.practice.core import Core
from keel.practice.sockets import Socket

Act = Callable[[Fault], None]
BROKEN: Final = '{"e":"kline","E":17000000'


class Acts:
    """Do acts to a venue. A wire says which sockets it has, and adds the acts that are its own."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def do(self, fault: Fault) -> None:
        """Do an act."""
        self.acts()[fault.kind](fault)

    def acts(self) -> dict[str, Act]:
        """Return what can be done, by kind."""
        return {
            "drop_user_stream": lambda _fault: self._abort("user"),
            "drop_market_stream": lambda _fault: self._abort("market"),
            "cut": lambda fault: self._close(fault.sockets),
            "mute": self._mute,
            "outage": self._outage,
            "malformed": self._malformed,
            "truncated": self._truncated,
            "reject_keys": self._reject_keys,
            "forbid_trading": self._forbid,
        }

    def sockets(self, which: str) -> Sequence[Socket]:
        """Return the sockets of a kind: user, market or all."""
        raise NotImplementedError

    def sample(self) -> Any:  # noqa: ANN401 - any message
        """Return a whole message, to be broken in two."""
        raise NotImplementedError

    def _abort(self, which: str) -> None:
        for socket in self.sockets(which):
            socket.abort()

    def _close(self, which: str) -> None:
        for socket in self.sockets(which):
            self._core.later(socket.close())

    def _mute(self, fault: Fault) -> None:
        for socket in self.sockets(fault.sockets):
            socket.mute(fault.seconds)

    def _outage(self, fault: Fault) -> None:
        self._core.troubles.outage_until_s = self._now_s() + fault.seconds
        self._abort("all")

    def _malformed(self, fault: Fault) -> None:
        for socket in self.sockets(fault.sockets):
            socket.send_broken(BROKEN)

    def _truncated(self, fault: Fault) -> None:
        for socket in self.sockets(fault.sockets):
            socket.send_half(self.sample())

    def _reject_keys(self, fault: Fault) -> None:
        self._core.troubles.keys_rejected_until_s = self._now_s() + fault.seconds

    def _forbid(self, fault: Fault) -> None:
        self._may_trade(allowed=False)
        if fault.seconds:
            self._core.later(self._allow(fault.seconds))

    async def _allow(self, seconds: float) -> None:
        await self._core.clock.sleep(seconds)
        self._may_trade(allowed=True)

    def _may_trade(self, *, allowed: bool) -> None:
        for trader in self._core.traders.values():
            trader.can_trade = allowed

    def _now_s(self) -> float:
        return self._core.clock.monotonic_s()
