"""What a feature is normalised by: the mean and deviation of its training values, the wildest thousandths tamed.

One flash crash or misreported volume would otherwise set the scale: a single value of a thousand deviations among a
hundred thousand triples it. The median and the quartiles would not do either: of a feature that is mostly the same (a
return of one minute, a rare event) they say that it never varies. So the mean and the standard deviation are taken
after the lowest and the highest thousandth of the values were pulled in to the next (winsorised).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from keel.domain.errors import DataError
from keel.features.series import Column

TAMED: Final = 0.001
"""Part of the values pulled in at each end."""
_CONSTANT: Final = 1e-9
"""Deviation, as a fraction of the largest value, below which a feature counts as constant."""
_LARGEST: Final = 1e100
"""Largest value whose square, summed over any number of bars, is a number."""


def centre_and_scale(what: str, values: Column) -> tuple[float, float]:
    """Return the mean and the standard deviation of the tamed values; a scale of 1 for a feature that is constant.

    Where only the thousandths vary, they are taken of the values as they are. Raises DataError, calling the values
    `what`, where they are too large for their squares to be numbers.
    """
    largest = float(np.max(np.abs(values)))
    if largest > _LARGEST:
        raise DataError(f"{what} reaches {largest:g}: too large to be normalised, give it in another unit")
    for each in (_tamed(values), values):
        deviation = float(np.std(each))
        if deviation > _CONSTANT * largest:
            return float(np.mean(each)), deviation
    return float(np.mean(values)), 1.0


def _tamed(values: Column) -> Column:
    cut = int(TAMED * len(values))
    if cut == 0:
        return values
    ordered = np.partition(values, (cut, len(values) - 1 - cut))
    return np.clip(values, ordered[cut], ordered[len(values) - 1 - cut])
