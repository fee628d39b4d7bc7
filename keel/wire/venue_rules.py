"""What every venue says of a symbol, whoever it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Protocol


class VenueRules(Protocol):
    """Be a venue's rules of one symbol: grids and minimums, 0 = no such rule."""

    @property
    def symbol(self) -> str:
        """Return our name of it."""

    @property
    def base(self) -> str:
        """Return the asset that an account holds of it."""

    @property
    def status(self) -> str:
        """Return what the venue calls its state."""

    @property
    def is_trading(self) -> bool:
        """Say whether orders are taken now."""

    @property
    def is_lent(self) -> bool:
        """Say whether units to be sold short are lent now, as many as are asked for."""

    @property
    def tick_size(self) -> Decimal:
        """Return the grid of prices."""

    @property
    def step_size(self) -> Decimal:
        """Return the grid of quantities."""

    @property
    def min_qty(self) -> Decimal:
        """Return the least quantity."""

    @property
    def min_notional(self) -> Decimal:
        """Return the least value."""

    def fits(self, part: str, ours: Decimal) -> bool:
        """Say whether a rule of ours, such as tick_size, keeps to the venue's."""

    def as_json(self) -> dict[str, Any]:
        """Return what a JSON file keeps of them."""
