"""How much history a strategy needs is measured by beginning its bars later."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from test_causality_check import WALK, asking, bars_of

from keel.backtest.probe import Decisions
from keel.backtest.warm_up_need import EQUAL_WEIGHT, WarmUp, warm_up_need
from keel.domain.errors import UsageError
from keel.strategies.port import VectorStrategy

ENOUGH_S = 60.0


def needs(strategy: type[VectorStrategy], *closes: np.ndarray, seconds: float = ENOUGH_S) -> tuple[WarmUp, ...]:
    bars, decide = bars_of(*closes), asking(strategy)
    symbols = [f"S{i}" for i in range(len(closes))]
    return warm_up_need(decide, bars, decide(bars), symbols, seconds)


class SimpleMean(VectorStrategy):
    """Hold a weight that moves with the mean of 30 bars."""

    def target_weights(self, bars):
        return bars.each(lambda one: talib.SMA(one.close, 30) / 1e4)


class ExponentialMean(VectorStrategy):
    """Hold a weight that moves with an exponential mean of span 9, whose memory never ends."""

    def target_weights(self, bars):
        return bars.each(lambda one: talib.EMA(one.close, 9) / 1e2)


class RowsSinceTheStart(VectorStrategy):
    """Trade every seventh row, counted from the first."""

    def target_weights(self, bars):
        return np.repeat((np.arange(len(bars)) % 7 < 3)[:, None] * 0.1, bars.n, axis=1)


def test_window_needs_its_length_less_one():
    (need,) = needs(SimpleMean, WALK)
    assert (need.symbol, need.bars) == ("S0", 29)


def test_endless_memory_needs_as_many_bars_as_it_takes_to_be_equal():
    (need,) = needs(ExponentialMean, WALK)
    # The seed's error shrinks by 0.8 a bar: from the first mean at bar 9 to a millionth of about 0.03.
    assert 9 + 25 < need.bars < 9 + 60
    late = talib.EMA(WALK[need.start :], 9) / 1e2
    error = np.abs(late - talib.EMA(WALK, 9)[need.start :] / 1e2)
    assert error[need.bars - 1] > EQUAL_WEIGHT
    assert (error[need.bars :] <= EQUAL_WEIGHT).all()


def test_count_from_the_first_bar_never_becomes_equal():
    (need,) = needs(RowsSinceTheStart, WALK)
    assert need.bars is None
    assert need.start + need.seen == len(WALK)


def test_strategy_without_memory_needs_nothing():
    class Always(VectorStrategy):
        def target_weights(self, bars):
            return np.full((len(bars), bars.n), 0.5)

    assert [need.bars for need in needs(Always, WALK)] == [0]


def test_each_instrument_has_its_own_need():
    class SecondAlone(VectorStrategy):
        def target_weights(self, bars):
            weights = np.zeros((len(bars), 2))
            weights[:, 1] = np.nan_to_num(talib.SMA(np.ascontiguousarray(bars.close[:, 1]), 10)) / 1e4
            return weights

    assert [(need.symbol, need.bars) for need in needs(SecondAlone, WALK, WALK[::-1])] == [("S0", 0), ("S1", 9)]


def test_position_held_since_before_the_beginning_counts_until_the_next_change():
    class Steps(VectorStrategy):
        def target_weights(self, bars):
            return bars.each(lambda one: np.maximum.accumulate(one.close >= 50.0))

    # Up once, at bar 60; bars that begin later never see it.
    closes = np.where(np.arange(200) == 60, 50.0, 10.0)
    (need,) = needs(Steps, closes)
    assert (need.bars, need.start > 60) == (None, True)


def test_no_target_means_the_last_one():
    weights = np.full((40, 1), np.nan)
    weights[[0, 30], 0] = 0.5, 0.2

    def decide_once(weight):
        return lambda bars: Decisions(np.append([weight], np.full(len(bars) - 1, np.nan))[:, None])

    def bars_until_equal(weight):
        (need,) = warm_up_need(decide_once(weight), bars_of(WALK[:40]), Decisions(weights), ["S0"], 0.0)
        assert need.start == 20
        return need.bars

    assert bars_until_equal(0.5) is None
    assert bars_until_equal(0.2) == 10


def test_one_bar_has_no_later_beginning():
    assert needs(SimpleMean, WALK[:1]) == ()


def test_one_beginning_is_tried_however_short_the_time():
    assert len(needs(SimpleMean, WALK, seconds=0.0)) == 1


def test_strategy_that_fails_on_later_bars_is_told():
    class Whole(VectorStrategy):
        def target_weights(self, bars):
            if len(bars) < 400:
                raise RuntimeError("no")
            return np.zeros((len(bars), bars.n))

    with pytest.raises(UsageError, match=r"fails on the 200 bars from row 200 on alone: RuntimeError: no"):
        needs(Whole, WALK)
