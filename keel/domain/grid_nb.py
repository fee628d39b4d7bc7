"""Numbers on a venue's grid (docs/execution.md, rule 19)."""

from __future__ import annotations

import numpy as np

from keel.domain.compile_nb import compiled

STEP_TOLERANCE = 1e-9
"""Fraction of one step by which a value may miss its grid point and still count as on it."""
ROUNDING_TOLERANCE = 1e-15
"""Fraction of the value by which floating point may have moved it: what counts above a million steps."""


@compiled
def grid_floor_nb(value, mantissa, scale):
    """Return the largest grid value not above `value` (a value within the tolerance below a point is that point)."""
    if mantissa == 0.0:
        return value
    steps = value * scale / mantissa
    return np.floor(steps + (STEP_TOLERANCE + abs(steps) * ROUNDING_TOLERANCE)) * mantissa / scale


@compiled
def grid_ceil_nb(value, mantissa, scale):
    """Return the smallest grid value not below `value` (a value within the tolerance above a point is that point)."""
    if mantissa == 0.0:
        return value
    steps = value * scale / mantissa
    return np.ceil(steps - (STEP_TOLERANCE + abs(steps) * ROUNDING_TOLERANCE)) * mantissa / scale


@compiled
def grid_nearest_nb(value, mantissa, scale):
    """Return the grid value nearest to `value`; for a value that is on the grid but for rounding."""
    return np.floor(value * scale / mantissa + 0.5) * mantissa / scale
