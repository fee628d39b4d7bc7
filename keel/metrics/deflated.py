"""How sure a Sharpe ratio is, and what is left of it after all the trials it was picked from.

The longer one searches, the better the best looks, with or without skill. The deflated Sharpe ratio asks for the
probability that a true ratio lies above what the best of as many trials without skill would show (Bailey and López de
Prado, The Deflated Sharpe Ratio, J. Portfolio Management 40(5), 2014). Everything here is per return, not per year.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.metrics.distribution import kurtosis, skewness

Floats = NDArray[np.float64]

CONFIDENCE: Final = 0.95
NOT_EVALUATED: Final = ("skipped", "failed")
"""Statuses of recorded trials that showed nobody a figure."""

_LEAST_DAYS: Final = 20
"""Trading days below which a trial's Sharpe ratio says nothing about how far trials lie apart."""
_EULER: Final = 0.5772156649015329
_SPREAD: Final = 1e-12
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class SharpeEstimate:
    """Hold a Sharpe ratio per return, the number of returns behind it, and their skewness and excess kurtosis."""

    ratio: float
    returns: int
    skewness: float
    kurtosis: float

    @property
    def variance(self) -> float:
        """Return n - 1 times the variance of the ratio, 1 - γ₃ SR + (γ₄ - 1) / 4 SR² (Mertens 2002); NaN below 0."""
        found = 1.0 - self.skewness * self.ratio + (self.kurtosis + 2.0) / 4.0 * self.ratio**2
        return found if found > 0.0 else math.nan


@dataclass(frozen=True, slots=True)
class TrialSpread:
    """Hold how many trials were evaluated and the variance of their Sharpe ratios per return; see `trial_spread`."""

    trials: int
    variance: float


@np.errstate(over="ignore", invalid="ignore")
def sharpe_estimate(returns: Floats) -> SharpeEstimate:
    """Return the Sharpe ratio of returns (n,) and what its certainty hangs on; NaN for fewer than four or no spread."""
    deviation = float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0
    ratio = float(np.mean(returns)) / deviation if deviation > _SPREAD else math.nan
    return SharpeEstimate(ratio, len(returns), skewness(returns), kurtosis(returns))


def probabilistic_sharpe(estimate: SharpeEstimate, benchmark: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio is above `benchmark` (per return), by its estimate.

    Bailey and López de Prado, The Sharpe Ratio Efficient Frontier, J. of Risk 15(2), 2012. Short samples, negative
    skew and fat tails lower the certainty. NaN where the estimate is.
    """
    above = estimate.ratio - benchmark
    return 0.5 * (1.0 + math.erf(above * math.sqrt((estimate.returns - 1) / estimate.variance / 2.0)))


def minimum_track_record(estimate: SharpeEstimate, benchmark: float = 0.0, confidence: float = CONFIDENCE) -> float:
    """Return how many returns like these it takes to be sure, at `confidence`, of a true ratio above `benchmark`.

    The same paper, equation 11: 1 + variance × (z / (SR - benchmark))². NaN where the ratio is not above the
    benchmark, so that no length would do, or by too little for a number.
    """
    above = estimate.ratio - benchmark
    if math.isnan(above) or above <= 0.0:
        return math.nan
    deviations = _NORMAL.inv_cdf(confidence) / above
    needed = 1.0 + estimate.variance * deviations * deviations
    return needed if math.isfinite(needed) else math.nan


def expected_maximum_sharpe(trials: int, variance: float) -> float:
    """Return the Sharpe ratio to expect of the best of `trials` independent ones without skill that vary by `variance`.

    √variance × ((1 - γ) Φ⁻¹(1 - 1/N) + γ Φ⁻¹(1 - 1/(N e))), γ the Euler-Mascheroni constant: equation 1 of the
    paper on top, in the time unit of `variance`. 0 for a single trial, NaN for none or an unknown variance.
    """
    if trials < 1:
        return math.nan
    if trials == 1:
        return 0.0
    high, higher = _NORMAL.inv_cdf(1.0 - 1.0 / trials), _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * ((1.0 - _EULER) * high + _EULER * higher) if variance >= 0.0 else math.nan


def deflated_sharpe(estimate: SharpeEstimate, trials: int, variance: float) -> float:
    """Return the probability that the true Sharpe ratio is above what the best of `trials` shows without skill.

    `variance` is that of the trials' Sharpe ratios per return, as `trial_spread` gives it with their number; the
    estimate's own trial is one of them. Trials count as independent: where they resemble each other their variance is
    small, but their number is not reduced, which errs on the side of doubt. NaN where one of these is unknown.
    """
    return probabilistic_sharpe(estimate, expected_maximum_sharpe(trials, variance))


def trial_spread(rows: Iterable[Mapping[str, Any]], returns: int) -> TrialSpread:
    """Return number and spread of recorded trials, for the deflation of a Sharpe ratio of so many returns.

    `rows` are the trial ledger's: `status`, `figures` (the annual `sharpe`, `periods_per_year`, `trading_days`) and
    what names a trial: `setup_hash`, `set_hash`, `first_ts_ms`, `last_ts_ms`.

    Which trials count: all that were evaluated, those that were halted, went bankrupt or were stopped midway too,
    for a better figure of theirs would have been picked. So would one of a trial whose ratio is undefined because it
    never traded: it counts, but is left out of the spread, since a 0 put in its place would narrow it and lower the
    bar. Skipped parameters and strategies that raised showed nobody a figure and gave nothing to pick from. The same
    setup on the same bars with the same ratio is one trial, however often it was run: another run of it is no
    further chance.

    Trials differ in length, and a ratio from few returns strays further without being better. Each is therefore
    taken in units of its own standard error without skill, 1/√n, and their variance in that unit / `returns` is what
    ratios of the length at hand would show. With trials of one length it is the paper's plain variance. Trials of
    fewer than 20 days count, but are left out of the spread. NaN variance for fewer than two ratios.
    """
    seen: dict[tuple[object, ...], float] = {}
    for row in rows:
        if row["status"] not in NOT_EVALUATED:
            names = tuple(row[key] for key in ("setup_hash", "set_hash", "first_ts_ms", "last_ts_ms"))
            seen[*names, row["figures"].get("sharpe")] = _in_standard_errors(row["figures"])
    known = np.array([value for value in seen.values() if math.isfinite(value)])
    variance = float(np.var(known, ddof=1)) / returns if len(known) > 1 and returns > 0 else math.nan
    return TrialSpread(len(seen), variance)


def _in_standard_errors(figures: Mapping[str, float | None]) -> float:
    ratio, year, days = (figures.get(name) for name in ("sharpe", "periods_per_year", "trading_days"))
    if ratio is None or not year or days is None or days < _LEAST_DAYS:
        return math.nan
    return ratio * math.sqrt(days / year)
