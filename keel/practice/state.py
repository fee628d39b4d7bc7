"""All that the parts of the venue share where it speaks Binance's wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from keel.practice.account import Account, Numbers
from keel.practice.amounts import exact
from keel.practice.core import Core, Trader
from keel.practice.limits import RequestLimits
from keel.practice.market_streams import MarketStreams
from keel.practice.refusals import invalid_symbol
from keel.practice.security import KeyPair
from keel.practice.symbol_rules import SymbolRules
from keel.practice.user_streams import UserStreams


@dataclass(eq=False, kw_only=True)
class VenueState(Core):
    """Hold the parts of one venue."""

    rules: tuple[SymbolRules, ...]
    accounts: dict[str, Account]
    keys: dict[str, tuple[KeyPair, Account]]
    numbers: Numbers
    limits: RequestLimits
    streams: MarketStreams
    users: UserStreams

    @property
    def traders(self) -> Mapping[str, Trader]:
        """Return the accounts, by name."""
        return self.accounts

    def find(self, symbol: str) -> int:
        """Return the place of a symbol. Refuses one that is not traded here."""
        place = self.market.find(symbol)
        if place is None:
            raise invalid_symbol()
        return place

    def last(self, i: int) -> Decimal:
        """Return the newest price of an instrument."""
        return exact(self.market.last_price(i))

    def hang_up_on_banned(self) -> None:
        """Cut the WebSocket API where the address is banned, as the exchange has done since 2023-03-13."""
        if self.limits.is_banned:
            for session in self.users.sessions:
                session.socket.abort()
