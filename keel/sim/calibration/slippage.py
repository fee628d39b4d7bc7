"""Half-spread and impact coefficient from price − reference of fills that took (docs/execution.md, rules 11, 12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.sim.calibration.estimate import FEWEST, Estimate, Floats, jackknife_intervals

BPS: Final = 10_000.0
_PULLED_IN: Final = 3.0
"""Robust standard deviations beyond which a residual counts as an outlier."""
_MAD_TO_SIGMA: Final = 1.4826
_ROUNDS: Final = 100
_LEAST_SHARE: Final = 0.01
"""Least part of the impact column that the spread column must leave unexplained for the two to be told apart."""
_DIFFERENT: Final = 1.5
"""Ratio of the law's growth in large to that in small fills from which on it tells of impact by itself."""
_ON_GRID: Final = 0.9
"""Part of the reference prices on the tick grid from which on they are taken to be all there."""
_EVEN_ROUNDING: Final = 2.0
"""Ticks that costs must spread over for what was rounded up to be half a tick on average."""


@dataclass(frozen=True)
class SlippageSample:
    """Hold fills that took, one entry each.

    `paid_bps` is side × (price − reference) in bps of the reference; `spread_shape` what multiplies the half-spread
    (hour × volatility factor); `impact_shape_bps` what multiplies the impact coefficient, volatility × `growth` (of the
    law, rule 11), NaN where unknown;
    `tick_bps` the tick in bps of the reference, 0 for none; `on_grid` whether the reference is a whole tick.
    """

    paid_bps: Floats
    spread_shape: Floats
    impact_shape_bps: Floats
    growth: Floats
    tick_bps: Floats
    on_grid: NDArray[np.bool_]
    cluster: NDArray[np.int64]


@dataclass(frozen=True)
class SlippageFit:
    """Hold the fit; `impact` is None where it cannot be told, and then `warnings` says why.

    `r_squared` is the part of the squared slippage that the law explains, `residual_bps` the quantiles 5, 25, 50, 75
    and 95% of what it does not, `outliers` how many residuals were pulled in.
    """

    half_spread_bps: Estimate
    impact: Estimate | None
    r_squared: float
    residual_bps: Floats
    outliers: int
    warnings: tuple[str, ...]


def fit_slippage(sample: SlippageSample, confidence: float) -> SlippageFit:
    """Fit paid = half-spread × shape + coefficient × impact shape + half a tick, by Huber's estimator.

    The simulator rounds every price to the tick against us, which costs half a tick where prices lie anywhere between
    two. It is taken off before the fit, or a run with the fitted half-spread would pay it twice. Huber's estimator
    (Robust Estimation of a Location Parameter, 1964) pulls residuals in that lie beyond three robust standard
    deviations: costs are means, so only what is far out may count less. Raises ValueError below `FEWEST` fills, and for
    too few orders.
    """
    if len(sample.paid_bps) < FEWEST:
        raise ValueError(f"{len(sample.paid_bps)} fills, at least {FEWEST} are needed")
    warnings: list[str] = []
    both = _columns(sample, warnings)
    used = np.asarray(np.isfinite(both).all(axis=1))
    columns, target = both[used], (sample.paid_bps - sample.tick_bps / 2)[used]
    coefficients, outlying, pseudo = _huber(columns, target)
    if both.shape[1] == 2 and coefficients[1] < 0:
        warnings.append("larger orders paid no more than small ones: no impact is seen")
    _, half_widths = jackknife_intervals(columns, pseudo, sample.cluster[used], confidence)
    estimates = [
        Estimate(float(value), float(value - half), float(value + half), int(used.sum()))
        for value, half in zip(coefficients, half_widths, strict=True)
    ]
    residuals = target - columns @ coefficients
    spread = _widened(estimates[0], sample, used, columns @ coefficients, warnings)
    return SlippageFit(
        half_spread_bps=spread.clipped(0.0, np.inf),
        impact=estimates[1].clipped(0.0, np.inf) if len(estimates) == 2 else None,
        r_squared=_r_squared(target, residuals),
        residual_bps=np.quantile(residuals, [0.05, 0.25, 0.5, 0.75, 0.95]),
        outliers=int(outlying.sum()),
        warnings=tuple(warnings),
    )


def _columns(sample: SlippageSample, warnings: list[str]) -> Floats:
    """Return the columns of the fit: the spread's, and the impact's where it can be told from the spread."""
    spread = sample.spread_shape[:, None]
    known = np.isfinite(sample.impact_shape_bps)
    if not known.any():
        warnings.append("impact: left out: no fill has bar volume and volatility; the half-spread holds what there was")
        return spread
    if known.sum() < FEWEST:
        warnings.append(
            f"impact: left out: {known.sum()} fills have bar volume and volatility, at least {FEWEST} are needed; the "
            "half-spread holds what there was"
        )
        return spread
    shape, impact = sample.spread_shape[known], sample.impact_shape_bps[known]
    shared = float(shape @ impact) ** 2 / max(float(shape @ shape) * float(impact @ impact), 1e-300)
    if 1.0 - shared < _LEAST_SHARE:
        warnings.append(
            "impact: left out: participation is nearly alike in all fills, so it cannot be told from the spread; the "
            "half-spread holds what there was. Fills of small and of large orders would part them"
        )
        return spread
    least, most = np.quantile(sample.growth[known], [0.05, 0.95])
    if most < _DIFFERENT * least:
        warnings.append(
            "impact: participation is nearly alike in all fills, so its coefficient rests on volatility alone: on that "
            "impact, but not the spread, grows with it"
        )
    return np.column_stack([sample.spread_shape, sample.impact_shape_bps])


def _huber(columns: Floats, target: Floats) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Return Huber's coefficients, which residuals were pulled in, and the pseudo-values they are least squares of."""
    weights: Floats = np.ones(len(target))
    coefficients: Floats = np.zeros(columns.shape[1])
    limit = np.inf
    for _ in range(_ROUNDS):
        before = coefficients
        weighted = columns * weights[:, None]
        coefficients = np.asarray(np.linalg.solve(columns.T @ weighted, weighted.T @ target), np.float64)
        residuals = target - columns @ coefficients
        limit = max(_PULLED_IN * _MAD_TO_SIGMA * float(np.median(np.abs(residuals))), 1e-9)
        weights = limit / np.maximum(np.abs(residuals), limit)
        if np.allclose(coefficients, before, rtol=1e-10, atol=1e-12):
            break
    outlying = np.abs(residuals) > limit
    # Huber (Robust Statistics, 1981, 7.6): the estimate is the least-squares fit of these pseudo-values, and their
    # errors are its own to first order.
    pseudo = columns @ coefficients + np.clip(residuals, -limit, limit) / max(1.0 - float(outlying.mean()), 0.5)
    return coefficients, outlying, pseudo


def _widened(
    estimate: Estimate, sample: SlippageSample, used: NDArray[np.bool_], fitted_bps: Floats, warnings: list[str]
) -> Estimate:
    """Widen the half-spread by what rounding hides where reference prices are whole ticks and costs all alike.

    Then every cost is rounded up by the same unknown part of a tick, and more fills do not help.
    """
    tick = sample.tick_bps[used]
    if not tick.any() or float(sample.on_grid[used].mean()) < _ON_GRID:
        return estimate
    ticks = fitted_bps / np.maximum(tick, 1e-300)
    if float(np.quantile(ticks, 0.95) - np.quantile(ticks, 0.05)) >= _EVEN_ROUNDING:
        return estimate
    hidden = float(np.median(tick / sample.spread_shape[used])) / 2
    warnings.append(
        f"spread: reference prices are whole ticks and costs differ by less than {_EVEN_ROUNDING:g} ticks: rounding "
        f"hides ±{hidden:.3g} bps of the half-spread, which the interval allows for"
    )
    return Estimate(estimate.value, estimate.low - hidden, estimate.high + hidden, estimate.used)


def _r_squared(target: Floats, residuals: Floats) -> float:
    """Return the part of the mean square that is explained: uncentred, for the law has no constant."""
    total = float(target @ target)
    return 1.0 - float(residuals @ residuals) / total if total > 0 else 0.0
