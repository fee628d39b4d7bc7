"""The search for the most likely law of latency, and the errors of what it finds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from keel.sim.calibration.estimate import Floats
from keel.sim.calibration.latency_law import Delays, Law, log_likelihoods

JITTER: Final = 0
"""Place of the logarithm of the jitter's median, ms, in `theta`."""
SIGMA: Final = 1
"""Place of the logarithm of the jitter's sigma."""
PROBABILITY: Final = 2
"""Place of the logit of a spike's chance, where there are spikes."""
SLOWER: Final = 3
"""Place of the logarithm of the spike's factor − 1, where there are spikes."""
_SURE: Final = 12.0
"""Twice the gain in log-likelihood from which on slow messages are spikes: chance brings it once in 400 fits."""
_LEAST_SPIKE: Final = 2.0
"""Smallest factor of a spike: below, it is the jitter's own tail."""
_SHARES: Final = (0.3, 0.8)
"""Parts of the way from the fastest delay to the middle one at which the search starts to look for the jitter."""
_STEP: Final = 1e-3
_FLATTEST: Final = 1e-4
"""Least curvature, relative to that of single parameters: where there is less, intervals are as wide as this says."""


@dataclass(frozen=True)
class Fitted:
    """Hold the most likely parameters, their covariance and the law of each way.

    `theta` is log jitter, log sigma, with spikes logit of their chance and log(factor − 1), then each way's base, ms.
    """

    theta: Floats
    covariance: Floats
    laws: tuple[Law, ...]
    has_spikes: bool

    @property
    def first_base(self) -> int:
        """Return the place of the first way's base in `theta`."""
        return 4 if self.has_spikes else 2


def best_fit(legs: Sequence[Delays]) -> Fitted:
    """Return the most likely law of each way, with spikes only where they are sure."""
    calm, calm_cost = _search(legs, has_spikes=False)
    middles = [float(np.median(each.ms / each.factor)) for each in legs]
    slow = any(
        (each.ms / each.factor > _LEAST_SPIKE * middle).any() for each, middle in zip(legs, middles, strict=True)
    )
    theta, has_spikes = calm, False
    if slow:
        spiked, cost = _search(legs, has_spikes=True)
        if 2 * (calm_cost - cost) > _SURE:
            theta, has_spikes = spiked, True
    laws = _laws(theta, has_spikes=has_spikes)
    return Fitted(theta, _covariance(theta, legs, has_spikes=has_spikes), laws, has_spikes)


def _laws(theta: Floats, *, has_spikes: bool) -> tuple[Law, ...]:
    jitter, sigma = math.exp(theta[JITTER]), math.exp(theta[SIGMA])
    chance, factor = 0.0, 1.0
    if has_spikes:
        chance, factor = 1.0 / (1.0 + math.exp(-theta[PROBABILITY])), 1.0 + math.exp(theta[SLOWER])
    return tuple(Law(float(base), jitter, sigma, chance, factor) for base in theta[4 if has_spikes else 2 :])


def _search(legs: Sequence[Delays], *, has_spikes: bool) -> tuple[Floats, float]:
    def cost(scaled: Floats) -> float:
        laws = _laws(scaled * scale, has_spikes=has_spikes)
        return -sum(float(log_likelihoods(law, each).sum()) for law, each in zip(laws, legs, strict=True))

    fastest = np.array([float((each.ms / each.factor).min()) for each in legs])
    middle = np.array([float(np.median(each.ms / each.factor)) for each in legs])
    spread = max(float((middle - fastest).min()), 1.0)
    bounds = [(-5.0, 11.0), (-4.0, math.log(3.0))]
    spikes: list[float] = []
    if has_spikes:
        spikes = [-4.0, math.log(8.0)]
        bounds += [(-16.0, 3.0), (math.log(_LEAST_SPIKE - 1.0), math.log(999.0))]
    bounds += [(0.0, float(most)) for most in middle / spread]
    # in units of the jitter the bases are of the size of the logarithms, as the search wants them
    scale = np.array([1.0] * (len(bounds) - len(legs)) + [spread] * len(legs))
    found = []
    for share in _SHARES:
        bases = np.clip(fastest - spread * (1.0 / share - 1.0), 0.0, fastest)
        start = [math.log(max(float((middle - bases).mean()), 0.5)), math.log(0.5), *spikes, *(bases / spread)]
        found.append(minimize(cost, start, method="L-BFGS-B", bounds=bounds))
    best = min(found, key=lambda each: float(each.fun))
    return np.asarray(best.x * scale, np.float64), float(best.fun)


def _covariance(theta: Floats, legs: Sequence[Delays], *, has_spikes: bool) -> Floats:
    """Return the larger, parameter by parameter, of the model's covariance and the clustered sandwich."""
    steps = _STEP * np.maximum(np.abs(theta), 1.0)

    def each(moved: Floats) -> Floats:
        laws = _laws(moved, has_spikes=has_spikes)
        return np.concatenate([log_likelihoods(law, leg) for law, leg in zip(laws, legs, strict=True)])

    moves = np.diag(steps)
    scores = np.stack([(each(theta + move) - each(theta - move)) for move in moves], axis=1) / (2 * steps)
    hessian = np.empty((len(theta), len(theta)))
    for i, first in enumerate(moves):
        for j, second in enumerate(moves):
            corners = [each(theta + a * first + b * second).sum() * a * b for a in (1, -1) for b in (1, -1)]
            hessian[i, j] = -sum(corners) / (4 * steps[i] * steps[j])
    model = _inverse(hessian)
    cluster = np.unique(np.concatenate([leg.cluster for leg in legs]), return_inverse=True)[1]
    sums = np.zeros((int(cluster.max()) + 1, len(theta)))
    np.add.at(sums, cluster, scores)
    groups = len(sums)
    sandwich = model @ (sums.T @ sums * (groups / max(groups - 1, 1))) @ model
    wider = np.sqrt(np.maximum(np.diag(sandwich) / np.maximum(np.diag(model), 1e-300), 1.0))
    return np.asarray(model * wider[:, None] * wider[None, :], np.float64)


def _inverse(hessian: Floats) -> Floats:
    """Return the inverse of a Hessian that may be flat, or bent the wrong way where a base is at its bound."""
    size = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
    curvature, axes = np.linalg.eigh(hessian / size[:, None] / size[None, :])
    inverse = (axes / np.maximum(curvature, _FLATTEST)) @ axes.T
    return np.asarray(inverse / size[:, None] / size[None, :], np.float64)
