"""Let a population learn on Ray, here or on a cluster, and tell how it goes."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from keel.app.console import Watch
from keel.app.extras import need_ray
from keel.config.modes import RunConfig, TrainRun
from keel.config.training import TrainingSection
from keel.runs.logs import TRAINING_LOGGER
from keel.wire.cluster import join_cluster, start_ray

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from keel.rl.training.loop import Outcome, Task

_LOG: Final = logging.getLogger(TRAINING_LOGGER)
_WITHOUT: Final = "set training.population to null"


def need_what_learns(config: RunConfig) -> None:
    """Raise UsageError, naming the extra, where a population is to learn and Ray is not installed."""
    if isinstance(config, TrainRun) and config.training.population is not None:
        need_ray()


def learn_population(task: Task, config: TrainRun, folder: Path, board: Path, reporter: PopulationReporter) -> Outcome:
    """Let a population learn, or go on where it stands in `folder`. Raises a KeelError where Ray or learning fails."""
    address = config.ray.address
    if address is not None:
        ray = join_cluster(address)
    else:
        shared = sum(values.nbytes for world in (task.world, *task.validation) for values in world.arrays)
        from keel.rl.crew import processor_count

        ray = start_ray(processor_count(), shared, "training.population", _WITHOUT)
    try:
        from keel.rl.population.on_tune import train_population

        return train_population(task, config.training, folder, board, reporter, ray)
    finally:
        ray.shutdown()


def told_of_population(folder: Path, section: TrainingSection) -> list[dict[str, Any]]:
    """Return what became of each agent, from the run's record; nothing where one learnt alone."""
    if section.population is None:
        return []
    from keel.rl.population.record import summary

    return summary(folder, section.best_by)


class PopulationReporter:
    """Tell terminal and log how a population learns, and it when to stop."""

    def __init__(self, watch: Watch, progress: Progress, bar: TaskID, best_by: str) -> None:
        self._watch, self._progress, self._bar, self._best_by = watch, progress, bar, best_by
        self._best = ""
        self._began: tuple[int, float] | None = None
        self.warnings = 0

    def keep_going(self, steps: int) -> str | None:
        """Return None to go on, or the status to end with; draw how far all agents together are."""
        now_s = time.monotonic()
        self._began = self._began or (steps, now_s)
        speed = (steps - self._began[0]) / max(now_s - self._began[1], 1e-9)
        self._progress.update(self._bar, speed=f"{speed:,.0f} steps/s{self._best}")
        return self._watch(steps)

    def looked(self, member: int, steps: int, score: float | None, *, best: bool) -> None:
        """Log the score of an agent."""
        shown = "undefined" if score is None else f"{score:.4g}"
        if best:
            self._best = f", best validation {self._best_by} {shown}"
        _LOG.info("agent %d, step %d: %s %s%s", member, steps, self._best_by, shown, " (best so far)" if best else "")

    def copied(self, member: int, other: int, values: Mapping[str, float]) -> None:
        """Log that an agent copied another."""
        told = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        _LOG.info("agent %d copied agent %d and goes on with %s", member, other, told)

    def warn(self, line: str) -> None:
        """Log a warning; the first one is told on the terminal, too."""
        _LOG.warning("%s", line)
        if self.warnings == 0:
            sys.stderr.write(f"warning: {line}; further warnings are in logs/training.log\n")
        self.warnings += 1
