"""What the checks of live trading share: who is asked for what, and how an answer that is missing is told."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any, Final, TypeAlias

from keel.preflight.check import CheckContext, CheckResult, CheckStatus
from keel.preflight.findings import Answer, VenueFindings
from keel.preflight.live_need import LiveNeed

LiveCheck: TypeAlias = Callable[[LiveNeed, str], CheckResult]
"""A check of a live config, given the name that its result has."""
NOT_LIVE: Final = "no config of mode live to check for"
_NOT_REACHED: Final = "the exchange was not reached"
_NO_KEYS: Final = "there are no keys to ask with"


def of_live(name: str, check: LiveCheck) -> Callable[[CheckContext], CheckResult]:
    """Return a check that looks at a live config, and does not apply to any other."""

    def run(context: CheckContext) -> CheckResult:
        return not_applicable(name, NOT_LIVE) if context.live is None else check(context.live, name)

    return run


def asking(check: Callable[[LiveNeed, str, VenueFindings], CheckResult], *, with_keys: bool = False) -> LiveCheck:
    """Return a check that needs the venue's answers; where there are none at all, `round trip` tells why."""

    def run(need: LiveNeed, name: str) -> CheckResult:
        if with_keys and not need.has_keys:
            return not_applicable(name, _NO_KEYS)
        found = need.venue_answers()
        return check(need, name, found) if found.is_reached else not_applicable(name, _NOT_REACHED)

    return run


def passed(name: str, detail: str) -> CheckResult:
    """Return a check that found nothing wrong."""
    return CheckResult(name, CheckStatus.PASS, detail)


def failed(name: str, detail: str, mend: str, *, soft: bool = False) -> CheckResult:
    """Return a check that keeps a run from starting."""
    return CheckResult(name, CheckStatus.FAIL, detail, mend, soft)


def warned(name: str, detail: str, mend: str) -> CheckResult:
    """Return a check that found something to look at."""
    return CheckResult(name, CheckStatus.WARN, detail, mend)


def not_applicable(name: str, why: str) -> CheckResult:
    """Return a check that does not apply here."""
    return CheckResult(name, CheckStatus.NOT_APPLICABLE, why)


def ask_again(*answers: Answer[Any]) -> str:
    """Return the mend of answers that are missing: when to ask again."""
    waits_s = [answer.wait_s for answer in answers if answer.wait_s is not None]
    if waits_s:
        return f"wait {ceil(max(waits_s))} s, then try again: rate limits let nothing be asked"
    return "try again when the exchange answers"


def with_keys_only(need: LiveNeed, result: CheckResult) -> CheckResult:
    """Return a failure about keys as a warning where a dry run uses none."""
    if need.needs_keys or result.status is not CheckStatus.FAIL:
        return result
    return warned(result.name, f"{result.detail}; a dry run uses no key", result.mend)
