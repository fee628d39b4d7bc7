"""What must hold whatever the rules' details: money and quantities add up, seen from the fills alone."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

import pytest

from keel.domain.orders import EventKind, Reason

from .case import Case
from .reference import Outcome, simulate
from .reference_state import Event
from .sample import sampled_outcomes

ROUND_OFF = 1e-9


@pytest.fixture(scope="module")
def outcomes() -> tuple[tuple[Case, Outcome], ...]:
    return sampled_outcomes()


def fills(outcome: Outcome) -> list[Event]:
    return [e for e in outcome.events if e.kind == EventKind.FILLED]


def last_closes(case: Case, outcome: Outcome) -> list[float]:
    """Return each instrument's last close of the rows that were played, 0 before its first bar."""
    marks = [0.0] * len(case.instruments)
    for row in case.rows[: len(outcome.marks)]:
        for i, bar in enumerate(row.bars):
            marks[i] = marks[i] if bar is None else bar.close
    return marks


def test_equity_changes_by_price_moves_minus_each_cost(outcomes):
    for case, outcome in outcomes:
        marks, trades = last_closes(case, outcome), fills(outcome)
        price_moves = math.fsum(e.side * e.qty * (marks[e.instrument] - e.reference_price) for e in trades)
        costs = math.fsum(e.fee + e.spread_cost + e.impact_cost + e.rounding_cost for e in trades)
        turnover = math.fsum(e.qty * e.price for e in trades)
        change = outcome.marks[-1].equity - case.initial_cash
        assert change == pytest.approx(price_moves - costs, rel=0, abs=ROUND_OFF * (case.initial_cash + turnover))


def test_cash_changes_by_what_fills_cost(outcomes):
    for case, outcome in outcomes:
        trades = fills(outcome)
        spent = math.fsum(e.side * e.qty * e.price + e.fee for e in trades)
        turnover = math.fsum(e.qty * e.price for e in trades)
        found = case.initial_cash - outcome.marks[-1].cash
        assert found == pytest.approx(spent, rel=0, abs=ROUND_OFF * (case.initial_cash + turnover))


def test_positions_are_what_fills_say(outcomes):
    for case, outcome in outcomes:
        marks = last_closes(case, outcome)
        held, moved = [0.0] * len(marks), [0.0] * len(marks)
        for e in fills(outcome):
            held[e.instrument] += e.side * e.qty
            moved[e.instrument] += e.qty
        room = ROUND_OFF * math.fsum(q * m for q, m in zip(moved, marks, strict=True))
        net = math.fsum(q * m for q, m in zip(held, marks, strict=True))
        gross = math.fsum(abs(q) * m for q, m in zip(held, marks, strict=True))
        assert outcome.marks[-1].net == pytest.approx(net, rel=0, abs=room)
        assert outcome.marks[-1].gross == pytest.approx(gross, rel=0, abs=room)


def test_costs_are_paid_and_never_earned(outcomes):
    for case, outcome in outcomes:
        for e in fills(outcome):
            assert e.fee >= 0
            assert e.spread_cost >= 0
            assert e.impact_cost >= 0
            tick = case.instruments[e.instrument].tick
            if e.reference_price >= tick.mantissa / tick.scale:  # below one tick a sell still gets one (rule 12)
                assert e.side * (e.price - e.reference_price) >= -ROUND_OFF * e.reference_price


def test_an_order_is_submitted_then_accepted_then_filled_then_ended(outcomes):
    order_of_kinds = [EventKind.SUBMITTED, EventKind.ACCEPTED, EventKind.FILLED, EventKind.CANCELED]
    for _, outcome in outcomes:
        stage, last_ts, last_response = {}, {}, {}
        for e in outcome.events:
            if e.kind == EventKind.DENIED:
                continue
            kind = EventKind.CANCELED if e.kind in (EventKind.REJECTED, EventKind.EXPIRED) else e.kind
            now = order_of_kinds.index(kind)
            before = stage.get(e.order_id, -1)
            assert now > before or now == before == order_of_kinds.index(EventKind.FILLED)
            assert e.ts_ms >= last_ts.get(e.order_id, e.ts_ms)
            assert e.response_ts_ms >= max(e.ts_ms, last_response.get(e.order_id, e.ts_ms))
            stage[e.order_id], last_ts[e.order_id], last_response[e.order_id] = now, e.ts_ms, e.response_ts_ms


def test_a_fill_lies_inside_a_bar_that_closes_after_the_decision(outcomes):
    for case, outcome in outcomes:
        decided = {e.order_id: e.row for e in outcome.events if e.kind == EventKind.SUBMITTED}
        for e in fills(outcome):
            bar = case.rows[e.row].bars[e.instrument]
            assert bar is not None
            assert bar.open_ts_ms <= e.ts_ms < bar.close_ts_ms
            assert e.row > decided[e.order_id]
            assert bar.low <= e.reference_price <= bar.high


def test_fill_prices_are_on_the_grid(outcomes):
    for case, outcome in outcomes:
        for e in fills(outcome):
            tick = case.instruments[e.instrument].tick
            if tick.mantissa:
                n = round(e.price * tick.scale / tick.mantissa)
                assert n >= 1
                assert e.price == n * tick.mantissa / tick.scale


def test_quantities_are_on_the_grid_and_an_order_never_fills_beyond_itself(outcomes):
    for case, outcome in outcomes:
        ordered = {e.order_id: e.qty for e in outcome.events if e.kind == EventKind.SUBMITTED}
        filled: dict[int, float] = defaultdict(float)
        for e in fills(outcome):
            filled[e.order_id] += e.qty
            step = case.instruments[e.instrument].step
            if step.mantissa:
                steps = e.qty * step.scale / step.mantissa
                assert abs(steps - round(steps)) <= 1e-6
        for order_id, qty in filled.items():
            assert qty <= ordered[order_id] * (1 + 1e-12)


def test_what_is_cancelled_and_what_is_filled_make_the_order(outcomes):
    for _, outcome in outcomes:
        parts: dict[int, float] = defaultdict(float)
        for e in outcome.events:
            if e.kind in (EventKind.FILLED, EventKind.CANCELED, EventKind.EXPIRED, EventKind.REJECTED):
                parts[e.order_id] += e.qty
        for e in outcome.events:
            if e.kind == EventKind.SUBMITTED:
                assert parts[e.order_id] == pytest.approx(e.qty, rel=1e-9)


def test_own_fills_stay_within_the_share_of_a_bars_volume(outcomes):
    for case, outcome in outcomes:
        if case.max_participation == 0:
            continue
        taken: dict[tuple[int, int], float] = defaultdict(float)
        for e in fills(outcome):
            taken[e.row, e.instrument] += e.qty
        for (row, i), qty in taken.items():
            step = case.instruments[i].step
            tolerance = 1e-9 * (qty + step.mantissa / step.scale)
            assert qty <= case.max_participation * case.rows[row].bars[i].volume + tolerance


def test_nobody_goes_short_where_shorting_is_not_allowed(outcomes):
    for case, outcome in outcomes:
        held = [0.0] * len(case.instruments)
        moved = [0.0] * len(case.instruments)
        for e in fills(outcome):
            held[e.instrument] += e.side * e.qty
            moved[e.instrument] += e.qty
            if not case.instruments[e.instrument].shortable:
                assert held[e.instrument] >= -ROUND_OFF * moved[e.instrument]


def test_an_order_crosses_zero_only_where_flips_are_allowed(outcomes):
    for case, outcome in outcomes:
        held = [0.0] * len(case.instruments)
        moved = [0.0] * len(case.instruments)
        for e in fills(outcome):
            before, after = held[e.instrument], held[e.instrument] + e.side * e.qty
            held[e.instrument] = after
            moved[e.instrument] += e.qty
            if before * after < 0 and min(abs(before), abs(after)) > ROUND_OFF * moved[e.instrument]:
                assert case.instruments[e.instrument].can_flip


def test_halted_and_killed_runs_send_nothing(outcomes):
    for case, outcome in outcomes:
        sent = [e.row for e in outcome.events if e.kind == EventKind.SUBMITTED]
        halts = [e.row for e in outcome.events if e.reason in (Reason.HALTED, Reason.KILL_SWITCH)]
        assert not case.kill_switch or not sent
        assert not halts or not sent or max(sent) < min(halts)


def test_the_past_does_not_depend_on_the_future(outcomes):
    for case, outcome in outcomes[::4]:
        cut = len(outcome.marks) // 2
        if cut == 0:
            continue
        shorter = simulate(replace(case, rows=case.rows[:cut]))
        ended = Reason.END_OF_RUN
        assert shorter.marks == outcome.marks[:cut]
        assert [e for e in shorter.events if e.reason != ended] == [
            e for e in outcome.events if e.row < cut and e.reason != ended
        ]
