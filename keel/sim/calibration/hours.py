"""Hour-of-week multipliers from what each hour cost, or took, shrunk towards 1 (docs/execution.md, rule 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from keel.domain.layout import HOURS_PER_WEEK
from keel.sim.calibration.estimate import Floats
from keel.sim.calibration.market import Whole

FEWEST_AN_HOUR: Final = 10
"""Observations below which an hour keeps the multiplier 1."""
FEWEST_HOURS: Final = 24
"""Hours with enough observations below which there is no table."""
_LEAST: Final = 0.05
_ROUNDS: Final = 20
_PULLED_IN: Final = 4.45
"""Median absolute deviations at which values are cut: three standard deviations of a normal."""


@dataclass(frozen=True)
class HourTable:
    """Hold 168 multipliers with mean 1, how many hours were told, and the part of their differences that was kept."""

    multipliers: Floats
    hours: int
    kept: float


def shrunk_hours(hour: Whole, value: Floats, shape: Floats) -> HourTable | None:
    """Return the multiplier of each hour in value = level × multiplier × shape, None for too few observations.

    Each hour's own ratio is drawn towards 1 by as much as chance explains: empirical Bayes with the variance between
    hours by moments (DerSimonian and Laird, Controlled Clinical Trials 7, 1986).
    """
    value = _cut(hour, value, shape)
    weight = np.bincount(hour, shape * shape, minlength=HOURS_PER_WEEK)
    level = float(shape @ value) / float(weight.sum())
    told = np.bincount(hour, minlength=HOURS_PER_WEEK) >= FEWEST_AN_HOUR
    if told.sum() < FEWEST_HOURS or level <= 0:
        return None
    ratio = np.bincount(hour, shape * value, minlength=HOURS_PER_WEEK)[told] / weight[told] / level
    fitted = np.ones(HOURS_PER_WEEK)
    fitted[told] = ratio
    noise = float(np.mean(np.square(value - level * fitted[hour] * shape)))
    variance = np.maximum(noise / weight[told] / level**2, 1e-12)
    between = _between(ratio, variance)
    share = between / (between + variance)
    multipliers = np.ones(HOURS_PER_WEEK)
    multipliers[told] = np.maximum(1.0 + (ratio - 1.0) * share, _LEAST)
    return HourTable(multipliers / multipliers.mean(), int(told.sum()), float(share.mean()))


def without_impact(hour: Whole, paid: Floats, shape: Floats, impact: Floats) -> Floats:
    """Return what was paid less the impact, whose coefficient is fitted beside a spread of each hour's own.

    Frisch and Waugh (Econometrica 1, 1933): both are freed of their hour's spread, then one explains the other.
    """
    paid_alone, impact_alone = (_beside_hours(hour, each, shape) for each in (paid, impact))
    coefficient = 0.0
    pulled_in = paid_alone
    for _ in range(_ROUNDS):
        coefficient = float(impact_alone @ pulled_in) / max(float(impact_alone @ impact_alone), 1e-300)
        residuals = paid_alone - coefficient * impact_alone
        limit = _PULLED_IN * float(np.median(np.abs(residuals)))
        pulled_in = coefficient * impact_alone + np.clip(residuals, -limit, limit)
    return paid - max(coefficient, 0.0) * impact


def _beside_hours(hour: Whole, value: Floats, shape: Floats) -> Floats:
    weight = np.bincount(hour, shape * shape, minlength=HOURS_PER_WEEK)
    level = np.bincount(hour, shape * value, minlength=HOURS_PER_WEEK) / np.maximum(weight, 1e-300)
    return value - level[hour] * shape


def _between(ratio: Floats, variance: Floats) -> float:
    weight = 1.0 / variance
    mean = float(weight @ ratio) / float(weight.sum())
    spread = float(weight @ np.square(ratio - mean)) - (len(ratio) - 1)
    return max(spread / (float(weight.sum()) - float(weight @ weight) / float(weight.sum())), 0.0)


def _cut(hour: Whole, value: Floats, shape: Floats) -> Floats:
    """Pull outliers in to what is usual around their own hour's median."""
    each = value / shape
    middle = np.zeros(HOURS_PER_WEEK)
    for one in np.unique(hour):
        middle[one] = np.median(each[hour == one])
    limit = _PULLED_IN * float(np.median(np.abs(each - middle[hour])))
    return np.clip(each, middle[hour] - limit, middle[hour] + limit) * shape
