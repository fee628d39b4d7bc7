"""Fitting a GARCH(1,1) to log returns, by the `arch` package."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Final

import numpy as np

from keel.domain.errors import DataError
from keel.features.series import Column, Garch

LEAST_RETURNS: Final = 100
"""Fewest returns that three parameters are fitted to."""
MOST_BETA: Final = 0.999
"""Largest beta that is looked for: live needs as many bars as the filter remembers, with this one 20,713."""
_TOLERANCE: Final = 1e-10
"""Change of the mean log-likelihood at which the optimiser stops: parameters are settled to five digits then."""
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
    parameters, complaint = _maximise(scaled)
    if complaint or not np.isfinite(parameters).all():
        raise DataError(
            f"feature garch of {symbol}: the fit to {len(scaled)} returns does not converge ({complaint}): give more "
            f"training rows or remove the feature"
        )
    omega, alpha, beta = parameters.tolist()
    return omega, max(alpha, 0.0), min(max(beta, 0.0), MOST_BETA)


def _maximise(scaled: Column) -> tuple[Column, str]:
    """Return omega, alpha and beta of the largest mean log-likelihood, and what the optimiser complains of, if at all.

    arch's own objective is the sum. Of some 400,000 returns and more that is so steep that the optimiser's first line
    search fails every other time, and it hands back the parameters it began with as if it had converged.
    """
    from arch.univariate import GARCH, Normal, ZeroMean

    class MeanLikelihood(Normal):
        def loglikelihood(
            self,
            parameters: Sequence[float] | Column,
            resids: Sequence[float] | Column,
            sigma2: Sequence[float] | Column,
            individual: bool = False,
        ) -> float | Column:
            return super().loglikelihood(parameters, resids, sigma2, individual) / len(scaled)

    class ForgettingGarch(GARCH):
        def bounds(self, resids: Column) -> list[tuple[float, float]]:
            *others, _ = super().bounds(resids)
            return [*others, (0.0, MOST_BETA)]

    model = ZeroMean(scaled, volatility=ForgettingGarch(1, 0, 1), distribution=MeanLikelihood(), rescale=False)
    with warnings.catch_warnings():  # arch changes the filters of the process
        result = model.fit(disp="off", show_warning=False, options={"ftol": _TOLERANCE})
    complaint = str(result.optimization_result.message) if result.convergence_flag != 0 else ""
    return np.asarray(result.params, np.float64), complaint
