"""Sums, means and deviations over a moving window, each in two floats so that nothing drifts.

A plain running sum carries the rounding of every value that ever went through it: its last bits depend on where it
began, and a quiet stretch after a wild one is noise. Here the sum is the unevaluated sum of two floats, 106 bits, so
the last window of a million bars and that window alone give the same number. The building blocks are exact: Knuth, The
Art of Computer Programming 2, 4.2.2 (the sum of two floats); Dekker, A Floating-Point Technique for Extending the
Available Precision, Numer. Math. 18, 1971 (the product).
"""

from __future__ import annotations

import math
from typing import Any

from keel.domain.compile_nb import compiled

_HALVES = 134217729.0
"""2**27 + 1: what splits a float's 53 bits into two halves."""
_NO_DEVIATION = 1e-12
"""Deviation, as a fraction of the mean, below which a window counts as constant."""


@compiled
def two_sum_nb(a: Any, b: Any) -> Any:
    """Return a + b rounded, and what the rounding lost."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


@compiled
def two_product_nb(a: Any, b: Any) -> Any:
    """Return a * b rounded, and what the rounding lost."""
    product = a * b
    a_up, b_up = a * _HALVES, b * _HALVES
    a_high, b_high = a_up - (a_up - a), b_up - (b_up - b)
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@compiled
def add_nb(high: Any, low: Any, value: Any) -> Any:
    """Return the two floats of a sum after `value` was added."""
    total, lost = two_sum_nb(high, value)
    lost += low
    high = total + lost
    return high, lost - (high - total)


@compiled
def rolling_sum_nb(values: Any, bars: Any, out: Any) -> None:
    """Write the sum of the last `bars` values into `out`; NaN where there are fewer."""
    high = low = 0.0
    for i in range(len(values)):
        high, low = add_nb(high, low, values[i])
        if i >= bars:
            high, low = add_nb(high, low, -values[i - bars])
        out[i] = high if i >= bars - 1 else math.nan


@compiled
def rolling_moments_nb(values: Any, bars: Any, mean: Any, deviation: Any) -> None:
    """Write the mean and the population standard deviation of the last `bars` values; NaN where there are fewer.

    A deviation within 1e-12 of the mean is 0: the window is constant but for rounding.
    """
    high = low = square_high = square_low = 0.0
    for i in range(len(values)):
        high, low = add_nb(high, low, values[i])
        square, lost = two_product_nb(values[i], values[i])
        square_high, square_low = add_nb(square_high, square_low, square)
        square_high, square_low = add_nb(square_high, square_low, lost)
        if i >= bars:
            left = values[i - bars]
            high, low = add_nb(high, low, -left)
            square, lost = two_product_nb(left, left)
            square_high, square_low = add_nb(square_high, square_low, -square)
            square_high, square_low = add_nb(square_high, square_low, -lost)
        if i < bars - 1:
            mean[i] = deviation[i] = math.nan
            continue
        mean[i] = high / bars
        spread = _deviation_nb(high, low, square_high, square_low, bars)
        deviation[i] = 0.0 if spread <= _NO_DEVIATION * abs(mean[i]) else spread


@compiled
def _deviation_nb(high: Any, low: Any, square_high: Any, square_low: Any, bars: Any) -> Any:
    """Return sqrt(n * sum of squares - square of the sum) / n, the difference taken in two floats."""
    total, lost = two_product_nb(high, high)
    scaled, scaled_lost = two_product_nb(square_high, bars * 1.0)
    difference, rest = two_sum_nb(scaled, -total)
    difference += rest + (scaled_lost - lost + (square_low * bars - 2.0 * high * low))
    return difference if math.isnan(difference) else math.sqrt(max(difference, 0.0)) / bars
