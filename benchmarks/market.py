"""The made-up market that all sides see; in a file, one .npz."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]

_DAYS_PER_WEEK: Final = 7
_INVESTED: Final = 0.95
"""Sum of the weights: no side has to borrow for fees."""


def minutes(rows: int, seed: int = 7) -> Columns:
    """Return `rows` one-minute bars of a geometric Brownian motion: prices and volume (rows, 1), times (rows,)."""
    rng = np.random.default_rng(seed)
    close = 20_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0008, rows)))
    open_ = np.concatenate([[20_000.0], close[:-1]])
    above, below = 1.0 + np.abs(rng.normal(0.0, 0.0004, (2, rows)))
    high, low = np.maximum(open_, close) * above, np.minimum(open_, close) / below
    columns = {"open": open_, "high": high, "low": low, "close": close, "volume": rng.lognormal(2.0, 0.5, rows)}
    opens = 1_577_836_800_000 + 60_000 * np.arange(rows)
    return {"open_ts_ms": opens, "close_ts_ms": opens + 60_000} | {name: one[:, None] for name, one in columns.items()}


def universe(rows: int, instruments: int, seed: int = 7) -> Columns:
    """Return `rows` daily bars, Monday to Friday, of many instruments, and target weights that change each Monday.

    Prices, volume and `weights`, the row's target, have shape (rows, instruments), times (rows,).
    """
    rng = np.random.default_rng(seed)
    shape = rows, instruments
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0002, 0.015, shape), axis=0))
    open_ = np.vstack([np.full((1, instruments), 100.0), close[:-1]])
    above, below = 1.0 + np.abs(rng.normal(0.0, 0.005, (2, *shape)))
    high, low = np.maximum(open_, close) * above, np.minimum(open_, close) / below
    # 1970-01-05 was a Monday.
    days = 4 + np.arange(rows) // 5 * _DAYS_PER_WEEK + np.arange(rows) % 5
    wanted = rng.random((rows // 5 + 1, instruments))
    weights = (_INVESTED * wanted / wanted.sum(axis=1, keepdims=True))[np.arange(rows) // 5]
    columns = {"open": open_, "high": high, "low": low, "close": close, "volume": rng.lognormal(14.0, 0.5, shape)}
    opens = 86_400_000 * days
    return {"open_ts_ms": opens, "close_ts_ms": opens + 86_400_000, "weights": weights, **columns}
