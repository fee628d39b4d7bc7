"""Build the environments of a config of mode train."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from keel.app.wire_data import read_market_data
from keel.app.wiring import instruments_of
from keel.config.load import LoadedConfig, load_config
from keel.config.modes import TrainRun
from keel.domain.errors import ConfigError
from keel.features.account_nb import MOST
from keel.features.fitted import Fitted
from keel.features.kinds import extra_columns
from keel.features.observation import compute_features, first_row, fit
from keel.rl.arrays import World
from keel.rl.gym_env import TradingEnv, TradingVectorEnv
from keel.rl.world import Patch, build_world
from keel.runs.manifest import DataRecord
from keel.sim.parameters import run_records, slot_records
from keel.strategies.actions import Actions, actions_of

if TYPE_CHECKING:
    from keel.rl.vec_env import TradingVecEnv

Given = LoadedConfig | Path | str
"""A config, or its file."""


@dataclass(frozen=True)
class Wired:
    """Hold what environments are made of, what their features were normalised by, and a record of the data read."""

    world: World
    actions: Actions
    fitted: Fitted
    records: tuple[DataRecord, ...]


def make_env(config: Given) -> TradingEnv:
    """Return one Gymnasium environment of a config: what `gymnasium.make("keel/Trading-v0", config=…)` calls.

    Raises ConfigError or DataError, one line that names the key or file.
    """
    wired = wire_environment(_loaded(config))
    return TradingEnv(wired.world, wired.actions)


def make_vector_env(config: Given, num_envs: int = 1, threads: int = 1) -> TradingVectorEnv:
    """Return many environments as one Gymnasium vector environment. Raises as `make_env` does."""
    wired = wire_environment(_loaded(config))
    return TradingVectorEnv(wired.world, wired.actions, num_envs, threads)


def make_vec_env(config: Given, n_envs: int, threads: int = 1) -> TradingVecEnv:
    """Return many environments as stable-baselines3 takes them. Raises as `make_env` does."""
    from keel.rl.vec_env import TradingVecEnv  # it loads torch

    wired = wire_environment(_loaded(config))
    return TradingVecEnv(wired.world, wired.actions, n_envs, threads)


def wire_environment(loaded: LoadedConfig) -> Wired:
    """Read the bars of a config of mode train and build its world; features are normalised by all the bars it names.

    Raises ConfigError or DataError, one line that names the key or file.
    """
    config = loaded.config
    if not isinstance(config, TrainRun):
        place = loaded.document.place(("mode",))
        raise ConfigError(f"{place}: mode: {config.mode} has no environment: give a config of mode train")
    section, symbols = config.observation, config.data.symbols
    data = read_market_data(config, loaded.document, extra_columns(section))
    fitted = fit(section, symbols, data.view, data.extra)
    slots = slot_records(config, instruments_of(config))
    slots["fine_start"], slots["fine_end"] = data.fine_starts, data.fine_ends
    slots["action_start"], slots["action_end"] = data.action_starts, data.action_ends
    patch = Patch(
        name=f"{', '.join(symbols)} {config.data.timeframe}",
        bars=data.bars,
        rates=data.rates,
        features=compute_features(fitted, data.view, data.extra),
        first=first_row(section, symbols, data.view),
        slots=slots,
    )
    bound = max(section.clip, MOST)
    world = build_world([patch], run_records(config), config.environment, fitted.layout, bound, data.fine, data.actions)
    return Wired(world, actions_of(config.environment.action, len(symbols)), fitted, data.records)


def _loaded(config: Given) -> LoadedConfig:
    return config if isinstance(config, LoadedConfig) else load_config(Path(config), expect_mode="train")
