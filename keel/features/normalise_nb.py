"""The last step of every feature: from an instrument's own bars onto the rows of the run."""

from __future__ import annotations

import math
from typing import Any

from keel.domain.compile_nb import compiled


@compiled
def lay_nb(out: Any, present: Any, values: Any, centre: Any, scale: Any, clip: Any) -> None:
    """Write (value - centre) / scale, at most `clip` away from 0, of each bar into the row that has it.

    A row without a bar carries the last value forward; NaN before the first. `out` and `present` have one element a
    row, `values` one a bar.
    """
    last = math.nan
    bar = 0
    for row in range(len(out)):
        if present[row]:
            last = (values[bar] - centre) / scale
            if last > clip:
                last = clip
            elif last < -clip:
                last = -clip
            bar += 1
        out[row] = last
