"""The backtest command: gate, bars, simulation, results."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from keel.config.load import LoadedConfig
    from keel.runs.manifest import RunManifest
    from keel.runs.result import RunResult

_LOG: Final = logging.getLogger(__name__)


def backtest(
    config: Annotated[Path, typer.Option(help="Config of the run, mode: sim.")],
    *,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one key for this run; may be given many times."),
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the resolved config, with every default, and stop.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print metrics and the run's folder as JSON instead of tables.")
    ] = False,
) -> None:
    """Simulate a strategy on stored bars, with costs, latency and risk limits, and write a report.

    Nothing is sent anywhere: a backtest never connects to an exchange. The result stands in artifacts/<run id>/:
    report.html to look at, metrics.json, fills, orders and equity to compute with, manifest.json to repeat it.

    Examples:

        python script_backtest.py --config configs/config_backtest_stocks.yaml

        python script_backtest.py --config configs/config_sim.yaml --set strategy.params.short=10 --set run.seed=3

    Exit code 0: done. 2: config, data or usage is wrong. 3: doctor or the kill switch refused, or stopped the run.
    4: stopped by a risk limit, or out of money. 130: stopped by Ctrl+C; the result so far is kept.
    """
    from keel.app.console import ending_tidily
    from keel.config.load import dump_yaml, load_config

    loaded = load_config(config, set_ or [], expect_mode="sim")
    if print_config:
        sys.stdout.write(dump_yaml(loaded.config))
        return
    with ending_tidily():
        _run(loaded, as_json=as_json)


def _run(loaded: LoadedConfig, *, as_json: bool) -> None:
    from keel.app.endings import end_stopped

    played = play(loaded, quiet=as_json)
    _tell(played, as_json=as_json)
    if played.result.status != "done":
        sys.stdout.flush()
        end_stopped(played.result, played.folder)


@dataclass(frozen=True)
class Played:
    """Hold a run that has been played: its arrays, its metrics and the folder of its files."""

    result: RunResult
    metrics: dict[str, Any]
    folder: Path


def play(loaded: LoadedConfig, *, quiet: bool, repeats: str | None = None) -> Played:
    """Pass the gate, simulate and write the run's folder; `quiet` keeps stdout for JSON and draws no progress.

    `repeats` is the id of the run this one repeats, for the manifest. Raises a KeelError where the gate, the data or
    the disk refuses; a run that was stopped comes back with its status.
    """
    from keel.app.console import progress_bar
    from keel.app.doctor import gate_run
    from keel.app.ledger_note import note_backtest
    from keel.app.results import write_results
    from keel.runs.folder import RunFolder, new_run_id
    from keel.runs.hashing import config_hash
    from keel.runs.logs import run_logs

    config, started = loaded.config, datetime.now(UTC)
    gate_run(config)
    run_id = new_run_id(config.run.name, config_hash(loaded.resolved), started)
    with (
        RunFolder.create(Path(config.run.artifacts_dir), run_id) as folder,
        run_logs(Path(config.run.logs_dir), folder.run_id) as logs,
        progress_bar(quiet=quiet) as progress,
    ):
        with redirect_stdout(sys.stderr) if quiet else nullcontext():  # a strategy may print
            result, manifest = _simulate(loaded, folder.run_id, started, progress)
        step = progress.add_task("writing results", total=None)
        metrics = write_results(folder, result, replace(manifest, repeats=repeats), logs)
        note_backtest(loaded.resolved, result, metrics, manifest)
        progress.remove_task(step)
    return Played(result, metrics, folder.final_path)


def _simulate(
    loaded: LoadedConfig, run_id: str, started: datetime, progress: Progress
) -> tuple[RunResult, RunManifest]:
    from keel.app.console import Watch, compile_if_cold
    from keel.app.wiring import wire_backtest
    from keel.backtest.run import run_backtest
    from keel.data.provide import ensure_bars
    from keel.data.store import BarStore
    from keel.risk.kill_switch import KillSwitch
    from keel.runs.manifest import begin_manifest

    config = loaded.deciding
    for made in ensure_bars(config.data, config.market.calendar, BarStore(Path(config.data.store))):
        _say(f"Put {made.bars.table.height:,} {made.bars.timeframe} bars of {made.bars.instrument_id} into the store.")
    compile_if_cold(progress, _say)
    task = progress.add_task("reading bars", total=None)
    inputs, records = wire_backtest(config, loaded.document)
    # Now, not at the end: sources that change while a long run plays are not the ones that play.
    manifest = begin_manifest(run_id, loaded.resolved, records, sys.argv, started)
    _LOG.info("run %s: %d rows of %s", run_id, len(inputs.bars), ", ".join(inputs.symbols))
    progress.update(task, description="simulating", total=len(inputs.bars))
    switch = KillSwitch.of(config.run)
    watch = Watch(switch, progress, task)
    with watch.stopping_gracefully():
        result = run_backtest(inputs, run_id, watch)
    if result.status == "kill_switch":
        switch.note_tripped()
    progress.remove_task(task)
    _LOG.info("run %s: %s after %d rows, %d events", run_id, result.status, len(result.marks), len(result.events))
    return result, manifest


def _tell(played: Played, *, as_json: bool) -> None:
    result, metrics, folder = played.result, played.metrics, played.folder
    if as_json:
        sys.stdout.write(json.dumps({"run_id": result.run_id, "folder": str(folder), **metrics}, indent=2) + "\n")
        return
    from rich.console import Console

    from keel.report.summary import print_summary

    print_summary(Console(), metrics, result.config.run.name, folder)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    _LOG.info("%s", line)
