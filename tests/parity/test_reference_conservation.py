"""What must hold whatever the rules' details: money and quantities add up, seen from the fills alone."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

import pytest

from keel.domain.layout import EXIT_NONE
from keel.domain.orders import ActionKind, EventKind, Reason

from .case import Case
from .reference import Outcome, simulate
from .reference_state import Event
from .sample import sampled_outcomes

ROUND_OFF = 1e-9
ENDS = (EventKind.CANCELED, EventKind.EXPIRED, EventKind.REJECTED)


@pytest.fixture(scope="module")
def outcomes() -> tuple[tuple[Case, Outcome], ...]:
    return sampled_outcomes()


def fills(outcome: Outcome) -> list[Event]:
    return [e for e in outcome.events if e.kind == EventKind.FILLED]


def splits(case: Case) -> bool:
    return any(a.kind == ActionKind.SPLIT for rules in case.instruments for a in rules.actions)


def is_plain(case: Case) -> bool:
    """Say whether orders come from targets alone and nothing but fills changes what is left of them."""
    exits = case.stop_kind != EXIT_NONE or case.take_kind != EXIT_NONE
    return not exits and not splits(case) and not any(row.requests for row in case.rows)


def last_values(case: Case, outcome: Outcome) -> list[float]:
    """Return each instrument's last close of the rows that were played at the last rate, 0 before its first bar."""
    marks, played = [0.0] * len(case.instruments), case.rows[: len(outcome.marks)]
    for row in played:
        for i, bar in enumerate(row.bars):
            marks[i] = marks[i] if bar is None else bar.close
    return [mark * rate for mark, rate in zip(marks, played[-1].rates or [1.0] * len(marks), strict=True)]


def track_positions(outcome: Outcome) -> Iterator[tuple[Event, float, float]]:
    """Return each fill and split with the venue's position before and after it, from the tape alone."""
    held: dict[int, float] = defaultdict(float)
    for e in outcome.events:
        if e.kind not in (EventKind.FILLED, EventKind.SPLIT):
            continue
        before = held[e.instrument]
        held[e.instrument] = e.qty if e.kind == EventKind.SPLIT else before + e.side * e.qty - e.fee_qty
        yield e, before, held[e.instrument]


def last_positions(case: Case, outcome: Outcome) -> list[float]:
    held = [0.0] * len(case.instruments)
    for e, _, after in track_positions(outcome):
        held[e.instrument] = after
    return held


def turnover(case: Case, outcome: Outcome) -> float:
    """Return what was moved in all, in the account's currency: the scale of the round-off."""
    return case.initial_cash + math.fsum(abs(e.cash) + abs(e.fee) for e in outcome.events)


def test_equity_is_the_first_cash_and_what_came_and_went_and_positions_at_value(outcomes):
    for case, outcome in outcomes:
        values = last_values(case, outcome)
        held = math.fsum(q * v for q, v in zip(last_positions(case, outcome), values, strict=True))
        found = case.initial_cash + math.fsum(e.cash for e in outcome.events) + held
        wide = ROUND_OFF * (turnover(case, outcome) + outcome.marks[-1].gross)
        assert outcome.marks[-1].equity == pytest.approx(found, rel=0, abs=wide)


def test_cash_changes_by_what_events_say(outcomes):
    for case, outcome in outcomes:
        change = math.fsum(e.cash for e in outcome.events)
        wide = ROUND_OFF * turnover(case, outcome)
        assert outcome.marks[-1].cash - case.initial_cash == pytest.approx(change, rel=0, abs=wide)


def test_only_fills_and_account_events_move_cash(outcomes):
    moving = (EventKind.FILLED, EventKind.FUNDING, EventKind.BORROW, EventKind.INTEREST, EventKind.DIVIDEND)
    for _, outcome in outcomes:
        assert all(e.cash == 0 for e in outcome.events if e.kind not in (*moving, EventKind.SPLIT))


def test_a_fill_costs_its_price_and_its_fee_and_its_price_is_made_of_its_costs(outcomes):
    for case, outcome in outcomes:
        for e in fills(outcome):
            notional = e.qty * e.price * e.rate
            kept = e.side > 0 and case.instruments[e.instrument].fee_in_base and e.order_id >= 0
            assert e.cash == pytest.approx(-e.side * notional - (0 if kept else e.fee), rel=1e-12, abs=1e-300)
            assert e.fee_qty == 0 or (kept and e.fee == pytest.approx(e.fee_qty * e.price * e.rate, rel=1e-12))
            slippage = e.side * e.qty * (e.price - e.reference_price) * e.rate
            made_of = e.spread_cost + e.impact_cost + e.rounding_cost
            assert slippage == pytest.approx(made_of, rel=1e-9, abs=ROUND_OFF * notional)


def test_a_resting_order_fills_at_its_limit_without_costs_but_the_fee(outcomes):
    for _, outcome in outcomes:
        for e in fills(outcome):
            if e.maker:
                assert e.price == e.reference_price
                assert e.spread_cost == e.impact_cost == e.rounding_cost == 0


def test_positions_are_what_fills_and_splits_say(outcomes):
    for case, outcome in outcomes:
        values, held = last_values(case, outcome), last_positions(case, outcome)
        wide = ROUND_OFF * (turnover(case, outcome) + outcome.marks[-1].gross)
        net = math.fsum(q * v for q, v in zip(held, values, strict=True))
        gross = math.fsum(abs(q) * v for q, v in zip(held, values, strict=True))
        assert outcome.marks[-1].net == pytest.approx(net, rel=0, abs=wide)
        assert outcome.marks[-1].gross == pytest.approx(gross, rel=0, abs=wide)


def test_costs_are_paid_and_never_earned(outcomes):
    for case, outcome in outcomes:
        for e in fills(outcome):
            assert e.fee >= 0
            assert e.spread_cost >= 0
            assert e.impact_cost >= 0
            tick = case.instruments[e.instrument].tick
            if e.reference_price >= tick.mantissa / tick.scale:  # below one tick a sell still gets one (rule 12)
                assert e.side * (e.price - e.reference_price) >= -ROUND_OFF * e.reference_price


def test_an_order_is_submitted_then_accepted_then_works_then_ends(outcomes):
    stages = {EventKind.SUBMITTED: 0, EventKind.ACCEPTED: 1, EventKind.REJECTED: 3, EventKind.CANCELED: 3}
    stages |= {EventKind.EXPIRED: 3}
    for case, outcome in outcomes:
        stage, last_ts, last_response = {}, {}, {}
        if splits(case):  # a split hurries responses, and finds orders that are on their way
            continue
        for e in outcome.events:
            if e.order_id < 0:
                continue
            now, before = stages.get(e.kind, 2), stage.get(e.order_id, -1)
            assert now > before or now == before == 2
            assert e.ts_ms >= last_ts.get(e.order_id, e.ts_ms)
            assert e.response_ts_ms >= max(e.ts_ms, last_response.get(e.order_id, e.ts_ms))
            stage[e.order_id] = 3 if e.final else now
            last_ts[e.order_id], last_response[e.order_id] = e.ts_ms, e.response_ts_ms


def test_every_order_ends_once(outcomes):
    for _, outcome in outcomes:
        sent = Counter(e.order_id for e in outcome.events if e.kind == EventKind.SUBMITTED)
        ended = Counter(e.order_id for e in outcome.events if e.order_id >= 0 and (e.final or e.kind in ENDS))
        assert sent == ended
        assert set(sent.values()) <= {1}


def test_a_fill_lies_inside_a_bar_that_closes_after_the_decision(outcomes):
    for case, outcome in outcomes:
        decided = {e.order_id: e.row for e in outcome.events if e.kind == EventKind.SUBMITTED}
        for e in fills(outcome):
            if e.reason == Reason.LIQUIDATION:
                continue
            bar = case.rows[e.row].bars[e.instrument]
            assert bar is not None
            assert bar.open_ts_ms <= e.ts_ms < bar.close_ts_ms
            assert e.row > decided[e.order_id]
            assert e.maker or bar.low <= e.reference_price <= bar.high


def test_fill_prices_are_on_the_grid(outcomes):
    for case, outcome in outcomes:
        for e in fills(outcome):
            tick = case.instruments[e.instrument].tick
            if tick.mantissa:
                n = round(e.price * tick.scale / tick.mantissa)
                assert n >= 1
                assert e.price == n * tick.mantissa / tick.scale


def test_quantities_are_on_the_grid(outcomes):
    for case, outcome in outcomes:
        for e in fills(outcome):
            rules = case.instruments[e.instrument]
            if rules.step.mantissa and not (rules.fee_in_base and e.order_id < 0):
                steps = e.qty * rules.step.scale / rules.step.mantissa
                assert abs(steps - round(steps)) <= 1e-6 + abs(steps) * 1e-14


def test_an_order_never_fills_beyond_itself(outcomes):
    for case, outcome in outcomes:
        ordered = {e.order_id: e.qty for e in outcome.events if e.kind == EventKind.SUBMITTED}
        filled: dict[int, float] = defaultdict(float)
        for e in fills(outcome):
            filled[e.order_id] += e.qty
        for order_id, qty in filled.items():
            assert order_id < 0 or not is_plain(case) or qty <= ordered[order_id] * (1 + 1e-12)


def test_what_is_cancelled_and_what_is_filled_make_the_order(outcomes):
    for case, outcome in outcomes:
        parts: dict[int, float] = defaultdict(float)
        for e in outcome.events:
            if e.kind in (EventKind.FILLED, *ENDS):
                parts[e.order_id] += e.qty
        for e in outcome.events:
            if e.kind == EventKind.SUBMITTED and is_plain(case):
                assert parts[e.order_id] == pytest.approx(e.qty, rel=1e-9)


def test_own_fills_stay_within_the_share_of_a_bars_volume(outcomes):
    for case, outcome in outcomes:
        if case.max_participation == 0:
            continue
        taken: dict[tuple[int, int], float] = defaultdict(float)
        for e in fills(outcome):
            taken[e.row, e.instrument] += e.qty if e.reason != Reason.LIQUIDATION else 0.0
        for (row, i), qty in taken.items():
            step = case.instruments[i].step
            tolerance = 1e-9 * (qty + step.mantissa / step.scale)
            assert qty == 0 or qty <= case.max_participation * case.rows[row].bars[i].volume + tolerance


def test_nobody_goes_short_where_shorting_is_not_allowed(outcomes):
    for case, outcome in outcomes:
        moved = [0.0] * len(case.instruments)
        for e, before, after in track_positions(outcome):
            moved[e.instrument] += abs(before) + abs(after)
            if not case.instruments[e.instrument].shortable:
                assert after >= -ROUND_OFF * moved[e.instrument]


def test_an_order_crosses_zero_only_where_flips_are_allowed(outcomes):
    for case, outcome in outcomes:
        moved = [0.0] * len(case.instruments)
        for e, before, after in track_positions(outcome):
            moved[e.instrument] += e.qty
            crosses = before * after < 0 and min(abs(before), abs(after)) > ROUND_OFF * moved[e.instrument]
            if crosses and is_plain(case):
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
        if cut == 0 or splits(case):  # a split hurries responses that were on their way
            continue
        shorter = simulate(replace(case, rows=case.rows[:cut]))
        ended = Reason.END_OF_RUN
        assert shorter.marks == outcome.marks[:cut]
        assert [e for e in shorter.events if e.reason != ended] == [
            e for e in outcome.events if e.row < cut and e.reason != ended
        ]
