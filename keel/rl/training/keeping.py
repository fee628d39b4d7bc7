"""Which models a training run keeps: the best by validation, the newest checkpoints, the last one."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from stable_baselines3.common.base_class import BaseAlgorithm

from keel.domain.errors import UsageError
from keel.rl.core import EnvCore
from keel.rl.training.checkpoint import pack
from keel.runs.disk import disk_errors_named
from keel.runs.model_file import OBSERVATION, WEIGHTS, ModelCard, ModelFile, write_model
from keel.strategies.policy import dump_tensors, weights_hash

BEST: Final = "best_model.zip"
FINAL: Final = "final_model.zip"
HISTORY: Final = "history.jsonl"
_CHECKPOINTS: Final = "checkpoint_*.zip"


class Keeper:
    """Write a run's models into its folder. `card` is that of a model of the run, but for its weights and figures."""

    def __init__(self, folder: Path, card: ModelCard, observation: bytes, keep: int) -> None:
        self._folder, self._card, self._observation, self._keep = folder, card, observation, keep
        drop_half_written(folder)

    def save_model(self, name: str, model: BaseAlgorithm, figures: Mapping[str, float]) -> str:
        """Write a model without what learning needs, and return the hash of its weights."""
        card = self._card_of(model, figures)
        weights = dump_tensors(model.policy.state_dict())
        write_model(self._folder / name, card, {OBSERVATION: self._observation, WEIGHTS: weights})
        return card.weights_hash

    def save_best(self, model: BaseAlgorithm, figures: Mapping[str, float]) -> None:
        """Write the best model, and a copy of it beside the run's folder: the newest best of all runs."""
        self.save_model(BEST, model, figures)
        copy_model(self._folder / BEST, self._folder.parent / BEST)

    def save_checkpoint(
        self, model: BaseAlgorithm, core: EnvCore, figures: Mapping[str, float], loop: Mapping[str, Any]
    ) -> None:
        """Write a checkpoint and drop the oldest ones beyond those to keep."""
        members = {OBSERVATION: self._observation, **pack(model, core, loop)}
        path = self._folder / f"checkpoint_{model.num_timesteps:012d}.zip"
        write_model(path, self._card_of(model, figures), members)
        for old in sorted(self._folder.glob(_CHECKPOINTS))[: -self._keep]:
            old.unlink(missing_ok=True)

    def note(self, figures: Mapping[str, float], steps: int, kind: str) -> None:
        """Append figures to history.jsonl, the learning curve: one JSON object a line."""
        line = json.dumps({"steps": steps, "kind": kind, **_finite(figures)}) + "\n"
        path = self._folder / HISTORY
        with disk_errors_named(path), path.open("a", encoding="utf-8") as file:
            file.write(line)

    def forget_after(self, steps: int) -> None:
        """Drop from the learning curve what came after a step: it will come again."""
        path = self._folder / HISTORY
        if not path.exists():
            return
        kept = [line for line in path.read_text(encoding="utf-8").splitlines() if _steps_of(line) <= steps]
        beside = path.with_name(f".{HISTORY}.partial")
        with disk_errors_named(path):
            beside.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
            beside.replace(path)

    def _card_of(self, model: BaseAlgorithm, figures: Mapping[str, float]) -> ModelCard:
        own = weights_hash(model.policy.state_dict())
        return replace(self._card, weights_hash=own, steps=model.num_timesteps, figures=_finite(figures))


def drop_half_written(folder: Path) -> None:
    """Remove what a kill left of files that were being written into a run's folder, and of a copy beside it."""
    for left in [*folder.glob(".*.partial"), _beside(folder.parent / BEST, folder)]:
        left.unlink(missing_ok=True)


def _beside(target: Path, source: Path) -> Path:
    """Return where a copy from a folder is written first: a name that no other run writes to."""
    return target.with_name(f".{target.name}.{source.name}.partial")


def copy_model(source: Path, target: Path) -> None:
    """Copy a model's zip, whole or not at all, also where others copy to the same place at the same time."""
    beside = _beside(target, source.parent)
    with disk_errors_named(target):
        try:
            with beside.open("wb") as file:
                file.write(source.read_bytes())
                os.fsync(file.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


def newest_checkpoint(folder: Path) -> ModelFile:
    """Return a run's newest checkpoint that is whole. Raises UsageError where it has none."""
    refused = ""
    for path in sorted(folder.glob(_CHECKPOINTS), reverse=True):
        try:
            file = ModelFile(path)
            file.refuse_damage()
            return file
        except UsageError as error:
            refused = f" ({error})"
    raise UsageError(f"{folder}: has no checkpoint to go on from{refused}: train again")


def _finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _steps_of(line: str) -> int:
    try:
        return int(json.loads(line)["steps"])
    except (ValueError, KeyError, TypeError):  # a line that a kill cut short
        return 1 << 62
