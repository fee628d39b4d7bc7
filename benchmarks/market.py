"""The same made-up minutes for both sides: one .npz of open, high, low, close, volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_bars(path: Path, rows: int, seed: int = 7) -> None:
    """Write `rows` one-minute bars of a geometric Brownian motion."""
    rng = np.random.default_rng(seed)
    close = 20_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0008, rows)))
    open_ = np.concatenate([[20_000.0], close[:-1]])
    above, below = 1.0 + np.abs(rng.normal(0.0, 0.0004, (2, rows)))
    high, low = np.maximum(open_, close) * above, np.minimum(open_, close) / below
    np.savez(path, open=open_, high=high, low=low, close=close, volume=rng.lognormal(2.0, 0.5, rows))
