"""What every trial of a search asks of an equity curve: its deepest fall, and where its days end."""

from __future__ import annotations

import math
from typing import Any

from keel.domain.compile_nb import compiled


@compiled
def deepest_fall_nb(equity: Any) -> Any:
    """Return the least of `equity / highest equity so far - 1`; NaN of nothing, and where one of them is not a number.

    A quotient falls with its numerator, rounding included: between two peaks the lowest equity alone is divided.
    """
    if len(equity) == 0 or not 0.0 < equity[0] < math.inf:
        return math.nan
    peak = lowest = equity[0]
    deepest = 0.0
    for i in range(1, len(equity)):
        value = equity[i]
        if value > peak:
            deepest = min(deepest, lowest / peak - 1.0)
            peak = lowest = value
        elif value < lowest:
            lowest = value
        elif math.isnan(value):
            return math.nan
    return min(deepest, lowest / peak - 1.0) if peak < math.inf else math.nan


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
