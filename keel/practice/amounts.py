"""Amounts as the wire writes them: exact decimals of eight places, as text."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import Final

PLACES: Final = 8
_UNIT: Final = Decimal(1).scaleb(-PLACES)
ZERO: Final = Decimal(0).quantize(_UNIT)


def exact(value: float | Decimal) -> Decimal:
    """Return the nearest amount of eight places; of a float the one that its shortest spelling means."""
    number = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    return number.quantize(_UNIT)


def text(value: float | Decimal) -> str:
    """Return an amount as the wire writes it, such as `0.00100000`."""
    return format(exact(value), "f")


def floored(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of a step that is not above a value; without a step the value."""
    return exact(value) if step == 0 else exact((value / step).to_integral_value(ROUND_FLOOR) * step)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Say whether a value lies on a grid; every value lies on that of step 0."""
    return step == 0 or value % step == 0
