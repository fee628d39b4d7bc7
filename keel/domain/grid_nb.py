"""Numbers on a venue's grid (docs/execution.md, rule 19)."""

from __future__ import annotations

import math

from keel.domain.compile_nb import compiled

GRID_TOLERANCE = 1e-9
"""Fraction of one step by which a value may miss its grid point and still count as on it."""


@compiled
def grid_floor_nb(value, mantissa, scale):
    """Return the largest grid value not above `value` (a value within the tolerance below a point is that point)."""
    if mantissa == 0.0:
        return value
    n = math.floor(value * scale / mantissa + GRID_TOLERANCE)
    return n * mantissa / scale


@compiled
def grid_ceil_nb(value, mantissa, scale):
    """Return the smallest grid value not below `value` (a value within the tolerance above a point is that point)."""
    if mantissa == 0.0:
        return value
    n = math.ceil(value * scale / mantissa - GRID_TOLERANCE)
    return n * mantissa / scale
