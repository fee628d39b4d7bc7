"""Run a training from its config, or go on with one from its folder."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from keel.app.console import Watch, compile_environments_if_cold, training_progress
from keel.app.doctor import gate_run
from keel.app.population import PopulationReporter, learn_population, need_what_learns, told_of_population
from keel.app.wire_environment import Wired, wire_environment
from keel.config.load import LoadedConfig, dump_yaml, load_config
from keel.config.modes import TrainRun
from keel.config.run import RunSection
from keel.data.provide import ensure_bars
from keel.data.store import BarStore
from keel.domain.errors import UsageError
from keel.metrics.summary import run_year
from keel.risk.kill_switch import KillSwitch
from keel.runs.folder import new_run_id
from keel.runs.growing import CONFIG, GrowingFolder
from keel.runs.hashing import config_hash
from keel.runs.logs import TRAINING_LOGGER, run_logs, training_log
from keel.runs.manifest import RunManifest, begin_manifest
from keel.runs.model_file import OBSERVATION, ModelCard
from keel.runs.provenance import learning_versions, package_versions
from keel.runs.redaction import redact

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from keel.rl.training.loop import Outcome, Task

_LOG: Final = logging.getLogger(TRAINING_LOGGER)


@dataclass(frozen=True)
class Trained:
    """Hold how a training run ended, and where its models are."""

    outcome: Outcome
    folder: Path
    board: Path
    run: RunSection
    warnings: int
    population: Sequence[Mapping[str, Any]] = ()

    @property
    def resume_command(self) -> str:
        """Return the command that goes on with the run."""
        return f"python train_model_multi_patch.py --resume {self.folder}"

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as JSON can hold it; what is not defined is None."""
        outcome = self.outcome
        return {
            "run_id": self.folder.name,
            "folder": str(self.folder),
            "tensorboard": str(self.board),
            "status": outcome.status,
            "steps": outcome.steps,
            "seconds": round(outcome.seconds, 3),
            "best": _defined(outcome.best),
            "last": _defined(outcome.last),
            "weights_hash": outcome.weights_hash or None,
            "warnings": self.warnings,
            "population": list(self.population),
        }


def start_training(loaded: LoadedConfig, *, quiet: bool) -> Trained:
    """Train from the first step. `quiet` draws no progress. Raises a KeelError where gate, data or disk refuses."""
    config, started = loaded.config, datetime.now(UTC)
    need_what_learns(config)
    gate_run(config)
    run_id = new_run_id(config.run.name, config_hash(loaded.resolved), started)
    with training_progress(quiet=quiet) as progress:
        wired = _wire(loaded, progress)
        folder = GrowingFolder.create(Path(config.run.artifacts_dir), run_id)
        manifest = begin_manifest(folder.run_id, loaded.resolved, wired.records, sys.argv, started)
        manifest = replace(manifest, versions=package_versions() | learning_versions())
        folder.write_text(CONFIG, redact(dump_yaml(config)))
        folder.write_text(OBSERVATION, wired.fitted.to_json())
        folder.write_manifest(manifest)
        return _learn(loaded, wired, folder, manifest, progress, resume=False)


def resume_training(run: str, *, quiet: bool) -> Trained:
    """Go on with a run, exactly, from its newest whole checkpoint.

    Raises a KeelError where gate or disk refuses, the run is none, or its bars are not those it began with.
    """
    folder = GrowingFolder(_folder_of(run))
    before = folder.read_manifest()
    loaded = load_config(folder.path / CONFIG, (), expect_mode="train")
    need_what_learns(loaded.config)
    gate_run(loaded.config)
    with training_progress(quiet=quiet) as progress:
        wired = _wire(loaded, progress)
        started = datetime.fromisoformat(before["started"])
        manifest = begin_manifest(folder.run_id, loaded.resolved, wired.records, tuple(before["command"]), started)
        manifest = replace(manifest, versions=package_versions() | learning_versions())
        _refuse_other_inputs(folder, before, manifest)
        if before["code"]["source_hash"] != manifest.code.source_hash:
            _say("warning: Keel has changed since this run began: it goes on, but not bit for bit as it would have.")
        return _learn(loaded, wired, folder, manifest, progress, resume=True)


def _learn(
    loaded: LoadedConfig,
    wired: Wired,
    folder: GrowingFolder,
    manifest: RunManifest,
    progress: Progress,
    *,
    resume: bool,
) -> Trained:
    config = wired.config
    logs_dir = Path(config.run.logs_dir)
    board = logs_dir / "tensorboard" / folder.run_id
    section = config.training
    switch = KillSwitch.of(config.run)
    agents = 1 if section.population is None else section.population.size
    with folder.locked(), run_logs(logs_dir, folder.run_id), training_log(logs_dir, folder.run_id):
        bar = progress.add_task("learning", total=agents * section.total_timesteps, speed="")
        watch = Watch(switch, progress, bar)
        reporter = (TrainingReporter if section.population is None else PopulationReporter)(
            watch, progress, bar, section.best_by
        )
        _LOG.info(
            "%s %s up to step %d",
            "going on with" if resume else "learning",
            section.algorithm.kind,
            section.total_timesteps,
        )
        try:
            folder.write_manifest(manifest)
            with watch.stopping_gracefully(_tell_to_wait):
                task = _task(loaded, wired, folder.run_id)
                if isinstance(reporter, PopulationReporter):
                    outcome = learn_population(task, config, folder.path, board, reporter)
                else:
                    outcome = _learn_alone(task, config, folder.path, board, reporter, resume=resume)
        except BaseException as error:
            _LOG.error("stopped: %s", str(error) or type(error).__name__)
            with suppress(UsageError):  # a full disk, say, is told by the error itself
                folder.write_manifest(manifest.finish("failed", None))
            raise
        _LOG.info("%s after %d steps in %.0f s", outcome.status, outcome.steps, outcome.seconds)
        folder.write_manifest(manifest.finish(outcome.status, outcome.weights_hash or None))
        if outcome.status == "kill_switch":
            switch.note_tripped()
        progress.remove_task(bar)
    population = told_of_population(folder.path, section)
    return Trained(outcome, folder.path, board, config.run, reporter.warnings, population)


def _learn_alone(
    task: Task, config: TrainRun, folder: Path, board: Path, reporter: TrainingReporter, *, resume: bool
) -> Outcome:
    from keel.rl.training.keeping import newest_checkpoint
    from keel.rl.training.loop import train

    checkpoint = newest_checkpoint(folder) if resume else None
    return train(task, config.training, folder, board, reporter, checkpoint)


class TrainingReporter:
    """Tell terminal and log how learning goes, and learning when to stop."""

    def __init__(self, watch: Watch, progress: Progress, task: TaskID, best_by: str) -> None:
        self._watch, self._progress, self._task, self._best_by = watch, progress, task, best_by
        self._validated = ""
        self.warnings = 0

    def keep_going(self, steps: int) -> str | None:
        """Return None to go on, or the status to end with."""
        return self._watch(steps)

    def stepped(self, steps: int) -> None:
        """Draw how far learning is."""
        self._watch.draw(steps)

    def figures(self, steps: int, told: Mapping[str, float]) -> None:
        """Log the figures of a rollout."""
        speed = told.get("time/steps_per_second", 0.0)
        self._progress.update(self._task, speed=f"{speed:,.0f} steps/s{self._validated}")
        named = {name.split("/", 1)[1]: value for name, value in told.items()}
        _LOG.info("step %d: %s", steps, ", ".join(f"{name} {value:.4g}" for name, value in sorted(named.items())))

    def validated(self, steps: int, figures: Mapping[str, float], *, best: bool) -> None:
        """Log the figures of the validation span."""
        self._validated = f", validation {self._best_by} {figures[self._best_by]:.2f}"
        told = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        _LOG.info("step %d: validation%s: %s", steps, " (best so far)" if best else "", told)

    def saved(self, steps: int) -> None:
        """Log a checkpoint."""
        _LOG.info("step %d: checkpoint saved", steps)

    def warn(self, line: str) -> None:
        """Log a warning; the first one is told on the terminal, too."""
        _LOG.warning("%s", line)
        if self.warnings == 0:
            _say(f"warning: {line}; further warnings are in logs/training.log")
        self.warnings += 1


def _wire(loaded: LoadedConfig, progress: Progress) -> Wired:
    config = loaded.config
    for made in ensure_bars(config.data, config.market.calendar, BarStore(Path(config.data.store))):
        _say(f"Put {made.bars.table.height:,} {made.bars.timeframe} bars of {made.bars.instrument_id} into the store.")
    compile_environments_if_cold(progress, _say)
    task = progress.add_task("reading bars", total=None, speed="")
    wired = wire_environment(loaded)
    progress.remove_task(task)
    return wired


def _task(loaded: LoadedConfig, wired: Wired, run_id: str) -> Task:
    from keel.rl.training.loop import Task

    config: TrainRun = wired.config
    card = ModelCard(
        run_id=run_id,
        algorithm=config.training.algorithm.model_dump(mode="json"),
        action=config.environment.action.model_dump(mode="json"),
        weight_range=wired.weight_range,
        symbols=config.data.symbols,
        apart=config.environment.symbols == "apart",
        venue=config.data.venue,
        timeframe=config.data.timeframe,
        observation_size=wired.layout.size,
        observation_bound=wired.bound,
        observation_hash=wired.fitted.hash,
        weights_hash="",
        steps=0,
        spans=wired.spans,
        figures={},
        versions=package_versions() | learning_versions(),
        config_hash=config_hash(loaded.resolved),
    )
    observation = wired.fitted.to_json().encode()
    return Task(wired.world, wired.validation, wired.actions, card, observation, run_year(config), config.run.seed)


def _folder_of(run: str) -> Path:
    for path in (Path(run), Path("artifacts") / run):
        if path.is_dir():
            return path
    raise UsageError(f"--resume {run}: no such run: give its id, or the path of its folder under artifacts")


def _refuse_other_inputs(folder: GrowingFolder, before: Mapping[str, Any], manifest: RunManifest) -> None:
    if before["config_hash"] != manifest.config_hash:
        raise UsageError(
            f"{folder.path / CONFIG}: is not the config this run began with: put it back as it was, or train anew"
        )
    known = [(one["instrument"], one["content_hash"]) for one in before["data"]]
    now = [(record.instrument, record.content_hash) for record in manifest.data]
    if known != now:
        other = next((name for name, content in now if (name, content) not in known), "an instrument")
        raise UsageError(
            f"{folder.path}: the bars of {other} are not those this run began with: put them back, or train anew"
        )


def _defined(figures: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: value if value is not None and math.isfinite(value) else None for name, value in figures.items()}


def _tell_to_wait() -> None:
    _say("Stopping at the end of this rollout, with a checkpoint; Ctrl+C again stops at once, without one.")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    logging.getLogger(__name__).info("%s", line)
