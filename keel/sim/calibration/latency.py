"""Parameters of the law of latency from recorded delays (docs/execution.md, rule 13), by maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.stats import beta, norm

from keel.sim.calibration.estimate import FEWEST, Estimate, Floats
from keel.sim.calibration.latency_law import Delays, Law
from keel.sim.calibration.latency_search import JITTER, PROBABILITY, SIGMA, SLOWER, Fitted, best_fit

LEGS: Final = ("base_ms", "response_ms")
"""The two ways by their names in the config: to the venue, and back."""
_SPIKES_TOLD: Final = 5.0
"""Spikes from which on their factor can be told."""
_VAGUE: Final = 0.5
"""Standard error of the logarithm of the jitter from which on it cannot be told from the base."""
_MISFIT: Final = 0.05
_KOLMOGOROV_99: Final = 1.63


@dataclass(frozen=True)
class LatencyFit:
    """Hold the parameters by their names in the config's `latency` section; what cannot be told is not there.

    `median_ms` is base + median jitter of each way, which is told well even where its two parts are not. `misfit` is
    the largest distance between the recorded distribution and the law's (Kolmogorov and Smirnov's).
    """

    parameters: Mapping[str, Estimate]
    median_ms: Mapping[str, Estimate]
    misfit: float
    warnings: tuple[str, ...]


def fit_latency(entry: Delays | None, response: Delays | None, confidence: float) -> LatencyFit:
    """Fit both ways together: bases apart, jitter and spikes shared, as the simulator has them.

    A delay is whole milliseconds rounded up, so each one is an interval and the likelihood is bounded where that of a
    shifted lognormal is not. Errors are the larger of the model's own (inverse Hessian) and the sandwich clustered as
    the delays are (White, Econometrica 50, 1982), so that a jam that slows many messages counts once. Raises ValueError
    if neither way has `FEWEST` delays.
    """
    given = {name: each for name, each in zip(LEGS, (entry, response), strict=True) if each is not None}
    legs = {name: each for name, each in given.items() if len(each.ms) >= FEWEST}
    warnings = [
        f"latency.{name}: left out: {len(each.ms)} delays, at least {FEWEST} are needed"
        for name, each in given.items()
        if name not in legs
    ]
    if not legs:
        counts = " and ".join(str(len(each.ms)) for each in given.values()) or "no"
        raise ValueError(f"{counts} delays, at least {FEWEST} are needed")
    constant = _constant(legs)
    if constant is not None:
        return replace(constant, warnings=tuple(warnings))
    fitted = best_fit(list(legs.values()))
    parameters = _bases_and_jitter(legs, fitted, confidence) | _spikes(legs, fitted, confidence, warnings)
    _warn_of_vagueness(fitted, warnings)
    misfit = _misfit(legs, fitted.laws, warnings)
    return LatencyFit(parameters, _medians(legs, fitted, confidence), misfit, tuple(warnings))


def _constant(legs: Mapping[str, Delays]) -> LatencyFit | None:
    """Return the fit without jitter, if one base explains every delay of each way."""
    ranges = {
        name: (float(((each.ms - 1) / each.factor).max()), float((each.ms / each.factor).min()), len(each.ms))
        for name, each in legs.items()
    }
    if any(low >= high for low, high, _ in ranges.values()):
        return None
    bases = {name: Estimate((max(low, 0) + high) / 2, max(low, 0), high, n) for name, (low, high, n) in ranges.items()}
    width = max(each.high - each.low for each in bases.values())
    used = sum(each.used for each in bases.values())
    return LatencyFit(bases | {"jitter_ms": Estimate(0.0, 0.0, width, used)}, bases, 0.0, ())


def _bases_and_jitter(legs: Mapping[str, Delays], fitted: Fitted, confidence: float) -> dict[str, Estimate]:
    quantile = float(norm.ppf((1 + confidence) / 2))
    half = quantile * np.sqrt(np.diag(fitted.covariance))
    used = sum(len(each.ms) for each in legs.values())
    estimates = {}
    for at, (name, each) in enumerate(legs.items(), start=fitted.first_base):
        value = float(fitted.theta[at])
        estimates[name] = Estimate(value, value - half[at], value + half[at], len(each.ms))
        estimates[name] = estimates[name].clipped(0.0, float(np.median(each.ms / each.factor)))
    for at, name, most in ((JITTER, "jitter_ms", 60_000.0), (SIGMA, "jitter_sigma", 3.0)):
        value, low, high = (math.exp(min(float(fitted.theta[at]) + each, 100.0)) for each in (0.0, -half[at], half[at]))
        estimates[name] = Estimate(value, low, high, used).clipped(0.0, most)
    return estimates


def _medians(legs: Mapping[str, Delays], fitted: Fitted, confidence: float) -> dict[str, Estimate]:
    quantile = float(norm.ppf((1 + confidence) / 2))
    jitter = math.exp(float(fitted.theta[JITTER]))
    medians = {}
    for at, (name, each) in enumerate(legs.items(), start=fitted.first_base):
        slope = np.zeros(len(fitted.theta))
        slope[at], slope[JITTER] = 1.0, jitter
        half = quantile * math.sqrt(max(float(slope @ fitted.covariance @ slope), 0.0))
        value = float(fitted.theta[at]) + jitter
        medians[name] = Estimate(value, value - half, value + half, len(each.ms)).clipped(0.0, math.inf)
    return medians


def _spikes(legs: Mapping[str, Delays], fitted: Fitted, confidence: float, warnings: list[str]) -> dict[str, Estimate]:
    messages = float(sum(each.slowest_of.sum() for each in legs.values()))
    law = fitted.laws[0]
    spikes = law.spike_probability * messages
    used = sum(len(each.ms) for each in legs.values())
    low, high = _chance(spikes, messages, confidence)
    if not fitted.has_spikes:
        warnings.append(
            f"latency.spike_multiplier: left out: none of {used:,} messages was a spike, so how much "
            "slower one is cannot be told"
        )
        return {"spike_probability": Estimate(0.0, 0.0, high, used)}
    quantile = float(norm.ppf((1 + confidence) / 2))
    half = quantile * np.sqrt(np.diag(fitted.covariance))
    logit = float(fitted.theta[PROBABILITY])
    low, high = min(low, _logistic(logit - half[PROBABILITY])), max(high, _logistic(logit + half[PROBABILITY]))
    found = {"spike_probability": Estimate(law.spike_probability, low, high, used)}
    if spikes < _SPIKES_TOLD:
        warnings.append(
            f"latency.spike_multiplier: left out: about {spikes:.0f} of {used:,} messages were spikes (about "
            f"{law.spike_multiplier:.3g} times slower), at least {_SPIKES_TOLD:g} are needed"
        )
        return found
    slower = float(fitted.theta[SLOWER])
    value, low, high = (1.0 + math.exp(slower + each) for each in (0.0, -half[SLOWER], half[SLOWER]))
    return found | {"spike_multiplier": Estimate(value, low, high, round(spikes)).clipped(1.0, 1000.0)}


def _chance(hits: float, tries: float, confidence: float) -> tuple[float, float]:
    """Return the exact interval of a chance (Clopper and Pearson, Biometrika 26, 1934)."""
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, hits, tries - hits + 1)) if hits > 0 else 0.0
    return low, float(beta.ppf(1 - tail, hits + 1, max(tries - hits, 1e-9)))


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(min(x, 500.0), -500.0)))


def _warn_of_vagueness(fitted: Fitted, warnings: list[str]) -> None:
    if math.sqrt(float(fitted.covariance[JITTER, JITTER])) > _VAGUE:
        warnings.append(
            "latency: base and jitter can hardly be told apart, for the jitter is nearly symmetrical or delays "
            "are few: trust the median latency, not its parts"
        )


def _misfit(legs: Mapping[str, Delays], laws: tuple[Law, ...], warnings: list[str]) -> float:
    worst = 0.0
    for (name, each), law in zip(legs.items(), laws, strict=True):
        ranks = np.sort(law.below((each.ms - 0.5) / each.factor) ** each.slowest_of)
        distance = _distance(ranks)
        worst = max(worst, distance)
        if distance > max(_MISFIT, _KOLMOGOROV_99 / math.sqrt(len(ranks))):
            warnings.append(
                f"latency.{name}: base + lognormal jitter fits badly: recorded and fitted distribution are "
                f"{distance:.0%} apart at worst"
            )
    return worst


def _distance(ranks: Floats) -> float:
    places = np.arange(len(ranks) + 1) / len(ranks)
    return float(max(np.abs(ranks - places[1:]).max(), np.abs(ranks - places[:-1]).max()))
