"""A simulator of the worlds that shares nothing with Keel: whole markets drawn first, then played by a policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.signal import lfilter

from .worlds import Floats, GarleanuPedersen, OrnsteinUhlenbeck, PureNoise, World

Policy = Callable[[Floats], Floats]
"""Positions (paths,) chosen on observations (paths, K + 2): the signals, the last move, the position held."""


@dataclass(frozen=True)
class Market:
    """Hold drawn paths: at decision t the agent sees `signals` (T, paths, K) and `last_moves` (T, paths).

    Then the price goes by `moves` (T, paths), of which `shocks` could not be known.
    """

    signals: Floats
    last_moves: Floats
    moves: Floats
    shocks: Floats


@dataclass(frozen=True)
class Played:
    """Hold what a policy did in a market, each (T, paths): the position after each decision, its cost, its reward."""

    positions: Floats
    costs: Floats
    rewards: Floats


@dataclass(frozen=True)
class Estimate:
    """Hold a mean reward a bar and its standard error."""

    mean: float
    error: float


@dataclass(frozen=True)
class Ratio:
    """Hold what a policy earns as a share of the optimum, and the bounds of its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """Hold how a policy did beside the best one on the same `n_shocks`; `mean_cost` is a bar's."""

    ratio: Ratio
    reward: Estimate
    mean_cost: float
    n_shocks: int


def draw(world: World, seed: int, steps: int, paths: int) -> Market:
    """Return paths that start in the stationary law; the same seed gives the same shocks."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_normal((steps + 1, paths))
    signals = _signals(world, rng, shocks)
    moves = world.drift(signals) + shocks
    return Market(signals[1:], moves[:-1], moves[1:], shocks[1:])


def _signals(world: World, rng: np.random.Generator, shocks: Floats) -> Floats:
    steps, paths = shocks.shape
    if isinstance(world, OrnsteinUhlenbeck):
        start = world.deviation * rng.standard_normal(paths)
        return _faded(1.0 - world.kappa, start, shocks[:-1])[..., None]
    if isinstance(world, GarleanuPedersen):
        normals = rng.standard_normal((len(world.phi), steps, paths))
        faded = [
            _faded(phi, each[0], np.sqrt(1.0 - phi**2) * each[1:]) for phi, each in zip(world.phi, normals, strict=True)
        ]
        return np.stack(faded, axis=-1)
    if isinstance(world, PureNoise):
        return np.zeros((steps, paths, 0))
    raise TypeError(f"no law is known for {world}")


def _faded(keep: float, start: Floats, shocks: Floats) -> Floats:
    """Return y (T + 1, paths) with y_0 = start and y_t+1 = keep × y_t + shock_t."""
    path: Floats = lfilter([1.0], [1.0, -keep], np.concatenate([start[None], shocks]), axis=0)
    return path


def play(world: World, market: Market, policy: Policy) -> Played:
    """Let a policy trade a market from a position of 0."""
    positions = np.empty_like(market.moves)
    held = np.zeros(market.moves.shape[1])
    for at, (signals, last_move) in enumerate(zip(market.signals, market.last_moves, strict=True)):
        held = positions[at] = policy(np.column_stack([signals, last_move, held]))
    costs = world.trading_cost(np.diff(positions, axis=0, prepend=0.0))
    rewards = positions * market.moves - costs - world.risk_penalty(positions)
    return Played(positions, costs, rewards)


def estimate(rewards: Floats) -> Estimate:
    """Estimate the mean of rewards (T, paths) of independent paths: a path's mean is one observation."""
    means = rewards.mean(axis=0)
    return Estimate(float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means))))


def ratio_to_best(rewards: Floats, best_rewards: Floats, optimum: float, confidence: float = 0.99) -> Ratio:
    """Return 1 + mean(reward − best reward) / optimum of rewards (T, paths) on the same shocks.

    The pairing takes off the noise that both share; `confidence` is that of the two-sided interval.
    """
    gap = estimate((rewards - best_rewards) / optimum)
    half = NormalDist().inv_cdf(0.5 + confidence / 2.0) * gap.error
    return Ratio(1.0 + gap.mean, 1.0 + gap.mean - half, 1.0 + gap.mean + half)


def score(
    world: World,
    policy: Policy,
    best: Policy,
    optimum: float,
    *,
    seed: int,
    steps: int = 1024,
    paths: int = 1024,
    warm_up: int = 300,
) -> Score:
    """Score a policy against the best one, which earns `optimum`, on `steps` × `paths` shocks after `warm_up` steps."""
    market = draw(world, seed, warm_up + steps, paths)
    played, ideal = play(world, market, policy), play(world, market, best)
    rewards = played.rewards[warm_up:]
    ratio = ratio_to_best(rewards, ideal.rewards[warm_up:], optimum)
    return Score(ratio, estimate(rewards), float(played.costs[warm_up:].mean()), rewards.size)
