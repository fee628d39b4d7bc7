"""What an account has: cash, and positions at their average cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from keel.practice.amounts import ZERO, exact


@dataclass(slots=True)
class Position:
    """Hold a position: below zero it is short. `paid` is what a unit cost on average."""

    quantity: Decimal = ZERO
    paid: Decimal = ZERO

    def trade(self, change: Decimal, price: Decimal) -> None:
        """Add to the position, or take from it; what is closed leaves the average as it is."""
        after = self.quantity + change
        if self.quantity * change >= 0:
            spent = self.quantity * self.paid + change * price
            self.paid = exact(spent / after) if after else ZERO
        elif after == 0:
            self.paid = ZERO
        elif self.quantity * after < 0:
            self.paid = price
        self.quantity = exact(after)


class Holdings:
    """Hold cash in USD, and a position for each place of the market."""

    def __init__(self, cash: Decimal, positions: list[Position]) -> None:
        self.cash, self.positions = exact(cash), positions

    def trade(self, place: int, change: Decimal, price: Decimal, fee: Decimal, fee_quantity: Decimal) -> None:
        """Book a fill; its fee is taken from the cash, or in units from what was bought."""
        self.positions[place].trade(change, price)
        if fee_quantity:
            self.positions[place].quantity = exact(self.positions[place].quantity - fee_quantity)
        self.cash = exact(self.cash - change * price - fee)

    def value(self, prices: list[Decimal], *, long: bool) -> Decimal:
        """Return what long positions are worth, or short ones (below zero)."""
        pairs = zip(self.positions, prices, strict=True)
        found = (one.quantity * price for one, price in pairs if (one.quantity > 0) is long)
        return sum(found, ZERO)
