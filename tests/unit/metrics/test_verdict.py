"""A verdict says no more than its numbers: each claim turns with the number it rests on."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from keel.metrics.bootstrap import Interval, Intervals
from keel.metrics.deflated import SharpeEstimate, TrialSpread
from keel.metrics.overfitting import Overfitting
from keel.metrics.verdict import Evidence, Support, verdict

NOTHING = Interval(math.nan, math.nan, math.nan)
UNKNOWN = Intervals(NOTHING, NOTHING, NOTHING, 0.95, math.nan)


def intervals(low: float, high: float) -> Intervals:
    one = Interval((low + high) / 2, low, high)
    return Intervals(one, one, one, 0.95, 3)


def overfitting(probability: float) -> Overfitting:
    return Overfitting(probability, -0.2, 0.3, 40, np.zeros(70), np.zeros(70), np.zeros(70))


STRONG = Evidence(
    own=intervals(0.1, 0.5),
    over_holding=intervals(0.02, 0.3),
    estimate=SharpeEstimate(0.12, 1000, 0.0, 0.0),
    year=365,
    trials=TrialSpread(20, 1 / 1000),
    overfitting=overfitting(0.01),
)
EARNS, BEATS, BEATS_FOR_RISK, LONG, NO_LUCK, PICKS = range(6)


def supports(evidence: Evidence) -> list[Support]:
    return [one.support for one in verdict(evidence).statements]


def test_evidence_that_is_strong_throughout_supports_every_claim():
    found = verdict(STRONG)
    assert {one.support for one in found.statements} == {Support.SUPPORTED}
    assert found.headline == "The evidence supports all 6 claims, on the bars tested."


@pytest.mark.parametrize(
    ("change", "which"),
    [
        ({"own": intervals(-0.1, 0.5)}, {EARNS}),
        ({"own": intervals(0.0, 0.5)}, {EARNS}),
        ({"over_holding": intervals(-0.1, 0.2)}, {BEATS, BEATS_FOR_RISK}),
        ({"over_holding": replace(STRONG.over_holding, sharpe=Interval(0.1, -0.1, 0.3))}, {BEATS_FOR_RISK}),
        ({"over_holding": replace(STRONG.over_holding, annual_return=Interval(0.1, -0.1, 0.3))}, {BEATS}),
        ({"trials": TrialSpread(20_000, 1 / 1000)}, {NO_LUCK}),
        ({"trials": TrialSpread(20, 0.01)}, {NO_LUCK}),
        ({"estimate": SharpeEstimate(0.12, 150, 0.0, 0.0)}, {LONG, NO_LUCK}),
        ({"overfitting": overfitting(0.06)}, {PICKS}),
    ],
)
def test_one_weak_number_leaves_its_claim_unsupported_and_no_other(change, which):
    found = supports(replace(STRONG, **change))
    assert {place for place, one in enumerate(found) if one is Support.UNSUPPORTED} == which
    assert Support.UNKNOWN not in found


@pytest.mark.parametrize(
    ("change", "which"),
    [
        ({"own": UNKNOWN}, {EARNS}),
        ({"over_holding": UNKNOWN}, {BEATS, BEATS_FOR_RISK}),
        ({"over_holding": replace(STRONG.over_holding, sharpe=NOTHING)}, {BEATS_FOR_RISK}),
        ({"estimate": SharpeEstimate(math.nan, 3, math.nan, math.nan)}, {LONG, NO_LUCK}),
        ({"trials": TrialSpread(5, math.nan)}, {NO_LUCK}),
        ({"trials": TrialSpread(0, math.nan)}, {NO_LUCK}),
        ({"overfitting": None}, {PICKS}),
        ({"overfitting": overfitting(math.nan)}, {PICKS}),
    ],
)
def test_what_is_not_known_is_neither_supported_nor_denied(change, which):
    found = supports(replace(STRONG, **change))
    assert {place for place, one in enumerate(found) if one is Support.UNKNOWN} == which
    assert Support.UNSUPPORTED not in found


def test_money_and_not_its_risk_decides_whether_anything_is_earned():
    noisy = replace(STRONG.own, sharpe=Interval(0.1, -0.1, 0.3), total_return=Interval(0.1, -0.1, 0.3))
    assert supports(replace(STRONG, own=noisy))[EARNS] is Support.SUPPORTED


def test_a_single_trial_needs_no_spread():
    assert supports(replace(STRONG, trials=TrialSpread(1, math.nan)))[NO_LUCK] is Support.SUPPORTED


def test_loss_beyond_doubt_is_said_to_be_one():
    statement = verdict(replace(STRONG, own=intervals(-0.5, -0.1))).statements[EARNS]
    assert statement.support is Support.UNSUPPORTED
    assert "the opposite is supported" in statement.reason


def test_no_length_helps_a_ratio_below_zero():
    statement = verdict(replace(STRONG, estimate=SharpeEstimate(-0.1, 1000, 0.0, 0.0))).statements[LONG]
    assert statement.support is Support.UNSUPPORTED
    assert "no length would do" in statement.reason


def test_headline_names_the_first_claim_that_fails_and_counts_the_rest():
    weak = replace(STRONG, over_holding=intervals(-0.1, 0.2), overfitting=None)
    assert verdict(weak).headline == (
        "The evidence does not support that the strategy earns more than buy and hold "
        "(of 6 claims 3 supported, 2 not, 1 unknown)."
    )


def test_headline_does_not_call_supported_what_is_unknown():
    assert verdict(replace(STRONG, overfitting=None)).headline == (
        "Nothing speaks against it on the bars tested, but it is unknown whether what does best in the past does well "
        "afterwards (of 6 claims 5 supported, 0 not, 1 unknown)."
    )


def test_headline_of_a_loss_alone_is_no_lack_of_evidence():
    lost = Evidence(
        own=intervals(-0.5, -0.1),
        over_holding=UNKNOWN,
        estimate=SharpeEstimate(math.nan, 0, math.nan, math.nan),
        year=365,
        trials=TrialSpread(0, math.nan),
    )
    assert verdict(lost).headline == (
        "The evidence does not support that the strategy earns more than nothing "
        "(of 6 claims 0 supported, 1 not, 5 unknown)."
    )


def test_headline_of_no_evidence_says_so():
    estimate = SharpeEstimate(math.nan, 0, math.nan, math.nan)
    nothing = Evidence(own=UNKNOWN, over_holding=UNKNOWN, estimate=estimate, year=365, trials=TrialSpread(0, math.nan))
    found = verdict(nothing)
    assert {one.support for one in found.statements} == {Support.UNKNOWN}
    assert found.headline == "There is too little evidence to say anything about this strategy."


def test_reasons_give_the_numbers_they_rest_on():
    reasons = [one.reason for one in verdict(STRONG).statements]
    assert reasons[EARNS] == "annual return 30.0%, 95% interval 10.0% to 50.0%"
    assert reasons[BEATS_FOR_RISK] == "Sharpe ratio more by 0.16, 95% interval 0.02 to 0.30"
    assert reasons[LONG] == "2.7 years, of 0.5 that a Sharpe ratio like this takes at 95% confidence"
    assert reasons[NO_LUCK].startswith("after 20 trials luck alone shows a Sharpe ratio of 1.15; ")
    assert "1.0% of 70 splits" in reasons[PICKS]
