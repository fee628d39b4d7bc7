"""All that the parts of the venue share where it speaks Alpaca's wire."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from keel.practice.alpaca.account import Account
from keel.practice.alpaca.assets import Asset
from keel.practice.alpaca.bars import Bars
from keel.practice.alpaca.data_streams import DataStreams
from keel.practice.alpaca.hours import Hours
from keel.practice.alpaca.limits import RequestLimits
from keel.practice.alpaca.power import Power
from keel.practice.alpaca.refusals import malformed
from keel.practice.alpaca.trade_streams import TradeStreams
from keel.practice.amounts import exact
from keel.practice.core import Core, Trader
from keel.practice.security import KeyPair


@dataclass(eq=False, kw_only=True)
class AlpacaState(Core):
    """Hold the parts of one venue."""

    assets: tuple[Asset, ...]
    hours: Hours
    bars: Bars
    accounts: dict[str, Account]
    keys: Mapping[str, tuple[KeyPair, Account]]
    limits: RequestLimits
    changed: Callable[[], None]

    def __post_init__(self) -> None:
        """Open the streams."""
        self.data = DataStreams(self.admit, self.changed)
        self.trades = TradeStreams(self.faults, self.admit)
        for account in self.accounts.values():
            account.listener = self.trades.hear

    @property
    def traders(self) -> Mapping[str, Trader]:
        """Return the accounts, by name."""
        return self.accounts

    def admit(self, key: str, secret: str) -> Account | None:
        """Return the account of a key, None where key or secret is wrong."""
        known = self.keys.get(key)
        if known is None or self.clock.monotonic_s() < self.troubles.keys_rejected_until_s:
            return None
        return known[1] if hmac.compare_digest(known[0].secret.encode(), secret.encode()) else None

    def find(self, name: str) -> Asset | None:
        """Return an asset by its symbol, with or without the slash of a pair, or its id."""
        return next((one for one in self.assets if name in one.names), None)

    def needed(self, name: object) -> Asset:
        """Return an asset by its name. Refuses one that is not traded here."""
        asset = self.find(str(name))
        if asset is None:
            raise malformed(f'asset "{str(name)[:40]}" not found')
        return asset

    def last(self, asset: Asset) -> Decimal:
        """Return the newest price of an asset."""
        return exact(self.market.last_price(asset.place))

    def power(self, account: Account) -> Power:
        """Return what an account may buy now."""
        return Power(account, self.config.account, [self.last(asset) for asset in self.assets])

    def is_open(self, asset: Asset) -> bool:
        """Say whether an asset is traded at this moment."""
        return asset.is_crypto or self.hours.is_open(self.market.now_ms)
