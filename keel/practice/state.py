"""All that the parts of the venue share: one market, its accounts, and how the venue itself stands."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from keel.config.practice import PracticeConfig
from keel.domain.clock import Clock
from keel.practice.account import Account, Numbers
from keel.practice.amounts import exact
from keel.practice.faults import FaultDesk
from keel.practice.limits import RequestLimits
from keel.practice.log import ServiceLog
from keel.practice.market import Market
from keel.practice.market_streams import MarketStreams
from keel.practice.refusals import invalid_symbol
from keel.practice.security import KeyPair
from keel.practice.symbol_rules import SymbolRules
from keel.practice.user_streams import UserStreams


@dataclass(slots=True)
class Troubles:
    """Hold what faults do to the venue as a whole; times are seconds of its monotonic clock."""

    clock_shift_ms: int = 0
    outage_until_s: float = 0.0
    keys_rejected_until_s: float = 0.0
    hidden: dict[str, float] = field(default_factory=dict)
    """Names of orders that queries do not find yet, and until when."""


@dataclass(eq=False)
class VenueState:
    """Hold the parts of one venue."""

    config: PracticeConfig
    clock: Clock
    market: Market
    rules: tuple[SymbolRules, ...]
    accounts: dict[str, Account]
    keys: dict[str, tuple[KeyPair, Account]]
    numbers: Numbers
    limits: RequestLimits
    log: ServiceLog
    faults: FaultDesk
    streams: MarketStreams
    users: UserStreams
    troubles: Troubles = field(default_factory=Troubles)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def wire_ms(self) -> int:
        """Return the venue's own clock, by which requests are judged."""
        return self.clock.wall_ms() + self.troubles.clock_shift_ms

    def find(self, symbol: str) -> int:
        """Return the place of a symbol. Refuses one that is not traded here."""
        place = self.market.find(symbol)
        if place is None:
            raise invalid_symbol()
        return place

    def last(self, i: int) -> Decimal:
        """Return the newest price of an instrument."""
        return exact(self.market.last_price(i))

    def is_out(self) -> bool:
        """Say whether nobody can reach the venue."""
        return self.clock.monotonic_s() < self.troubles.outage_until_s

    def hang_up_on_banned(self) -> None:
        """Cut the WebSocket API where the address is banned, as the exchange has done since 2023-03-13."""
        if self.limits.is_banned:
            for session in self.users.sessions:
                session.socket.abort()

    def later(self, job: Coroutine[Any, Any, None]) -> None:
        """Let something go on by itself until the venue stops."""
        task = asyncio.ensure_future(job)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
