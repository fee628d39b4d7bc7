"""What the evidence for a strategy supports and what it does not, in plain words.

Six claims, each the question a careful reader would ask next: does it earn anything, does it earn more than holding
what it trades, and more for its risk, is the record long enough, is it more than the luck of many trials, and does
picking by the past work here at all? A claim that is not supported is not thereby false: there may be too little to
see it. Nothing is said of bars that were not tested.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from keel.metrics.bootstrap import Interval, Intervals
from keel.metrics.deflated import (
    CONFIDENCE,
    SharpeEstimate,
    TrialSpread,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
)
from keel.metrics.overfitting import Overfitting

TOLERATED_OVERFITTING: Final = 0.05
"""Probability of overfitting up to which picking by backtest counts as sound: the usual size of a test."""


class Support(StrEnum):
    """Say whether the evidence supports a claim; UNKNOWN where there is no evidence to ask."""

    SUPPORTED = "supported"
    UNSUPPORTED = "unsupported"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Statement:
    """Hold a claim, whether it is supported, and the numbers that say so."""

    claim: str
    support: Support
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Hold one sentence to read first and the statements behind it."""

    headline: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Hold what a verdict rests on, all of it after costs and out of one simulation.

    `own` are the strategy's intervals and `over_holding` those of its difference to buy and hold; `estimate` is its
    Sharpe ratio per return, `year` how many returns a year has, `trials` all that were ever evaluated, and
    `overfitting` that of the search it came from, None where there was none.
    """

    own: Intervals
    over_holding: Intervals
    estimate: SharpeEstimate
    year: float
    trials: TrialSpread
    overfitting: Overfitting | None = None


def verdict(evidence: Evidence) -> Verdict:
    """Return what the evidence supports: a headline and six statements, in the order in which one would ask."""
    own, over = evidence.own, evidence.over_holding
    statements = (
        _is_above_zero("the strategy earns more than nothing", own.annual_return, own.level, "annual return {:.1%}"),
        _is_above_zero(
            "the strategy earns more than buy and hold", over.annual_return, over.level, "annual return more by {:.1%}"
        ),
        _is_above_zero(
            "the strategy earns more for its risk than buy and hold",
            over.sharpe,
            over.level,
            "Sharpe ratio more by {:.2f}",
        ),
        _is_long_enough(evidence.estimate, evidence.year),
        _is_no_luck(evidence.estimate, evidence.year, evidence.trials),
        _picks_well(evidence.overfitting),
    )
    return Verdict(_headline(statements), statements)


def _headline(statements: tuple[Statement, ...]) -> str:
    claims = {which: [one.claim for one in statements if one.support is which] for which in Support}
    supported, unsupported, unknown = claims.values()
    if not supported and not unsupported:
        return "There is too little evidence to say anything about this strategy."
    counts = f"of {len(statements)} claims {len(supported)} supported, {len(unsupported)} not, {len(unknown)} unknown"
    if unsupported:
        return f"The evidence does not support that {unsupported[0]} ({counts})."
    if unknown:
        return f"Nothing speaks against it on the bars tested, but it is unknown whether {unknown[0]} ({counts})."
    return f"The evidence supports all {len(statements)} claims, on the bars tested."


def _is_above_zero(claim: str, found: Interval, level: float, shown: str) -> Statement:
    if math.isnan(found.low) or math.isnan(found.high):
        return Statement(claim, Support.UNKNOWN, "the returns are too few, or differ too little, to draw an interval")
    number = shown[shown.index("{") :].format
    reason = f"{shown.format(found.estimate)}, {level:.0%} interval {number(found.low)} to {number(found.high)}"
    if found.low > 0.0:
        return Statement(claim, Support.SUPPORTED, reason)
    where = "lies below 0, so that the opposite is supported" if found.high < 0.0 else "includes 0"
    return Statement(claim, Support.UNSUPPORTED, f"{reason}, which {where}")


def _is_long_enough(estimate: SharpeEstimate, year: float) -> Statement:
    claim = "the record is long enough to tell skill from chance"
    needed = minimum_track_record(estimate)
    if math.isnan(estimate.ratio) or math.isnan(estimate.variance):
        return Statement(claim, Support.UNKNOWN, "there is no Sharpe ratio to judge")
    if math.isnan(needed):
        return Statement(claim, Support.UNSUPPORTED, "the Sharpe ratio is not above 0: no length would do")
    reason = f"{estimate.returns / year:.1f} years, of {needed / year:.1f} that a Sharpe ratio like this takes"
    return Statement(claim, _supported(estimate.returns >= needed), f"{reason} at {CONFIDENCE:.0%} confidence")


def _is_no_luck(estimate: SharpeEstimate, year: float, spread: TrialSpread) -> Statement:
    claim = "the Sharpe ratio is more than the luck of so many trials"
    probability = deflated_sharpe(estimate, spread.trials, spread.variance)
    if math.isnan(probability):
        return Statement(claim, Support.UNKNOWN, f"no deflated Sharpe ratio from {_count(spread.trials, 'trial')}")
    luck = expected_maximum_sharpe(spread.trials, spread.variance) * math.sqrt(year)
    reason = (
        f"after {_count(spread.trials, 'trial')} luck alone shows a Sharpe ratio of {luck:.2f}; the probability that "
        f"the true one is above that (deflated Sharpe ratio) is {probability:.1%}, {CONFIDENCE:.0%} is asked for"
    )
    return Statement(claim, _supported(probability >= CONFIDENCE), reason)


def _picks_well(found: Overfitting | None) -> Statement:
    claim = "what does best in the past does well afterwards"
    if found is None or math.isnan(found.probability):
        why = "there was no search to judge" if found is None else "the search has too few trials or days to judge"
        return Statement(claim, Support.UNKNOWN, why)
    reason = (
        f"the best of {_count(found.trials, 'trial')} in one half of the days was not better than the median in the "
        f"other in {found.probability:.1%} of {_count(len(found.logits), 'split')} (probability of backtest "
        f"overfitting; up to {TOLERATED_OVERFITTING:.0%} is tolerated, picking blindly has 50%)"
    )
    return Statement(claim, _supported(found.probability <= TOLERATED_OVERFITTING), reason)


def _supported(holds: bool) -> Support:
    return Support.SUPPORTED if holds else Support.UNSUPPORTED


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
