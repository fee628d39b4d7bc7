"""The strategy's daily returns beside the benchmark's, and both over a window that rolls along."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SPREAD = 1e-12
"""Deviation of returns below which there is only rounding."""


def relative_figures(ours: Floats, theirs: Floats, year: float) -> dict[str, float]:
    """Return how the strategy's returns hang together with the benchmark's of the same days; NaN where undefined.

    `beta` and `alpha` (Jensen 1968: mean - beta × benchmark's mean, × `year`) come from the regression of one on the
    other; `tracking_error` is the deviation a year of the difference, `information_ratio` its mean a year over that;
    up and down capture are mean returns on the benchmark's good and bad days over the benchmark's own.
    """
    count = min(len(ours), len(theirs))
    ours, theirs = ours[:count], theirs[:count]
    names = ("beta", "alpha", "correlation", "tracking_error", "information_ratio", "up_capture", "down_capture")
    if count < 2:
        return dict.fromkeys(names, math.nan)
    (own, both), (_, market) = np.cov(ours, theirs)
    beta = both / market if market > _SPREAD**2 else math.nan
    apart = ours - theirs
    error = float(np.std(apart, ddof=1)) * math.sqrt(year)
    spread = math.sqrt(own * market)
    values = (
        beta,
        (float(np.mean(ours)) - beta * float(np.mean(theirs))) * year,
        both / spread if spread > _SPREAD**2 else math.nan,
        error,
        float(np.mean(apart)) * year / error if error > _SPREAD else math.nan,
        _capture(ours, theirs, theirs > 0.0),
        _capture(ours, theirs, theirs < 0.0),
    )
    return dict(zip(names, map(float, values), strict=True))


def rolling_sharpe(returns: Floats, window: int, year: float) -> Floats:
    """Return the Sharpe ratio of the last `window` returns at each return; NaN before there are as many."""
    mean, deviation = _rolling(returns, window)
    ratio = np.full(len(returns), np.nan)
    np.divide(mean, deviation, out=ratio, where=deviation > _SPREAD)
    return np.asarray(ratio * math.sqrt(year))


def rolling_volatility(returns: Floats, window: int, year: float) -> Floats:
    """Return the deviation a year of the last `window` returns at each return; NaN before there are as many."""
    return np.asarray(_rolling(returns, window)[1] * math.sqrt(year))


def rolling_beta(ours: Floats, theirs: Floats, window: int) -> Floats:
    """Return the beta of the last `window` returns at each return; NaN before there are as many."""
    beta = np.full(len(ours), np.nan)
    if len(ours) < window:
        return beta
    own, market = (np.lib.stride_tricks.sliding_window_view(values, window) for values in (ours, theirs))
    market_mean = market.mean(axis=1)
    both = (own * market).mean(axis=1) - own.mean(axis=1) * market_mean
    spread = (market * market).mean(axis=1) - market_mean**2
    np.divide(both, spread, out=beta[window - 1 :], where=spread > _SPREAD**2)
    return beta


def _capture(ours: Floats, theirs: Floats, days: NDArray[np.bool_]) -> float:
    market = float(np.mean(theirs[days])) if np.any(days) else 0.0
    return float(np.mean(ours[days])) / market if abs(market) > _SPREAD else math.nan


def _rolling(returns: Floats, window: int) -> tuple[Floats, Floats]:
    mean, deviation = np.full(len(returns), np.nan), np.full(len(returns), np.nan)
    if len(returns) >= window:
        views = np.lib.stride_tricks.sliding_window_view(returns, window)
        mean[window - 1 :] = views.mean(axis=1)
        deviation[window - 1 :] = views.std(axis=1, ddof=1)
    return mean, deviation
