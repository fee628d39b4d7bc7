"""The generated cases trade, and between them they reach every corner of the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from keel.domain.layout import EXIT_FRACTION, EXIT_TRUE_RANGE
from keel.domain.orders import AUCTIONS, EventKind, OrderType, PriceModel, Reason, RunStatus, TimeInForce, TradingState

from .case import Case
from .reference import Outcome
from .reference_state import Event
from .sample import sampled_outcomes

LIMITS = [Reason.REDUCING, Reason.MAX_ORDER, Reason.MAX_POSITION, Reason.MAX_GROSS, Reason.BUYING_POWER]
FORBIDDEN = [Reason.NOT_SHORTABLE, Reason.NO_FLIP]
DENIALS = [reason for reason in Reason if Reason.KILL_SWITCH <= reason <= Reason.NOT_SHORTABLE]
DENIALS += [Reason.NO_FLIP, Reason.NO_BAR, Reason.NO_AUCTION, Reason.EXTENDED_HOURS]
CLIPS = LIMITS + FORBIDDEN
ENDS = [
    (EventKind.REJECTED, Reason.INSUFFICIENT_FUNDS),
    (EventKind.REJECTED, Reason.INSUFFICIENT_POSITION),
    (EventKind.REJECTED, Reason.REDUCE_ONLY),
    (EventKind.REJECTED, Reason.PARENT_ENDED),
    (EventKind.REJECTED, Reason.AUCTION_OVER),
    (EventKind.CANCELED, Reason.TARGET_CHANGED),
    (EventKind.CANCELED, Reason.HALTED),
    (EventKind.CANCELED, Reason.REDUCING),
    (EventKind.CANCELED, Reason.INSUFFICIENT_FUNDS),
    (EventKind.CANCELED, Reason.FILL_OR_KILL),
    (EventKind.CANCELED, Reason.REDUCE_ONLY),
    (EventKind.CANCELED, Reason.LINKED_FILL),
    (EventKind.CANCELED, Reason.PARENT_ENDED),
    (EventKind.CANCELED, Reason.CLIENT_REQUEST),
    (EventKind.CANCELED, Reason.LIQUIDATION),
    (EventKind.CANCELED, Reason.MIN_QTY),
    (EventKind.CANCELED, Reason.IMMEDIATE_OR_CANCEL),
    (EventKind.CANCELED, Reason.END_OF_RUN),
    (EventKind.EXPIRED, Reason.SESSION_END),
    (EventKind.EXPIRED, Reason.GOOD_TILL_DATE),
    (EventKind.EXPIRED, Reason.AUCTION_OVER),
]
OTHERS = [
    (EventKind.FILLED, Reason.LIQUIDATION),
    (EventKind.AMENDED, Reason.NONE),
    (EventKind.AMEND_REJECTED, Reason.ORDER_ENDED),
    (EventKind.AMEND_REJECTED, Reason.INSUFFICIENT_FUNDS),
    (EventKind.FUNDING, Reason.NONE),
    (EventKind.BORROW, Reason.NONE),
    (EventKind.INTEREST, Reason.NONE),
    (EventKind.DIVIDEND, Reason.NONE),
    (EventKind.SPLIT, Reason.NONE),
]
TARGET_LIVES = [TimeInForce.GTC, TimeInForce.IOC, TimeInForce.DAY, TimeInForce.FOK, *AUCTIONS]
TRIGGERED_TYPES = [OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP]


def cases_with(kind: EventKind, reason: Reason = Reason.NONE) -> int:
    return sum(any((e.kind, e.reason) == (kind, reason) for e in out.events) for _, out in sampled_outcomes())


def everything() -> Iterator[tuple[Case, Outcome, Event]]:
    for case, out in sampled_outcomes():
        for event in out.events:
            yield case, out, event


def followed_by(out: Outcome, first: Event, kind: EventKind) -> bool:
    return any(e.kind == kind and e.order_id == first.order_id and e.ts_ms >= first.ts_ms for e in out.events)


def test_most_cases_trade():
    assert cases_with(EventKind.FILLED) > 0.5 * len(sampled_outcomes())


def test_most_orders_fill():
    kinds = Counter(e.kind for _, _, e in everything())
    assert kinds[EventKind.FILLED] > 0.4 * kinds[EventKind.SUBMITTED] > 2 * len(sampled_outcomes())


def test_many_orders_fill_in_parts():
    def in_parts(events) -> bool:
        return any(n > 1 for n in Counter(e.order_id for e in events if e.kind == EventKind.FILLED).values())

    assert sum(in_parts(out.events) for _, out in sampled_outcomes()) > 20


@pytest.mark.parametrize("reason", DENIALS, ids=lambda r: r.name)
def test_every_denial_occurs(reason: Reason):
    assert cases_with(EventKind.DENIED, reason) > 0


@pytest.mark.parametrize("reason", CLIPS, ids=lambda r: r.name)
def test_every_limit_clips_some_order(reason: Reason):
    assert cases_with(EventKind.SUBMITTED, reason) > 0


@pytest.mark.parametrize(("kind", "reason"), ENDS, ids=lambda v: v.name)
def test_every_refusal_and_every_end_of_an_order_occurs(kind: EventKind, reason: Reason):
    assert cases_with(kind, reason) > 0


@pytest.mark.parametrize(("kind", "reason"), OTHERS, ids=lambda v: v.name)
def test_every_other_event_occurs(kind: EventKind, reason: Reason):
    assert cases_with(kind, reason) > 0


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("kind", TRIGGERED_TYPES, ids=lambda t: t.name)
def test_every_trigger_is_met_on_both_sides_at_an_opening_and_later(kind: OrderType, side: int):
    found = set()
    for case, _, e in everything():
        if (e.kind, e.type, e.side) == (EventKind.TRIGGERED, kind, side):
            bar = case.rows[e.row].bars[e.instrument]
            found.add(bar is not None and e.ts_ms > bar.open_ts_ms)
    assert found == {False, True}


@pytest.mark.parametrize("model", list(PriceModel), ids=lambda m: m.name)
@pytest.mark.parametrize("kind", [*TRIGGERED_TYPES, OrderType.LIMIT], ids=lambda t: t.name)
def test_every_type_trades_under_every_price_model(kind: OrderType, model: PriceModel):
    assert any(
        e.kind == EventKind.FILLED and e.type == kind and case.price_model == model for case, _, e in everything()
    )


@pytest.mark.parametrize("maker", [False, True])
@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.STOP_LIMIT], ids=lambda t: t.name)
def test_limits_trade_at_once_and_after_resting(kind: OrderType, maker: bool):
    assert any((e.kind, e.type, e.maker) == (EventKind.FILLED, kind, maker) for _, _, e in everything())


@pytest.mark.parametrize("touch", [False, True])
def test_limits_rest_under_both_ideas_of_a_fill(touch: bool):
    assert any(e.maker and case.limit_touch == touch for case, _, e in everything())


@pytest.mark.parametrize("profit", [OrderType.LIMIT, OrderType.TAKE_PROFIT], ids=lambda t: t.name)
def test_profits_give_way_to_stops_in_one_bar(profit: OrderType):
    """Of a pair the stop is triggered in a bar that went through the price of the other order as well."""
    found = 0
    for case, out, e in everything():
        if e.kind != EventKind.TRIGGERED or e.type == profit or case.price_model == PriceModel.REFERENCE:
            continue
        bar = case.rows[e.row].bars[e.instrument]
        for partner in neighbours(out, e):
            level = partner.price or partner.reference_price
            if bar is not None and partner.type == profit and partner.side == e.side:
                found += bar.high > level if partner.side < 0 else bar.low < level
    assert found > 0


def neighbours(out: Outcome, e: Event) -> list[Event]:
    """Return the orders sent next to another that end because of its fill: its partner."""
    linked = {o.order_id for o in out.events if o.reason == Reason.LINKED_FILL and abs(o.order_id - e.order_id) == 1}
    return [o for o in out.events if o.kind == EventKind.SUBMITTED and o.order_id in linked]


def test_amends_are_followed_by_fills():
    amended = [(out, e) for _, out, e in everything() if e.kind == EventKind.AMENDED]
    assert sum(followed_by(out, e, EventKind.FILLED) for out, e in amended) > 5


def test_a_partner_is_lowered_before_its_end():
    """A partner that fills in part leaves the rest of the other one working."""
    linked = [(out, e) for _, out, e in everything() if e.reason == Reason.LINKED_FILL]
    assert any(sum(o.order_id in (e.order_id - 1, e.order_id + 1) for o in fills_of(out)) > 1 for out, e in linked)


def fills_of(out: Outcome) -> list[Event]:
    return [e for e in out.events if e.kind == EventKind.FILLED]


def test_splits_find_resting_orders_and_positions():
    splits = [e for _, _, e in everything() if e.kind == EventKind.SPLIT]
    assert any(e.qty > 0 for e in splits)
    assert any(e.qty < 0 for e in splits)
    assert any(e.cash != 0 for e in splits)
    told_at_once = [e for _, _, e in everything() if e.kind == EventKind.AMENDED and e.ts_ms == e.response_ts_ms]
    assert told_at_once


def test_fees_are_kept_in_base_units_and_tiers_are_crossed():
    assert any(e.fee_qty > 0 for _, _, e in everything())
    crossed = 0
    for case, out in sampled_outcomes():
        taken = {round(e.fee / (e.qty * e.price * e.rate), 9) for e in fills_of(out) if not e.maker and e.qty and e.fee}
        crossed += len(case.tiers) > 1 and len(taken) > 1 and case.liquidation_fee_rate == 0
    assert crossed > 3


def test_fills_are_converted_at_rates_that_move():
    moving = [{e.rate for e in fills_of(out)} for _, out in sampled_outcomes() if len(fills_of(out)) > 2]
    assert sum(len(rates - {1.0}) > 2 for rates in moving) > 10


@pytest.mark.parametrize("trails", [False, True])
@pytest.mark.parametrize("kind", [EXIT_FRACTION, EXIT_TRUE_RANGE])
def test_exits_of_the_configuration_close_positions(kind: int, trails: bool):
    closed = OrderType.TRAILING_STOP if trails else OrderType.STOP
    assert any(
        case.stop_kind == kind and case.stop_trails == trails and e.kind == EventKind.FILLED and e.type == closed
        for case, _, e in everything()
    )
    assert any(case.take_kind == kind and e.maker for case, _, e in everything())


def test_new_exits_end_those_of_the_orders_before():
    legs = (OrderType.STOP, OrderType.TRAILING_STOP, OrderType.LIMIT)
    assert any(
        case.stop_kind and e.kind == EventKind.CANCELED and e.reason == Reason.TARGET_CHANGED and e.type in legs
        for case, _, e in everything()
    )


@pytest.mark.parametrize("every_bar", [False, True])
def test_exits_meet_both_ways_to_rebalance(every_bar: bool):
    assert any(case.every_bar == every_bar and case.stop_kind and e.maker for case, _, e in everything())


def test_orders_trade_outside_of_the_session():
    assert any(e.kind == EventKind.FILLED and case.rows[e.row].extended for case, _, e in everything())


def test_responses_get_lost_in_some_cases():
    assert sum(out.timeouts > 0 for _, out in sampled_outcomes()) > 20


@pytest.mark.parametrize("state", list(TradingState), ids=lambda s: s.name)
def test_every_trading_state_is_reached(state: TradingState):
    assert any(out.trading_state == state for _, out in sampled_outcomes())


@pytest.mark.parametrize("status", [RunStatus.DONE, RunStatus.BANKRUPT], ids=lambda s: s.name)
def test_runs_end_both_ways(status: RunStatus):
    assert any(out.status == status for _, out in sampled_outcomes())


@pytest.mark.parametrize("model", list(PriceModel), ids=lambda m: m.name)
def test_every_price_model_fills_inside_bars(model: PriceModel):
    """A fill after the opening is where the models differ."""

    def fills_inside_a_bar(case, out) -> bool:
        return any(
            e.kind == EventKind.FILLED and e.ts_ms > case.rows[e.row].bars[e.instrument].open_ts_ms for e in out.events
        )

    assert any(case.price_model == model and fills_inside_a_bar(case, out) for case, out in sampled_outcomes())


@pytest.mark.parametrize("lifetime", TARGET_LIVES, ids=lambda t: t.name)
def test_every_lifetime_of_a_targets_order_trades(lifetime: TimeInForce):
    assert any(
        case.time_in_force == lifetime and any(e.kind == EventKind.FILLED for e in out.events)
        for case, out in sampled_outcomes()
    )
