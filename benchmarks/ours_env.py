"""Keel's side of stepping environments: random actions, 32 features, every model on."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Final

import numpy as np
from ours_inputs import load, read_bars
from stepping import many, one
from timing import report

from keel.app.wiring import instruments_of
from keel.config.environment import BinsAction, EnvironmentSection
from keel.domain.layout import ACTION, BAR
from keel.features.observation_layout import ObservationLayout
from keel.rl.arrays import World
from keel.rl.gym_env import TradingEnv
from keel.rl.vec_env import TradingVecEnv
from keel.rl.world import Patch, build_world
from keel.sim.parameters import run_records, slot_records
from keel.strategies.actions import actions_of

_FEATURES: Final = 32
_POSITIONS: Final = (-1.0, 0.0, 1.0)
_EPISODE_BARS: Final = 1024
_BOUND: Final = 10.0


def main(envs: str, threads: str, steps: str, bars_file: str) -> None:
    """Time so many steps of so many environments; a single one is Gymnasium's, more are stable-baselines3's."""
    world, rng = _world(bars_file), np.random.default_rng(0)
    actions = actions_of(BinsAction(kind="bins", weights=_POSITIONS), 1)
    chosen = rng.integers(0, len(_POSITIONS), (64, int(envs)))
    once = (
        one(TradingEnv(world, actions), chosen[:, 0].tolist(), int(steps))
        if int(envs) == 1
        else many(TradingVecEnv(world, actions, int(envs), int(threads)), chosen, int(steps))
    )
    report(once, version("keel"))


def _world(bars_file: str) -> World:
    loaded = load(
        "full.yaml", "account.type=margin", "market.instrument.shortable=true", "market.instrument.can_flip=true"
    )
    config, bars = loaded.config, read_bars(bars_file)
    features = np.random.default_rng(0).standard_normal((len(bars), 1, _FEATURES)).astype(np.float32)
    layout = ObservationLayout(1, config.data.symbols, tuple(f"f{k}" for k in range(_FEATURES)), ("weight", "drawdown"))
    patch = Patch("bench", bars, np.zeros((0, 1)), features, 0, slot_records(config, instruments_of(config)))
    section = EnvironmentSection(episode_bars=_EPISODE_BARS)
    return build_world([patch], run_records(config), section, layout, _BOUND, np.zeros(0, BAR), np.zeros(0, ACTION))


if __name__ == "__main__":
    main(*sys.argv[1:])
