"""No strategy may know what comes later: its weights are the same whether or not later bars exist."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from made_panels import any_panel, panel_of

from keel.strategies.buy_and_hold import BuyAndHold
from keel.strategies.combination import Vote, Weighted
from keel.strategies.cross_section import CrossSectionalMomentum
from keel.strategies.donchian import DonchianBreakout
from keel.strategies.mean_reversion import BollingerReversion
from keel.strategies.momentum import Momentum
from keel.strategies.moving_average import MovingAverageCrossover
from keel.strategies.panel import BarPanel
from keel.strategies.port import StrategyParams, VectorStrategy
from keel.strategies.rsi import RelativeStrengthIndex
from keel.strategies.volatility_target import VolatilityTargetedTrend

SHIPPED = [
    BuyAndHold(StrategyParams()),
    MovingAverageCrossover(MovingAverageCrossover.Params(short=1, long=3)),
    MovingAverageCrossover(MovingAverageCrossover.Params(short=2, long=5, allow_short=True)),
    RelativeStrengthIndex(RelativeStrengthIndex.Params(period=2)),
    RelativeStrengthIndex(RelativeStrengthIndex.Params(period=4, oversold=45, overbought=55, allow_short=True)),
    Momentum(Momentum.Params(lookback=1)),
    Momentum(Momentum.Params(lookback=4, threshold=0.05, allow_short=True)),
    DonchianBreakout(DonchianBreakout.Params(entry=2, exit=2)),
    DonchianBreakout(DonchianBreakout.Params(entry=5, exit=2, allow_short=True)),
    VolatilityTargetedTrend(VolatilityTargetedTrend.Params(lookback=1, span=2, rebalance="bar", allow_short=True)),
    VolatilityTargetedTrend(VolatilityTargetedTrend.Params(lookback=2, span=3, rebalance="week")),
    BollingerReversion(BollingerReversion.Params(lookback=2, entry=0.9)),
    BollingerReversion(BollingerReversion.Params(lookback=4, entry=1.2, exit=0.5, allow_short=True)),
    CrossSectionalMomentum(CrossSectionalMomentum.Params(lookback=1, skip=0, rebalance="bar", allow_short=True)),
    CrossSectionalMomentum(CrossSectionalMomentum.Params(lookback=3, skip=1, fraction=0.5, rebalance="week")),
]
_OF_ALL = tuple({"class": "a:B", "name": str(i)} for i in range(len(SHIPPED)))
SHIPPED += [
    Weighted(Weighted.Params.model_validate({"members": _OF_ALL}), SHIPPED[:]),
    Vote(Vote.Params.model_validate({"members": _OF_ALL, "needed": 2}), SHIPPED[:]),
]


def first_peek(strategy: VectorStrategy, bars: BarPanel) -> int | None:
    """Return the first row whose weights change when the bars after it are taken away, or None."""
    whole = strategy.target_weights(bars)
    for row in range(len(bars)):
        if not np.array_equal(strategy.target_weights(bars.until(row)), whole[: row + 1]):
            return row
    return None


@pytest.mark.parametrize("strategy", SHIPPED, ids=lambda each: type(each).__name__)
@settings(max_examples=40, deadline=None)
@given(bars=any_panel())
def test_shipped_strategy_decides_every_row_without_the_future(strategy, bars):
    assert first_peek(strategy, bars) is None


@pytest.mark.parametrize("strategy", SHIPPED, ids=lambda each: type(each).__name__)
@settings(max_examples=40, deadline=None)
@given(bars=any_panel())
def test_shipped_strategy_gives_finite_weights_of_at_most_all_equity(strategy, bars):
    weights = strategy.target_weights(bars)
    assert weights.shape == (len(bars), bars.n)
    assert np.isfinite(weights).all()
    assert (np.abs(weights).sum(axis=1) <= 1.0 + 1e-12).all()


class BuyBeforeARise(VectorStrategy):
    """Peek one bar ahead."""

    def target_weights(self, bars: BarPanel) -> np.ndarray:
        return bars.each(lambda one: np.append(np.diff(one.close) > 0.0, 0.0))


class DistanceToTheMeanOfAll(VectorStrategy):
    """Peek by normalising over the whole run."""

    def target_weights(self, bars: BarPanel) -> np.ndarray:
        return bars.each(lambda one: one.close / one.close.mean() - 1.0)


def test_strategy_that_looks_one_bar_ahead_is_caught_at_its_first_look():
    assert first_peek(BuyBeforeARise(StrategyParams()), panel_of([3.0, 2.0, 1.0, 2.0])) == 2


def test_strategy_that_normalises_over_the_future_is_caught():
    assert first_peek(DistanceToTheMeanOfAll(StrategyParams()), panel_of([1.0, 1.0, 2.0])) == 0
