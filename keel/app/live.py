"""The live command: gate, lock, journal, then the run with its health page and its view."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
    from keel.domain.clock import Clock
    from keel.domain.live_status import LiveStatus
    from keel.domain.venue_messages import VenueFill
    from keel.journal.journal import Journal
    from keel.live.runner import Ending, LiveRunner
    from keel.risk.kill_switch import KillSwitch
    from keel.wire.practice_market import PracticeMarket

_LOG: Final = logging.getLogger(__name__)


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

    Stop it with Ctrl+C once (it ends with "Shutdown complete"), twice for at once; or by the kill switch:
    touch state/<run.name>.kill_switch.flag stops this run, touch state/kill_switch.flag all of them.

    Examples:

        python script_live.py --config configs/config_live.yaml --dry-run

        python script_live.py --config configs/config_live.yaml

    Exit code 0: stopped as asked. 2: config, data or usage is wrong. 3: doctor, lock or the kill switch refused, or
    stopped the run. 4: stopped by a risk limit, the strategy or the exchange.
    """
    from keel.app.run_journal import live_run
    from keel.config.load import load_config

    loaded = load_config(config, set_ or [], expect_mode="live")
    ending = _trade(loaded, live_run(loaded, dry_run=dry_run), plain=plain)
    if ending.exit_code:
        sys.stdout.flush()
        raise typer.Exit(ending.exit_code)


def _trade(loaded: LoadedConfig, config: LiveRun, *, plain: bool) -> Ending:
    from rich.console import Console

    from keel.app.console import compile_if_cold, progress_bar
    from keel.app.live_gate import gate_live
    from keel.domain.errors import HaltTradingError, RetryableError
    from keel.runs.folder import new_run_id
    from keel.runs.hashing import config_hash
    from keel.runs.live_logs import live_logs

    console = Console(stderr=True)
    start = gate_live(loaded, config)
    with progress_bar(quiet=plain) as progress:
        compile_if_cold(progress, lambda line: console.print(line))
    run_id = new_run_id(config.run.name, config_hash(loaded.resolved), datetime.now(UTC))
    shows_view = console.is_terminal and not plain
    with live_logs(Path(config.run.logs_dir), run_id, lines_to=None if shows_view else sys.stderr) as logs:
        session = Session(loaded, config, run_id, start, console, logs.write_fill, shows_view=shows_view)
        try:
            return session.trade()
        except RetryableError as error:
            raise HaltTradingError(f"the run could not begin: {error}") from None


@dataclass(frozen=True)
class Session:
    """Hold what one live session is made from, and let it trade."""

    loaded: LoadedConfig
    config: LiveRun
    run_id: str
    start: LiveStart
    console: Console
    write_fill: Callable[[VenueFill], None]
    shows_view: bool

    def trade(self) -> Ending:
        """Take the lock, open the journal, trade until the end. Raises as the parts do."""
        from keel.app.live_ways import clock_of
        from keel.app.run_journal import locked, open_journal

        clock = clock_of(self.config)
        with locked(self.config, os.environ), open_journal(self.config, clock) as journal:
            ending, status = asyncio.run(self._with_market(journal, clock))
        if status is not None:
            from keel.report.live_summary import print_live_summary

            print_live_summary(self.console, status, ending.why)
        self.console.print("Shutdown complete")
        _LOG.info("shutdown complete: %s", ending.why)
        return ending

    async def _with_market(self, journal: Journal, clock: Clock) -> tuple[Ending, LiveStatus | None]:
        """Trade with the market's clock open: nothing is stamped, nor its age judged, before it is."""
        from keel.app.live_ways import market_of

        market = market_of(self.config, clock)
        try:
            if market is not None:
                await market.open()
            return await self._run(journal, clock, market)
        finally:
            if market is not None:
                await market.close()

    async def _run(
        self, journal: Journal, clock: Clock, market: PracticeMarket | None
    ) -> tuple[Ending, LiveStatus | None]:
        from keel.app.live_ways import link_of
        from keel.app.wire_live import wire_live
        from keel.live.health.server import HealthServer
        from keel.live.session import session_started
        from keel.report.live_view import LiveView
        from keel.runs.hashing import config_hash
        from keel.runs.provenance import code_revision

        config, hashed = self.config, config_hash(self.loaded.resolved)
        link = link_of(config, clock, os.environ)
        parts = wire_live(
            config, self.loaded.document, self.run_id, hashed, journal, clock, link, market, self.write_fill
        )
        _LOG.info("live run %s begins; each of these flags stops it: %s", self.run_id, _listed(parts.switch))
        with ExitStack() as stack:
            if config.health.enabled:
                stack.enter_context(HealthServer(config.health, parts.board, parts.switch))
            if self.shows_view:
                stack.enter_context(LiveView(self.console, parts.board.look))
            stack.enter_context(_stopped_by_signals(parts.runner))
            journal.append([session_started(config, self.run_id, hashed, str(code_revision()))])
            if self.start.verdict == "reduce":
                self._reduce(parts, journal)
            try:
                ending = await parts.runner.run()
            finally:
                if parts.runner.kill.why is not None:
                    parts.switch.note_tripped()  # the next start asks why the flag went (rule 18)
        return ending, parts.board.status

    def _reduce(self, parts: LiveParts, journal: Journal) -> None:
        from keel.journal.entries import Alarm
        from keel.preflight.check import CheckStatus

        failed = ", ".join(one.name for one in self.start.results if one.status is CheckStatus.FAIL)
        text = f"the doctor warned ({failed}): only what closes may go until the next start"
        parts.runner.blocks.put("doctor", text)
        journal.append([Alarm(text)])
        _LOG.error(text)


def _listed(switch: KillSwitch) -> str:
    return ", ".join(map(str, switch.flag_paths))


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
