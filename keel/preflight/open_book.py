"""Checks of what is open before a start: by the journal, and by the exchange."""

from __future__ import annotations

from keel.domain.errors import KeelError
from keel.preflight.check import CheckResult
from keel.preflight.exposure import Exposure, exposure_of
from keel.preflight.findings import VenueFindings
from keel.preflight.live_checks import failed, not_applicable, passed, warned
from keel.preflight.live_need import LiveNeed, OpeningCash


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


def check_cash(need: LiveNeed, name: str, found: VenueFindings) -> CheckResult:
    """Check that the account holds what the book of a first start begins with: orders are sized by the book."""
    opening, holdings = need.opening, found.holdings.value
    if opening is None or holdings is None or _has_begun(opening):
        return not_applicable(name, "a first start's only, and only where the exchange tells it")
    balance = holdings.balances.get(opening.currency)
    there = 0.0 if balance is None else float(balance.total)
    told = f"the account holds {there:g} {opening.currency}, the run's book begins with {opening.amount:g}"
    if there < opening.amount:
        return warned(name, told, f"set account.initial_cash to {there:g} or less: orders are sized by the book")
    return passed(name, told)


def _has_begun(opening: OpeningCash) -> bool:
    try:
        return opening.has_begun()
    except KeelError:
        return True  # the journal's own check tells what is wrong with it


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
