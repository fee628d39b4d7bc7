"""What every trial of a search asks of an equity curve: its fall, exposure and mean, and where its days end."""

from __future__ import annotations

import math
from typing import Any

from keel.domain.compile_nb import compiled


@compiled
def scan_nb(equity: Any, gross: Any) -> Any:
    """Return (deepest fall, mean gross / equity, mean equity) of a curve in one walk over its marks.

    The deepest fall is the least of `equity / highest equity so far - 1`: NaN of nothing, and where one of them is not
    a number. Marks without positive equity have no exposure; where none has any it is NaN.
    """
    n = len(equity)
    if n == 0:
        return math.nan, math.nan, 0.0
    peak = lowest = equity[0]
    deepest, exposed, summed, positive = 0.0, 0.0, 0.0, 0
    known = 0.0 < peak < math.inf
    for i in range(n):
        value = equity[i]
        summed = summed + value
        if value > 0.0:
            positive += 1
            exposed = exposed + gross[i] / value
        if value > peak:
            # A quotient falls with its numerator, rounding included: between two peaks the lowest is divided alone.
            deepest = min(deepest, lowest / peak - 1.0)
            peak = lowest = value
        elif value < lowest:
            lowest = value
        elif math.isnan(value):
            known = False
    deepest = min(deepest, lowest / peak - 1.0) if known and peak < math.inf else math.nan
    return deepest, exposed / positive if positive > 0 else math.nan, summed / n


@compiled
def day_ends_nb(days: Any, ends: Any) -> Any:
    """Write the last row of each day into `ends` and return how many there are; `days` never falls.

    A day's end is looked for in growing steps and then by halves: most rows are never read.
    """
    count = row = 0
    while row < len(days):
        last, beyond, step = row, row + 1, 1
        while beyond < len(days) and days[beyond] == days[row]:
            last, step = beyond, 2 * step
            beyond += step
        beyond = min(beyond, len(days))
        while beyond - last > 1:
            middle = (last + beyond) // 2
            if days[middle] == days[row]:
                last = middle
            else:
                beyond = middle
        ends[count] = last
        count += 1
        row = last + 1
    return count
