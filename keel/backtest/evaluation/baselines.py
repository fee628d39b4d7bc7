"""What a model is read beside: strategies without skill or with an old idea, on the same bars at the same costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.backtest.run import BacktestInputs, simulate
from keel.backtest.search.windows import Decided, Rows, within
from keel.metrics.summary import headline
from keel.runs.result import Played
from keel.strategies.decisions import KeepGoing, Weights
from keel.strategies.holding import hold
from keel.strategies.moving_average import MovingAverageCrossover

_TUNINGS: Final = 3
"""Runs by which the random traders' turnover is brought to the model's."""
_PAIRS: Final = 4096
"""Pairs of weights drawn to learn how far two lie apart on average."""


@dataclass(frozen=True)
class Baseline:
    """Hold a baseline's name, run and figures (`keel.metrics.summary.headline`, branch strategy)."""

    name: str
    played: Played
    figures: dict[str, Any]


def play_baselines(
    inputs: BacktestInputs, rows: Rows, weights: Weights, traders: int, seed: int, keep_going: KeepGoing
) -> tuple[list[Baseline], list[Baseline]]:
    """Return a moving-average crossover and a flat account, and `traders` who trade by chance as much as the model.

    `inputs` are of all bars, `weights` (rows, N) what the model decided in `rows`, NaN for no new target.
    """
    crossing = replace(inputs, strategy=MovingAverageCrossover(MovingAverageCrossover.Params()))
    part = within(crossing, rows)
    average = _play("moving_average", part, keep_going)
    flat = _play("flat", _deciding(part, np.zeros(weights.shape)), keep_going)
    return [average, flat], _random(part, _held(weights), traders, seed, keep_going)


def model_turnover(part: BacktestInputs, weights: Weights, keep_going: KeepGoing) -> float:
    """Return the turnover a year of these weights (rows, N) on the bars of a part."""
    return _turnover(_play("model", _deciding(part, weights), keep_going))


def _random(part: BacktestInputs, weights: Weights, traders: int, seed: int, keep_going: KeepGoing) -> list[Baseline]:
    asked = model_turnover(part, weights, keep_going)
    switch = _switches(weights, np.random.default_rng([seed, traders]))
    for _ in range(_TUNINGS):
        tried = _turnover(_trade(part, weights, switch, [seed, 0], keep_going))
        if tried <= 0.0:
            break
        switch = np.clip(switch * (asked / tried), 0.0, 1.0)
    return [_trade(part, weights, switch, [seed, k], keep_going) for k in range(traders)]


def _trade(
    part: BacktestInputs, weights: Weights, switch: NDArray[np.float64], seed: list[int], keep_going: KeepGoing
) -> Baseline:
    drawn = random_weights(weights, switch, np.random.default_rng(seed))
    return _play("random", _deciding(part, drawn), keep_going)


def random_weights(weights: Weights, switch: NDArray[np.float64], rng: np.random.Generator) -> Weights:
    """Return weights (rows, N) that are drawn from a model's own, each anew at a row with probability `switch` (N,)."""
    drawn = np.empty(weights.shape)
    for i, chance in enumerate(switch):
        values, anew = rng.choice(weights[:, i], len(weights)), rng.random(len(weights)) < chance
        anew[0] = True
        drawn[:, i] = values[np.maximum.accumulate(np.where(anew, np.arange(len(weights)), 0))]
    return drawn


def _switches(weights: Weights, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return how often each instrument's weight is drawn anew for as much to change as it did."""
    moved = np.mean(np.abs(np.diff(weights, axis=0)), axis=0)
    picked = rng.integers(0, len(weights), (2, _PAIRS))
    apart = np.mean(np.abs(weights[picked[0]] - weights[picked[1]]), axis=0)
    return np.asarray(np.clip(np.divide(moved, apart, out=np.zeros_like(moved), where=apart > 0.0), 0.0, 1.0))


def _held(weights: Weights) -> Weights:
    return np.column_stack([hold(np.ascontiguousarray(weights[:, i])) for i in range(weights.shape[1])])


def _deciding(part: BacktestInputs, weights: Weights) -> BacktestInputs:
    return replace(part, strategy=Decided(weights))


def _play(name: str, part: BacktestInputs, keep_going: KeepGoing) -> Baseline:
    played, _ = simulate(part, keep_going)
    return Baseline(name, played, headline(played)["strategy"])


def _turnover(baseline: Baseline) -> float:
    return float(baseline.figures["turnover"] or 0.0)
