"""What an account has: exact amounts by asset, free or locked by its open orders."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from keel.practice.amounts import ZERO, exact, text


class Ledger:
    """Hold balances. Totals change by trades and transfers; what is locked belongs to an order each."""

    def __init__(self, balances: Mapping[str, Decimal]) -> None:
        self._totals = {asset: exact(amount) for asset, amount in balances.items()}
        self._locks: dict[int, tuple[str, Decimal]] = {}

    def total(self, asset: str) -> Decimal:
        """Return all of an asset."""
        return self._totals.get(asset, ZERO)

    def locked(self, asset: str) -> Decimal:
        """Return what open orders hold of an asset."""
        return sum((amount for of, amount in self._locks.values() if of == asset), ZERO)

    def free(self, asset: str) -> Decimal:
        """Return what may be used of an asset."""
        return self.total(asset) - self.locked(asset)

    def add(self, asset: str, amount: Decimal) -> None:
        """Add to an asset, or take from it."""
        self._totals[asset] = exact(self.total(asset) + amount)

    def lock(self, order_id: int, asset: str, amount: Decimal) -> None:
        """Lock an amount for an order in place of what it had locked; nothing is left of an amount of 0."""
        if amount > 0:
            self._locks[order_id] = (asset, exact(amount))
        else:
            self._locks.pop(order_id, None)

    @property
    def assets(self) -> tuple[str, ...]:
        """Return the assets there are or were."""
        return tuple(self._totals)

    def as_json(self, *, zeros: bool = True) -> list[dict[str, Any]]:
        """Return balances as the account's information tells them."""
        told = [(asset, self.free(asset), self.locked(asset)) for asset in self._totals]
        return [
            {"asset": asset, "free": text(free), "locked": text(locked)}
            for asset, free, locked in told
            if zeros or free or locked
        ]

    def as_event(self, assets: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return balances as the user stream tells them."""
        return [{"a": asset, "f": text(self.free(asset)), "l": text(self.locked(asset))} for asset in assets]
