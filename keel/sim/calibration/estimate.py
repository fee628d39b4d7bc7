"""A parameter with its confidence interval, and the interval of a linear fit whose errors come in clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.timeframe import MS_PER_DAY

Floats = NDArray[np.float64]

FEWEST: Final = 30
"""Observations below which nothing is fitted, and days from which on a day is a cluster."""
FEWEST_CLUSTERS: Final = 10


@dataclass(frozen=True)
class Estimate:
    """Hold a fitted value, the ends of its confidence interval and the number of observations it rests on."""

    value: float
    low: float
    high: float
    used: int

    def clipped(self, low: float, high: float) -> Estimate:
        """Return the estimate within what the parameter can be."""
        value, least, most = (float(min(max(each, low), high)) for each in (self.value, self.low, self.high))
        return Estimate(value, least, most, self.used)


def has_enough_days(ts_ms: NDArray[np.int64]) -> bool:
    """Say whether days can be the clusters; otherwise orders are.

    Errors of one order's fills go together, and so do those of one day; the coarser cluster is the safer one as long as
    there are enough of them.
    """
    return len(np.unique(ts_ms // MS_PER_DAY)) >= FEWEST


def clusters(ts_ms: NDArray[np.int64], order: NDArray[np.int64], *, by_day: bool) -> NDArray[np.int64]:
    """Return each observation's cluster: its day (UTC) or its order."""
    return ts_ms // MS_PER_DAY if by_day else order


def jackknife_intervals(
    columns: Floats, target: Floats, cluster: NDArray[np.int64], confidence: float
) -> tuple[Floats, Floats]:
    """Return the least-squares coefficients of (n, p) `columns`, and half the width of their intervals.

    The variance is the cluster jackknife CV3, the quantile Student's t with clusters − 1 degrees of freedom (MacKinnon,
    Nielsen and Webb, Fast and Reliable Jackknife and Bootstrap Methods for Cluster-Robust Inference, J. Appl.
    Econometrics 38, 2023): on the safe side where clusters are few or unequal, and free of randomness. Raises
    ValueError where there are fewer than `FEWEST_CLUSTERS`.
    """
    from scipy.stats import t as student

    number = np.unique(cluster, return_inverse=True)[1]
    groups = int(number.max()) + 1
    if groups < FEWEST_CLUSTERS:
        raise ValueError(f"they belong to {groups} orders, at least {FEWEST_CLUSTERS} are needed")
    products = _sums(columns[:, :, None] * columns[:, None, :], number)
    moments = _sums(columns * target[:, None], number)
    whole, total = products.sum(axis=0), moments.sum(axis=0)
    fitted = np.linalg.solve(whole, total)
    try:
        without = np.linalg.solve(whole - products, (total - moments)[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        raise ValueError("all that sets small orders apart from large ones happened in one cluster") from None
    deviation = np.sqrt((groups - 1) / groups * np.square(without - fitted).sum(axis=0))
    return fitted, deviation * float(student.ppf((1 + confidence) / 2, groups - 1))


def _sums(values: Floats, number: NDArray[np.intp]) -> Floats:
    sums = np.zeros((int(number.max()) + 1, *values.shape[1:]))
    np.add.at(sums, number, values)
    return sums
