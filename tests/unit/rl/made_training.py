"""Small training runs on made-up bars: seconds each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from keel.app.training import _task
from keel.app.wire_environment import Wired, wire_environment
from keel.config.load import LoadedConfig, load_config
from keel.data.bars import StoredBars
from keel.data.store import BarStore
from keel.domain.instrument import InstrumentId
from keel.rl.training.loop import Outcome, train
from keel.runs.model_file import ModelFile

HOUR_MS = 3_600_000
CONFIG = """
mode: train
run: { seed: 5 }
data: { venue: testing, symbols: [A/USDT], timeframe: 1h, store: bars }
market: { instrument: { tick_size: "0.01", step_size: "0.001", shortable: true, can_flip: true } }
account: { type: margin, initial_cash: 10000 }
observation: { features: [{ kind: log_return }, { kind: rsi, bars: 5 }] }
environment: { episode_bars: 50, action: { kind: bins, weights: [-0.5, 0, 0.5] } }
training:
  threads: 1
  n_envs: 4
  total_timesteps: 1280
  evaluate_every: 240
  checkpoint_every: 320
"""
ON_POLICY = "n_steps: 40, network: {actor: [8], critic: [8]}"
OFF_POLICY = "learning_starts: 100, batch_size: 16, buffer_size: 1000, network: {actor: [8], critic: [8]}"
NUMBERS = "environment.action={kind: weight, least: -1.0}"
ALGORITHMS: dict[str, list[str]] = {
    "ppo": [f"training.algorithm={{kind: ppo, batch_size: 32, n_epochs: 2, {ON_POLICY}}}"],
    "maskable_ppo": [f"training.algorithm={{kind: maskable_ppo, batch_size: 32, n_epochs: 2, {ON_POLICY}}}"],
    "recurrent_ppo": [
        f"training.algorithm={{kind: recurrent_ppo, batch_size: 32, n_epochs: 2, lstm_size: 8, {ON_POLICY}}}"
    ],
    "a2c": [f"training.algorithm={{kind: a2c, {ON_POLICY}}}"],
    "sac": [f"training.algorithm={{kind: sac, {OFF_POLICY}}}", NUMBERS],
    "tqc": [f"training.algorithm={{kind: tqc, {OFF_POLICY}}}", NUMBERS],
    "td3": [f"training.algorithm={{kind: td3, {OFF_POLICY}}}", NUMBERS],
    "dqn": [f"training.algorithm={{kind: dqn, target_update_interval: 200, {OFF_POLICY}}}"],
    "qr_dqn": [f"training.algorithm={{kind: qr_dqn, n_quantiles: 5, target_update_interval: 200, {OFF_POLICY}}}"],
}
"""Overrides of CONFIG for each way of learning."""


def write_bars(symbol: str = "A/USDT", rows: int = 600, seed: int = 1) -> None:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.005, rows)))
    opening = np.append(100.0, close[:-1])
    opens = 1_609_459_200_000 + HOUR_MS * np.arange(rows)
    table = pl.DataFrame(
        {
            "open_ts_ms": opens,
            "close_ts_ms": opens + HOUR_MS,
            "open": opening,
            "high": np.maximum(opening, close) * 1.002,
            "low": np.minimum(opening, close) * 0.998,
            "close": close,
            "volume": rng.uniform(100.0, 200.0, rows),
        }
    )
    BarStore(Path("bars")).write(
        StoredBars(InstrumentId("testing", symbol), "1h", "made up", "raw", "24/7", "UTC", table)
    )


def config_of(overrides: list[str], more: str = "") -> LoadedConfig:
    Path("x.yaml").write_text(CONFIG + more)
    return load_config(Path("x.yaml"), overrides)


class Told:
    """Follow a run, and stop it once it has taken so many steps."""

    def __init__(self, stop_at: float = np.inf) -> None:
        self.stop_at = stop_at
        self.curve: list[tuple[int, Mapping[str, float]]] = []
        self.rollouts: list[tuple[int, Mapping[str, float]]] = []
        self.bests: list[int] = []
        self.checkpoints: list[int] = []
        self.warnings: list[str] = []

    def keep_going(self, steps: int) -> str | None:
        return "interrupted" if steps >= self.stop_at else None

    def stepped(self, steps: int) -> None: ...

    def figures(self, steps: int, told: Mapping[str, float]) -> None:
        self.rollouts.append((steps, told))

    def validated(self, steps: int, figures: Mapping[str, float], *, best: bool) -> None:
        self.curve.append((steps, figures))
        if best:
            self.bests.append(steps)

    def saved(self, steps: int) -> None:
        self.checkpoints.append(steps)

    def warn(self, line: str) -> None:
        self.warnings.append(line)


def learn(
    loaded: LoadedConfig, folder: Path, told: Told, resume: ModelFile | None = None, wired: Wired | None = None
) -> Outcome:
    folder.mkdir(exist_ok=True, parents=True)
    made: Any = wire_environment(loaded) if wired is None else wired
    return train(_task(loaded, made, folder.name), made.config.training, folder, folder / "board", told, resume)
