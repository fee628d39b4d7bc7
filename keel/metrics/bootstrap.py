"""Confidence intervals of daily returns by the stationary block bootstrap.

The returns that were are drawn again in blocks of random length, wrapped around, so that a resample hangs together
from day to day as they did (Politis and Romano, The Stationary Bootstrap, J. American Statistical Association 89(428),
1994). The middle `level` of the figures of many resamples is the interval (percentile method). The mean length of the
blocks follows from the returns themselves (Politis and White, Econometric Reviews 23(1), 2004, with the correction of
Patton, Politis and White, 28(4), 2009). The arch library draws and measures the blocks.

Of 1,000 simulated 95% intervals of a Sharpe ratio, 94 in 100 held the truth after a year of independent days, 93 where
neighbouring days correlate by 0.2 and 91 by 0.4; after four years 94 in all three, and 93 of the differences of a
pair. An interval knows no other market than the one it was drawn from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.metrics.returns import sharpe

Floats = NDArray[np.float64]

LEVEL: Final = 0.95
RESAMPLES: Final = 2000
LEAST_RETURNS: Final = 20
"""Returns below which nothing is estimated: too few to see how one day depends on another."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Hold an estimate and the bounds that the truth lies within at the stated level; NaN where undefined."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Intervals:
    """Hold the intervals of a series of daily returns, or of the difference between two (first minus second).

    `sharpe` is a year's, returns are fractions. `block_length` is the mean number of days drawn together.
    """

    sharpe: Interval
    total_return: Interval
    annual_return: Interval
    level: float
    block_length: float


def block_length(*series: Floats) -> int:
    """Return the mean length of blocks, in whole days, that suits the series; of several, the longest any asks for.

    Each is (days,), finite and of `LEAST_RETURNS` days or more, not all equal.
    """
    # pandas and statsmodels come with it: two seconds that only those who ask for an interval should wait.
    from arch.bootstrap import optimal_block_length

    # A tail of equal returns has no correlation of its own, and squares of absurd returns leave float range: the first
    # lengthens the blocks up to the library's bound, 3 √days, the second asks for nothing.
    with np.errstate(all="ignore"):
        lengths = optimal_block_length(np.column_stack(series))["stationary"].to_numpy()
    return math.ceil(float(np.fmax.reduce(lengths, initial=1.0)))


def bootstrap_intervals(
    returns: Floats, year: float, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Intervals:
    """Return intervals of the annual Sharpe ratio and of the total and annual return of daily returns (days,).

    `year` is how many returns a year has. The same seed gives the same bounds. An interval is NaN with fewer than
    `LEAST_RETURNS` returns or without spread, and where one resample has no such figure: that of the Sharpe ratio
    where about eight days or fewer differ from the rest.
    """
    return _intervals((returns,), year, level, resamples, seed)


def paired_intervals(
    ours: Floats, theirs: Floats, year: float, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Intervals:
    """Return intervals of what `ours` has over `theirs`, daily returns of the same days, each (days,).

    Both are resampled on the same days, so what moves both cancels. See `bootstrap_intervals`; NaN too where they
    differ in length. Against returns that never differ, as of cash, the Sharpe ratios have no difference; returns have.
    """
    return _intervals((ours, theirs), year, level, resamples, seed)


def _intervals(series: tuple[Floats, ...], year: float, level: float, resamples: int, seed: int) -> Intervals:
    moving = [one for one in series if not math.isnan(sharpe(one, year))]
    if not _is_enough(series) or not moving:
        unknown = Interval(math.nan, math.nan, math.nan)
        return Intervals(unknown, unknown, unknown, level, math.nan)
    from arch.bootstrap import StationaryBootstrap

    length = block_length(*moving)
    drawn = StationaryBootstrap(length, *series, seed=seed).apply(
        lambda *again: _difference(again, year), reps=resamples
    )
    # A quantile of figures of which one is undefined is undefined.
    low, high = np.quantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
    bounds = zip(_difference(series, year).tolist(), low.tolist(), high.tolist(), strict=True)
    ratio, total, annual = (Interval(*one) for one in bounds)
    return Intervals(ratio, total, annual, level, length)


def _is_enough(series: tuple[Floats, ...]) -> bool:
    same_days = len({len(one) for one in series}) == 1
    return same_days and len(series[0]) >= LEAST_RETURNS and all(np.all(np.isfinite(one)) for one in series)


def _difference(series: tuple[Floats, ...], year: float) -> Floats:
    figures = [_figures(one, year) for one in series]
    return figures[0] if len(figures) == 1 else figures[0] - figures[1]


@np.errstate(over="ignore")
def _figures(returns: Floats, year: float) -> Floats:
    """Return the Sharpe ratio, the total and the annual return; who lost everything once has nothing to grow again."""
    growth = float(np.prod(np.maximum(1.0 + returns, 0.0)))
    if not math.isfinite(growth):
        return np.array([sharpe(returns, year), math.nan, math.nan])
    exponent = math.log(growth) * year / len(returns) if growth > 0.0 else -math.inf
    annual = math.expm1(exponent) if exponent < 700.0 else math.nan
    return np.array([sharpe(returns, year), growth - 1.0, annual])
