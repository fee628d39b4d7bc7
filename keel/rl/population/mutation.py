"""Hyper-parameters as a population changes them: logarithms matter, and of gamma its distance from 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keel.config.algorithms import Algorithm
from keel.config.robustness import BELOW_ONE, PopulationSection
from keel.config.training import TrainingSection

Values = dict[str, float]
"""Values of mutated hyper-parameters by name."""


def values_in(algorithm: Mapping[str, Any], population: PopulationSection) -> Values:
    """Return the mutated hyper-parameters of a way of learning, as its section or a model's card has them."""
    return {name: float(algorithm[name]) for name in population.mutations}


def first_values(algorithm: Algorithm, population: PopulationSection, seed: int) -> list[Values]:
    """Return what each agent begins with: the first one the config's own values, the others draws by logarithm."""
    rng = np.random.default_rng(seed)
    drawn = [
        {name: float(np.exp(rng.uniform(*np.log(bounds)))) for name, bounds in spans(population).items()}
        for _ in range(population.size - 1)
    ]
    return [values_in(dict(algorithm), population), *(mirrored(one) for one in drawn)]


def mirrored(values: Mapping[str, float]) -> Values:
    """Return values as a population multiplies them, or back: 1 - gamma instead of gamma."""
    return {name: 1.0 - value if name in BELOW_ONE else value for name, value in values.items()}


def spans(population: PopulationSection) -> dict[str, tuple[float, float]]:
    """Return least and most of each mutated hyper-parameter, as a population multiplies them."""
    return {
        name: (1.0 - most, 1.0 - least) if name in BELOW_ONE else (least, most)
        for name, (least, most) in population.mutations.items()
    }


def section_with(section: TrainingSection, values: Mapping[str, float]) -> TrainingSection:
    """Return the section with other values of the algorithm's hyper-parameters."""
    return section.model_copy(update={"algorithm": section.algorithm.model_copy(update=dict(values))})
