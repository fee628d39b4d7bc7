"""Features of volatility, each of one bar's log return, however many bars it was measured over."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keel.config.observation import Garch as GarchEntry
from keel.config.observation import Parkinson, RealisedVolatility, YangZhang
from keel.features.price import log_returns, rolling_moments, rolling_sum
from keel.features.recursions_nb import garch_nb
from keel.features.series import Column, Series


def realised_volatility(entry: RealisedVolatility, series: Series) -> tuple[Column, ...]:
    """Return sqrt(mean of n squared log returns): no mean is taken off, a bar's is far below its noise.

    Source: Andersen, Bollerslev, Diebold, Labys, Modeling and forecasting realized volatility, Econometrica 71, 2003.
    """
    return (_root(rolling_sum(log_returns(series) ** 2, entry.bars) / entry.bars),)


def parkinson(entry: Parkinson, series: Series) -> tuple[Column, ...]:
    """Return sqrt(mean of n values of ln(high / low)² / (4 ln 2)).

    Source: Parkinson, The extreme value method for estimating the variance of the rate of return, J. Business 53, 1980.
    """
    return (_root(rolling_sum(_log(series, "high", "low") ** 2, entry.bars) / (4.0 * math.log(2.0) * entry.bars)),)


def yang_zhang(entry: YangZhang, series: Series) -> tuple[Column, ...]:
    """Return sqrt(V_o + k V_c + (1 - k) V_rs) over n bars: drift-independent, with the gap between bars in it.

    V_o and V_c are the sample variances of ln(open / close before) and ln(close / open), V_rs the mean of Rogers and
    Satchell's u (u - c) + d (d - c), and k = 0.34 / (1.34 + (n + 1) / (n - 1)). Source: Yang, Zhang, Drift-independent
    volatility estimation based on high, low, open and close prices, J. Business 73, 2000.
    """
    n = entry.bars
    gap, up, down, drift = _log_moves(series)
    # u (u - c) + d (d - c) is never below 0, but the mean of rounded ones may be by the last bit
    within = rolling_sum(up * (up - drift) + down * (down - drift), n) / n
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    of_gap, of_drift = (rolling_moments(each, n)[1] ** 2 * n / (n - 1) for each in (gap, drift))
    return (_root(of_gap + k * of_drift + (1.0 - k) * within),)


def garch(_entry: GarchEntry, series: Series) -> tuple[Column, ...]:
    """Return the volatility of the next bar that a GARCH(1,1) fitted on the training rows expects."""
    returns = log_returns(series)
    fitted = series.garch
    if fitted is None:
        raise ValueError(f"{series.symbol}: a GARCH is filtered that was not fitted")
    garch_nb(returns[1:], fitted.omega, fitted.alpha, fitted.beta, fitted.variance, returns[1:])
    return (returns,)


def _log_moves(series: Series) -> tuple[Column, Column, Column, Column]:
    """Return the gap before the bar and, from its open, the way up, the way down and the drift."""
    gap = np.full(len(series), np.nan)
    gap[1:] = np.log(series.column("open")[1:]) - series.log_close[:-1]
    return gap, _log(series, "high", "open"), _log(series, "low", "open"), _log(series, "close", "open")


def _log(series: Series, above: str, below: str) -> Column:
    return np.asarray(np.log(series.column(above) / series.column(below)))


def _root(variance: NDArray[Any]) -> Column:
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))
