"""Each check of money, costs and guards sees a tape that was tampered with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from parity.reference_state import Event

from keel.domain.orders import EventKind, Reason, RunStatus, TradingState

from . import costs, guards, holders, money
from .checks import CHECKS, Check
from .played import Played
from .tampering import Edit, tampered, with_other_ends


def of_fills(change: Callable[[Played, Event], dict[str, Any] | None]) -> Edit:
    return lambda played, e: change(played, e) if e.kind == EventKind.FILLED and e.order_id >= 0 else None


def notional(e: Event) -> float:
    return e.qty * e.price * e.rate


def matters(played: Played, amount: float) -> bool:
    """Say whether an amount stands out of the round-off."""
    return abs(amount) > 1e-6 * played.turnover


def first_taker(played: Played, e: Event) -> bool:
    """Say whether a fill is the first that its instrument's side pays impact for, some, and less than the cap."""
    takers = [f for f in played.orders_fills if not f.maker and (f.instrument, f.side) == (e.instrument, e.side)]
    below_cap = 0 < e.impact_cost < 0.49 * e.qty * e.reference_price * e.rate
    return below_cap and takers[0] is e


def second_slice_of_a_bar(played: Played, e: Event) -> bool:
    takers = [f for f in played.orders_fills if not f.maker and (f.instrument, f.side) == (e.instrument, e.side)]
    return len(takers) > 1 and takers[1] is e and first_taker(played, takers[0]) and takers[0].row == e.row


EDITS: list[tuple[Check, Edit]] = [
    (
        money.cash_of_a_fill_is_its_price_and_its_fee,
        of_fills(lambda p, e: {"cash": e.cash * 1.001}),
    ),
    (
        money.cash_of_a_fill_is_its_price_and_its_fee,
        lambda p, e: {"cash": 1.0} if e.kind == EventKind.ACCEPTED else None,
    ),
    (
        money.change_of_equity_is_price_gains_less_each_cost,
        of_fills(lambda p, e: {"spread_cost": 2 * e.spread_cost} if matters(p, e.spread_cost) else None),
    ),
    (
        money.change_of_equity_is_price_gains_less_each_cost,
        of_fills(lambda p, e: {"fee": 0.0} if matters(p, e.fee) and not e.fee_qty else None),
    ),
    (
        money.equity_is_cash_and_positions_at_value,
        of_fills(lambda p, e: {"qty": 2 * e.qty} if matters(p, p.marks[e.row].net) else None),
    ),
    (
        money.local_book_is_what_responses_have_told,
        of_fills(lambda p, e: {"response_ts_ms": 2**62} if e.response_ts_ms <= p.marks[-1].ts_ms else None),
    ),
    *[
        (
            holders.holders_pay_and_get_what_is_due,
            lambda p, e, kind=kind: {"cash": e.cash * 1.01} if e.kind == kind and matters(p, e.cash) else None,
        )
        for kind in (EventKind.FUNDING, EventKind.BORROW, EventKind.INTEREST, EventKind.DIVIDEND)
    ],
    *[
        (holders.holders_pay_and_get_what_is_due, lambda p, e, kind=kind: [] if e.kind == kind else None)
        for kind in holders.ACCOUNT_EVENTS
    ],
    (
        costs.a_price_is_its_reference_and_its_costs,
        of_fills(lambda p, e: {"rounding_cost": e.rounding_cost + notional(e) / 1000}),
    ),
    (
        costs.a_resting_fill_pays_no_spread_and_no_impact,
        of_fills(lambda p, e: {"spread_cost": notional(e) / 1000} if e.maker else None),
    ),
    (
        costs.a_taker_pays_the_spread_of_the_hour,
        of_fills(lambda p, e: {"spread_cost": e.spread_cost * 1.01} if e.spread_cost > 0 else None),
    ),
    (
        costs.a_taker_is_never_better_off_than_the_reference,
        of_fills(
            lambda p, e: (
                {"price": e.reference_price * (1 - e.side / 100)}
                if e.side > 0 and e.reference_price > 1 and not e.maker
                else None
            )
        ),
    ),
    (
        costs.a_taker_is_never_better_off_than_the_reference,
        of_fills(lambda p, e: {"price": 2 * e.price} if e.side > 0 and e.price > 10 and not e.maker else None),
    ),
    (
        costs.no_cost_is_a_gain,
        of_fills(lambda p, e: {"impact_cost": -e.impact_cost} if e.impact_cost > 0 else None),
    ),
    (
        costs.slices_pay_at_least_what_the_law_asks,
        of_fills(lambda p, e: {"impact_cost": e.impact_cost * 0.99} if first_taker(p, e) else None),
    ),
    (
        costs.slices_pay_at_least_what_the_law_asks,
        of_fills(lambda p, e: {"impact_cost": 0.0} if second_slice_of_a_bar(p, e) else None),
    ),
    (
        costs.fees_are_what_tiers_minimums_and_regulators_ask,
        of_fills(lambda p, e: {"fee": e.fee * 1.01} if e.fee > notional(e) / 1e6 else None),
    ),
    (
        guards.a_guard_lets_nothing_through_that_it_should_hold,
        lambda p, e: (
            {"kind": EventKind.SUBMITTED, "order_id": 10**6}
            if (e.kind, e.reason) in ((EventKind.DENIED, Reason.HALTED), (EventKind.DENIED, Reason.KILL_SWITCH))
            else None
        ),
    ),
    (
        guards.a_guard_lets_nothing_through_that_it_should_hold,
        lambda p, e: (
            {"kind": EventKind.SUBMITTED, "order_id": 10**6}
            if (e.kind, e.reason) == (EventKind.DENIED, Reason.REDUCING) and e.row not in p.unclear_rows
            else None
        ),
    ),
]


@pytest.mark.parametrize(("check", "edit"), EDITS, ids=lambda x: getattr(x, "__name__", ""))
def test_check_sees_an_edited_event(check: Check, edit: Edit):
    played = tampered(edit)
    assert played
    for one in played:
        assert list(check(one))


def last_mark(**scale: float) -> Callable[[Played], dict[str, Any]]:
    def edit(played: Played) -> dict[str, Any]:
        mark = played.marks[-1]
        changed = {name: getattr(mark, name) + by * played.turnover for name, by in scale.items()}
        return {"marks": [*played.marks[:-1], replace(mark, **changed)]}

    return edit


def after_a_liquidation(played: Played) -> dict[str, Any] | None:
    rows = {e.row for e in played.fills if e.reason == Reason.LIQUIDATION}
    marks = [replace(mark, gross=1.0) if k in rows else mark for k, mark in enumerate(played.marks)]
    return {"marks": marks} if rows else None


OTHER_ENDS: list[tuple[Check, Callable[[Played], dict[str, Any] | None]]] = [
    (money.cash_is_the_first_cash_and_what_came_and_went, last_mark(cash=1e-4)),
    (money.equity_is_cash_and_positions_at_value, last_mark(equity=1.0)),
    (money.equity_is_cash_and_positions_at_value, last_mark(net=1.0)),
    (money.equity_is_cash_and_positions_at_value, last_mark(gross=1.0)),
    (money.change_of_equity_is_price_gains_less_each_cost, last_mark(equity=1.0)),
    (money.local_book_is_what_responses_have_told, last_mark(local_equity=1.0)),
    (money.a_run_stops_where_nothing_is_left, last_mark(equity=-1e6)),
    (money.a_run_stops_where_nothing_is_left, lambda p: {"marks": p.marks[:-1]} if len(p.marks) > 1 else None),
    (money.a_run_stops_where_nothing_is_left, lambda p: {"status": RunStatus(4 - p.outcome.status)}),
    (money.nothing_is_held_after_a_liquidation, after_a_liquidation),
    (
        guards.a_guard_lets_nothing_through_that_it_should_hold,
        lambda p: {"trading_state": TradingState((p.outcome.trading_state + 1) % 3)},
    ),
]


@pytest.mark.parametrize(("check", "change"), OTHER_ENDS, ids=lambda x: getattr(x, "__name__", ""))
def test_check_sees_edited_marks_and_ends(check: Check, change: Callable[[Played], dict[str, Any] | None]):
    played = with_other_ends(change)
    assert played
    for one in played:
        assert list(check(one))


def test_every_check_of_money_is_put_to_the_test():
    tried = {check for check, _ in (*EDITS, *OTHER_ENDS)}
    assert tried >= {*money.CHECKS, *holders.CHECKS, *costs.CHECKS, *guards.CHECKS}
    assert tried <= set(CHECKS)
