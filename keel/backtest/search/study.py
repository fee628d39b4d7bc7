"""A study: run the trials of a search that have not been run in it yet, and enter each in the trial ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from keel.backtest.search.crew import Crew, Stop, work
from keel.backtest.search.proposals import Proposals
from keel.backtest.search.space import Parameter, assignments
from keel.backtest.search.trial import Figures, Outcome, Task
from keel.backtest.search.windows import Rows
from keel.domain.errors import ConfigError, UsageError
from keel.runs.hashing import config_hash
from keel.runs.ledger import Trial, TrialLedger, setup_hash
from keel.runs.manifest import iso_utc
from keel.runs.provenance import CodeRevision

Check = Callable[[tuple[str, ...]], dict[str, Any]]
"""Returns the resolved config of overrides. Raises ConfigError for a combination that cannot be."""
Wanted = tuple[tuple[str, ...], Rows | None]
"""Overrides, and the rows to simulate; None for all."""

SMALLER_IS_BETTER: Final = ("annual_volatility",)
"""Metrics of which less is better; of every other one more is."""
_WAIT_S: Final = 0.1
"""How long finished trials wait to be entered in the ledger together: the most that a killed search loses."""


@dataclass(frozen=True, slots=True)
class Tried:
    """Hold a trial of a study; `status` and `reason` are as in the ledger."""

    number: int
    overrides: tuple[str, ...]
    rows: Rows | None
    status: str
    reason: str | None
    figures: Figures

    @property
    def values(self) -> dict[str, str]:
        """Return its parameters, as written, by their keys."""
        return {key: value for key, _, value in (each.partition("=") for each in self.overrides)}

    def score(self, metric: str) -> float | None:
        """Return its score, more is better; None where it did not run or the metric is not defined."""
        figure = self.figures.get(metric)
        return None if figure is None else -figure if metric in SMALLER_IS_BETTER else figure


class _Identity(NamedTuple):
    """Name what a set of overrides makes of the config."""

    config_hash: str | None
    setup_hash: str | None
    seed: int
    stream: int


class Study:
    """Hold the trials of one search, numbered in the order in which they are first asked for.

    `base` is the resolved config that trials vary, `set_hash` names its bars in the ledger, `code` is what simulates.
    """

    def __init__(
        self, name: str, ledger: TrialLedger, check: Check, base: dict[str, Any], set_hash: str, code: CodeRevision
    ) -> None:
        self.name = name
        self.resumed = 0
        """Trials that an earlier process of this study had finished."""
        self._ledger, self._check, self._set_hash, self._code = ledger, check, set_hash, code
        self._refused = _Identity(None, None, base["run"]["seed"], base["run"]["stream"])
        self._recorded = {row["key"]: row for row in ledger.trials(study=name)}
        self._tried: dict[str, Tried] = {}
        self._unrecorded: list[Trial] = []
        self._recorded_s = 0.0
        self._identities: dict[tuple[str, ...], _Identity | ConfigError] = {}

    @property
    def tried(self) -> list[Tried]:
        """Return the trials so far, by number."""
        return sorted(self._tried.values(), key=lambda one: one.number)

    def run(self, wanted: Sequence[Wanted], crew: Crew, stop: Stop) -> list[Tried] | None:
        """Return the trials of these, in their order; None if `stop` cut in. What was tried before is not run again.

        Raises UsageError where none of the first trials can run.
        """
        tasks = self._numbered(wanted)
        for key, task in tasks.items():
            if key in self._recorded and key not in self._tried:
                row = self._recorded[key]
                self._tried[key] = _tried(task, row["status"], row["reason"], row["figures"])
                self.resumed += 1
        new = [task for key, task in tasks.items() if key not in self._tried]
        ready = [task for task in new if isinstance(self._identity(task.overrides), _Identity)]
        if new and not ready and not self._tried:
            reason = self._identity(new[0].overrides)
            raise UsageError(f"none of the {len(new)} trials can run; the first: {reason}")
        try:
            for task in new:
                if isinstance(refused := self._identity(task.overrides), ConfigError):
                    self._enter(Outcome(task, "skipped", iso_utc(datetime.now(UTC)), reason=str(refused)))
            for outcome in work(crew, ready, lambda: self._look(stop)):
                self._enter(outcome)
        finally:
            self._record()
        keys = [Task(0, *each).key for each in wanted]
        return [self._tried[key] for key in keys] if all(key in self._tried for key in keys) else None

    def _numbered(self, wanted: Sequence[Wanted]) -> dict[str, Task]:
        numbers = {key: one.number for key, one in self._tried.items()}
        tasks: dict[str, Task] = {}
        for each in wanted:
            key = Task(0, *each).key
            tasks[key] = Task(numbers.setdefault(key, len(numbers)), *each)
        return tasks

    def _identity(self, overrides: tuple[str, ...]) -> _Identity | ConfigError:
        if overrides not in self._identities:
            try:
                resolved = self._check(overrides)
            except ConfigError as error:
                self._identities[overrides] = error
            else:
                run = resolved["run"]
                found = _Identity(config_hash(resolved), setup_hash(resolved), run["seed"], run["stream"])
                self._identities[overrides] = found
        return self._identities[overrides]

    def note(self, outcome: Outcome) -> None:
        """Enter a trial that was run elsewhere, unless it is on record."""
        if outcome.task.key not in self._recorded:
            self._enter(outcome)
            self._record()

    def _look(self, stop: Stop) -> str | None:
        """Ask `stop`, as a crew does every few milliseconds, and record what has waited long enough."""
        if self._unrecorded and time.monotonic() - self._recorded_s > _WAIT_S:
            self._record()
        return stop()

    def _record(self) -> None:
        trials, self._unrecorded, self._recorded_s = self._unrecorded, [], time.monotonic()
        if trials:
            self._ledger.record(self.name, *trials)

    def _enter(self, outcome: Outcome) -> None:
        task = outcome.task
        tried = _tried(task, outcome.status, outcome.reason, outcome.figures)
        identity = self._identity(task.overrides)
        trial = Trial(
            number=task.number,
            key=task.key,
            started=outcome.started,
            duration_s=outcome.duration_s,
            **(self._refused if isinstance(identity, ConfigError) else identity)._asdict(),
            parameters=tried.values,
            set_hash=self._ledger.note_bars(outcome.data) if outcome.data else self._set_hash,
            source_hash=self._code.source_hash,
            git_revision=self._code.git_revision,
            status=tried.status,
            reason=tried.reason,
            first_ts_ms=outcome.first_ts_ms,
            last_ts_ms=outcome.last_ts_ms,
            figures=tried.figures,
        )
        self._unrecorded.append(trial)
        self._tried[task.key] = tried


def _tried(task: Task, status: str, reason: str | None, figures: Figures) -> Tried:
    return Tried(task.number, task.overrides, task.rows, status, reason, figures)


def explore(
    study: Study, space: Sequence[Parameter], proposals: Proposals, metric: str, crew: Crew, stop: Stop
) -> bool:
    """Run what a search proposes, batch by batch; return whether it came to its end."""
    batch = next(proposals)
    while True:
        done = study.run([(assignments(space, point), None) for point in batch], crew, stop)
        if done is None:
            return False
        try:
            batch = proposals.send([one.score(metric) for one in done])
        except StopIteration:
            return True


def best_of(trials: Sequence[Tried], metric: str) -> Tried | None:
    """Return the trial with the highest score, the first of equals; None where no trial has one."""
    scored = [(score, -one.number, one) for one in trials if (score := one.score(metric)) is not None]
    return max(scored, key=lambda each: each[:2])[2] if scored else None
