"""Corners that random cases seldom reach, worked out by hand; reference and kernel both have to give the figures."""

from __future__ import annotations

from typing import Any

import pytest

from keel.domain.orders import EventKind, PriceModel, Reason

from .agreement import check_all_forms
from .case import Bar, Case, Row, Rules, Step
from .case_timelines import HOUR_MS, MONDAY_MS
from .reference import Outcome, simulate

WHOLE = Step(1.0, 1.0)
CENT = Step(1.0, 100.0)


def flat_bar(k: int, price: float, volume: float) -> Bar:
    """Build the bar of row k, with one price all through."""
    opens = MONDAY_MS + k * HOUR_MS
    return Bar(opens, opens + HOUR_MS, price, price, price, price, volume, 60 * k)


def case_of(
    prices: list[float],
    targets: list[tuple[float | None, ...]],
    *instruments: Rules,
    volume: float = 1e6,
    **more: Any,
) -> Case:
    """Build a case in which all instruments have the same flat bars, an hour each."""
    rows = []
    for k, (price, weights) in enumerate(zip(prices, targets, strict=True)):
        bar = flat_bar(k, price, volume)
        rows.append(Row(bar.close_ts_ms, day=0, ends_day=False, bars=(bar,) * len(instruments), targets=weights))
    return Case(tuple(rows), instruments, **more)


def play(case: Case) -> Outcome:
    check_all_forms(case)
    return simulate(case)


def told(outcome: Outcome, kind: EventKind) -> list[tuple[int, int, Reason, float]]:
    """Return (row, instrument, reason, signed quantity) of the events of one kind."""
    return [(e.row, e.instrument, e.reason, e.side * e.qty) for e in outcome.events if e.kind == kind]


def test_buy_and_hold_without_costs_follows_the_price():
    case = case_of([100.0, 110.0, 121.0], [(0.5,), (None,), (None,)], Rules(1), initial_cash=1000.0)
    outcome = play(case)
    assert told(outcome, EventKind.FILLED) == [(1, 0, Reason.NONE, 5.0)]
    assert [mark.equity for mark in outcome.marks] == [1000.0, 1000.0, 1055.0]


def test_one_fill_pays_half_spread_tick_and_fee():
    rules = Rules(1, tick=CENT, step=WHOLE, taker_bps=10.0)
    case = case_of([100.0, 100.0], [(0.5,), (None,)], rules, initial_cash=10_000.0, half_spread_bps=1.5)
    (fill,) = [e for e in play(case).events if e.kind == EventKind.FILLED]
    assert fill.price == 100.02
    assert fill.fee == pytest.approx(50 * 100.02 * 0.001)
    assert fill.spread_cost == pytest.approx(50 * 0.015)
    assert fill.rounding_cost == pytest.approx(50 * 0.005)


@pytest.mark.parametrize(("cash", "refused"), [(10_440.0, True), (10_451.9, True), (10_452.1, False)])
def test_a_cash_account_keeps_what_other_working_buys_will_cost_with_their_fees(cash: float, refused: bool):
    """Both buys of 50 arrive at 104, the first fills 1: 104.52 spent, 49 × 104.52 kept, 50 × 104.52 asked."""
    rules = Rules(1, step=WHOLE, taker_bps=50.0)
    weight = 5000 / cash
    case = case_of(
        [100.0, 104.0, 104.0],
        [(weight, weight), (None, None), (None, None)],
        *(rules, rules),
        volume=10.0,
        initial_cash=cash,
        entry_ms=float(HOUR_MS),
        max_participation=0.1,
    )
    rejected = told(play(case), EventKind.REJECTED)
    assert rejected == ([(2, 1, Reason.INSUFFICIENT_FUNDS, 50.0)] if refused else [])


@pytest.mark.parametrize(("cash", "refused"), [(5_240.0, True), (5_251.9, True), (5_252.1, False)])
def test_a_margin_account_keeps_the_margin_of_other_working_orders(cash: float, refused: bool):
    """As above with half margin: 52.52 less after the fill, 49 × 52.52 kept, 50 × 52.52 asked."""
    rules = Rules(1, step=WHOLE, taker_bps=50.0, shortable=True)
    weight = 5000 / cash
    case = case_of(
        [100.0, 104.0, 104.0],
        [(weight, weight), (None, None), (None, None)],
        *(rules, rules),
        volume=10.0,
        initial_cash=cash,
        margin_account=True,
        initial_margin=0.5,
        entry_ms=float(HOUR_MS),
        max_participation=0.1,
    )
    rejected = told(play(case), EventKind.REJECTED)
    assert rejected == ([(2, 1, Reason.INSUFFICIENT_FUNDS, 50.0)] if refused else [])


@pytest.mark.parametrize("margin", [False, True])
def test_buying_power_leaves_room_for_the_minimum_fee(margin: bool):
    rules = Rules(1, step=WHOLE, min_fee=150.0)
    case = case_of([100.0], [(1.0,)], rules, initial_cash=1000.0, margin_account=margin)
    assert told(play(case), EventKind.SUBMITTED) == [(0, 0, Reason.BUYING_POWER, 8.0)]


def test_what_a_flip_closes_pays_for_what_it_opens():
    rules = Rules(1, step=WHOLE, shortable=True, can_flip=True)
    targets = [(1.0,), (None,), (-1.0,)]
    case = case_of([100.0] * 3, targets, rules, initial_cash=1000.0, margin_account=True)
    assert told(play(case), EventKind.SUBMITTED) == [(0, 0, Reason.NONE, 10.0), (2, 0, Reason.NONE, -20.0)]


@pytest.mark.parametrize(("can_flip", "second"), [(True, -10.0), (False, -6.0)])
def test_only_what_live_sells_leave_of_a_position_can_be_closed_again(can_flip: bool, second: float):
    """Long 10 with 4 being sold in the dark: going short by 4 closes 6 and opens 4."""
    rules = Rules(1, step=WHOLE, shortable=True, can_flip=can_flip)
    case = case_of(
        [100.0] * 4,
        [(0.1,), (None,), (0.06,), (-0.04,)],
        rules,
        initial_cash=10_000.0,
        margin_account=True,
        response_ms=float(HOUR_MS) / 2,
        entry_ms=float(HOUR_MS) / 4 * 3,
    )
    sent = [(row, qty) for row, _, _, qty in told(play(case), EventKind.SUBMITTED)]
    assert sent == [(0, 10.0), (2, -4.0), (3, second)]


def test_a_cancel_on_the_instant_of_the_match_comes_too_late():
    """The order rests from row 1; its cancel, asked for at D(1), arrives with the opening of row 2."""
    case = case_of(
        [100.0] * 4,
        [(0.5,), (0.0,), (None,), (None,)],
        Rules(1, step=WHOLE),
        volume=200.0,
        initial_cash=10_000.0,
        max_participation=0.1,
    )
    outcome = play(case)
    assert told(outcome, EventKind.FILLED)[:2] == [(1, 0, Reason.NONE, 20.0), (2, 0, Reason.NONE, 20.0)]
    assert told(outcome, EventKind.CANCELED)[0] == (2, 0, Reason.TARGET_CHANGED, 10.0)


def test_an_order_arriving_at_a_close_belongs_to_the_next_row():
    case = case_of(
        [100.0] * 3,
        [(0.5,), (None,), (None,)],
        Rules(1),
        price_model=PriceModel.PATH,
        entry_ms=float(HOUR_MS),
    )
    assert [e.row for e in play(case).events if e.kind == EventKind.FILLED] == [2]


def test_a_bankrupt_run_takes_no_more_decisions():
    rules = Rules(1, shortable=True)
    case = case_of(
        [100.0, 100.0, 40.0, 50.0],
        [(2.0,), (None,), (1.0,), (1.0,)],
        rules,
        initial_cash=1000.0,
        margin_account=True,
        initial_margin=0.5,
    )
    outcome = play(case)
    assert [mark.equity for mark in outcome.marks] == [1000.0, 1000.0, -200.0]
    assert {e.row for e in outcome.events if e.kind in (EventKind.SUBMITTED, EventKind.DENIED)} == {0}


def test_a_flip_whose_opening_was_clipped_away_is_pursued_after_its_own_close():
    """Of the flip only the close of 2 passes; it makes room itself, so the target stays (and is denied at row 3)."""
    rules = Rules(1, step=WHOLE, shortable=True, can_flip=True)
    case = case_of(
        [100.0, 100.0, 1000.0, 1000.0],
        [(0.2, 0.2), (None, None), (-1.0, None), (None, None)],
        *(rules, rules),
        initial_cash=1000.0,
        margin_account=True,
        max_gross_weight=0.5,
    )
    outcome = play(case)
    assert told(outcome, EventKind.SUBMITTED)[2:] == [(2, 0, Reason.MAX_GROSS, -2.0)]
    assert told(outcome, EventKind.DENIED) == [(3, 0, Reason.MAX_GROSS, -4.0)]
