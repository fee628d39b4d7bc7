"""Cross-sectional momentum against rankings made by hand."""

from __future__ import annotations

import pytest
from made_panels import panel_of
from pydantic import ValidationError

from keel.strategies.cross_section import CrossSectionalMomentum

EVERY_BAR = {"lookback": 2, "skip": 1, "rebalance": "bar"}


def weights(*closes, days_apart=1, **params):
    strategy = CrossSectionalMomentum(CrossSectionalMomentum.Params(**params))
    return strategy.target_weights(panel_of(*closes, days_apart=days_apart)).tolist()


def test_highest_return_that_skips_the_last_bar_is_held():
    # returns from two bars ago to one bar ago: row 2: +10%, +20%, -10%; row 3: 0%, -50%, +10%
    closes = ([10, 11, 11, 1], [10, 12, 6, 99], [10, 9, 9.9, 1])
    assert weights(*closes, **EVERY_BAR) == [[0] * 3, [0] * 3, [0, 1, 0], [0, 0, 1]]


def test_losers_are_held_short_against_as_many_winners_at_half_each():
    closes = ([10, 11, 1], [10, 12, 1], [10, 9, 1], [10, 10, 1])
    assert weights(*closes, **EVERY_BAR, allow_short=True)[2] == [0, 0.5, -0.5, 0]
    assert weights(*closes, **EVERY_BAR, fraction=0.5, allow_short=True)[2] == [0.25, 0.25, -0.25, -0.25]


def test_part_held_is_rounded_down_but_one_at_least():
    closes = [[10, 10 + i, 1] for i in range(10)]
    for fraction, held in ((0.01, 1), (0.29, 2), (0.3, 3), (0.5, 5)):
        row = weights(*closes, **EVERY_BAR, fraction=fraction)[2]
        assert row == [0] * (10 - held) + [1 / held] * held


def test_equal_returns_rank_as_configured_and_nobody_is_on_both_sides():
    assert weights(*[[10, 10, 10]] * 3, **EVERY_BAR, allow_short=True)[2] == [0.5, 0, -0.5]


def test_instrument_without_a_bar_is_not_ranked():
    closes = ([10, 10, 11, 11], [10, 50, 90, None], [10, 10, 9, 9])
    assert weights(*closes, **EVERY_BAR)[3] == [1, 0, 0]


def test_instrument_without_enough_bars_of_its_own_is_not_ranked():
    closes = ([10, 11, 11, 11], [None, 10, 90, 90], [10, 9, 9, 9])
    assert weights(*closes, **EVERY_BAR)[2:] == [[1, 0, 0], [0, 1, 0]]


def test_single_instrument_has_no_rank():
    assert weights([10, 11, 12, 13], **EVERY_BAR) == [[0]] * 4
    assert weights([10, 11, 12], [None, None, 5], **EVERY_BAR)[2] == [0, 0]


def test_ranking_is_held_until_the_next_month():
    # rows are ten days apart; months begin at rows 4 (10 February) and 6 (2 March)
    winner, other = [10, 11, 12, 13, 14, 1, 1, 1], [10.0] * 8
    held = weights(winner, other, days_apart=10, lookback=2, skip=0)
    assert held == [[0, 0]] * 4 + [[1, 0]] * 2 + [[0, 1]] * 2


@pytest.mark.parametrize("params", [{"lookback": 5, "skip": 5}, {"fraction": 0.0}, {"fraction": 0.6}, {"skip": -1}])
def test_nonsense_parameters_are_refused(params):
    with pytest.raises(ValidationError):
        CrossSectionalMomentum.Params(**params)
