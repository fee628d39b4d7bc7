"""Figures of closed trades (docs/execution.md, rule 22), from the array `keel.portfolio.trades_nb.TRADE`."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.orders import OrderType, Reason

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


def system_quality(pnl: Floats) -> float:
    """Return mean profit / deviation (n - 1) × √trades, the system quality number (Tharp 2008); NaN for fewer than two.

    Above 1.6 a system counts as tradable; it grows with the number of trades.
    """
    if len(pnl) < 2:
        return math.nan
    deviation = float(np.std(pnl, ddof=1))
    return float(np.mean(pnl)) / deviation * math.sqrt(len(pnl)) if deviation > 0.0 else math.nan


def kelly_fraction(pnl: Floats) -> float:
    """Return win rate - (1 - win rate) / payoff ratio, the bet that grows fastest (Kelly 1956); NaN where undefined."""
    payoff = payoff_ratio(pnl)
    won = win_rate(pnl)
    return won - (1.0 - won) / payoff if payoff > 0.0 else math.nan


def payoff_ratio(pnl: Floats) -> float:
    """Return average gain / average loss; NaN without one of the two."""
    gains, losses = pnl[pnl > 0.0], pnl[pnl < 0.0]
    return float(np.mean(gains) / -np.mean(losses)) if len(gains) and len(losses) else math.nan


def longest_row(hits: NDArray[np.bool_]) -> int:
    """Return the largest number of hits one after another."""
    ends = np.flatnonzero(np.concatenate([[True], ~hits, [True]]))
    return int(np.max(np.diff(ends))) - 1


def exits(closed: NDArray[np.void]) -> dict[str, int]:
    """Return how often which type of order, or reason of the venue, closed a trade, most often first."""
    reason = closed["exit_reason"]
    found = {named.name.lower(): int(np.count_nonzero(reason == named)) for named in Reason if named != Reason.NONE}
    plain = closed["exit_type"][reason == Reason.NONE]
    found |= {kind.name.lower(): int(np.count_nonzero(plain == kind)) for kind in OrderType}
    return {name: found[name] for name in sorted(found, key=lambda name: -found[name]) if found[name]}


def trade_summary(closed: NDArray[np.void], still_open: NDArray[np.void]) -> dict[str, Any]:
    """Return the figures of closed trades; open ones are only counted and marked.

    Profits are net of fees and carry, in account currency; returns are fractions of entry notional; holding time is in
    hours. `average` is what a trade is expected to bring (expectancy).
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
        "payoff_ratio": payoff_ratio(pnl),
        "kelly_fraction": kelly_fraction(pnl),
        "sqn": system_quality(pnl),
        "average": average(pnl),
        "average_win": average(pnl[pnl > 0.0]),
        "average_loss": average(pnl[pnl < 0.0]),
        "best": float(np.max(pnl)) if len(pnl) else math.nan,
        "worst": float(np.min(pnl)) if len(pnl) else math.nan,
        "average_return": average(change),
        "best_return": float(np.max(change)) if len(pnl) else math.nan,
        "worst_return": float(np.min(change)) if len(pnl) else math.nan,
        "most_wins_in_a_row": longest_row(pnl > 0.0),
        "most_losses_in_a_row": longest_row(pnl < 0.0),
        "average_hours": average(held),
        "longest_hours": float(np.max(held)) if len(held) else math.nan,
        "fees": float(np.sum(closed["fees"])),
        "carry": float(np.sum(closed["carry"])),
        "exits": exits(closed),
        "net_profit": float(np.sum(pnl)),
        "open": len(still_open),
        "open_profit": float(np.sum(still_open["pnl"])),
    }
