"""Checks of what is open before a start: by the journal, and by the exchange."""

from __future__ import annotations

from keel.domain.errors import KeelError
from keel.preflight.check import CheckResult
from keel.preflight.exposure import Exposure, exposure_of
from keel.preflight.findings import VenueFindings
from keel.preflight.live_checks import failed, passed, warned
from keel.preflight.live_need import LiveNeed


def check_journal(need: LiveNeed, name: str) -> CheckResult:
    """Check that the journal can be read; tell what is open by it: the start takes it up again."""
    try:
        known = need.journal_exposure()
    except KeelError as error:
        return failed(name, str(error), "restore it from its backup; until then close what is open by hand")
    return passed(name, "; ".join(known.lines) or "nothing is open by it")


def check_holdings(need: LiveNeed, name: str, found: VenueFindings) -> CheckResult:
    """Tell what the exchange has open for us."""
    known = at_venue(need, found)
    if known.unknown:
        return warned(name, known.lines[-1], "look there by hand before you start")
    return passed(name, "; ".join(known.lines) or "nothing is open there")


def exposure(need: LiveNeed, *, asked: bool = True) -> Exposure:
    """Return what the journal or the venue knows to be open; the venue's part only where it was asked.

    A journal that cannot be read is told in `unknown`. What a dry run holds is simulated: nothing is open.
    """
    if need.dry_run:
        return Exposure()
    try:
        known = need.journal_exposure()
    except KeelError as error:
        known = Exposure(unknown=str(error))
    if not asked or not need.has_keys:
        return known
    return known.joined(at_venue(need, need.venue_answers()))


def at_venue(need: LiveNeed, found: VenueFindings) -> Exposure:
    """Return what a venue told to be open."""
    holdings = found.holdings.value
    if holdings is None:
        return Exposure(unknown=found.holdings.why)
    return exposure_of(holdings, (found.rules.value or {}).values(), need.venue)
