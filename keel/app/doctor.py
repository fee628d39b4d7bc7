"""The doctor command: check the installation, and a config if given, before a run needs them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from keel.domain.errors import GateRefusedError, UsageError

if TYPE_CHECKING:
    from keel.config.load import LoadedConfig
    from keel.config.modes import RunConfig
    from keel.domain.instrument import InstrumentId
    from keel.preflight.check import BarFaults, CheckContext, CheckResult, DataNeed, FeeNeed
    from keel.preflight.exposure import Exposure

_WIDTH_OFF_TERMINAL: Final = 140
_STYLES: Final = {"pass": "green", "warn": "yellow", "fail": "bold red", "na": "dim"}
_COUNTED: Final = {"fail": "failed", "warn": "warned"}
_EXTRAS: Final = {"train": ("rl",), "eval": ("rl",), "live": ("live",)}
_SERVED: Final = "keel.strategies.trained:"
"""How the class of a strategy begins that serves a model."""
_WORDS: Final = {"pass": "pass", "warn": "warn", "fail": "fail", "na": "not applicable"}


def doctor(
    config: Annotated[
        Path | None, typer.Option(help="Config of the run to check for, such as configs/config_sim.yaml.")
    ] = None,
    *,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change one key, such as dry_run=true; may be repeated.", show_default=False),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show what passed in detail, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON, for programs.")] = False,
) -> None:
    """Check that Keel can run here: versions, folders, disk, kill switch; with --config, what its mode needs, too.

    Of a backtest and of training these are the config and its bars. Of live trading they are the keys and what they \
may do, the way to the exchange, clocks, trading rules, fees, bars, the strategy or model, limits, lock and journal; \
the exchange is only asked, nothing is sent. docs/live.md explains each.

    What fails or warns comes with its mend. Missing folders are created; before live trading a missing state folder \
is a failure, for the journal would be gone.

    Exit code 0 if nothing failed, 3 if something did; then what a live run has left open is listed on stderr.

    [bold]Examples[/bold]

    python scripts/doctor.py --config configs/config_sim.yaml

    python scripts/doctor.py --config configs/config_live.yaml --verbose

    python scripts/doctor.py --config configs/config_live.yaml --set dry_run=true --json
    """
    from keel.preflight.gate import failures
    from keel.preflight.verdict import left_open, restart_verdict

    context = context_of(config, set_ or [])
    results = examined(context)
    if as_json:
        sys.stdout.write(as_json_text(results) + "\n")
    else:
        _print_table(results, verbose=verbose)
    if not failures(results):
        return
    open_now = _exposure(context)
    if open_now is not None and open_now.is_open:
        may = "a start would only reduce it" if restart_verdict(results, open_now) == "reduce" else "no run may start"
        sys.stderr.write(f"error: {may}{_clean(left_open(results, open_now))}\n")
    raise typer.Exit(GateRefusedError.exit_code)


def context_of(config_path: Path | None, overrides: Sequence[str] = ()) -> CheckContext:
    """Return what the checks of a config look at; without a config, or with one that does not load, the defaults."""
    from keel.app.live_gate import live_context
    from keel.config.modes import LiveRun

    loaded, error = _load(config_path, overrides)
    if loaded is not None and isinstance(loaded.config, LiveRun):
        return live_context(loaded, loaded.config)
    return check_context(None if loaded is None else loaded.config, config_path, error)


def examined(context: CheckContext) -> tuple[CheckResult, ...]:
    """Run every check the context's mode needs."""
    from keel.preflight.gate import DOCTOR_CHECKS, run_checks

    return run_checks(context, DOCTOR_CHECKS["sim" if context.live is None else "live"])


def _exposure(context: CheckContext) -> Exposure | None:
    from keel.preflight.open_book import exposure

    return None if context.live is None else exposure(context.live)


def _clean(text: str) -> str:
    from keel.runs.redaction import redact

    return redact(text)


def gate_run(config: RunConfig) -> None:
    """Raise GateRefusedError (exit 3) unless all holds that a simulation or training needs to start.

    A kill switch that is seen, and a flag that someone removed by hand since, go on record (rule 18).
    """
    from keel.preflight.gate import GATE_CHECKS, gate, run_checks
    from keel.risk.kill_switch import KillSwitch

    switch = KillSwitch.of(config.run)
    if switch.is_tripped():
        switch.note_tripped()
    gate(run_checks(check_context(config), GATE_CHECKS[config.mode]))
    switch.note_removal()


def check_context(
    config: RunConfig | None, config_path: Path | None = None, config_error: str | None = None
) -> CheckContext:
    """Build what the checks look at; without a config the folders and thresholds are the defaults."""
    from keel.config.data import DataSection
    from keel.config.doctor import DoctorSection
    from keel.config.run import RunSection
    from keel.domain.compiled_cache import cache_is_warm
    from keel.preflight.check import CheckContext

    run = RunSection() if config is None else config.run
    threshold = DoctorSection() if config is None else config.doctor
    store = Path(DataSection.model_fields["store"].default if config is None else config.data.store)
    return CheckContext(
        bars_exist=lambda instrument, timeframe: _bars_exist(store, instrument, timeframe),
        cache_is_warm=cache_is_warm,
        config_path=config_path,
        config_error=config_error,
        run=None if config is None else run.name,
        state_dir=Path(run.state_dir),
        artifacts_dir=Path(run.artifacts_dir),
        logs_dir=Path(run.logs_dir),
        store=store,
        min_free_disk_gb=threshold.min_free_disk_gb,
        fail_closed=config is not None and config.mode == "live",
        extras=() if config is None else _extras_of(config),
        data=None if config is None else _data_need(config),
        bar_faults=None if config is None else lambda: _bar_faults(config),
        sectors=None if config is None else lambda: _sectors(config),
        fees=None if config is None else _fee_need(config),
    )


def _extras_of(config: RunConfig) -> tuple[str, ...]:
    tunes = config.mode == "train" and config.training.population is not None
    serves = config.mode == "live" and config.strategy.class_path.startswith(_SERVED)
    return (*_EXTRAS.get(config.mode, ()), *(("ray",) if tunes else ()), *(("rl",) if serves else ()))


def as_json_text(results: Sequence[CheckResult]) -> str:
    """Return the checks as a JSON list of {name, status, detail, mend}."""
    from dataclasses import asdict

    return json.dumps([asdict(result) for result in results], indent=2, ensure_ascii=False)


def _load(path: Path | None, overrides: Sequence[str]) -> tuple[LoadedConfig | None, str | None]:
    from keel.config.load import load_config

    if path is None:
        if overrides:
            raise UsageError("--set changes a key of a config: give --config, too")
        return None, None
    try:
        return load_config(path, overrides), None
    except UsageError as error:
        return None, str(error)


def _data_need(config: RunConfig) -> DataNeed:
    from keel.domain.instrument import InstrumentId
    from keel.preflight.check import DataNeed

    data, provider = config.data, config.data.active_provider
    return DataNeed(
        instruments=tuple(InstrumentId(data.venue_of(symbol), symbol) for symbol in data.symbols),
        timeframes=(data.timeframe, *([data.reference_timeframe] if data.reference_timeframe else [])),
        provider=None if provider is None else provider.kind,
    )


def _bar_faults(config: RunConfig) -> BarFaults:
    from keel.app.validation import examined, mended, subjects_of_config
    from keel.data.quality.finding import told
    from keel.preflight.check import BarFaults

    subjects = (mended(subject, config.quality)[0] for subject in subjects_of_config(config))
    found = [examined(subject, config.quality, None) for subject in subjects]
    refused = ((one.path, one.worst("refuse")) for one in found)
    warned = ((one.path, one.worst("warn")) for one in found)
    return BarFaults(*(tuple(told(path, bad) for path, bad in each if bad) for each in (refused, warned)))


def _sectors(config: RunConfig) -> str:
    from keel.app.wire_sectors import sector_caps_of

    caps, _ = sector_caps_of(config)
    if caps is None:
        return "no sector caps"
    return f"{config.risk.sectors}: {len(caps.sectors)} symbols of {len(caps.names)} sectors"


def _fee_need(config: RunConfig) -> FeeNeed:
    from keel.preflight.check import FeeNeed

    venues = dict.fromkeys(config.data.venue_of(symbol) for symbol in config.data.symbols)
    return FeeNeed(tuple(venues), config.fees.taker_bps * (1 - config.fees.discount))


def _bars_exist(store: Path, instrument: InstrumentId, timeframe: str) -> bool:
    from keel.data.store import BarStore

    return BarStore(store).exists(instrument, timeframe)


def _print_table(results: Sequence[CheckResult], *, verbose: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OFF_TERMINAL)
    console.print(_verdict(results), highlight=False)
    shown = [result for result in results if verbose or result.status in ("fail", "warn")]
    if not shown:
        return
    mends = any(result.mend for result in shown)
    table = Table("check", "result", "found", *(["mend"] if mends else []), box=SIMPLE_HEAD)
    for column in table.columns:
        column.overflow = "fold"
    for result in shown:
        word = Text(_WORDS[result.status], style=_STYLES[result.status])
        # Text, not markup: a path or a message may hold square brackets.
        table.add_row(result.name, word, Text(result.detail), *([Text(result.mend)] if mends else []))
    console.print(table)


def _verdict(results: Sequence[CheckResult]) -> str:
    counts = {word: sum(result.status == status for result in results) for status, word in _COUNTED.items()}
    told = " and ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{len(results)} checks, {told or 'none failed or warned'}"
