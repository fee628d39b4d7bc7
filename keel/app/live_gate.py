"""The gate before live trading: every check, then trade, only reduce what is open, or refuse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keel.config.load import LoadedConfig
    from keel.config.modes import LiveRun
    from keel.preflight.check import CheckContext, CheckResult
    from keel.preflight.exposure import Exposure
    from keel.preflight.verdict import Verdict


@dataclass(frozen=True, slots=True)
class LiveStart:
    """Hold how a live run may start: `trade`, or `reduce` with an alarm; the checks, and what is open."""

    verdict: Verdict
    results: tuple[CheckResult, ...]
    exposure: Exposure


def live_context(loaded: LoadedConfig, config: LiveRun) -> CheckContext:
    """Return what the checks of a live config look at."""
    from keel.app.doctor import check_context
    from keel.app.live_doctor import live_need

    return replace(check_context(config, loaded.path), live=live_need(config, loaded.document, loaded.path))


def gate_live(loaded: LoadedConfig, config: LiveRun) -> LiveStart:
    """Check all that a live start needs, before the lock is taken and outside of any event loop.

    `config` is the loaded one, with dry_run as the command line has it. Raises GateRefusedError (exit 3) that names
    each failure with its mend and lists what is left open; a kill switch that is seen goes on record (rule 18).
    """
    from keel.preflight.gate import asks_the_venue, run_live_gate
    from keel.preflight.open_book import exposure
    from keel.preflight.verdict import refuse_start, restart_verdict
    from keel.risk.kill_switch import KillSwitch

    switch = KillSwitch.of(config.run, fail_closed=True)
    if switch.is_tripped():
        switch.note_tripped()
    context = live_context(loaded, config)
    results = run_live_gate(context)
    need = context.live
    if need is None:  # never: live_context has put it there
        raise TypeError("no live config")
    known = exposure(need, asked=asks_the_venue(results))
    verdict = restart_verdict(results, known)
    if verdict == "refuse":
        raise refuse_start(results, known)
    return LiveStart(verdict, results, known)
