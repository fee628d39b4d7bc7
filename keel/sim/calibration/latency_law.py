"""The distribution of one way's delay (docs/execution.md, rule 13) and its likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from keel.sim.calibration.estimate import Floats

_STRAY: Final = 1e-7
"""Probability added to that of every observation, so that one that strays, faster than the base, forbids no base."""


@dataclass(frozen=True)
class Delays:
    """Hold recorded delays of one way, one entry each.

    `ms` is whole milliseconds; `factor` what multiplies the law (hour × volatility factor); `slowest_of` how many
    answers it is the last of, for an answer never overtakes the one before; `cluster` which delays belong together;
    `hour` the hour of the week.
    Delays above `lost_ms` say only that they were longer.
    """

    ms: Floats
    factor: Floats
    slowest_of: Floats
    cluster: NDArray[np.int64]
    hour: NDArray[np.int64]
    lost_ms: float = float("inf")


@dataclass(frozen=True)
class Law:
    """Hold base + lognormal jitter, times a factor in a spike."""

    base_ms: float
    jitter_ms: float
    jitter_sigma: float
    spike_probability: float = 0.0
    spike_multiplier: float = 1.0

    def below(self, ms: Floats) -> Floats:
        """Return the chance that one way, before hour and volatility, takes at most so long."""
        calm = self._calm(ms)
        if self.spike_probability == 0.0:
            return calm
        spiked = self._calm(ms / self.spike_multiplier)
        return calm + self.spike_probability * (spiked - calm)

    def _calm(self, ms: Floats) -> Floats:
        above = np.maximum(ms - self.base_ms, 0.0) / self.jitter_ms
        with np.errstate(divide="ignore"):
            chance: Floats = ndtr(np.log(above) / self.jitter_sigma)
        return chance


def log_likelihoods(law: Law, delays: Delays) -> Floats:
    """Return each delay's log-likelihood: that it was rounded up to its whole millisecond, or lost."""
    lost = delays.ms >= delays.lost_ms
    upper = law.below(np.where(lost, np.inf, delays.ms / delays.factor)) ** delays.slowest_of
    lower_ms = np.where(lost, delays.lost_ms, delays.ms - 1.0) / delays.factor
    lower = law.below(lower_ms) ** delays.slowest_of
    return np.log(np.maximum(upper - lower, 0.0) + _STRAY)
