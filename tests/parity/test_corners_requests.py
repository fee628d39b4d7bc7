"""Corners of orders that wait, belong together or change, and of what holders pay, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keel.domain.orders import ActionKind, EventKind, OrderType, PriceModel, Reason, RequestKind, TimeInForce

from .agreement import check_all_forms
from .case import Action, Bar, Case, Request, Row, Rules, Step, Tier
from .case_timelines import HOUR_MS, MONDAY_MS
from .reference import Outcome, simulate
from .reference_state import Event

WHOLE = Step(1.0, 1.0)
CENT = Step(1.0, 100.0)
RULES = Rules(1, tick=CENT, step=WHOLE, shortable=True, can_flip=True)
Ohlc = tuple[float, float, float, float]
FLAT: Ohlc = (100.0, 100.0, 100.0, 100.0)


def ask(tag: int, side: int, qty: float, **more: Any) -> Request:
    """Build a request for a new order of the one instrument."""
    return Request(RequestKind.NEW, 0, tag, side, qty, **more)


def about(kind: RequestKind, tag: int, **more: Any) -> Request:
    """Build a cancel or an amend."""
    return Request(kind, 0, tag, **more)


def case_of(prices: list[Ohlc], requests: dict[int, list[Request]], rules: Rules = RULES, **more: Any) -> Case:
    """Build a case of one instrument with hourly bars, without targets."""
    rows = []
    for k, (opening, high, low, close) in enumerate(prices):
        opens = MONDAY_MS + k * HOUR_MS
        bar = Bar(opens, opens + HOUR_MS, opening, high, low, close, more.get("volume", 1e6), 60 * k)
        rows.append(
            Row(bar.close_ts_ms, k, ends_day=False, bars=(bar,), targets=(None,), requests=tuple(requests.get(k, [])))
        )
    more.pop("volume", None)
    return Case(tuple(rows), (rules,), **{"initial_cash": 10_000.0, "margin_account": True, **more})


def play(case: Case) -> Outcome:
    check_all_forms(case)
    return simulate(case)


def events(outcome: Outcome, *kinds: EventKind) -> list[Event]:
    return [e for e in outcome.events if e.kind in kinds]


def fills(outcome: Outcome) -> list[tuple[int, float, float]]:
    """Return (row, signed quantity, price) of each fill."""
    return [(e.row, e.side * e.qty, e.price) for e in events(outcome, EventKind.FILLED)]


@pytest.mark.parametrize(("low", "touch", "filled"), [(98.0, False, False), (98.0, True, True), (97.99, False, True)])
def test_a_resting_buy_needs_one_tick_through_its_limit(low: float, touch: bool, filled: bool):
    limit = ask(0, 1, 10.0, type=OrderType.LIMIT, limit_price=98.0)
    case = case_of([FLAT, (100.0, 100.0, low, 100.0)], {0: [limit]}, limit_touch=touch)
    assert fills(play(case)) == ([(1, 10.0, 98.0)] if filled else [])


def test_a_gap_through_a_stop_fills_at_the_opening():
    """Bought at 100 in row 1; the stop at 95 finds the opening of row 2 at 90."""
    stop = ask(1, -1, 10.0, type=OrderType.STOP, trigger_price=95.0, reduce_only=True)
    case = case_of([FLAT, FLAT, (90.0, 92.0, 89.0, 91.0)], {0: [ask(0, 1, 10.0)], 1: [stop]})
    assert fills(play(case)) == [(1, 10.0, 100.0), (2, -10.0, 90.0)]


@pytest.mark.parametrize("model", [PriceModel.OPEN, PriceModel.PATH, PriceModel.BRIDGE])
def test_a_stop_and_a_profit_in_one_bar_resolve_against_us(model: PriceModel):
    """Row 2 walks 100 → 106 → 94 → 100: the profit at 105 comes first, yet the stop at 95 takes the position."""
    bracket = ask(0, 1, 10.0, stop_loss=95.0, take_profit=105.0)
    case = case_of([FLAT, FLAT, (100.0, 106.0, 93.0, 100.0)], {0: [bracket]}, price_model=model)
    outcome = play(case)
    assert fills(outcome) == [(1, 10.0, 100.0), (2, -10.0, 95.0)]
    assert [e.order_id for e in events(outcome, EventKind.CANCELED)] == [2]
    assert events(outcome, EventKind.CANCELED)[0].reason == Reason.LINKED_FILL


@pytest.mark.parametrize("stop_first", [True, False])
def test_a_take_profit_order_gives_way_to_its_partners_stop(stop_first: bool):
    """The same bar, the profit at 105 a trigger instead of a limit; whichever of the two is looked at first."""
    exits = {"pair": -2, "reduce_only": True}
    pair = [
        ask(3, -1, 10.0, type=OrderType.TAKE_PROFIT, trigger_price=105.0, **exits),
        ask(6, -1, 10.0, type=OrderType.STOP, trigger_price=95.0, **exits),
    ]
    asked = {0: [ask(0, 1, 10.0)], 1: pair[::-1] if stop_first else pair}
    case = case_of([FLAT, FLAT, FLAT, (100.0, 106.0, 93.0, 100.0)], asked)
    assert fills(play(case)) == [(1, 10.0, 100.0), (3, -10.0, 95.0)]


def test_a_trailing_stop_follows_the_high_and_sells_the_fall():
    """The path 100 → 98 → 110 → 104 lifts the best price to 110; 5 below it is passed on the way to 104."""
    trail = ask(1, -1, 10.0, type=OrderType.TRAILING_STOP, trail=5.0, reduce_only=True)
    case = case_of([FLAT, FLAT, (100.0, 110.0, 98.0, 104.0)], {0: [ask(0, 1, 10.0)], 1: [trail]})
    assert fills(play(case)) == [(1, 10.0, 100.0), (2, -10.0, 105.0)]


def test_one_half_filled_partner_leaves_half_of_the_other():
    """Two ways in of 10 each: the limit at 99 fills row 1's share of 4; of the 6 left the stop fills row 2's share."""
    pair = [
        ask(0, 1, 10.0, type=OrderType.LIMIT, limit_price=99.0, pair=-2),
        ask(3, 1, 10.0, type=OrderType.STOP, trigger_price=103.0, pair=-2),
    ]
    prices: list[Ohlc] = [FLAT, (98.0, 98.0, 98.0, 98.0), (104.0, 104.0, 104.0, 104.0)]
    case = case_of(prices, {0: pair}, max_participation=0.1, volume=40.0)
    found = events(play(case), EventKind.FILLED)
    assert [(e.row, e.order_id, e.qty) for e in found] == [(1, 0, 4.0), (2, 1, 4.0)]
    assert [(e.order_id, e.qty) for e in events(play(case), EventKind.TRIGGERED)] == [(1, 6.0)]


def test_a_partner_that_is_smaller_than_the_match_leaves_nothing_live():
    """Long 10, 6 on sale at 101 with a stop of 4 as partner; at D(2) the sale of row 2 is done but not heard of."""
    pair = [
        ask(3, -1, 6.0, type=OrderType.LIMIT, limit_price=101.0, pair=-2),
        ask(6, -1, 4.0, type=OrderType.STOP, trigger_price=90.0, pair=-2),
    ]
    case = case_of(
        [FLAT, FLAT, (100.0, 103.0, 100.0, 102.0), FLAT],
        {0: [ask(0, 1, 10.0)], 1: pair, 2: [ask(9, -1, 5.0)]},
        replace(RULES, shortable=False),
        response_ms=0.9 * HOUR_MS,
        margin_account=False,
    )
    outcome = play(case)
    assert [(e.order_id, e.reason, e.qty) for e in events(outcome, EventKind.CANCELED)] == [
        (2, Reason.LINKED_FILL, 0.0)
    ]
    assert [(e.qty, e.reason) for e in events(outcome, EventKind.SUBMITTED)][-1] == (4.0, Reason.NOT_SHORTABLE)


@pytest.mark.parametrize(("latency_ms", "first"), [(0.0, EventKind.AMENDED), (float(HOUR_MS) / 2, EventKind.FILLED)])
def test_an_amend_races_the_fill(latency_ms: float, first: EventKind):
    """The limit rests at 90; moved to 101 it fills at once, unless the bar's fall to 89 comes before the amend."""
    limit = ask(0, 1, 10.0, type=OrderType.LIMIT, limit_price=90.0)
    amend = about(RequestKind.AMEND, 0, limit_price=101.0)
    case = case_of([FLAT, FLAT, (100.0, 100.0, 89.0, 100.0)], {0: [limit], 1: [amend]}, entry_ms=latency_ms)
    outcome = play(replace(case, price_model=PriceModel.PATH))
    assert events(outcome, EventKind.AMENDED, EventKind.FILLED)[0].kind == first
    assert len(fills(outcome)) == 1


def test_an_order_good_till_a_date_ends_at_its_second():
    limit = ask(0, 1, 1.0, type=OrderType.LIMIT, limit_price=90.0, time_in_force=TimeInForce.GTD)
    case = case_of([FLAT] * 3, {0: [replace(limit, expire_ts_ms=MONDAY_MS + 3 * HOUR_MS // 2)]})
    (ended,) = events(play(case), EventKind.EXPIRED)
    assert (ended.row, ended.ts_ms, ended.reason) == (1, MONDAY_MS + 3 * HOUR_MS // 2, Reason.GOOD_TILL_DATE)


def test_a_fill_or_kill_takes_all_or_nothing():
    kill = ask(0, 1, 10.0, time_in_force=TimeInForce.FOK)
    case = case_of([FLAT, FLAT], {0: [kill]}, max_participation=0.1, volume=99.0)
    outcome = play(case)
    assert fills(outcome) == []
    assert [e.reason for e in events(outcome, EventKind.CANCELED)] == [Reason.FILL_OR_KILL]


def test_a_split_meets_a_position_and_a_resting_order():
    """7 held become 10 of 10.5 and half a unit's cash at 66; the limit at 90 for 3 becomes one at 60 for 4."""
    rules = replace(RULES, actions=(Action(MONDAY_MS + 2 * HOUR_MS, ActionKind.SPLIT, 1.5),))
    limit = ask(3, 1, 3.0, type=OrderType.LIMIT, limit_price=90.0)
    case = case_of([FLAT, FLAT, (66.0, 66.0, 66.0, 66.0)], {0: [ask(0, 1, 7.0), limit]}, rules)
    outcome = play(case)
    (split,) = events(outcome, EventKind.SPLIT)
    assert (split.qty, split.price, split.cash, split.reference_price) == (10.0, 66.0, 33.0, 1.5)
    (amended,) = events(outcome, EventKind.AMENDED)
    assert (amended.qty, amended.price, amended.ts_ms) == (4.0, 60.0, split.ts_ms)
    assert outcome.marks[-1].equity == 10_000.0 - 700.0 + 33.0 + 660.0


def test_a_leg_that_a_split_ended_on_the_way_is_not_accepted_with_its_parent():
    """119 sold on 60 held open 59; a hundredth of that is less than one unit: the sale arrives without its leg."""
    rules = replace(RULES, actions=(Action(MONDAY_MS + 8 * HOUR_MS, ActionKind.SPLIT, 0.01),))
    flip = ask(3, -1, 119.0, take_profit=90.0)
    after: Ohlc = (10_000.0, 10_000.0, 10_000.0, 10_000.0)
    case = case_of([FLAT] * 8 + [after] * 3, {0: [ask(0, 1, 60.0)], 5: [flip]}, rules, entry_ms=3.5 * HOUR_MS)
    outcome = play(case)
    assert [(e.kind, e.reason) for e in outcome.events if e.order_id == 2] == [
        (EventKind.SUBMITTED, Reason.NONE),
        (EventKind.CANCELED, Reason.MIN_QTY),
    ]
    assert fills(outcome) == [(4, 60.0, 100.0), (9, -1.0, 10_000.0)]


def test_a_leg_cancelled_twice_takes_no_order_of_a_target_with_it():
    """The stop-loss of the strategy's first order has tag 1; a target's order, which fills over five bars, has none."""
    far = ask(0, 1, 1.0, type=OrderType.LIMIT, limit_price=50.0, stop_loss=40.0)
    twice = [about(RequestKind.CANCEL, 1), about(RequestKind.CANCEL, 1)]
    more = {"entry_ms": 2.5 * HOUR_MS, "max_participation": 0.1, "volume": 100.0}
    case = case_of([FLAT] * 12, {0: [far], 3: twice}, **more)
    rows = tuple(replace(row, targets=(0.5 if k == 2 else None,)) for k, row in enumerate(case.rows))
    outcome = play(replace(case, rows=rows))
    # The limit order of 1 counts towards the target of 50; in the bar of its arrival half the volume is left.
    assert [qty for _, qty, _ in fills(outcome)] == [5.0, 10.0, 10.0, 10.0, 10.0, 4.0]


def test_volume_before_a_quiet_month_is_forgotten():
    """5000 traded on the second day earn the cheap tier for 30 days; the sale 33 days later pays the dear one again."""
    case = case_of([FLAT] * 36, {}, tiers=(Tier(0.0, 10.0, 10.0), Tier(1000.0, 1.0, 1.0)))
    wanted: dict[int, float] = {0: 0.5, 33: 0.0}
    rows = tuple(replace(row, targets=(wanted.get(k),)) for k, row in enumerate(case.rows))
    outcome = play(replace(case, rows=rows))
    assert [(e.row, e.fee) for e in events(outcome, EventKind.FILLED)] == [(1, 5.0), (34, 5.0)]


LATE_MS = 55 * 60_000.0
"""Way to the venue: what is sent at a close arrives when most of the next bar has been played."""


def test_resting_order_holds_its_money_back_after_another_was_filled_and_stopped_out_in_the_same_bar():
    """8100 are left of 10000 after 10 bought at 350 and sold at 160; the limit of 50 at 90 holds 4500: 44 at 100 are
    too many.
    """
    rests = ask(0, 1, 50.0, type=OrderType.LIMIT, limit_price=90.0)
    stop = ask(3, 1, 10.0, type=OrderType.STOP, trigger_price=105.0, stop_loss=160.0)
    gap: Ohlc = (350.0, 351.0, 105.0, 110.0)
    rules = replace(RULES, shortable=False, can_flip=False)
    asked = {0: [rests, stop], 1: [ask(6, 1, 44.0)]}
    outcome = play(case_of([FLAT, FLAT, gap, gap], asked, rules, entry_ms=LATE_MS, margin_account=False))
    assert fills(outcome)[:2] == [(2, 10.0, 350.0), (2, -10.0, 160.0)]
    (rejected,) = events(outcome, EventKind.REJECTED)
    assert (rejected.row, rejected.reason) == (2, Reason.INSUFFICIENT_FUNDS)
    assert rejected.ts_ms > max(e.ts_ms for e in events(outcome, EventKind.FILLED))


def test_resting_order_holds_its_money_back_after_an_order_with_legs_was_cancelled_in_the_same_bar():
    """7500 are left of 10000 after 10 bought at 250; the limit of 50 at 90 holds 4500: 43 at 100 are too many."""
    rests = ask(0, 1, 50.0, type=OrderType.LIMIT, limit_price=90.0)
    far = ask(3, 1, 1.0, type=OrderType.LIMIT, limit_price=50.0, take_profit=300.0, stop_loss=40.0)
    stop = ask(6, 1, 10.0, type=OrderType.STOP, trigger_price=105.0)
    gap: Ohlc = (250.0, 251.0, 240.0, 245.0)
    rules = replace(RULES, shortable=False, can_flip=False)
    asked = {0: [rests, far, stop], 1: [about(RequestKind.CANCEL, 3), ask(9, 1, 43.0)]}
    outcome = play(case_of([FLAT, FLAT, gap, gap], asked, rules, entry_ms=LATE_MS, margin_account=False))
    assert fills(outcome) == [(2, 10.0, 250.0)]
    ended = [(e.order_id, e.row) for e in events(outcome, EventKind.CANCELED) if e.reason != Reason.END_OF_RUN]
    assert sorted(ended) == [(1, 2), (2, 2), (3, 2)]
    assert [(e.row, e.reason) for e in events(outcome, EventKind.REJECTED)] == [(2, Reason.INSUFFICIENT_FUNDS)]


@pytest.mark.parametrize(("offset_ms", "row"), [(-1, 1), (0, 2)])
def test_funding_at_a_close_belongs_to_the_next_row(offset_ms: int, row: int):
    rules = replace(RULES, actions=(Action(MONDAY_MS + 2 * HOUR_MS + offset_ms, ActionKind.FUNDING, 0.01),))
    case = case_of([FLAT] * 3, {0: [ask(0, 1, 10.0)]}, rules)
    (paid,) = events(play(case), EventKind.FUNDING)
    assert (paid.row, paid.qty, paid.price, paid.cash) == (row, 10.0, 100.0, -10.0)


def test_liquidation_closes_where_equity_meets_the_margin():
    """Long 400 at 100 on 10 000: −30 000 + 400 × P is 0.2 × 400 × P at P = 93.75."""
    case = case_of(
        [FLAT, FLAT, (100.0, 100.0, 70.0, 95.0)],
        {0: [ask(0, 1, 400.0)]},
        initial_margin=0.25,
        maintenance_margin=0.2,
        liquidation_fee_rate=0.01,
    )
    outcome = play(case)
    (forced,) = [e for e in events(outcome, EventKind.FILLED) if e.reason == Reason.LIQUIDATION]
    assert forced.reference_price == pytest.approx(93.75)
    assert (forced.qty, forced.price, forced.fee) == (400.0, 93.75, pytest.approx(400 * 93.75 * 0.01))
    assert outcome.marks[-1].gross == 0.0


def test_without_a_position_there_is_nothing_to_liquidate():
    """Bought and sold again for a fee of 600 each: nothing is held, 200 are owed, and the run ends; no venue acts."""
    rest = ask(0, 1, 1.0, type=OrderType.LIMIT, limit_price=50.0)
    case = case_of(
        [FLAT] * 3,
        {0: [rest, ask(3, 1, 5.0)], 1: [ask(6, -1, 5.0)]},
        replace(RULES, min_fee=600.0),
        initial_cash=1000.0,
        initial_margin=0.1,
        maintenance_margin=0.05,
    )
    outcome = play(case)
    assert [(e.order_id, e.reason) for e in events(outcome, EventKind.CANCELED)] == [(0, Reason.END_OF_RUN)]
    assert outcome.marks[-1].cash == -200.0


def test_a_buy_keeps_its_fee_in_base_units():
    rules = Rules(1, tick=CENT, taker_bps=100.0, fee_in_base=True)
    case = case_of([FLAT, FLAT], {0: [ask(0, 1, 10.0)]}, rules, margin_account=False)
    outcome = play(case)
    (fill,) = events(outcome, EventKind.FILLED)
    assert (fill.fee_qty, fill.fee, fill.cash) == (pytest.approx(0.1), pytest.approx(10.0), -1000.0)
    assert outcome.local.qty == [pytest.approx(9.9)]


def test_a_tier_is_reached_on_the_day_after_its_volume():
    """A day a row: 1000 traded on day 1 brings the second tier on day 2."""
    tiers = (Tier(0.0, 100.0, 50.0), Tier(1000.0, 10.0, 5.0))
    case = case_of([FLAT] * 4, {0: [ask(0, 1, 10.0)], 1: [ask(3, -1, 10.0)]}, tiers=tiers)
    assert [e.fee for e in events(play(case), EventKind.FILLED)] == [pytest.approx(10.0), pytest.approx(1.0)]


def test_a_sale_pays_the_regulators_up_to_a_maximum():
    """100 × 0.001 on the notional, and a cent a unit, at most 5 cents an order."""
    rules = replace(RULES, sell_fee_rate=0.001, sell_fee_per_unit=0.01, sell_fee_per_unit_max=0.05)
    case = case_of([FLAT] * 3, {0: [ask(0, 1, 10.0)], 1: [ask(3, -1, 10.0)]}, rules)
    assert [e.fee for e in events(play(case), EventKind.FILLED)] == [0.0, pytest.approx(1.05)]


def test_a_short_pays_borrow_and_borrowed_cash_pays_interest_a_day():
    """A day a row: 36500 a year on a short of 10 at 100 at 3650 % is 100 a day."""
    rules = replace(RULES, borrow_rate=36.5)
    case = case_of([FLAT] * 3, {0: [ask(0, -1, 10.0)]}, rules)
    assert [e.cash for e in events(play(case), EventKind.BORROW)] == [pytest.approx(-100.0)]
    case = case_of([FLAT] * 3, {0: [ask(0, 1, 200.0)]}, initial_margin=0.5, interest_rate=3.65)
    assert [e.cash for e in events(play(case), EventKind.INTEREST)] == [pytest.approx(-100.0)]


def test_prices_of_an_amend_on_its_way_are_put_on_the_grid_at_each_of_two_splits():
    splits = tuple(Action(MONDAY_MS + k * HOUR_MS, ActionKind.SPLIT, ratio) for k, ratio in ((2, 1.5), (3, 0.1)))
    mill = replace(RULES, tick=Step(1.0, 1000.0), actions=splits)
    stop = {"type": OrderType.STOP_LIMIT, "limit_price": 0.9, "trigger_price": 0.9}
    asked = {0: [ask(0, 1, 100.0, **stop)], 1: [about(RequestKind.AMEND, 0, limit_price=0.022, trigger_price=0.022)]}
    prices: list[Ohlc] = [(0.6, 0.6, 0.6, 0.6)] * 2 + [(0.4, 0.4, 0.4, 0.4)] + [(4.0, 4.0, 4.0, 4.0)] * 3
    outcome = play(case_of(prices, asked, mill, entry_ms=2.5 * HOUR_MS))
    amended = events(outcome, EventKind.AMENDED)[-1]
    assert (amended.price, amended.reference_price) == (0.14, 0.15)


def test_an_exit_nearer_than_the_last_bit_of_the_price_is_an_exit_all_the_same():
    splits = tuple(Action(MONDAY_MS + k * HOUR_MS, ActionKind.SPLIT, 3.0) for k in (1, 2))
    rules = replace(RULES, actions=splits)
    third, ninth = 100.0 / 3.0, 100.0 / 9.0
    prices: list[Ohlc] = [FLAT, (third,) * 4, *[(ninth,) * 4] * 3]
    case = case_of(prices, {}, rules, take_kind=2, take_distance=2.0, atr_bars=3)
    rows = tuple(replace(row, targets=(1.0 if k == 4 else 0.0,)) for k, row in enumerate(case.rows))
    legs = [e for e in events(play(replace(case, rows=rows)), EventKind.SUBMITTED) if e.type == OrderType.LIMIT]
    assert [leg.price for leg in legs] == [11.12]
