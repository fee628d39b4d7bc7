"""Prices as strategies see them when the bars are raw and the instrument splits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keel.data.actions import Actions
from keel.domain.layout import BAR_PRESENT
from keel.domain.orders import ActionKind


def forward_adjusted(bars: NDArray[Any], actions: Actions) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return BAR records (rows, N) without the jumps of splits, and the factor on each one's prices, (rows, N).

    Prices are multiplied and volumes divided by the product of the splits so far, so what stood in a row before a split
    stays as it was: the adjustment is causal, unlike the usual one, which divides all earlier prices by splits of their
    future. A split holds from the instrument's first bar that opens at or after its time. Without a split the bars are
    returned as they are, not copied.
    """
    if not np.any(actions.records["kind"] == ActionKind.SPLIT):
        return bars, np.broadcast_to(1.0, bars.shape)
    factors = np.ones(bars.shape)
    for i, (start, end) in enumerate(zip(actions.starts, actions.ends, strict=True)):
        mine = actions.records[start:end]
        for split in mine[mine["kind"] == ActionKind.SPLIT]:
            factors[_first_row(bars[:, i], int(split["ts_ms"])) :, i] *= split["value"]
    return adjust_bars(bars, factors), factors


def adjust_bars(bars: NDArray[Any], factors: NDArray[np.float64]) -> NDArray[Any]:
    """Return a copy of BAR records (rows, N) with prices multiplied and volumes divided by `factors` (rows, N)."""
    view = bars.copy()
    for name in ("open", "high", "low", "close"):
        view[name] *= factors
    view["volume"] /= factors
    return view


def _first_row(bars: NDArray[Any], ts_ms: int) -> int:
    rows = np.flatnonzero((bars["flags"] & BAR_PRESENT != 0) & (bars["open_ts_ms"] >= ts_ms))
    return int(rows[0]) if rows.size else len(bars)
