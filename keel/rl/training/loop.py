"""Learning from the first step to the last: what is done at each rollout's boundary, and how it stops."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback

from keel.config.training import TrainingSection
from keel.domain.errors import ConfigError, UsageError
from keel.rl.adversarial.market import Market
from keel.rl.adversarial.sa_ppo import class_against
from keel.rl.arrays import World
from keel.rl.crew import processor_count
from keel.rl.training.algorithms import make_algorithm
from keel.rl.training.board import open_board
from keel.rl.training.checkpoint import threads_of, unpack
from keel.rl.training.figures import RolloutFigures, bars_per_day
from keel.rl.training.judge import Figures, Judge
from keel.rl.training.keeping import FINAL, Keeper
from keel.rl.vec_env import TradingVecEnv
from keel.runs.model_file import ModelCard, ModelFile
from keel.strategies.actions import Actions

WARN_KL: Final = 0.1
"""KL divergence of an update above which the policy moves too fast to be trusted."""
_SHARED_FROM: Final = 1024
"""Samples of a batch from which threads share it out."""
_LOG_EVERY: Final = 5_000
"""Least steps between figures: some ways of learning have no rollouts to speak of."""


@dataclass(frozen=True)
class Task:
    """Hold what is learnt: worlds to train and to be judged in, actions, and the card of a model that learns it.

    `observation` is the content of observation.json; `year` is how many daily returns a year has.
    """

    world: World
    validation: tuple[World, ...]
    actions: Actions
    card: ModelCard
    observation: bytes
    year: float
    seed: int


class Reporter(Protocol):
    """Follow a training run."""

    def keep_going(self, steps: int) -> str | None:
        """Return None to go on, or the status to end with."""

    def stepped(self, steps: int) -> None:
        """Take note of steps within a rollout."""

    def figures(self, steps: int, told: Mapping[str, float]) -> None:
        """Take figures of a rollout, by TensorBoard's names."""

    def validated(self, steps: int, figures: Figures, *, best: bool) -> None:
        """Take figures of the validation span."""

    def saved(self, steps: int) -> None:
        """Take note of a checkpoint."""

    def warn(self, line: str) -> None:
        """Tell people something they should know."""


@dataclass(frozen=True)
class Outcome:
    """Hold how a run ended: done, interrupted or kill_switch; figures of its best and of its last model."""

    status: str
    steps: int
    best: Mapping[str, float]
    last: Mapping[str, float]
    weights_hash: str
    seconds: float


class _StoppedError(Exception):
    """Leave stable-baselines3's loop at a boundary."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


def train(
    task: Task,
    section: TrainingSection,
    folder: Path,
    board: Path,
    reporter: Reporter,
    resume: ModelFile | None = None,
) -> Outcome:
    """Learn, or go on from a checkpoint, and keep models in `folder` and curves in `board`.

    On the CPU with the same number of threads, the same seed gives the same weights, in one go or resumed. Raises
    UsageError where learning diverges: the last checkpoint stays.
    """
    if section.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("training.device: cuda, but torch finds no GPU here: set it to auto or cpu")
    threads = section.threads or (None if resume is None else threads_of(resume)) or threads_for(section)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    stepping = section.threads or processor_count()
    env = TradingVecEnv(task.world, task.actions, section.n_envs, stepping, task.card.weight_range)
    try:
        return _Training(task, section, folder, reporter, env).run(board, resume)
    finally:
        env.close()
        torch.set_num_threads(before)


def threads_for(section: TrainingSection) -> int:
    """Return by how many threads networks learn where the config leaves it open: small batches by one.

    To share such a batch out takes longer than to compute it, many times as long where processors are busy.
    """
    way = section.algorithm
    batch: int = getattr(way, "batch_size", 0) or getattr(way, "n_steps", 1) * section.n_envs
    return processor_count() if batch >= _SHARED_FROM else 1


class _Training:
    """Join an algorithm, its judge and its keeper for one run."""

    def __init__(
        self, task: Task, section: TrainingSection, folder: Path, reporter: Reporter, env: TradingVecEnv
    ) -> None:
        self.section, self.reporter, self.core = section, reporter, env.core
        adversary = section.adversary
        make = class_against(adversary.observation, task.world)
        self.model = make_algorithm(section.algorithm, env, task.seed, section.device, make)
        self.market = None if adversary.market is None else Market(adversary.market, env.core.world.task)
        self.task_card = task.card
        self.judge = Judge(task.validation, task.actions, task.year)
        self.keeper = Keeper(folder, task.card, task.observation, section.keep_checkpoints)
        self.rollout = RolloutFigures(env.core, task.year * max(bars_per_day(task.world.bars), 1.0))
        self._mask = env.action_masks() if section.algorithm.kind == "maskable_ppo" else None
        self.best: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self.done_steps = 0
        self._judged_at = -1

    def run(self, board: Path, resume: ModelFile | None) -> Outcome:
        model, began = self.model, time.monotonic()
        if resume is not None:
            _refuse_other(resume, self.task_card)
            loop = unpack(resume, model, self.core)
            self.best, self.last, self._judged_at = loop["best"], loop["last"], loop["judged_at"]
            if self.market is not None:
                self.market.restore(loop["market"])
            self.done_steps = model.num_timesteps
            self.keeper.forget_after(self.done_steps)
        logger = open_board(board, self.done_steps + 1 if self.done_steps else 0)
        model.set_logger(logger)
        status = "done"
        try:
            left = self.section.total_timesteps - self.done_steps
            if left > 0:
                model.learn(left, _Boundaries(self), log_interval=None, reset_num_timesteps=resume is None)  # type: ignore[arg-type]
            self._finish()
        except _StoppedError as stopped:
            status = stopped.status
        except ValueError as error:
            self.refuse_divergence()  # networks that hold NaN make torch's distributions refuse them first
            raise error
        finally:
            logger.close()
        own = self.keeper.save_model(FINAL, model, self.last) if status == "done" else ""
        return Outcome(status, model.num_timesteps, self.best, self.last, own, time.monotonic() - began)

    def validate(self) -> None:
        """Judge the policy as it is, and keep it if none was better."""
        steps = self.model.num_timesteps
        if self._judged_at == steps:
            return
        self.refuse_divergence()
        self.last, self._judged_at = self.judge.judge(self._act), steps
        name = self.section.best_by
        better = not self.best or _number(self.last[name]) > _number(self.best[name])
        if better:
            self.best = dict(self.last)
            self.keeper.save_best(self.model, self.last)
        self.keeper.note(self.last, steps, "validation")
        for key, value in self.last.items():
            self.model.logger.record(f"validation/{key}", value)
        self.reporter.validated(steps, self.last, best=better)

    def checkpoint(self) -> None:
        """Keep all that learning goes on from."""
        loop = {"best": self.best, "last": self.last, "judged_at": self._judged_at, "threads": torch.get_num_threads()}
        if self.market is not None:
            loop["market"] = self.market.state()
        self.keeper.save_checkpoint(self.model, self.core, self.last, loop)
        self.reporter.saved(self.model.num_timesteps)

    def refuse_divergence(self) -> None:
        """Raise UsageError where a loss or a weight is not a number any more."""
        losses = self.model.logger.name_to_value.items()
        # Other figures may be undefined, such as the explained variance of returns that do not vary.
        lost = [name for name, value in losses if name.endswith("loss") and not math.isfinite(value)]
        if lost or not all(bool(torch.isfinite(one).all()) for one in self.model.policy.parameters()):
            what = f"{', '.join(lost)} is no number" if lost else "a weight is no number"
            raise UsageError(
                f"learning diverged after {self.model.num_timesteps:,} steps: {what}; checkpoints from before stay: "
                "lower training.algorithm.learning_rate or environment.reward.scale, and train again"
            )

    def watch_kl(self) -> None:
        """Warn where the last update moved the policy too far."""
        kl = self.model.logger.name_to_value.get("train/approx_kl", 0.0)
        if kl > WARN_KL:
            self.reporter.warn(
                f"the policy moved by a KL divergence of {kl:.3f} in one update, above {WARN_KL}: lower "
                "training.algorithm.learning_rate or n_epochs, or set target_kl"
            )

    def _finish(self) -> None:
        self.refuse_divergence()
        self.validate()
        self.model.logger.dump(self.model.num_timesteps)
        self.checkpoint()

    def _act(self, observations: NDArray[np.float32], state: Any) -> tuple[NDArray[Any], Any]:  # noqa: ANN401
        more = {} if self._mask is None else {"action_masks": np.tile(self._mask, (len(observations), 1))}
        return self.model.predict(observations, state, deterministic=True, **more)


class _Boundaries(BaseCallback):
    """Log, judge, save and stop between rollouts, where all that learning goes on from is in few places."""

    def __init__(self, training: _Training) -> None:
        super().__init__()
        self._training = training
        self._logged_at, self._logged_s = training.done_steps, time.monotonic()

    def _on_training_start(self) -> None:
        self._training.rollout.begin()

    def _on_rollout_start(self) -> None:
        training, steps, before = self._training, self.num_timesteps, self._training.done_steps
        training.done_steps = steps
        section = training.section
        if steps > before:
            training.watch_kl()
            if training.market is not None:
                training.market.act()
            if steps // _LOG_EVERY > self._logged_at // _LOG_EVERY:
                self._log(steps)
            if steps // section.evaluate_every > before // section.evaluate_every:
                training.validate()
                self.logger.dump(steps)
            if steps // section.checkpoint_every > before // section.checkpoint_every:
                training.refuse_divergence()
                training.checkpoint()
        if status := training.reporter.keep_going(steps):
            training.refuse_divergence()
            training.checkpoint()
            raise _StoppedError(status)

    def _on_step(self) -> bool:
        self._training.rollout.step(self.locals["dones"], self.locals["infos"])
        if self._training.market is not None:
            self._training.market.take(self.locals["infos"])
        self._training.reporter.stepped(self.num_timesteps)
        return True

    def _on_training_end(self) -> None:
        self._training.watch_kl()
        self._log(self.num_timesteps)

    def _log(self, steps: int) -> None:
        training = self._training
        training.refuse_divergence()
        now_s = time.monotonic()
        speed = (steps - self._logged_at) / max(now_s - self._logged_s, 1e-9)
        self._logged_at, self._logged_s = steps, now_s
        figures = training.rollout.take()
        for name, value in figures.items():
            self.logger.record(f"trading/{name}", value)
        if training.market is not None:
            for name, value in training.market.figures().items():
                self.logger.record(f"adversary/most_{name}", value)
        self.logger.record("time/steps_per_second", speed)
        told = {name: float(value) for name, value in self.logger.name_to_value.items()}
        self.logger.dump(steps)
        training.keeper.note(figures, steps, "train")
        training.reporter.figures(steps, told)


def _refuse_other(checkpoint: ModelFile, card: ModelCard) -> None:
    """Refuse a checkpoint of other observations, actions or bars: what its card says was seen would be untrue."""
    found = checkpoint.card
    for name in ("observation_hash", "symbols", "spans", "action", "apart"):
        if json.dumps(getattr(found, name)) != json.dumps(getattr(card, name)):
            raise UsageError(
                f"{checkpoint.path}: learnt with other {name.replace('_', ' ')} than the config's: put config.yaml "
                "back as it was, or train anew"
            )


def _number(value: float | None) -> float:
    """Return a figure to compare by: one that is not defined is worse than any."""
    return -math.inf if value is None or math.isnan(value) else value
