"""What strategies share: equal shares, holding between changes, and acting once a period."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from keel.strategies.panel import BarPanel, Column, Series

Period = Literal["bar", "day", "week", "month"]
"""How often a strategy decides anew: at every close, or at the first close of each trading day, week or month."""

_DAYS_TO_MONDAY: Final = 3
"""1970-01-01 was a Thursday: three days after a Monday."""


def equal_shares(bars: BarPanel, side: Callable[[Series], Column | NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Return 1/N times the side (-1, 0 or 1) each of N instruments is on by its own bars, shape (rows, N)."""
    shares = bars.each(side)
    if bars.n > 1:
        shares /= bars.n
    return shares


def hold(change: NDArray[np.float64]) -> NDArray[np.float64]:
    """Carry the last value that is not NaN forward along a series of shape (bars,); 0 before the first."""
    last = np.maximum.accumulate(np.where(np.isnan(change), -1, np.arange(len(change))))
    return np.where(last >= 0, change[np.maximum(last, 0)], 0.0)


def hold_between(start: NDArray[np.bool_], end: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return 1 from each start until the next end, else 0, shape (bars,); a start wins over an end at the same bar."""
    return hold(np.where(start, 1.0, np.where(end, 0.0, np.nan)))


def hold_from(starts: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take the weights (rows, N) of the rows in `starts` and hold each until the next; 0 before the first."""
    last = np.maximum.accumulate(np.where(starts, np.arange(len(starts)), -1))
    held: NDArray[np.float64] = np.where((last >= 0)[:, None], weights[np.maximum(last, 0)], 0.0)
    return held


def period_starts(bars: BarPanel, period: Period) -> NDArray[np.bool_]:
    """Return which rows are the first of a trading day, week (from Monday) or month; with `bar` all are.

    The calendar decides, not a count of rows: a count would make decisions depend on where the data begins. Whether the
    first row of all begins a period cannot be known, so it does not.
    """
    if period == "bar":
        return np.ones(len(bars), bool)
    number = _period_number(bars.day, period)
    return np.concatenate([np.zeros(min(len(bars), 1), bool), number[1:] != number[:-1]])


def _period_number(day: NDArray[np.int32], period: Period) -> NDArray[np.int64]:
    if period == "month":
        return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    days = day.astype(np.int64)
    return days if period == "day" else (days + _DAYS_TO_MONDAY) // 7
