"""All properties together: each is a function of a finished simulation that tells where it is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from parity.case import Case
from parity.reference import Outcome

from . import amounts, costs, guards, holders, lives, money, prices
from .played import Played

Check = Callable[[Played], Iterator[str]]
CHECKS: tuple[Check, ...] = (
    *(*money.CHECKS, *holders.CHECKS, *costs.CHECKS, *lives.CHECKS),
    *(*prices.CHECKS, *amounts.CHECKS, *guards.CHECKS),
)


def violations(case: Case, outcome: Outcome) -> list[str]:
    """Return every property that a simulation breaks, with the place; none where all hold."""
    played = Played(case, outcome)
    return [f"{check.__name__}: {told}" for check in CHECKS for told in check(played)]
