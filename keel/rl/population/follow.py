"""What is kept of a population while it learns: its record, the best model of all, and an eye on who wants to stop."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from ray import tune

from keel.config.robustness import PopulationSection
from keel.config.training import TrainingSection
from keel.domain.errors import UsageError
from keel.rl.population.member import CHECKPOINTS, STOP, WORST, member_name
from keel.rl.population.mutation import Values, first_values, values_in
from keel.rl.population.record import Record
from keel.rl.training.keeping import BEST, FINAL, copy_model, newest_checkpoint
from keel.rl.training.loop import Outcome
from keel.runs.disk import disk_errors_named
from keel.runs.model_file import ModelFile

POPULATION: Final = "population"
"""The folder of the agents, in the run's."""


class Follower(Protocol):
    """Follow a population."""

    def keep_going(self, steps: int) -> str | None:
        """Return None to go on, or the status to end with; `steps` are those of all agents together."""

    def looked(self, member: int, steps: int, score: float | None, *, best: bool) -> None:
        """Take the score of an agent."""

    def copied(self, member: int, other: int, values: Values) -> None:
        """Take note that an agent copied another, and of its values then."""

    def warn(self, line: str) -> None:
        """Tell people something they should know."""


class Follow(tune.Callback):
    """Keep record, best model and an eye on who wants to stop, in the process that Ray Tune runs in."""

    def __init__(
        self, section: TrainingSection, population: PopulationSection, folder: Path, follower: Follower
    ) -> None:
        self._section, self._folder, self._follower = section, folder, follower
        self._population, self._record = population, Record(folder)
        self._status = "done"
        self._steps: dict[int, int] = {}
        self._last: dict[int, Mapping[str, float]] = {}
        self._problems: dict[int, str] = {}
        self._best: Mapping[str, float | None] = {}
        if (folder / BEST).exists():
            self._best = ModelFile(folder / BEST).card.figures

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray Tune nothing to write down: its notes are not gone on from."""
        return {}

    def begin(self, seed: int) -> list[Values]:
        """Return what each agent begins or goes on with, and note it."""
        population = self._population
        starts = first_values(self._section.algorithm, population, seed)
        for number, values in enumerate(starts):
            own = self._folder / POPULATION / member_name(number)
            event, self._steps[number] = "began", 0
            if any(own.glob(CHECKPOINTS)):
                card = newest_checkpoint(own).card
                event, self._steps[number] = "resumed", card.steps
                starts[number] = values = values_in(card.algorithm, population)
            self._record.note(event, number, self._steps[number], values=values)
        return starts

    def on_step_begin(self, *about: Any, **info: Any) -> None:  # noqa: ANN401, ARG002
        """Look whether to stop."""
        status = self._follower.keep_going(self.steps)
        if status is not None and self._status == "done":
            self._status = status
            stop = self._folder / POPULATION / STOP
            with disk_errors_named(stop):
                stop.touch()

    def on_trial_result(  # type: ignore[override]
        self,
        *about: Any,  # noqa: ANN401, ARG002
        result: dict[str, Any],
        **info: Any,  # noqa: ANN401, ARG002
    ) -> None:
        """Note what an agent has come to, and keep its best model if it is the best of all."""
        member, steps, values = result["member"], result["steps"], result["values"]
        self._steps[member] = steps
        if result["copied_from"] >= 0:
            self._record.note("copied", member, result["copied_at"], values=values, **{"from": result["copied_from"]})
            self._follower.copied(member, result["copied_from"], values)
        if result["problem"]:
            self._problems[member] = result["problem"]
            self._record.note("failed", member, steps, values=values, why=result["problem"])
            self._follower.warn(f"{member_name(member)}: {result['problem']}")
            return
        self._problems.pop(member, None)
        score = None if result["score"] == WORST else result["score"]
        figures = {name: value if math.isfinite(value) else None for name, value in result["figures"].items()}
        event = "ended" if result["state"] == "done" else "looked"
        self._record.note(event, member, steps, values=values, figures=figures)
        self._last[member] = result["figures"]
        self._follower.looked(member, steps, score, best=self._keep_best(member))

    @property
    def steps(self) -> int:
        """Return the steps of all agents together."""
        return sum(self._steps.values())

    def refuse_failures(self, errors: Sequence[BaseException]) -> None:
        """Raise UsageError where an agent could not run, or all failed to learn."""
        if errors:
            lines = [line for line in str(errors[0]).splitlines() if line.strip()] or [type(errors[0]).__name__]
            raise UsageError(f"an agent of the population failed: {lines[-1].strip()}")
        if self._problems and len(self._problems) == len(self._steps):
            raise UsageError(f"every agent of the population failed; {next(iter(self._problems.values()))}")

    def outcome(self, seconds: float) -> Outcome:
        """Return how the population ended; the last model is that of the agent with the best last score."""
        best = {name: math.nan if value is None else value for name, value in self._best.items()}
        name, last, own = self._section.best_by, {}, ""
        finished = [one for one in self._last if (self._model_of(one, FINAL)).exists()]
        if self._status == "done" and finished:
            chosen = max(finished, key=lambda one: _number(self._last[one].get(name)))
            copy_model(self._model_of(chosen, FINAL), self._folder / FINAL)
            last, own = dict(self._last[chosen]), ModelFile(self._folder / FINAL).card.weights_hash
        return Outcome(self._status, self.steps, best, last, own, seconds)

    def _keep_best(self, member: int) -> bool:
        source, name = self._model_of(member, BEST), self._section.best_by
        if not source.exists():
            return False
        figures = ModelFile(source).card.figures
        if self._best and _number(figures[name]) <= _number(self._best[name]):
            return False
        self._best = figures
        copy_model(source, self._folder / BEST)
        copy_model(self._folder / BEST, self._folder.parent / BEST)
        return True

    def _model_of(self, member: int, name: str) -> Path:
        return self._folder / POPULATION / member_name(member) / name


def _number(value: float | None) -> float:
    return -math.inf if value is None or math.isnan(value) else value
