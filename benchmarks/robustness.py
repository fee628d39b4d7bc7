"""Does learning against an adversary help? Plain PPO beside state-adversarial PPO, each under the attack worst for it.

Both learn on bars of one made-up market whose price reverts to a mean (an Ornstein-Uhlenbeck process, as world W1 of
the learning proofs) through Keel's own training, with the same steps, networks and seeds. Then each final model trades
bars that it has not seen: clean, and with its bar features moved by at most epsilon deviations by gradient attacks that
know the model. Which attack is worst for a model is found on one half of the episodes and told of the other half.

The table has each seed's growth and the share of the clean growth that is kept, and bootstrap intervals over seeds. It
is one world and few seeds: a percentile interval of five values is too narrow rather than too wide.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.policies import ActorCriticPolicy

from keel.app.training import _task
from keel.app.wire_environment import Wired, wire_environment
from keel.config.load import load_config
from keel.data.bars import StoredBars
from keel.data.store import BarStore
from keel.domain.instrument import InstrumentId
from keel.rl.adversarial.attack import Attack, Harm, departure, leaning
from keel.rl.arrays import World
from keel.rl.core import EnvCore
from keel.rl.training.keeping import FINAL
from keel.rl.training.loop import train
from keel.runs.model_file import WEIGHTS, ModelFile
from keel.strategies.policy import build_policy, load_tensors

_CONFIG: Final = """
mode: train
data: { venue: made, symbols: [OU/USD], timeframe: 1h, store: bars }
market: { instrument: { tick_size: 0, step_size: 0, min_notional: 0, shortable: true, can_flip: true } }
account: { type: margin, initial_cash: 100000 }
fees: { taker_bps: 8, maker_bps: 8 }
spread: { half_spread_bps: 2 }
latency: { base_ms: 250, spike_probability: 0 }
use_seasonality: false
observation:
  features:
    - { kind: log_return, bars: 1 }
    - { kind: log_return, bars: 3 }
    - { kind: log_return, bars: 10 }
    - { kind: bollinger, bars: 20 }
    - { kind: bollinger, bars: 60 }
    - { kind: rsi, bars: 14 }
environment: { episode_bars: 480, action: { kind: bins, weights: [-1, 0, 1] }, reward: { scale: 200 } }
spans: { kind: fractions, train: 0.5, validation: 0.49 }
training:
  threads: 1
  n_envs: 512
  device: cpu
  evaluate_every: 100000000
  checkpoint_every: 100000000
  algorithm:
    kind: ppo
    n_steps: 32
    batch_size: 8192
    n_epochs: 4
    learning_rate: { start: 3.0e-3, end: 6.0e-5 }
    gamma: 0.97
    network: { actor: [32, 32], critic: [32, 32] }
"""
_ROWS: Final = 40_000
_REVERSION: Final = 0.1
_NOISE: Final = 0.005
_EPISODES: Final = 512
_BARS: Final = 240
_STEPS: Final = (1, 5, 20)
_LEVEL: Final = 0.95
_TOLD: Final = ("clean", "attacked", "kept")
Growth = NDArray[np.float64]
"""Log growth of each episode by bar, in basis points, (episodes,)."""


@dataclass(frozen=True)
class Result:
    """Hold what one model came to: growth by bar in basis points, clean and under the attack worst for it."""

    method: str
    seed: int
    clean: float
    attacked: float
    kept: float
    attack: str
    train_seconds: float


def main() -> None:
    """Train, attack and print."""
    asked = _arguments()
    results = []
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        _write_bars()
        for seed in asked.seeds:
            for method in ("PPO", "SA-PPO"):
                results.append(_run(method, seed, asked))
                print(json.dumps(asdict(results[-1])), flush=True)
    _print(results, asked)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="seeds of learning")
    parser.add_argument("--epsilon", type=float, default=0.5, help="farthest a feature is moved, in deviations")
    parser.add_argument("--kappa", type=float, default=0.003, help="weight of the regulariser of SA-PPO")
    parser.add_argument("--timesteps", type=int, default=1_500_000, help="steps of training")
    return parser.parse_args()


def _write_bars() -> None:
    """Write bars whose log price is an Ornstein-Uhlenbeck process, the same ones for every seed of learning."""
    rng = np.random.default_rng(20)
    level = np.zeros(_ROWS)
    for row, shock in enumerate(rng.normal(0.0, _NOISE, _ROWS - 1)):
        level[row + 1] = (1.0 - _REVERSION) * level[row] + shock
    close = 100.0 * np.exp(level)
    opening = np.append(100.0, close[:-1])
    opens = 1_609_459_200_000 + 3_600_000 * np.arange(_ROWS)
    columns = {
        "open_ts_ms": opens,
        "close_ts_ms": opens + 3_600_000,
        "open": opening,
        "high": np.maximum(opening, close) * 1.0005,
        "low": np.minimum(opening, close) * 0.9995,
        "close": close,
        "volume": np.full(_ROWS, 1e9),
    }
    BarStore(Path("bars")).write(
        StoredBars(InstrumentId("made", "OU/USD"), "1h", "made up", "raw", "24/7", "UTC", pl.DataFrame(columns))
    )
    Path("train.yaml").write_text(_CONFIG)


def _run(method: str, seed: int, asked: argparse.Namespace) -> Result:
    overrides = [f"run.seed={seed}", f"training.total_timesteps={asked.timesteps}"]
    if method == "SA-PPO":
        overrides.append(f"training.adversary.observation={{epsilon: {asked.epsilon}, kappa: {asked.kappa}, steps: 3}}")
    loaded = load_config(Path("train.yaml"), overrides, expect_mode="train")
    wired, folder = wire_environment(loaded), Path(f"{method}-{seed}")
    folder.mkdir()
    began = time.monotonic()
    train(_task(loaded, wired, folder.name), wired.config.training, folder, folder / "board", _Silent())
    seconds = time.monotonic() - began
    policy = _policy(folder / FINAL, wired)
    clean, attacked = _growth(wired, policy, None, "depart"), {}
    for steps in _STEPS:
        attack = Attack(asked.epsilon, steps, wired.layout.account_start, wired.bound)
        for aim in _AIMS:
            attacked[f"{aim}, {steps} steps"] = _growth(wired, policy, attack, aim)
    half = _EPISODES // 2
    worst = min(attacked, key=lambda name: float(attacked[name][:half].mean()))
    unmoved, moved = float(clean[half:].mean()), float(attacked[worst][half:].mean())
    return Result(method, seed, unmoved, moved, moved / unmoved, worst, round(seconds, 1))


class _Silent:
    """Follow a training run without a word."""

    def keep_going(self, steps: int) -> str | None: ...

    def stepped(self, steps: int) -> None: ...

    def figures(self, steps: int, told: Mapping[str, float]) -> None: ...

    def validated(self, steps: int, figures: Mapping[str, float], *, best: bool) -> None: ...

    def saved(self, steps: int) -> None: ...

    def warn(self, line: str) -> None: ...


def _policy(path: Path, wired: Wired) -> ActorCriticPolicy:
    policy = build_policy(wired.config.training.algorithm, _core(wired).observation_space, wired.actions.space)
    policy.load_state_dict(load_tensors(ModelFile(path).read(WEIGHTS), str(path)))
    policy.set_training_mode(mode=False)
    policy.requires_grad_(requires_grad=False)
    if not isinstance(policy, ActorCriticPolicy):
        raise TypeError("an attack needs a policy of PPO")
    return policy


def _core(wired: Wired) -> EnvCore:
    """Return episodes that begin anywhere in the bars that no model has learnt from, at the config's own costs."""
    world: World = wired.validation[0]
    patches, task = world.patches.copy(), world.task.copy()
    patches["last"] = patches["end"] - _BARS
    task["episode_bars"] = 10 * _BARS  # longer than is played: none ends in between
    return EnvCore(world._replace(patches=patches, task=task), _EPISODES)


def _growth(wired: Wired, policy: ActorCriticPolicy, attack: Attack | None, aim: str) -> Growth:
    """Return how much each episode's equity grew; the same episodes for every model and attack."""
    core = _core(wired)
    core.reseed(1234)
    core.begin()
    torch.manual_seed(99)
    before = core.envs["equity"].copy()
    for _ in range(_BARS):
        seen = torch.as_tensor(core.observations)
        if attack is not None:
            harm = _AIMS[aim](policy, seen, seen[:, attack.places])
            seen = attack.worst(harm, seen)
        with torch.no_grad():
            actions = policy.get_distribution(seen).get_actions(deterministic=True).numpy()
        core.step(wired.actions.weights(actions))
    growth: Growth = 1e4 * np.log(np.maximum(core.envs["equity"], 1.0) / before) / _BARS
    return growth


def _wanted(policy: ActorCriticPolicy, seen: torch.Tensor) -> torch.Tensor:
    """Return the weight that the policy expects to choose unmoved, (B, 1)."""
    with torch.no_grad():
        law: Any = policy.get_distribution(seen).distribution
        wanted: torch.Tensor = (law.probs * _WORTH).sum(dim=1, keepdim=True)
        return wanted


def _all_but_chosen(policy: ActorCriticPolicy, seen: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        law: Any = policy.get_distribution(seen).distribution
        chosen = torch.nn.functional.one_hot(law.logits.argmax(dim=1), _WORTH.shape[1])
    return 1.0 - _WORTH.shape[1] * chosen


_WORTH: Final = torch.tensor([[-1.0, 0.0, 1.0]])
_AIMS: Final[dict[str, Callable[[ActorCriticPolicy, torch.Tensor, torch.Tensor], Harm]]] = {
    "depart": lambda policy, seen, _held: departure(policy, seen),
    "push up": lambda policy, seen, _held: _towards(policy, torch.ones(len(seen), 1)),
    "push down": lambda policy, seen, _held: _towards(policy, -torch.ones(len(seen), 1)),
    "reverse": lambda policy, seen, _held: _towards(policy, -torch.sign(_wanted(policy, seen))),
    "unseat": lambda policy, seen, _held: leaning(policy, _all_but_chosen(policy, seen)),
    "churn": lambda policy, _seen, held: _towards(policy, -torch.sign(held[:, None] - 1e-3)),
}
"""What an attack is after: any departure, a push to one side, to the side not wanted, to anything but what would be
chosen, or away from what is held, which makes costs."""


def _towards(policy: ActorCriticPolicy, side: torch.Tensor) -> Harm:
    return leaning(policy, side * _WORTH)


def _print(results: list[Result], asked: argparse.Namespace) -> None:
    table = Table(title=f"growth by bar, bps; attacks of {asked.epsilon} deviations, the worst of 18 for each model")
    for name in ("seed", "method", "clean", "attacked", "kept", "worst attack", "training, s"):
        table.add_column(name, justify="left" if name in ("method", "worst attack") else "right")
    for one in results:
        told = f"{one.clean:.2f}", f"{one.attacked:.2f}", f"{one.kept:.0%}", one.attack, f"{one.train_seconds:.0f}"
        table.add_row(str(one.seed), one.method, *told)
    console = Console(width=110)
    console.print(table)
    for line in _conclusions(results):
        console.print(line, highlight=False, soft_wrap=True)


def _conclusions(results: list[Result]) -> Iterator[str]:
    """Tell means with their intervals, and what the difference of the two methods supports."""
    plain = [one for one in results if one.method == "PPO"]
    hardened = [one for one in results if one.method != "PPO"]
    for name, ours in (("PPO", plain), ("SA-PPO", hardened)):
        shown = [f"{what} {_interval(np.array([getattr(one, what) for one in ours]))}" for what in _TOLD]
        yield f"{name}: {', '.join(shown)}"
    for what in _TOLD:
        gap = np.array([getattr(b, what) - getattr(a, what) for a, b in zip(plain, hardened, strict=True)])
        _, low, high = _bounds(gap)
        verdict = "no difference can be told" if low <= 0.0 <= high else "more" if low > 0.0 else "less"
        yield f"SA-PPO less PPO, {what}: {_interval(gap)}: {verdict}"


def _interval(values: Growth) -> str:
    return "{:.2f} [{:.2f}, {:.2f}]".format(*_bounds(values))


def _bounds(values: Growth) -> tuple[float, float, float]:
    """Return mean and percentile bootstrap bounds over seeds."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (10_000, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(values.mean()), float(low), float(high)


if __name__ == "__main__":
    main()
