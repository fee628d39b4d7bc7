"""Each check of orders' lives, prices and amounts sees a tape that was tampered with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from parity.reference_state import Event

from keel.domain.layout import EXIT_NONE
from keel.domain.orders import AUCTIONS, EventKind, OrderType, PriceModel, Reason, RequestKind, TimeInForce

from . import amounts, lives, prices
from .checks import CHECKS, Check
from .market import Market, price_at
from .played import Played
from .tampering import Edit, bar_of, story_of, tampered

Change = Callable[[Played, Event], "dict[str, Any] | list[Event] | None"]


def on(kind: EventKind, change: Change) -> Edit:
    """Return an edit of an order's events of one kind."""
    return lambda played, e: change(played, e) if e.kind == kind and e.order_id >= 0 else None


def when(wanted: Callable[[Played, Event], bool], **fields: Any) -> Change:
    """Return a change of fields to what functions of the event say, where an event is wanted."""
    return lambda p, e: {name: to(p, e) for name, to in fields.items()} if wanted(p, e) else None


def always(played: Played, e: Event) -> bool:
    return True


def tick(played: Played, e: Event) -> float:
    grid = played.case.instruments[e.instrument].tick
    return grid.mantissa / grid.scale


def step(played: Played, e: Event) -> float:
    grid = played.case.instruments[e.instrument].step
    return grid.mantissa / grid.scale


def lives_as(played: Played, e: Event, life: TimeInForce) -> bool:
    return story_of(played, e).time_in_force(played.case) == life


def extended_row(played: Played, e: Event) -> int | None:
    """Return a row outside of the session that comes after an event, if there is one."""
    return next((k for k in range(e.row + 1, len(played.case.rows)) if played.case.rows[k].extended), None)


def has_a_last_moment(played: Played, e: Event, life: TimeInForce) -> bool:
    days_end = any(row.ends_day for row in played.case.rows[e.row :])
    return lives_as(played, e, life) and (life == TimeInForce.GTD or days_end)


def answers_a_request(played: Played, e: Event) -> bool:
    news = [request for request in played.case.rows[e.row].requests if request.kind == RequestKind.NEW]
    told = [e for e in played.by_row[e.row] if e.kind in (EventKind.SUBMITTED, EventKind.DENIED)]
    return len(told) == len(news) and any(e is one for one in told)


def answers_late(played: Played, e: Event) -> bool:
    return played.case.response_ms > 10 and played.case.timeout_ms == 0 and not played.splits_of(e.instrument)


def is_last(played: Played, e: Event) -> bool:
    return story_of(played, e).events[-1] is e


def ends_beyond_the_limit(played: Played, e: Event) -> bool:
    """Say whether the bar of a resting fill closes where the limit would not be reached any more."""
    model, alone = played.case.price_model, story_of(played, e)
    bar = bar_of(played, e)
    left = [e.side * (price - e.price) for price in (price_at(bar, bar.close_ts_ms - 1), bar.close)]
    same_row = alone.first(EventKind.ACCEPTED).row == e.row and alone.sent.type == OrderType.LIMIT
    return e.maker and model != PriceModel.REFERENCE and same_row and not alone.is_leg and min(left) > 0


def arrives_late(played: Played, e: Event) -> bool:
    fills = story_of(played, e).fills
    return bool(fills) and ends_beyond_the_limit(played, fills[0])


def last_moment_of_its_bar(played: Played, e: Event) -> int:
    return bar_of(played, story_of(played, e).fills[0]).close_ts_ms - 1


def is_met(played: Played, e: Event) -> bool:
    plain = played.case.price_model in (PriceModel.OPEN, PriceModel.PATH)
    return plain and story_of(played, e).sent.reference_price > 0 and e.type != OrderType.TAKE_PROFIT


def in_a_plain_cash_account(played: Played, e: Event) -> bool:
    return not played.case.margin_account and not played.splits_of(e.instrument)


def closes_for_a_target(played: Played, e: Event) -> bool:
    case = played.case
    exits = case.stop_kind != EXIT_NONE or case.take_kind != EXIT_NONE
    requests = any(row.requests for row in case.rows)
    before = next(q for move, q, _ in played.moves if move is e)
    may = case.instruments[e.instrument].can_flip or played.splits_of(e.instrument)
    return not (exits or requests or may) and before * e.side < 0


def has_partner(played: Played, e: Event) -> bool:
    request, story = story_of(played, e).request, story_of(played, e)
    pairs = [s for s in played.stories.values() if s.request and request and s.request.pair == request.pair < -1]
    mine = [s for s in pairs if s.sent.row == story.sent.row and not s.is_leg]
    return len(mine) == 2 and not story.is_leg


def is_requested_leg(played: Played, e: Event) -> bool:
    return story_of(played, e).is_leg and story_of(played, e).request is not None


FILLED, ACCEPTED, TRIGGERED = EventKind.FILLED, EventKind.ACCEPTED, EventKind.TRIGGERED
EDITS: list[tuple[Check, Edit]] = [
    (lives.an_order_is_sent_accepted_works_and_ends_once, on(EventKind.CANCELED, lambda p, e: [])),
    (lives.an_order_is_sent_accepted_works_and_ends_once, on(ACCEPTED, lambda p, e: [e, e])),
    (lives.an_order_is_sent_accepted_works_and_ends_once, on(FILLED, lambda p, e: [e, e] if e.final else None)),
    (
        lives.an_order_is_sent_accepted_works_and_ends_once,
        on(ACCEPTED, lambda p, e: [] if story_of(p, e).fills else None),
    ),
    (lives.an_order_is_sent_accepted_works_and_ends_once, on(FILLED, when(always, order_id=lambda p, e: 10**6))),
    (lives.every_request_is_answered_in_its_turn, lambda p, e: [] if answers_a_request(p, e) else None),
    (
        lives.times_of_an_order_do_not_run_backwards,
        on(FILLED, when(always, ts_ms=lambda p, e: story_of(p, e).sent.ts_ms - 1)),
    ),
    (lives.responses_never_overtake_each_other, on(ACCEPTED, when(always, response_ts_ms=lambda p, e: e.ts_ms - 1))),
    (
        lives.responses_never_overtake_each_other,
        on(ACCEPTED, lambda p, e: {"response_ts_ms": 2**62} if not is_last(p, e) else None),
    ),
    (
        lives.nothing_happens_before_the_order_arrives,
        on(ACCEPTED, when(lambda p, e: p.case.entry_ms > 0, ts_ms=lambda p, e: story_of(p, e).sent.ts_ms)),
    ),
    (
        lives.nothing_happens_before_the_order_arrives,
        on(FILLED, when(lambda p, e: p.case.entry_ms > 0, ts_ms=lambda p, e: story_of(p, e).sent.ts_ms)),
    ),
    (
        lives.nothing_happens_before_the_order_arrives,
        on(ACCEPTED, when(lambda p, e: p.case.jitter_ms == 0, ts_ms=lambda p, e: e.ts_ms + 10**12)),
    ),
    (
        lives.nothing_is_known_before_the_response_can_come,
        on(FILLED, when(answers_late, response_ts_ms=lambda p, e: e.ts_ms)),
    ),
    (lives.an_order_waits_for_its_trigger, on(TRIGGERED, lambda p, e: [] if story_of(p, e).fills else None)),
    (
        lives.an_order_waits_for_its_trigger,
        on(ACCEPTED, lambda p, e: [e, replace(e, kind=TRIGGERED)] if e.type == OrderType.LIMIT else None),
    ),
    (
        lives.an_order_lives_no_longer_than_it_may,
        on(FILLED, lambda p, e: [e, e] if lives_as(p, e, TimeInForce.IOC) else None),
    ),
    (
        lives.an_order_lives_no_longer_than_it_may,
        on(FILLED, when(lambda p, e: lives_as(p, e, TimeInForce.FOK), final=lambda p, e: False)),
    ),
    *[
        (
            lives.an_order_lives_no_longer_than_it_may,
            on(FILLED, when(lambda p, e, life=life: has_a_last_moment(p, e, life), ts_ms=lambda p, e: 2**62)),
        )
        for life in (TimeInForce.GTD, TimeInForce.DAY)
    ],
    (
        lives.at_the_end_nothing_is_left_open,
        on(EventKind.CANCELED, when(lambda p, e: e.reason == Reason.END_OF_RUN, ts_ms=lambda p, e: e.ts_ms - 1)),
    ),
    (lives.an_order_fills_only_in_an_open_bar, on(FILLED, when(always, ts_ms=lambda p, e: bar_of(p, e).close_ts_ms))),
    (
        lives.an_order_fills_only_in_an_open_bar,
        on(FILLED, when(always, ts_ms=lambda p, e: bar_of(p, e).open_ts_ms - 1)),
    ),
    *[
        (
            lives.an_order_for_an_auction_fills_in_it_only,
            on(FILLED, when(lambda p, e, life=life: lives_as(p, e, life), **{field: change})),
        )
        for life in AUCTIONS
        for field, change in (
            ("ts_ms", lambda p, e: (bar_of(p, e).open_ts_ms + bar_of(p, e).close_ts_ms) // 2),
            ("reference_price", lambda p, e: e.reference_price * 1.001),
        )
    ],
    (
        lives.an_order_fills_outside_of_the_session_only_if_it_is_meant_to,
        on(
            FILLED,
            when(lambda p, e: lives_as(p, e, TimeInForce.GTC) and extended_row(p, e) is not None, row=extended_row),
        ),
    ),
    (lives.every_event_tells_of_its_order, on(FILLED, when(always, side=lambda p, e: -e.side))),
    (
        prices.prices_are_on_the_tick,
        on(FILLED, when(lambda p, e: tick(p, e) > 0, price=lambda p, e: e.price + tick(p, e) / 2)),
    ),
    (
        prices.no_order_fills_beyond_its_limit,
        on(FILLED, when(lambda p, e: e.type == OrderType.LIMIT, price=lambda p, e: e.price * (1 + e.side))),
    ),
    (
        prices.no_order_fills_beyond_its_limit,
        on(FILLED, when(lambda p, e: e.maker, price=lambda p, e: e.price * (1 - e.side / 100))),
    ),
    (
        prices.a_reference_price_lies_in_its_bar,
        on(FILLED, when(lambda p, e: not e.maker, reference_price=lambda p, e: bar_of(p, e).high * 1.001)),
    ),
    (
        prices.a_resting_order_fills_only_where_the_rest_of_the_bar_goes,
        on(ACCEPTED, when(arrives_late, ts_ms=last_moment_of_its_bar)),
    ),
    (
        prices.a_trigger_is_met_by_the_price,
        on(TRIGGERED, when(is_met, price=lambda p, e: e.price * (1 - e.side * 0.9))),
    ),
    (
        amounts.quantities_are_on_the_step,
        on(FILLED, when(lambda p, e: step(p, e) > 0, qty=lambda p, e: e.qty + step(p, e) / 2)),
    ),
    (
        amounts.no_order_fills_more_than_was_ordered,
        on(FILLED, when(lambda p, e: not story_of(p, e).is_leg, qty=lambda p, e: story_of(p, e).sent.qty * 1000)),
    ),
    (
        amounts.what_is_cancelled_and_what_is_filled_make_the_order,
        on(
            EventKind.CANCELED,
            lambda p, e: (
                {"qty": e.qty / 2}
                if in_a_plain_cash_account(p, e) and not story_of(p, e).request and not story_of(p, e).is_leg
                else None
            ),
        ),
    ),
    (amounts.partners_share_one_quantity, on(FILLED, when(has_partner, qty=lambda p, e: e.qty * 1e9))),
    (amounts.legs_fill_no_more_than_their_parent, on(FILLED, when(is_requested_leg, qty=lambda p, e: e.qty * 1e9))),
    (
        amounts.fills_leave_the_others_their_share_of_the_bar,
        on(FILLED, when(lambda p, e: p.case.max_participation > 0, qty=lambda p, e: bar_of(p, e).volume * 1.01)),
    ),
    (
        amounts.reduce_only_orders_open_nothing,
        on(FILLED, when(lambda p, e: story_of(p, e).reduce_only, qty=lambda p, e: e.qty * 1e9)),
    ),
    (
        amounts.reduce_only_orders_open_nothing,
        on(FILLED, when(lambda p, e: story_of(p, e).reduce_only, side=lambda p, e: -e.side)),
    ),
    (
        amounts.nobody_is_short_where_that_is_not_allowed,
        on(FILLED, when(lambda p, e: e.side < 0 and in_a_plain_cash_account(p, e), qty=lambda p, e: e.qty * 1e9)),
    ),
    (
        amounts.a_targets_order_crosses_zero_only_where_flips_are_allowed,
        on(FILLED, when(closes_for_a_target, qty=lambda p, e: e.qty * 1000)),
    ),
    (
        amounts.a_purchase_in_a_cash_account_is_paid_with_its_cash,
        on(
            FILLED,
            lambda p, e: {"cash": -2 * p.turnover} if e.side > 0 and in_a_plain_cash_account(p, e) else None,
        ),
    ),
]


@pytest.mark.parametrize(("check", "edit"), EDITS, ids=lambda x: getattr(x, "__name__", ""))
def test_check_sees_an_edited_event(check: Check, edit: Edit):
    played = tampered(edit)
    assert played
    for one in played:
        assert list(check(one))


def test_every_check_of_orders_is_put_to_the_test():
    tried = {check for check, _ in EDITS}
    assert tried == {*lives.CHECKS, *prices.CHECKS, *amounts.CHECKS}
    assert tried <= set(CHECKS)


def test_the_walk_and_the_hours_of_a_bar_are_those_of_the_rules():
    """Rule 9: from open to the nearer extreme, to the other one, to the close; rule 4: Monday 00:00 is hour 0."""
    case = next(iter(tampered(on(FILLED, when(always, fee=lambda p, e: e.fee))))).case
    bar = replace(case.rows[0].bars[0], open=10.0, high=11.0, low=8.0, close=9.0, open_ts_ms=0, close_ts_ms=500)
    assert [price_at(bar, ts) for ts in (0, 100, 400, 500)] == pytest.approx([10.0, 11.0, 8.0, 9.0])
    monday = replace(case, rows=(replace(case.rows[0], bars=(replace(bar, minute_of_week=0),)),))
    assert Market(monday).hour(0, 0, 0) == 0
    assert Market(monday).hour(0, 0, 3_600_000 * 168 + 1) == 0
