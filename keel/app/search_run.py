"""What sweep and walk-forward share: the gate, the bars, the ledger, who simulates, and how a search is stopped."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from keel.app.console import Watch, compile_if_cold, progress_bar
from keel.app.doctor import gate_run
from keel.app.endings import INTERRUPTED_EXIT_CODE, killed
from keel.app.search_wiring import EnterTrials, check_trial, fits_threads
from keel.app.wire_data import MarketData, read_market_data
from keel.backtest.search.crew import Alone, Crew, Growing, Processes, Stop
from keel.backtest.search.mapped import Mapped, save_mapped
from keel.backtest.search.study import Study
from keel.backtest.search.threads import Threads
from keel.config.load import LoadedConfig
from keel.config.run import RunSection
from keel.data.provide import ensure_bars
from keel.data.store import BarStore
from keel.domain.errors import UsageError
from keel.risk.kill_switch import KillSwitch
from keel.runs.folder import new_run_id
from keel.runs.hashing import config_hash
from keel.runs.ledger import TrialCount, TrialLedger, setup_hash
from keel.runs.logs import RunLogs, run_logs
from keel.runs.manifest import iso_utc
from keel.runs.provenance import code_revision

if TYPE_CHECKING:
    from rich.progress import Progress

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """Hold how a search is to run: `request` is what it asks, `kind` sweep or walk-forward."""

    kind: str
    request: Mapping[str, Any]
    resume: str | None
    jobs: int | None
    quiet: bool


@dataclass(frozen=True)
class SearchRun:
    """Hold what a search works with. `stop` says why to end, given the trials done; see `stopped` afterwards."""

    loaded: LoadedConfig
    study: Study
    data: MarketData
    crew: Crew
    stop: Stop
    ledger: TrialLedger
    set_hash: str
    started: datetime
    logs: RunLogs
    plan: Callable[[int], None]
    """Tells the progress bar how many trials there will be."""

    def count(self) -> TrialCount:
        """Count the trials on these bars so far."""
        return self.ledger.count(self.set_hash)

    def count_overlapping(self) -> TrialCount:
        """Count the trials so far on bars that overlap these."""
        return self.ledger.count_overlapping(self.set_hash)


@contextmanager
def search_run(loaded: LoadedConfig, options: Options) -> Iterator[SearchRun]:
    """Open everything a search of a config needs, and close it again.

    Raises GateRefusedError where doctor or the kill switch refuses, UsageError for bars or a name that do not fit.
    """
    config, started = loaded.config, datetime.now(UTC)
    gate_run(config)
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar(quiet=options.quiet))
        data = _read(loaded, progress)
        ledger = stack.enter_context(TrialLedger.open(Path(config.run.state_dir)))
        set_hash = ledger.note_bars(data.records)
        name = _named(ledger, loaded, options, set_hash, started)
        _say(f"{options.kind} {name}: if it is stopped, --resume {name} goes on from there")
        logs = stack.enter_context(run_logs(Path(config.run.logs_dir), name))
        _LOG.info("%s %s: %s", options.kind, name, dict(options.request))
        study = Study(
            name, ledger, lambda given: check_trial(loaded, given), loaded.resolved, set_hash, code_revision()
        )
        switch = KillSwitch.of(config.run)
        task = progress.add_task("simulating", total=None)
        watch = Watch(switch, progress, task)
        stop = _stop(watch, study, switch)
        crew, data = _crew(stack, loaded, data, options, name)
        stack.enter_context(watch.stopping_gracefully())
        stack.enter_context(closing(crew))

        def plan(trials: int) -> None:
            progress.update(task, total=trials)

        yield SearchRun(loaded, study, data, crew, stop, ledger, set_hash, started, logs, plan)


def end_search(status: str | None, name: str, done: int, run: RunSection, folder: Path | None) -> None:
    """End a search that was stopped: exit 130 for an interrupt, GateRefusedError (exit 3) for the kill switch."""
    where = "they are in the trial ledger" if folder is None else f"the result so far is in {folder}"
    after = f"after {done:,} trials; {where}; go on with --resume {name}"
    if status == "interrupted":
        sys.stderr.write(f"error: interrupted {after}\n")
        raise typer.Exit(INTERRUPTED_EXIT_CODE)
    if status == "kill_switch":
        raise killed(KillSwitch.of(run), after)


def _read(loaded: LoadedConfig, progress: Progress) -> MarketData:
    config = loaded.config
    for made in ensure_bars(config.data, config.market.calendar, BarStore(Path(config.data.store))):
        _say(f"Put {made.bars.table.height:,} {made.bars.timeframe} bars of {made.bars.instrument_id} into the store.")
    compile_if_cold(progress, _say)
    task = progress.add_task("reading bars", total=None)
    data = read_market_data(config, loaded.document)
    progress.remove_task(task)
    return data


def _named(ledger: TrialLedger, loaded: LoadedConfig, options: Options, set_hash: str, started: datetime) -> str:
    asked = {"kind": options.kind, "config": setup_hash(loaded.resolved), "bars": set_hash} | dict(options.request)
    asked["code"] = code_revision().source_hash
    if options.resume is None:
        run_id = new_run_id(f"{loaded.config.run.name}-{options.kind}", config_hash(loaded.resolved), started)
        return ledger.claim_study(run_id, options.kind, iso_utc(started), asked)
    before = ledger.request_of(options.resume)
    if before is None:
        raise UsageError(
            f"--resume {options.resume}: there is no such search in {ledger.path}: python -m keel trials lists them"
        )
    different = [name for name in asked if asked[name] != before.get(name)]
    if different:
        shown = ", ".join(f"{name} was {before.get(name)}, is {asked[name]}" for name in different)
        raise UsageError(f"--resume {options.resume}: it was another search: {shown}; ask the same, or start a new one")
    return options.resume


def _stop(watch: Watch, study: Study, switch: KillSwitch) -> Stop:
    def stop() -> str | None:
        why = watch(len(study.tried))
        if why == "kill_switch":
            switch.note_tripped()
        return why

    return stop


def _crew(
    stack: ExitStack, loaded: LoadedConfig, data: MarketData, options: Options, name: str
) -> tuple[Crew, MarketData]:
    address, jobs = loaded.config.ray.address, options.jobs or os.cpu_count() or 1
    if address is not None:
        from keel.backtest.search.on_ray import OnRay

        return OnRay(EnterTrials(loaded, data), address, options.jobs), data
    if jobs == 1:
        return Alone(EnterTrials(loaded, data)), data
    if fits_threads(loaded, options.request["param"]):
        return Threads(EnterTrials(loaded, data), jobs), data
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keel-")))
    mapped = save_mapped(data, folder)
    shared = mapped.load()
    many = _processes(loaded, mapped, name, jobs)
    return Growing(Alone(EnterTrials(loaded, shared)), many), shared


def _processes(loaded: LoadedConfig, mapped: Mapped[MarketData], name: str, jobs: int) -> Callable[[], Crew]:
    return lambda: Processes(EnterTrials(loaded, mapped, name), jobs)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
