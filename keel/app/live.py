"""The live command: gate, lock, journal, then the run with its health page and its view."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from keel.app.live_gate import LiveStart
    from keel.app.wire_live import LiveParts
    from keel.config.load import LoadedConfig
    from keel.config.modes import LiveRun
    from keel.live.runner import Ending, LiveRunner

_LOG: Final = logging.getLogger(__name__)
KEY: Final = "BINANCE_API_KEY"


def live(
    config: Annotated[Path, typer.Option(help="Config of the run, mode: live.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Real bars, simulated fills: not one order leaves this machine.")
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one key for this run; may be given many times."),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Show log lines only, no live view.")] = False,
) -> None:
    """Trade a strategy, or a trained model, on live bars: dry, on the practice venue, or with real money.

    The doctor passes first. Real money needs three consents: dry_run: false and i_accept_real_money: true in the
    config, and a doctor without a failure. Every intent is on the disk before it is sent; after a crash the run goes
    on from its journal and asks the exchange what became of its orders.

    Stop it with Ctrl+C once (it ends with "Shutdown complete"), twice for at once; or touch state/kill_switch.flag.

    Examples:

        python script_live.py --config configs/config_live.yaml --dry-run

        python script_live.py --config configs/config_live.yaml

    Exit code 0: stopped as asked. 2: config, data or usage is wrong. 3: doctor, lock or the kill switch refused, or
    stopped the run. 4: stopped by a risk limit, the strategy or the exchange.
    """
    from keel.config.load import load_config
    from keel.config.modes import LiveRun

    loaded = load_config(config, set_ or [], expect_mode="live")
    if not isinstance(loaded.config, LiveRun):  # never: the mode is expected
        raise TypeError("no live config")
    run = loaded.config.model_copy(update={"dry_run": loaded.config.dry_run or dry_run})
    ending = _trade(loaded, run, plain=plain)
    if ending.exit_code:
        sys.stdout.flush()
        raise typer.Exit(ending.exit_code)


def _trade(loaded: LoadedConfig, config: LiveRun, *, plain: bool) -> Ending:
    from rich.console import Console

    from keel.app.console import compile_if_cold, progress_bar
    from keel.app.live_gate import gate_live
    from keel.runs.folder import new_run_id
    from keel.runs.hashing import config_hash
    from keel.runs.logs import run_logs

    console = Console(stderr=True)
    start = gate_live(loaded, config)
    with progress_bar(quiet=plain) as progress:
        compile_if_cold(progress, lambda line: console.print(line))
    run_id = new_run_id(config.run.name, config_hash(loaded.resolved), datetime.now(UTC))
    with run_logs(Path(config.run.logs_dir), run_id):
        return _under_lock(loaded, config, run_id, start, console, plain=plain)


def _under_lock(
    loaded: LoadedConfig, config: LiveRun, run_id: str, start: LiveStart, console: Console, *, plain: bool
) -> Ending:
    from keel.app.wire_live import clock_of, link_of, wire_live
    from keel.domain.clock import WallClock
    from keel.journal.entries import SessionStarted
    from keel.journal.journal import Journal
    from keel.journal.lock import RunLock, account_name
    from keel.journal.names import JournalName
    from keel.runs.hashing import config_hash
    from keel.runs.provenance import code_revision
    from keel.runs.redaction import redact

    venue, state_dir = config.venue, Path(config.run.state_dir)
    name = JournalName(config.run.name, venue.kind, venue.environment, config.dry_run)
    account = account_name(venue.kind, venue.environment, os.environ.get(KEY, "").strip())
    clock = clock_of(config)
    hashed = config_hash(loaded.resolved)
    with ExitStack() as stack:
        stack.enter_context(RunLock(state_dir, f"{account}-dry" if config.dry_run else account, clock=WallClock()))
        journal = stack.enter_context(Journal.open(name.path(state_dir), clock=clock, redact=redact))
        parts = wire_live(config, loaded.document, run_id, hashed, journal, clock, link_of(config, clock, os.environ))
        symbols = config.data.symbols
        started = SessionStarted(
            run_id, hashed, str(code_revision()), venue.kind, venue.environment, config.dry_run, symbols
        )
        journal.append([started])
        if start.verdict == "reduce":
            parts.runner.blocks.put("doctor", "the doctor warned: only what closes may go until the next start")
        return _run(parts, config, run_id, console, plain=plain)


def _run(parts: LiveParts, config: LiveRun, run_id: str, console: Console, *, plain: bool) -> Ending:
    from keel.live.health.server import HealthServer
    from keel.report.live_summary import print_live_summary
    from keel.report.live_view import LiveView

    health = HealthServer(config.health, parts.board, parts.switch) if config.health.enabled else nullcontext()
    with health:
        shown = LiveView(console, parts.board.look) if console.is_terminal and not plain else nullcontext()
        with shown:
            ending = asyncio.run(_until_the_end(parts, run_id))
    status = parts.board.status
    if status is not None:
        print_live_summary(console, status, ending.why)
    console.print("Shutdown complete")
    _LOG.info("shutdown complete: %s", ending.why)
    return ending


async def _until_the_end(parts: LiveParts, run_id: str) -> Ending:
    _LOG.info("live run %s begins", run_id)
    if parts.market is not None:
        await parts.market.open()
    try:
        with _stopped_by_signals(parts.runner):
            return await parts.runner.run()
    finally:
        if parts.runner.kill.why is not None:
            parts.switch.note_tripped()  # the next start asks why the flag went (rule 18)
        if parts.market is not None:
            await parts.market.close()


@contextmanager
def _stopped_by_signals(runner: LiveRunner) -> Iterator[None]:
    """Let a first Ctrl+C, SIGTERM or closed terminal ask the run to stop, and a second one end it at once."""
    loop, asked = asyncio.get_running_loop(), [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    seen: list[int] = []

    def ask(number: int) -> None:
        if seen:
            _LOG.warning("stopped at once: orders may be open at the venue, the journal knows them")
            os._exit(128 + number)
        seen.append(number)
        runner.ask_to_stop(f"asked to by {signal.Signals(number).name}")

    for number in asked:
        loop.add_signal_handler(number, ask, number)
    try:
        yield
    finally:
        for number in asked:
            loop.remove_signal_handler(number)
