"""Mean reversion against values worked out by hand."""

from __future__ import annotations

import pytest
from made_panels import panel_of
from pydantic import ValidationError

from keel.strategies.mean_reversion import BollingerReversion


def sides(closes, **params):
    strategy = BollingerReversion(BollingerReversion.Params(**params))
    return strategy.target_weights(panel_of(closes))[:, 0].tolist()


# windows of 3:      10 10 7   10 7 9   7 9 13   9 13 10   13 10 10
# mean               9         8.667    9.667    10.667    11
# deviation          1.414     1.247    2.494    1.700     1.414
# score              -1.414    0.267    1.336    -0.392    -0.707
CLOSES = [10.0, 10.0, 7.0, 9.0, 13.0, 10.0, 10.0]


def test_far_below_the_mean_is_bought_and_sold_at_the_mean():
    assert sides(CLOSES, lookback=3, entry=1.0) == [0, 0, 1, 0, 0, 0, 0]


def test_exit_nearer_to_the_entry_leaves_earlier():
    # 9.1 after 10 10 7: mean 8.7, deviation 1.257: 0.318; 8 after 7: 10 7 8, mean 8.333, deviation 1.247: -0.267
    assert sides([10.0, 10.0, 7.0, 8.0], lookback=3, entry=1.0) == [0, 0, 1, 1]
    assert sides([10.0, 10.0, 7.0, 8.0], lookback=3, entry=1.0, exit=0.3) == [0, 0, 1, 0]


def test_far_above_the_mean_is_sold_short_when_allowed():
    assert sides(CLOSES, lookback=3, entry=1.0, allow_short=True) == [0, 0, 1, 0, -1, 0, 0]


@pytest.mark.parametrize("price", [0.1, 3.3, 1e-6, 12345.678])
def test_price_that_stands_still_says_nothing_and_ends_what_was_held(price):
    fall = [price * 1.1] * 3 + [price] * 20
    held = sides(fall, lookback=3, entry=1.0)
    assert held[3] == 1
    assert held[5:] == [0] * 18
    assert sides([price] * 20, lookback=3, entry=0.5, allow_short=True) == [0] * 20


@pytest.mark.parametrize("params", [{"lookback": 1}, {"entry": 0.0}, {"exit": -0.1}, {"entry": 1.0, "exit": 1.0}])
def test_nonsense_parameters_are_refused(params):
    with pytest.raises(ValidationError):
        BollingerReversion.Params(**params)
