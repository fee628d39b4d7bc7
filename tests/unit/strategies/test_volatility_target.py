"""Trend at a constant risk, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_panels import panel_of
from pydantic import ValidationError

from keel.strategies.volatility_target import VolatilityTargetedTrend

NO_CAP = {"lookback": 1, "span": 2, "bars_per_year": 1.0, "max_leverage": 100.0, "rebalance": "bar"}


def weights(*closes, **params):
    strategy = VolatilityTargetedTrend(VolatilityTargetedTrend.Params(**params))
    return strategy.target_weights(panel_of(*closes))


def test_size_is_the_volatility_wanted_over_the_one_there_is():
    # returns 0.1, 0.3, -0.5; their squares averaged with alpha 2/3: first (0.01 + 0.09)/2 = 0.05,
    # then 0.05 + 2/3 x (0.25 - 0.05) = 0.18333
    closes = [100.0, 110.0, 143.0, 71.5]
    long = 0.4 / math.sqrt(0.05)
    short = 0.4 / math.sqrt(0.05 + 0.2 * 2 / 3)
    assert weights(closes, **NO_CAP)[:, 0] == pytest.approx([0, 0, long, 0])
    assert weights(closes, **NO_CAP, allow_short=True)[:, 0] == pytest.approx([0, 0, long, -short])


def test_volatility_is_that_of_a_year_and_the_size_is_capped():
    closes = [100.0, 110.0, 143.0]
    yearly = NO_CAP | {"bars_per_year": 4.0}
    assert weights(closes, **yearly)[2, 0] == pytest.approx(0.4 / math.sqrt(0.05) / 2.0)
    assert weights(closes, **(NO_CAP | {"max_leverage": 1.5}))[2, 0] == 1.5


def test_each_instrument_has_its_share():
    both = weights([100.0, 110.0, 143.0], [100.0, 110.0, 143.0], **NO_CAP)
    assert both[2].tolist() == [weights([100.0, 110.0, 143.0], **NO_CAP)[2, 0] / 2] * 2


def test_price_that_never_moved_is_not_held_and_a_still_one_that_rose_gets_the_cap():
    assert weights([5.0] * 6, **NO_CAP).tolist() == [[0.0]] * 6
    rose = weights([5.0, 6.0, 6.0] + [6.0] * 80, **(NO_CAP | {"lookback": 82}))
    assert rose[-1, 0] == 100.0


def test_weights_change_at_the_first_close_of_a_month_only():
    closes = 100.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.01, 0.02, 100)))
    held = weights(closes.tolist(), lookback=5, span=5, rebalance="month")[:, 0]
    # months begin at days 31, 59 and 90 of 1970
    assert set(np.flatnonzero(np.diff(held, prepend=0.0))) <= {31, 59, 90}
    every = weights(closes.tolist(), lookback=5, span=5, rebalance="bar")[:, 0]
    assert held[[31, 59, 90, 99]].tolist() == every[[31, 59, 90, 90]].tolist()


def test_too_few_bars_are_flat():
    assert not weights([1.0, 2.0], **NO_CAP).any()


@pytest.mark.parametrize("params", [{"lookback": 0}, {"span": 1}, {"target_volatility": 0}, {"rebalance": "year"}])
def test_nonsense_parameters_are_refused(params):
    with pytest.raises(ValidationError):
        VolatilityTargetedTrend.Params(**params)
