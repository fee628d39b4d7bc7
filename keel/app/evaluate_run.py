"""Play an evaluation: every profile in the simulator, baselines beside it, each run a trial of the ledger."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from keel.app.endings import killed
from keel.app.evaluate_wiring import Part, Subject
from keel.backtest.evaluation.attribution import Worth, feature_worths
from keel.backtest.evaluation.baselines import Baseline, play_baselines
from keel.backtest.evaluation.findings import Statistics, choice_between, statistics
from keel.backtest.run import BacktestInputs, beside_holding, simulate
from keel.backtest.search.trial import figures_of
from keel.backtest.search.windows import within
from keel.config.load import resolve
from keel.metrics.summary import run_year, summarise
from keel.risk.kill_switch import KillSwitch
from keel.runs.hashing import config_hash
from keel.runs.ledger import Trial, TrialLedger, setup_hash
from keel.runs.manifest import iso_utc
from keel.runs.provenance import code_revision
from keel.runs.result import RunResult
from keel.strategies.decisions import Weights

if TYPE_CHECKING:
    from rich.progress import Progress

_LOG: Final = logging.getLogger(__name__)
_QUICK_RESAMPLES: Final = 300

Stop = Callable[[int], str | None]


@dataclass(frozen=True)
class PlayedPart:
    """Hold one part as it was played: the run, its targets (rows, N), its figures and its baselines."""

    part: Part
    result: RunResult
    weights: Weights
    summary: dict[str, Any]
    baselines: list[Baseline]
    random: list[Baseline]


@dataclass(frozen=True)
class Findings:
    """Hold what an evaluation found, by profile; `main` is the profile that the config names."""

    subject: Subject
    main: str
    parts: Mapping[str, list[PlayedPart]]
    statistics: Mapping[str, Statistics]
    choice: dict[str, Any] | None
    worths: list[Worth] = field(default_factory=list)


def play_profiles(subject: Subject, names: Sequence[str], study: str, progress: Progress, *, quick: bool) -> Findings:
    """Play the profiles of these names and say what they show.

    Each part is entered in the ledger, as a trial of a study, before anything is made of it. Raises GateRefusedError
    where the kill switch is pulled.
    """
    config = subject.config
    asked, seed, year = config.evaluation, config.run.seed, run_year(config)
    switch = KillSwitch.of(config.run)
    with TrialLedger.open(Path(config.run.state_dir)) as ledger:
        entry = _Entry(ledger, subject, ledger.claim_study(study, "evaluation", _now(), {"profiles": list(names)}))
        parts = {name: _play_profile(subject, name, entry, switch, progress) for name in names}
        trials = ledger.trials()
    resamples = min(asked.resamples, _QUICK_RESAMPLES) if quick else asked.resamples
    found = {}
    for name, played in parts.items():
        with _step(progress, f"{name}: intervals"):
            seen = list(dict.fromkeys(line for one in played for line in one.part.seen))
            results = [one.result for one in played]
            found[name] = statistics(results, year, trials, seen, resamples, seed)
    plain = {name: played[0].result for name, played in parts.items() if asked.profiles[name].is_plain}
    main = asked.profile if asked.profile in parts else names[0]
    worths = [] if quick or not asked.attribution_bars else _worths(subject, main, switch, progress)
    return Findings(subject, main, parts, found, choice_between(plain, year), worths)


def _play_profile(
    subject: Subject, name: str, entry: _Entry, switch: KillSwitch, progress: Progress
) -> list[PlayedPart]:
    profile = subject.config.evaluation.profiles[name]
    inputs, played = subject.inputs(profile), []
    for part in subject.parts(name, profile):
        with _step(progress, f"{name}: {part.name}", part.rows[1] - part.rows[0]) as tell:
            played.append(_play_part(inputs, part, name, entry, _stopping(switch, tell)))
    return played


def _play_part(inputs: BacktestInputs, part: Part, name: str, entry: _Entry, stop: Stop) -> PlayedPart:
    started, clock = _now(), time.perf_counter()
    own = within(inputs, part.rows)
    played, weights = simulate(own, stop)
    result = beside_holding(own, f"{name}-{part.name}", played, weights)
    summary = summarise(result)
    entry.note(f"{name} {part.name}", inputs, result, summary, started, time.perf_counter() - clock)
    _LOG.info("%s %s: %s after %d rows", name, part.name, result.status, len(result.marks))
    asked, seed = entry.subject.config.evaluation, inputs.config.run.seed
    baselines, random = play_baselines(inputs, part.rows, weights, asked.random_traders, seed, stop)
    return PlayedPart(part, result, weights, summary, baselines, random)


def _worths(subject: Subject, name: str, switch: KillSwitch, progress: Progress) -> list[Worth]:
    asked = subject.config.evaluation
    first, last = subject.rows
    rows = (max(first, last - asked.attribution_bars), last)
    inputs = subject.inputs(asked.profiles[name])
    with _step(progress, "weighing features") as tell:
        stop, seed = _stopping(switch, tell), subject.config.run.seed
        return feature_worths(inputs, subject.policy, rows, asked.attribution_block, seed, stop)


@dataclass
class _Entry:
    """Enter parts in the ledger as they are played."""

    ledger: TrialLedger
    subject: Subject
    study: str
    number: int = 0

    def note(
        self, key: str, inputs: BacktestInputs, result: RunResult, summary: dict[str, Any], started: str, took_s: float
    ) -> None:
        resolved, card = resolve(inputs.config), self.subject.policy.card
        # The model is what its weights are, wherever it lies.
        resolved["strategy"]["params"]["model"] = card.weights_hash
        code = code_revision()
        trial = Trial(
            number=self.number,
            key=key,
            started=started,
            duration_s=took_s,
            config_hash=config_hash(resolved),
            setup_hash=setup_hash(resolved),
            parameters={"profile": key, "model": card.weights_hash},
            set_hash=self.ledger.note_bars(self.subject.data.records),
            source_hash=code.source_hash,
            git_revision=code.git_revision,
            seed=inputs.config.run.seed,
            stream=inputs.config.run.stream,
            status=result.status,
            first_ts_ms=int(result.bars["open_ts_ms"][0].min()),
            last_ts_ms=int(result.marks["ts_ms"][-1]),
            figures=figures_of(summary),
        )
        self.ledger.record(self.study, trial)
        self.number += 1


def _stopping(switch: KillSwitch, tell: Callable[[int], None]) -> Stop:
    sampler = switch.sampled()

    def stop(rows: int) -> None:
        if sampler.is_tripped():
            switch.note_tripped()
            raise killed(switch, "before there was a result to keep")
        tell(rows)

    return stop


@contextmanager
def _step(progress: Progress, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    task = progress.add_task(what, total=total)
    try:
        yield lambda rows: progress.update(task, completed=rows)
    finally:
        progress.remove_task(task)


def _now() -> str:
    return iso_utc(datetime.now(UTC))
