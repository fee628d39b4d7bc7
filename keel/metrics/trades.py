"""Figures of closed trades (docs/execution.md, rule 22), from the array `keel.portfolio.trades_nb.TRADE`."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MS_PER_HOUR: Final = 3_600_000


def win_rate(pnl: Floats) -> float:
    """Return the part of trades that made money after fees; NaN without trades. A trade at zero is no win."""
    return float(np.count_nonzero(pnl > 0.0) / len(pnl)) if len(pnl) else math.nan


def profit_factor(pnl: Floats) -> float:
    """Return the sum of gains / the sum of losses; NaN where nothing was lost."""
    lost = -float(np.sum(pnl[pnl < 0.0]))
    return float(np.sum(pnl[pnl > 0.0])) / lost if lost > 0.0 else math.nan


def average(values: Floats) -> float:
    """Return the mean; NaN of nothing, without a warning."""
    return float(np.mean(values)) if len(values) else math.nan


def trade_summary(closed: NDArray[np.void], still_open: NDArray[np.void]) -> dict[str, Any]:
    """Return the figures of closed trades; open ones are only counted and marked.

    Profits are net of fees, in account currency; returns are fractions of entry notional; holding time is in hours.
    """
    pnl, change = closed["pnl"], closed["return"]
    held = (closed["close_ts_ms"] - closed["open_ts_ms"]) / MS_PER_HOUR
    return {
        "closed": len(closed),
        "long": int(np.count_nonzero(closed["side"] > 0)),
        "short": int(np.count_nonzero(closed["side"] < 0)),
        "won": int(np.count_nonzero(pnl > 0.0)),
        "lost": int(np.count_nonzero(pnl < 0.0)),
        "win_rate": win_rate(pnl),
        "profit_factor": profit_factor(pnl),
        "average": average(pnl),
        "average_win": average(pnl[pnl > 0.0]),
        "average_loss": average(pnl[pnl < 0.0]),
        "best": float(np.max(pnl)) if len(pnl) else math.nan,
        "worst": float(np.min(pnl)) if len(pnl) else math.nan,
        "average_return": average(change),
        "best_return": float(np.max(change)) if len(pnl) else math.nan,
        "worst_return": float(np.min(change)) if len(pnl) else math.nan,
        "average_hours": average(held),
        "net_profit": float(np.sum(pnl)),
        "open": len(still_open),
        "open_profit": float(np.sum(still_open["pnl"])),
    }
