"""Fitting a GARCH(1,1) to log returns, by the `arch` package."""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np

from keel.domain.errors import DataError, reason_of
from keel.features.series import Column, Garch

LEAST_RETURNS: Final = 100
"""Fewest returns that three parameters are fitted to."""
MOST_BETA: Final = 0.999
"""Largest beta that is looked for: live needs as many bars as the filter remembers, with this one 20,713."""
_STARTS: Final = (None, np.array([0.05, 0.05, 0.9]), np.array([0.2, 0.1, 0.7]), np.array([0.5, 0.2, 0.3]))
"""Where the optimiser starts, arch's own choice first: one time in forty it gets stuck, though there is a solution."""
_NO_CLUSTERING: Final = 1e-6
"""Alpha below which shocks leave no trace: the variance is constant, whatever beta."""


def fit_garch(symbol: str, returns: Column) -> Garch:
    """Return the parameters of most likelihood under normal shocks and a mean of 0; `returns` are log returns.

    They are scaled to a variance of 1 first, where the optimiser works well at any timeframe. Raises DataError, naming
    the symbol, for fewer than 100 returns, for prices that never move, and where the fit does not converge.
    """
    variance = float(np.mean(returns**2)) if len(returns) else 0.0
    if len(returns) < LEAST_RETURNS:
        raise DataError(f"feature garch of {symbol}: {len(returns)} returns to fit it to, at least {LEAST_RETURNS}")
    if not 0.0 < variance < np.inf:
        raise DataError(f"feature garch of {symbol}: its closes never move in the training rows: remove the feature")
    omega, alpha, beta = _most_likely(symbol, returns / np.sqrt(variance))
    if alpha < _NO_CLUSTERING:
        return Garch(variance, 0.0, 0.0, variance)
    return Garch(omega * variance, alpha, beta, variance)


def _most_likely(symbol: str, scaled: Column) -> tuple[float, float, float]:
    from arch.univariate import GARCH, ZeroMean

    class ForgettingGarch(GARCH):
        def bounds(self, resids: Column) -> list[tuple[float, float]]:
            *others, _ = super().bounds(resids)
            return [*others, (0.0, MOST_BETA)]

    model = ZeroMean(scaled, volatility=ForgettingGarch(1, 0, 1), rescale=False)
    for start in _STARTS:
        with warnings.catch_warnings():  # arch changes the filters of the process
            result = model.fit(disp="off", show_warning=False, starting_values=start)
        if result.convergence_flag == 0 and np.isfinite(result.params).all():
            omega, alpha, beta = (float(value) for value in result.params)
            return omega, max(alpha, 0.0), min(max(beta, 0.0), MOST_BETA)
    said = reason_of(RuntimeError(result.optimization_result.message))
    raise DataError(
        f"feature garch of {symbol}: the fit to {len(scaled)} returns does not converge ({said}): give more training "
        f"rows or remove the feature"
    )
