"""The walk of the price inside a bar: open, nearer extreme, other extreme, close (docs/execution.md, rule 9)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True, slots=True)
class PathPoint:
    """Hold where the walk stands: the price, and the highest and lowest so far."""

    price: float
    high: float
    low: float


def corners(bar: np.void) -> tuple[float, float, float, float]:
    """Return the prices at which the walk turns, from open to close."""
    opened, high, low, closed = (float(bar[name]) for name in ("open", "high", "low", "close"))
    first, second = (high, low) if high - opened < opened - low else (low, high)
    return opened, first, second, closed


def walk(bar: np.void, fraction: float) -> PathPoint:
    """Return where the walk at constant speed stands after a part of the bar's time, 0 to 1."""
    turns = corners(bar)
    lengths = [abs(after - before) for before, after in pairwise(turns)]
    left = fraction * sum(lengths)
    high = low = price = turns[0]
    for (before, after), length in zip(pairwise(turns), lengths, strict=True):
        if length > 0:
            price = before + (after - before) * min(1.0, left / length)
            high, low = max(high, price), min(low, price)
        left -= length
        if left <= 0:
            break
    return PathPoint(price, high, low)
