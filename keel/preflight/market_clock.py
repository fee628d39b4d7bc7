"""The check that a practice market has not begun anew behind a run's journal."""

from __future__ import annotations

from keel.domain.errors import KeelError
from keel.domain.timeframe import utc_text
from keel.preflight.check import CheckResult
from keel.preflight.findings import VenueFindings
from keel.preflight.live_checks import failed, not_applicable, passed
from keel.preflight.live_need import LiveNeed


def check_market_clock(need: LiveNeed, name: str, _found: VenueFindings) -> CheckResult:
    """Check that the practice market is not before what the run has decided on: its books would be another market's."""
    if need.rehearsal is None:
        return not_applicable(name, "no practice market")
    try:
        newest_ms = need.rehearsal.newest_close_ts_ms()
        now_ms = need.rehearsal.market_now_ms()
    except KeelError as error:
        return failed(name, str(error), "see to the practice venue and the journal, then try again")
    if newest_ms is None or newest_ms <= now_ms:
        return passed(name, f"the market is at {utc_text(now_ms)}")
    detail = (
        f"the practice market is at {utc_text(now_ms)}, and the journal has decided on bars up to "
        f"{utc_text(newest_ms)}: the venue was started anew"
    )
    mend = f"give the run a name of its own (run.name), or move {need.rehearsal.journal}* away"
    return failed(name, detail, mend)
