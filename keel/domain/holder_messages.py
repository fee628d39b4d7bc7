"""What happens to holders without a trade, in our words: announced for everybody, and booked to one account.

Days are those of the exchange, counted since 1970-01-01. Quantities are base units, cash is account currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Split:
    """Hold a split: `old` units become `new` ones with the first trade of a day."""

    symbol: str
    day: int
    new: Decimal
    old: Decimal

    @property
    def ratio(self) -> float:
        """Return new units for an old one."""
        return float(self.new / self.old)


class ActivityKind(StrEnum):
    """Name what an account was booked."""

    SPLIT = "split"
    DIVIDEND = "dividend"
    CASH_IN_LIEU = "cash_in_lieu"
    FEE = "fee"
    INTEREST = "interest"
    OTHER = "other"
    """Something that moves units and is not followed: a merger, a spin-off, a change of name."""


@dataclass(frozen=True, slots=True)
class AccountActivity:
    """Hold one entry of an account's statement: what cash and units of `symbol` came (below 0: went) by it."""

    activity_id: str
    kind: ActivityKind
    day: int
    symbol: str
    """Empty where it is of the account as a whole."""
    cash: Decimal
    qty: Decimal
    text: str


class HolderNews(Protocol):
    """Ask a venue what happens to holders. Questions raise as those of a Venue do."""

    async def splits(self, symbols: Sequence[str], first_day: int, last_day: int) -> Sequence[Split]:
        """Return the splits of some symbols on some days, both included, those to come too."""

    async def activities(self, first_day: int) -> Sequence[AccountActivity]:
        """Return what was booked to the account from a day on, trades and payments in or out left out."""
