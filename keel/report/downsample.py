"""Fewer points for the same picture.

A curve is cut into equal stretches of rows and keeps, of each, the rows where any of its series is lowest or highest.
Drawn at screen width it looks the same as the whole, and no spike or drawdown is lost, which averaging would do and
largest-triangle sampling may do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def extreme_rows(series: Sequence[NDArray[np.float64]], stretches: int) -> NDArray[np.intp]:
    """Return sorted unique rows: first, last, and every series' extremes in each of at most `stretches` stretches.

    All series have one length and no NaN. At most `2 × len(series) × stretches + 2` rows come back; all of them
    where there are no more than that.
    """
    length = len(series[0])
    if length <= 2 * len(series) * stretches + 2:
        return np.arange(length)
    size = -(-length // stretches)
    whole = length // size * size
    starts = np.arange(0, whole, size)
    rows = [np.array([0, length - 1])]
    for values in series:
        table = values[:whole].reshape(-1, size)
        rows += [starts + table.argmin(axis=1), starts + table.argmax(axis=1)]
        if whole < length:
            rest = values[whole:]
            rows.append(whole + np.array([rest.argmin(), rest.argmax()]))
    return np.unique(np.concatenate(rows))


def spread_rows(ts_ms: NDArray[np.int64], most: int) -> NDArray[np.intp]:
    """Return at most `most` rows of a chronological array, the first of each of as many equal spans of time."""
    if len(ts_ms) <= most:
        return np.arange(len(ts_ms))
    edges = np.linspace(ts_ms[0], ts_ms[-1], most, endpoint=False)
    return np.unique(np.searchsorted(ts_ms, edges))
