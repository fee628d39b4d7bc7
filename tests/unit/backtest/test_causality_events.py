"""An event-driven strategy is played on the bars, on their beginning and on others, and what it asks for compared."""

from __future__ import annotations

import numpy as np
import pytest
from test_run_backtest import HalfAndBackByBar, bars_of, inputs_of

from keel.backtest.causality import Verdict, find_leak
from keel.backtest.probe import Decisions, Prober, decider
from keel.strategies.port import EventStrategy, StrategyParams

ROWS = 40


def check(strategy: type[EventStrategy]) -> Verdict:
    inputs = inputs_of(strategy(StrategyParams()), bars=bars_of(ROWS))
    return find_leak(Prober(decider(inputs, lambda: strategy(StrategyParams())), inputs.bars), 60.0)


def decided(strategy: type[EventStrategy]) -> Decisions:
    inputs = inputs_of(strategy(StrategyParams()), bars=bars_of(ROWS))
    return decider(inputs, lambda: strategy(StrategyParams()))(inputs.bars)


class Digging(EventStrategy):
    """Follow the base of the panel's array to the bar after the next, from row 7 on."""

    def on_bar(self, context):
        own = context.bars._bars
        k, whole = len(own), own.base
        up = 7 < k < len(whole) - 1 and whole["close"][k + 1, 1] > own["close"][-1, 1]
        context.set_target("BBB", 0.5 if up else 0.1)


class DiggingForOrders(EventStrategy):
    """Buy one where the next close is higher, from row 7 on."""

    def on_bar(self, context):
        own = context.bars._bars
        k, whole = len(own), own.base
        if 7 < k < len(whole) and whole["close"][k, 1] > own["close"][-1, 1]:
            context.buy("BBB", 1.0, limit=50.0)


class Counting(EventStrategy):
    """Ask only where it changes its mind, and remember how often it was called."""

    calls = 0

    def on_bar(self, context):
        self.calls += 1
        if self.calls % 10 == 1:
            context.set_target("AAA", 0.5 * (self.calls % 20 == 1))


def test_weights_asked_for_are_noted_where_they_were_asked():
    weights = decided(Counting).weights
    assert weights.shape == (ROWS, 2)
    assert np.flatnonzero(~np.isnan(weights[:, 0])).tolist() == [0, 10, 20, 30]
    assert weights[[0, 10], 0].tolist() == [0.5, 0.0]
    assert np.isnan(weights[:, 1]).all()


@pytest.mark.parametrize("strategy", [HalfAndBackByBar, Counting])
def test_strategy_that_sees_the_past_alone_is_causal(strategy):
    verdict = check(strategy)
    assert (verdict.leak, verdict.cuts) == (None, ROWS)


def test_strategy_that_digs_for_later_bars_is_found_at_its_first_look():
    leak = check(Digging).leak
    assert (leak.change.row, leak.change.column, leak.bars_ahead, leak.exact) == (7, 1, 2, True)


def test_orders_that_dig_for_later_bars_are_found_and_told():
    change = check(DiggingForOrders).leak.change
    assert (change.row, change.column) == (7, -1)
    assert {change.with_all, change.without} == {"buy('BBB', 1.0, limit=50.0)", "nothing"}


def test_requests_that_differ_are_told_as_such():
    weights = np.zeros((3, 1))
    one, two = Decisions(weights, ("", "buy(1)", "")), Decisions(weights, ("", "buy(2)", "x"))
    assert one.first_difference(two, 3) == (1, -1)
    assert one.first_difference(two, 1) is None
    assert one.first_difference(two, 3, 2) == (2, -1)
    assert (one.show(1, -1), one.show(2, -1)) == ("buy(1)", "nothing")


def test_weights_that_differ_come_before_requests_of_the_same_row():
    one = Decisions(np.array([[0.0], [0.25]]), ("", "a"))
    two = Decisions(np.array([[0.0], [np.nan]]), ("", "b"))
    assert one.first_difference(two, 2) == (1, 0)
    assert (one.show(1, 0), two.show(1, 0)) == ("0.25", "no target")
