"""What each feature is worth to a model: shuffle it over time, play again, see what changes.

A feature that decides nothing can be shuffled without a trace. Blocks are moved whole, so that the shuffled feature
keeps its spread and its ways from bar to bar, and loses only its hour (permutation importance: Breiman, Random Forests,
Machine Learning 45(1), 2001; Fisher, Rudin and Dominici, J. Machine Learning Research 20(177), 2019). Features that
tell the same may stand in for each other: each alone then seems to be worth little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from keel.backtest.run import BacktestInputs, simulate
from keel.backtest.search.windows import Rows, within
from keel.metrics.returns import total_return
from keel.strategies.decisions import KeepGoing, Weights
from keel.strategies.observer import Features
from keel.strategies.trained import Policy


@dataclass(frozen=True, slots=True)
class Worth:
    """Hold what shuffling a feature did.

    `weight_change` is the mean change of a weight, `return_change` that of the total return of all these bars, both as
    fractions of equity; below 0 the model did worse without the feature.
    """

    feature: str
    weight_change: float
    return_change: float


def feature_worths(
    inputs: BacktestInputs, policy: Policy, rows: Rows, block: int, seed: int, keep_going: KeepGoing
) -> list[Worth]:
    """Return what each feature of a bar is worth on these rows, of all instruments at once, the largest change first.

    `block` is how many bars are moved together. Features of the account are left alone: they follow from what is done.
    """
    played, weights = _play(inputs, policy, rows, None, keep_going)
    found = []
    for at, name in enumerate(policy.feature_names):
        again, other = _play(inputs, policy, rows, _shuffle(at, rows, block, [seed, at]), keep_going)
        found.append(Worth(name, _apart(weights, other), again - played))
    return sorted(found, key=lambda worth: -worth.weight_change)


def _play(
    inputs: BacktestInputs,
    policy: Policy,
    rows: Rows,
    alter: Callable[[Features], Features] | None,
    keep_going: KeepGoing,
) -> tuple[float, Weights]:
    policy.alter = alter
    try:
        played, weights = simulate(within(replace(inputs, strategy=policy), rows), keep_going)
    finally:
        policy.alter = None
    return total_return(played.marks["equity"]), weights


def _shuffle(at: int, rows: Rows, block: int, seed: list[int]) -> Callable[[Features], Features]:
    first, last = rows
    blocks = np.array_split(np.arange(first, last), max(1, -(-(last - first) // block)))
    order = np.random.default_rng(seed).permutation(len(blocks))
    moved = np.concatenate([blocks[k] for k in order])

    def alter(features: Features) -> Features:
        shuffled = features.copy()
        shuffled[first:last, :, at] = features[moved, :, at]
        return shuffled

    return alter


def _apart(one: Weights, other: Weights) -> float:
    """Return how far two runs' targets lie apart on average; where one of them gave none they count as the same."""
    apart = np.abs(one - other)
    known = ~np.isnan(apart)
    return float(np.mean(apart[known])) if known.any() else 0.0
