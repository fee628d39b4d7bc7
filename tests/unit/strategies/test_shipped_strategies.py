"""The shipped strategies against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from made_panels import panel_of
from pydantic import ValidationError

from keel.strategies.buy_and_hold import BuyAndHold
from keel.strategies.momentum import Momentum
from keel.strategies.moving_average import MovingAverageCrossover
from keel.strategies.port import StrategyParams, VectorStrategy
from keel.strategies.rsi import RelativeStrengthIndex

ANY_CLOSES = [5.0, 6.0, 7.0, 6.0, 5.0, 4.0, 5.0, 6.0, 7.0, 8.0, 7.0, 6.0]


def build(strategy: type[VectorStrategy], **params: object) -> VectorStrategy:
    return strategy(strategy.Params.model_validate(params))


def sides(strategy: VectorStrategy, *closes: float) -> list[float]:
    return strategy.target_weights(panel_of(closes))[:, 0].tolist()


def test_buy_and_hold_gives_each_instrument_an_equal_share():
    weights = build(BuyAndHold).target_weights(panel_of([1.0, 2.0], [3.0, None], [None, 4.0], [1.0, 1.0]))
    assert weights.tolist() == [[0.25] * 4] * 2


def test_crossover_is_long_while_the_short_average_is_above():
    # short averages:   -   1.5  2.5  2.5   1.5
    # long averages:    -   -    2    7/3   2
    assert sides(build(MovingAverageCrossover, short=2, long=3), 1, 2, 3, 2, 1) == [0, 0, 1, 1, 0]


def test_crossover_with_a_short_average_of_one_bar_compares_the_close():
    # closes 10 12 11 13 against averages of two: - 11 11.5 12
    assert sides(build(MovingAverageCrossover, short=1, long=2), 10, 12, 11, 13) == [0, 1, 0, 1]


def test_crossover_goes_short_only_when_allowed():
    assert sides(build(MovingAverageCrossover, short=1, long=2, allow_short=True), 10, 12, 11, 13) == [0, 1, -1, 1]


@pytest.mark.parametrize("price", [0.1, 3.3, 1e-6, 12345.678])
@pytest.mark.parametrize("allow_short", [False, True])
def test_crossover_is_flat_where_the_price_stands_still(price, allow_short):
    # The running sums of two windows differ by rounding, 2.8e-17 for a price of 0.1.
    strategy = build(MovingAverageCrossover, short=3, long=7, allow_short=allow_short)
    assert sides(strategy, *[price] * 40) == [0] * 40


def test_rsi_buys_below_oversold_and_holds_until_overbought():
    # Wilder, period 2, closes 10 11 10 12 8 9 14: (average gain, average loss) from the third bar on:
    # (.5, .5) 50 | (1.25, .25) 83.3 | (.625, 2.125) 22.7 | (.8125, 1.0625) 43.3 | (2.906, .531) 84.5
    closes = (10, 11, 10, 12, 8, 9, 14)
    assert sides(build(RelativeStrengthIndex, period=2), *closes) == [0, 0, 0, 0, 1, 1, 0]
    assert sides(build(RelativeStrengthIndex, period=2, allow_short=True), *closes) == [0, 0, 0, -1, 1, 1, -1]


def test_rsi_reads_its_thresholds():
    # The same index: 50, 83.3, 22.7, 43.3, 84.5 with thresholds 51 and 84.
    closes = (10, 11, 10, 12, 8, 9, 14)
    assert sides(build(RelativeStrengthIndex, period=2, oversold=51, overbought=84), *closes) == [0, 0, 1, 1, 1, 1, 0]


def test_rsi_of_a_price_that_never_moved_says_nothing():
    assert sides(build(RelativeStrengthIndex, period=2), *[5.0] * 6) == [0] * 6


def test_rsi_of_a_price_that_only_falls_is_oversold():
    assert sides(build(RelativeStrengthIndex, period=2), 5, 5, 5, 4, 3) == [0, 0, 0, 1, 1]


def test_momentum_is_long_while_the_return_of_the_lookback_is_positive():
    # returns over two bars: 12/10 − 1 = 20%, 10/11 − 1 = −9.1%, 9/12 − 1 = −25%
    closes = (10, 11, 12, 10, 9)
    assert sides(build(Momentum, lookback=2), *closes) == [0, 0, 1, 0, 0]
    assert sides(build(Momentum, lookback=2, allow_short=True), *closes) == [0, 0, 1, -1, -1]


def test_momentum_asks_for_more_than_the_threshold():
    strategy = build(Momentum, lookback=1, threshold=0.25, allow_short=True)
    # +25% is not above, +26% is; −25% is not below, −30% is
    assert sides(strategy, 100, 125, 157.5, 118.125, 82.6875) == [0, 0, 1, 0, -1]


@pytest.mark.parametrize(
    "strategy",
    [
        build(MovingAverageCrossover, short=2, long=3, allow_short=True),
        build(RelativeStrengthIndex, period=3, allow_short=True),
        build(Momentum, lookback=3, allow_short=True),
    ],
    ids=lambda each: type(each).__name__,
)
class TestIndicatorStrategies:
    def test_too_few_bars_are_flat(self, strategy):
        for bars in (1, 2):
            assert sides(strategy, *ANY_CLOSES[:bars]) == [0] * bars

    def test_first_signal_comes_when_there_are_just_enough_bars(self, strategy):
        needed = 3 if isinstance(strategy, MovingAverageCrossover) else 4
        assert sides(strategy, *range(1, needed + 1))[-1] != 0

    def test_each_instrument_gets_its_share_of_one(self, strategy):
        alone = strategy.target_weights(panel_of(ANY_CLOSES))
        falling = ANY_CLOSES[::-1]
        both = strategy.target_weights(panel_of(ANY_CLOSES, falling))
        assert both[:, 0].tolist() == (alone[:, 0] / 2).tolist()
        assert both[:, 1].tolist() == (strategy.target_weights(panel_of(falling))[:, 0] / 2).tolist()

    def test_missing_bar_holds_and_leaves_no_trace(self, strategy):
        gap_after = 8
        with_gap = [*ANY_CLOSES[:gap_after], None, None, *ANY_CLOSES[gap_after:]]
        expected = sides(strategy, *ANY_CLOSES)
        expected[gap_after:gap_after] = [expected[gap_after - 1]] * 2
        assert strategy.target_weights(panel_of(with_gap))[:, 0].tolist() == expected


@pytest.mark.parametrize(
    ("strategy", "params"),
    [
        (BuyAndHold, {"weight": 1}),
        (MovingAverageCrossover, {"short": 0}),
        (MovingAverageCrossover, {"short": 50, "long": 50}),
        (MovingAverageCrossover, {"short": 51, "long": 50}),
        (MovingAverageCrossover, {"long": 100_001}),
        (MovingAverageCrossover, {"short": 2.5}),
        (MovingAverageCrossover, {"fast": 5}),
        (RelativeStrengthIndex, {"period": 1}),
        (RelativeStrengthIndex, {"period": 100_001}),
        (RelativeStrengthIndex, {"oversold": 70, "overbought": 30}),
        (RelativeStrengthIndex, {"oversold": 50, "overbought": 50}),
        (RelativeStrengthIndex, {"oversold": 0}),
        (RelativeStrengthIndex, {"overbought": 100}),
        (RelativeStrengthIndex, {"oversold": float("nan")}),
        (Momentum, {"lookback": 0}),
        (Momentum, {"lookback": 100_001}),
        (Momentum, {"threshold": -0.1}),
        (Momentum, {"threshold": float("inf")}),
        (Momentum, {"threshold": float("nan")}),
    ],
)
def test_nonsense_parameters_are_refused(strategy, params):
    with pytest.raises(ValidationError):
        strategy.Params.model_validate(params)


def test_longest_window_is_one_that_the_indicators_accept():
    closes = np.linspace(1.0, 2.0, 100_001).tolist()
    for strategy in (
        build(MovingAverageCrossover, short=99_999, long=100_000),
        build(RelativeStrengthIndex, period=100_000),
        build(Momentum, lookback=100_000),
    ):
        assert len(sides(strategy, *closes)) == len(closes)


def test_parameters_cannot_be_changed_afterwards():
    params = Momentum.Params()
    with pytest.raises(ValidationError):
        params.lookback = 5


def test_strategy_without_params_takes_none():
    assert BuyAndHold.Params is StrategyParams
