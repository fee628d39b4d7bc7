"""Worlds of the made-up market for environments: every model on, features at random."""

from __future__ import annotations

import json
from typing import Final

import numpy as np
from numpy.typing import NDArray
from ours_inputs import load

from keel.app.wiring import instruments_of
from keel.config.environment import BinsAction, EnvironmentSection
from keel.domain.layout import ACTION, BAR
from keel.features.observation_layout import ObservationLayout
from keel.rl.arrays import World
from keel.rl.vec_env import TradingVecEnv
from keel.rl.world import Patch, build_world
from keel.sim.parameters import run_records, slot_records
from keel.strategies.actions import Actions, actions_of

FEATURES: Final = 32
POSITIONS: Final = (-1.0, 0.0, 1.0)
_EPISODE_BARS: Final = 1024
_BOUND: Final = 10.0
_ROWS_AT_ONCE: Final = 10_000


def world_of(bars: NDArray[np.void], features: int = FEATURES) -> World:
    """Return the world of bars, BAR (rows, N), with so many features an instrument, in a margin account."""
    symbols = json.dumps([f"S{i}" for i in range(bars.shape[1])])
    loaded = load(
        "full.yaml",
        f"data.symbols={symbols}",
        "account.type=margin",
        "market.instrument.shortable=true",
        "market.instrument.can_flip=true",
    )
    config = loaded.config
    layout = ObservationLayout(1, config.data.symbols, tuple(f"f{k}" for k in range(features)), ("weight", "drawdown"))
    slots = slot_records(config, instruments_of(config))
    patch = Patch(
        "bench", bars, np.zeros((0, bars.shape[1])), _features(bars.shape[0], bars.shape[1], features), 0, slots
    )
    section = EnvironmentSection(episode_bars=_EPISODE_BARS)
    return build_world([patch], run_records(config), section, layout, _BOUND, np.zeros(0, BAR), np.zeros(0, ACTION))


def positions(n: int = 1) -> Actions:
    """Return actions that take a position of -1, 0 or 1 in each of `n` instruments."""
    return actions_of(BinsAction(kind="bins", weights=POSITIONS), n)


def chosen(envs: int, n: int = 1) -> NDArray[np.int64]:
    """Return 64 rows of actions at random, (64, envs), or (64, envs, n) for several instruments."""
    return np.random.default_rng(0).integers(0, len(POSITIONS), (64, envs) if n == 1 else (64, envs, n))


def many_of(world: World, envs: int, threads: int = 1) -> TradingVecEnv:
    """Return so many environments of a world."""
    return TradingVecEnv(world, positions(world.slots.shape[1]), envs, threads)


def _features(rows: int, n: int, features: int) -> NDArray[np.float32]:
    made, rng = np.empty((rows, n, features), np.float32), np.random.default_rng(0)
    for row in range(0, rows, _ROWS_AT_ONCE):
        rng.standard_normal(dtype=np.float32, out=made[row : row + _ROWS_AT_ONCE])
    return made
