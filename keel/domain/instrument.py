"""What is traded, with the venue's rules for it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Grid:
    """Hold a price or quantity grid: value n is `(n * mantissa) / scale`, one division (docs/execution.md, rule 19).

    `mantissa` is a whole number, `scale` a power of ten, both exact in float64; mantissa 0 means no grid.
    """

    mantissa: float
    scale: float

    @classmethod
    def from_decimal(cls, step: Decimal) -> Grid:
        """Build the grid of a decimal step such as `0.00001`; zero means no grid. Raises ValueError below zero."""
        if not step.is_finite() or step < 0:
            raise ValueError(f"a grid step is zero or positive, got {step}")
        if step == 0:
            return cls(0.0, 1.0)
        exponent = int(step.normalize().as_tuple().exponent)
        digits = max(0, -exponent)
        return cls(float(int(step.scaleb(digits))), float(10**digits))


@dataclass(frozen=True, slots=True)
class InstrumentId:
    """Name an instrument: where it trades and what it is called there."""

    venue: str
    symbol: str

    def __str__(self) -> str:
        return f"{self.venue}:{self.symbol}"

    @property
    def stable_hash(self) -> int:
        """Return the 32-bit number that stands for this instrument in random draws, the same on every machine."""
        return zlib.crc32(str(self).encode())


@dataclass(frozen=True, slots=True)
class Auctions:
    """Say how long before the auctions of a session the venue takes no more orders for them."""

    open_cutoff_ms: int
    close_cutoff_ms: int


@dataclass(frozen=True, slots=True)
class Instrument:
    """Describe one instrument and its venue's rules (docs/execution.md, rule 8)."""

    id: InstrumentId
    tick: Grid
    step: Grid
    min_qty: float
    min_notional: float
    shortable: bool
    can_flip: bool
    fee_in_base: bool
    borrow_rate: float
    auctions: Auctions | None = None
    """None of a market that never closes."""
