"""One agent of a population: it learns from look to look, each time on from its newest checkpoint."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from ray import tune

from keel.config.training import TrainingSection
from keel.domain.errors import UsageError
from keel.rl.arrays import World
from keel.rl.population.mutation import Values, mirrored, section_with
from keel.rl.training.judge import Figures
from keel.rl.training.keeping import newest_checkpoint
from keel.rl.training.loop import Outcome, Task, train
from keel.runs.model_file import ModelFile
from keel.runs.provenance import source_hash

WORST: Final = -1e9
"""Score of an agent whose figure is not defined, or whose learning diverged."""
CHECKPOINTS: Final = "checkpoint_*.zip"
STOP: Final = "stop"
"""Where this file is, beside the agents' folders, they stop at the end of their rollout."""
_PASSED: Final = "checkpoint.zip"
_WHOSE: Final = "member.json"
_MOST_FAILURES: Final = 3
"""Looks in a row at which an agent may fail before it is given up."""


@dataclass(frozen=True)
class Shared:
    """Hold what all agents are made from; `folder` and `board` are absolute, and theirs are below."""

    task: Task
    section: TrainingSection
    every: int
    threads: int
    folder: str
    board: str
    source: str


class Member(tune.Trainable):
    """Learn for Ray Tune, which has the worse agents copy the better ones' checkpoints and change their values.

    An iteration goes on to the next multiple of `Shared.every` steps. Its results hold `score`, the figure that the
    best is chosen by, as the policy stands at the look.
    """

    def setup(self, config: dict[str, Any], shared: Shared) -> None:  # type: ignore[override]
        """Get ready. Raises UsageError where this process runs another version of Keel."""
        if source_hash() != shared.source:
            raise UsageError("the cluster runs another version of Keel: install this one there")
        self._shared = replace(shared, task=_writable(shared.task))
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Become the agent whose trial this is, with these values."""
        shared = self._shared
        self._number = int(self.trial_name.rpartition("_")[2])
        name = member_name(self._number)
        self._folder, self._board = Path(shared.folder) / name, Path(shared.board) / name
        self._folder.mkdir(parents=True, exist_ok=True)
        self._values = values_of(new_config)
        self._copied: dict[str, int] = {}
        self._failures = 0
        return True

    def step(self) -> dict[str, Any]:
        """Learn up to the next look."""
        shared = self._shared
        section = section_with(shared.section, self._values).model_copy(
            update={"evaluate_every": shared.every, "threads": shared.threads, "population": None}
        )
        card = replace(shared.task.card, algorithm=section.algorithm.model_dump(mode="json"))
        task = replace(shared.task, card=card, seed=shared.task.seed + self._number)
        start = self._newest()
        reporter = _UpTo((_steps(start) // shared.every + 1) * shared.every, Path(shared.folder) / STOP)
        try:
            outcome = train(task, section, self._folder, self._board, reporter, start)
        except UsageError as error:
            return self._failed(error, _steps(start))
        self._failures = 0
        return self._result(outcome, section.best_by, reporter.warnings)

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Pass the newest checkpoint on to whoever will copy it."""
        newest = self._newest()
        if newest is not None:
            shutil.copyfile(newest.path, Path(checkpoint_dir) / _PASSED)
        (Path(checkpoint_dir) / _WHOSE).write_text(json.dumps({"member": self._number, "steps": _steps(newest)}))

    def load_checkpoint(self, checkpoint: str) -> None:  # type: ignore[override]
        """Take another agent's checkpoint instead of one's own; one's own is here already."""
        whose = json.loads((Path(checkpoint) / _WHOSE).read_text())
        passed = Path(checkpoint) / _PASSED
        if whose["member"] == self._number or not passed.exists():
            return
        target = self._folder / f"checkpoint_{whose['steps']:012d}.zip"
        beside = target.with_name(f".{target.name}.partial")
        shutil.copyfile(passed, beside)
        beside.replace(target)
        for own in self._folder.glob(CHECKPOINTS):
            if own != target:
                own.unlink()
        self._copied = {"from": whose["member"], "at": whose["steps"]}

    def _newest(self) -> ModelFile | None:
        return newest_checkpoint(self._folder) if any(self._folder.glob(CHECKPOINTS)) else None

    def _result(self, outcome: Outcome, best_by: str, warnings: int) -> dict[str, Any]:
        value = outcome.last.get(best_by)
        return {
            "score": WORST if value is None or not math.isfinite(value) else value,
            "steps": outcome.steps,
            "member": self._number,
            "state": outcome.status,
            "figures": dict(outcome.last),
            "warnings": warnings,
            "problem": "",
            "done": outcome.status != _LOOKED_AT,
            **self._lineage(),
        }

    def _failed(self, error: UsageError, steps: int) -> dict[str, Any]:
        """Report a failure, most often a divergence: what better agents know is likely to be copied over it."""
        self._failures += 1
        return {
            "score": WORST,
            "steps": steps,
            "member": self._number,
            "state": "failed",
            "figures": {},
            "warnings": 0,
            "problem": str(error),
            "done": self._failures >= _MOST_FAILURES,
            **self._lineage(),
        }

    def _lineage(self) -> dict[str, Any]:
        copied, self._copied = self._copied, {}
        return {"values": self._values, "copied_from": copied.get("from", -1), "copied_at": copied.get("at", -1)}


_LOOKED_AT: Final = "looked at"


class _UpTo:
    """Let an agent learn up to a step, or until everybody is to stop."""

    def __init__(self, target: int, stop: Path) -> None:
        self._target, self._stop = target, stop
        self.warnings = 0

    def keep_going(self, steps: int) -> str | None:
        if self._stop.exists():
            return "interrupted"
        return _LOOKED_AT if steps >= self._target else None

    def stepped(self, steps: int) -> None: ...

    def figures(self, steps: int, told: Mapping[str, float]) -> None: ...

    def validated(self, steps: int, figures: Figures, *, best: bool) -> None: ...

    def saved(self, steps: int) -> None: ...

    def warn(self, line: str) -> None:  # noqa: ARG002 - how many is told at the look
        self.warnings += 1


def member_name(number: int) -> str:
    """Return the name of an agent's folder."""
    return f"member_{number:03d}"


def values_of(config: Mapping[str, Any]) -> Values:
    """Return the hyper-parameters of what Ray Tune calls a config."""
    return mirrored({name: float(value) for name, value in config.items() if name != "member"})


def _steps(file: ModelFile | None) -> int:
    return 0 if file is None else file.card.steps


def _writable(task: Task) -> Task:
    """Return the task with arrays of its own: Ray's cannot be written to, and compiled code would be compiled anew."""
    worlds = tuple(_own(world) for world in (task.world, *task.validation))
    return replace(task, world=worlds[0], validation=worlds[1:])


def _own(world: World) -> World:
    return World._make((*map(np.array, world.arrays), world.caps))
