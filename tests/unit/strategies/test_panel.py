"""Bars as strategies see them."""

from __future__ import annotations

import numpy as np
import pytest
from made_panels import panel_of

from keel.domain.account import AccountView
from keel.domain.layout import BAR, EVENT, ORDER
from keel.strategies.desk import OrderDesk
from keel.strategies.panel import BarPanel
from keel.strategies.port import Context

NAN = float("nan")


def test_each_carries_the_last_value_over_a_missing_bar():
    panel = panel_of([10.0, None, 30.0, None])
    assert panel.each(lambda one: one.close)[:, 0].tolist() == [10, 10, 30, 30]


def test_each_is_flat_before_the_first_bar():
    assert panel_of([None, None, 5.0]).each(lambda one: one.close)[:, 0].tolist() == [0, 0, 5]


def test_each_sees_own_bars_only():
    seen = []
    panel_of([1.0, None, 2.0], [None, 3.0, None]).each(lambda one: seen.append(one.close.tolist()) or one.close)
    assert seen == [[1.0, 2.0], [3.0]]


def test_each_turns_a_warming_up_indicator_into_flat():
    panel = panel_of([1.0, 2.0, 3.0])
    assert panel.each(lambda one: np.array([NAN, NAN, 1.0]))[:, 0].tolist() == [0, 0, 1]


def test_each_leaves_infinity_for_the_check_to_refuse():
    panel = panel_of([1.0, 2.0])
    assert panel.each(lambda one: np.array([0.0, np.inf]))[:, 0].tolist() == [0, np.inf]


@pytest.mark.parametrize("values", [np.zeros(2), np.zeros(4), np.zeros((3, 1)), 1.0])
def test_each_refuses_anything_but_one_value_a_bar(values):
    with pytest.raises(ValueError, match="3 bars were given"):
        panel_of([1.0, None, 2.0, 3.0]).each(lambda one: values)


def test_until_shows_the_row_and_nothing_later():
    panel = panel_of([1.0, 2.0, 3.0])
    assert panel.until(1).close[:, 0].tolist() == [1, 2]
    assert len(panel.until(0)) == 1


def test_bars_cannot_be_written_to_from_any_view_of_them():
    panel = panel_of([1.0, 2.0]).until(1)
    for array in (panel.close, panel._bars, panel._bars.base):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            array.flags.writeable = True
    assert panel._bars.base.base.readonly


def test_bars_are_seen_where_they_lie_without_a_copy():
    bars = np.zeros((3, 2), BAR)
    panel = BarPanel(bars, ("A", "B"))
    bars["close"][2, 1] = 7.0
    assert panel.close[2, 1] == 7.0


def test_panel_of_no_rows_has_none():
    assert len(BarPanel(np.zeros((0, 1), BAR), ("A",))) == 0


def test_missing_bars_are_not_present_and_nan():
    panel = panel_of([1.0, None], [2.0, 3.0])
    assert panel.present.tolist() == [[True, True], [False, True]]
    assert np.isnan(panel.close[1, 0])
    assert panel.volume[1, 0] == 0


def test_unknown_symbol_is_refused_with_those_there_are():
    with pytest.raises(KeyError, match="'S9' is not among this run's symbols: S0, S1"):
        panel_of([1.0], [2.0]).index("S9")


def context(weights: np.ndarray) -> Context:
    account = AccountView(
        100.0, 40.0, np.array([3.0, 0.0]), np.array([10.0, 0.0]), np.array([20.0, 5.0]), np.array([0.5, 1.0]), 100.0
    )
    panel = panel_of([1.0], [2.0])
    desk = OrderDesk(panel.symbols, lambda: np.zeros(0, ORDER), lambda: np.zeros(0, EVENT))
    return Context(panel, lambda: account, weights, desk, 0)


def test_target_lands_in_the_column_of_its_symbol():
    weights = np.full(2, NAN)
    context(weights).set_target("S1", -0.5)
    assert np.isnan(weights[0])
    assert weights[1] == -0.5


@pytest.mark.parametrize("weight", [NAN, np.inf, -np.inf])
def test_target_that_is_no_number_is_refused(weight):
    with pytest.raises(ValueError, match="give a finite fraction of equity"):
        context(np.zeros(2)).set_target("S0", weight)


def test_account_weight_is_the_share_of_equity_in_account_currency():
    assert context(np.zeros(2)).account.weight.tolist() == [0.3, 0.0]
