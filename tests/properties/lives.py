"""The life of an order: arrival, acceptance, fills, one end, and responses that keep their order (rules 3, 13)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from parity.case import Row
from parity.reference_state import Event

from keel.domain.orders import AUCTIONS, EventKind, OrderType, Reason, TimeInForce

from .market import Market
from .played import ENDS, TRIGGERED_TYPES, Played, Story

NEED_ACCEPTANCE = (EventKind.FILLED, EventKind.TRIGGERED, EventKind.AMEND_REJECTED, EventKind.EXPIRED)
ONCE = (EventKind.SUBMITTED, EventKind.ACCEPTED, EventKind.REJECTED, EventKind.TRIGGERED)
AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK, *AUCTIONS)


def an_order_is_sent_accepted_works_and_ends_once(played: Played) -> Iterator[str]:
    for n, story in played.stories.items():
        kinds = [e.kind for e in story.events]
        ends = [k for k, e in enumerate(story.events) if e.final or e.kind in ENDS]
        if kinds[0] != EventKind.SUBMITTED or any(kinds.count(kind) > 1 for kind in ONCE):
            yield f"order {n}: {[kind.name for kind in kinds]}"
        if len(ends) != 1 or ends[0] != len(kinds) - 1:
            yield f"order {n} ends {len(ends)} times: {[kind.name for kind in kinds]}"
        accepted = kinds.index(EventKind.ACCEPTED) if EventKind.ACCEPTED in kinds else len(kinds)
        if any(kind in NEED_ACCEPTANCE for kind in kinds[:accepted]):
            yield f"order {n} works before the venue has it: {[kind.name for kind in kinds]}"
        if EventKind.REJECTED in kinds and accepted < len(kinds):
            yield f"order {n} is accepted and rejected"
    yield from _strangers(played)


def _strangers(played: Played) -> Iterator[str]:
    for e in played.events:
        if e.order_id >= 0 and e.order_id not in played.stories:
            yield f"{e.kind.name} of order {e.order_id}, which nobody sent"


def every_request_is_answered_in_its_turn(played: Played) -> Iterator[str]:
    for row in played.origins.unanswered:
        yield f"row {row}: what was sent and denied does not answer what was asked"


def times_of_an_order_do_not_run_backwards(played: Played) -> Iterator[str]:
    rows = played.case.rows
    for n, story in played.stories.items():
        for before, e in pairwise(story.events):
            if (e.ts_ms < before.ts_ms and not _by_a_split(played, before)) or e.row < before.row:
                yield f"order {n}: {e.kind.name} at {e.ts_ms} after {before.kind.name} at {before.ts_ms}"
            if not (rows[e.row - 1].close_ts_ms if e.row else 0) <= e.ts_ms <= rows[e.row].close_ts_ms:
                yield f"order {n}: {e.kind.name} at {e.ts_ms} lies outside row {e.row}"


def _by_a_split(played: Played, e: Event) -> bool:
    """Say whether a split changed the order: it does so before all else in a row, even before earlier arrivals."""
    return e.kind == EventKind.AMENDED and any(s.ts_ms == e.ts_ms for s in played.splits_of(e.instrument))


def responses_never_overtake_each_other(played: Played) -> Iterator[str]:
    for n, story in played.stories.items():
        for e in story.events:
            if e.response_ts_ms < e.ts_ms:
                yield f"order {n}: the response to {e.kind.name} comes before it happens"
        for before, e in pairwise(story.events):
            if e.response_ts_ms < before.response_ts_ms:
                yield f"order {n}: the response to {e.kind.name} overtakes that to {before.kind.name}"


def nothing_happens_before_the_order_arrives(played: Played) -> Iterator[str]:
    """An order arrives no earlier than its latency without jitter, spike and timeout allows."""
    market, case = Market(played.case), played.case
    for n, story in played.stories.items():
        sent, i = story.sent, story.sent.instrument
        season = case.latency_seasonality.at(market.hour(sent.row, i, sent.ts_ms))
        least = case.entry_ms * season * market.volatility[sent.row][i].factor
        most = least * max(1.0, case.spike_multiplier if case.spike_probability > 0 else 1.0)
        early = [e for e in story.events[1:] if _comes_by_wire(e) and e.ts_ms < sent.ts_ms + least * (1 - 1e-9)]
        if early:
            yield f"order {n}: {early[0].kind.name} {early[0].ts_ms - sent.ts_ms} ms after it was sent, not {least!r}"
        arrival = story.first(EventKind.ACCEPTED) or story.first(EventKind.REJECTED)
        if arrival and case.jitter_ms == 0 and arrival.ts_ms > sent.ts_ms + math.ceil(most * (1 + 1e-9)):
            yield f"order {n}: arrives {arrival.ts_ms - sent.ts_ms} ms after it was sent, not {most!r}"


def _comes_by_wire(e: Event) -> bool:
    """Say whether an event is the venue's doing on an order that has arrived; ends and splits find it on its way."""
    return e.kind in (EventKind.ACCEPTED, EventKind.REJECTED, EventKind.FILLED, EventKind.TRIGGERED)


def nothing_is_known_before_the_response_can_come(played: Played) -> Iterator[str]:
    case, market = played.case, Market(played.case)
    for n, story in played.stories.items():
        if played.splits_of(story.sent.instrument):  # a split hurries what is on its way
            continue
        for e in story.events[1:]:
            season = case.latency_seasonality.at(market.hour(e.row, e.instrument, e.ts_ms))
            known = market.volatility_before(e.row, e.instrument), market.volatility[e.row][e.instrument]
            least = case.response_ms * season * min(v.factor for v in known)
            least = min(least, case.timeout_ms) if case.timeout_ms > 0 else least
            if e.response_ts_ms < e.ts_ms + least * (1 - 1e-9):
                yield f"order {n}: {e.kind.name} is known after {e.response_ts_ms - e.ts_ms} ms, not {least!r}"


def an_order_waits_for_its_trigger(played: Played) -> Iterator[str]:
    for n, story in played.stories.items():
        kinds = [e.kind for e in story.events]
        if story.sent.type in TRIGGERED_TYPES and EventKind.FILLED in kinds:
            first = kinds.index(EventKind.FILLED)
            if EventKind.TRIGGERED not in kinds[:first]:
                yield f"order {n}, a {story.sent.type.name}, fills without a trigger"
        elif story.sent.type not in TRIGGERED_TYPES and EventKind.TRIGGERED in kinds:
            yield f"order {n}, a {story.sent.type.name}, is triggered"


def an_order_lives_no_longer_than_it_may(played: Played) -> Iterator[str]:
    case = played.case
    for n, story in played.stories.items():
        life, fills = story.time_in_force(case), story.fills
        if life in AT_ONCE and len(fills) > 1:
            yield f"order {n}, {life.name}, fills {len(fills)} times"
        if life == TimeInForce.FOK and fills and not fills[0].final:
            yield f"order {n}, FOK, fills in part"
        last = _last_moment(played, story, life)
        if last is not None and any(e.ts_ms > last for e in fills):
            yield f"order {n}, {life.name}, fills after {last}"


def _last_moment(played: Played, story: Story, life: TimeInForce) -> int | None:
    """Return the last moment at which an order may fill, if it has one."""
    arrival = story.first(EventKind.ACCEPTED)
    if arrival is None:
        return None
    if life == TimeInForce.GTD and story.request is not None:
        return max(story.request.expire_ts_ms, arrival.ts_ms)
    if life == TimeInForce.DAY:
        rows = played.case.rows[arrival.row :]
        return next((row.close_ts_ms for row in rows if _ends_day_order(played, story, row)), None)
    return None


def _ends_day_order(played: Played, story: Story, row: Row) -> bool:
    """Say whether a row ends an order of the day: its session's last, or if it is for extended hours its day's."""
    decided = played.case.rows[story.sent.row]
    if story.sent.type == OrderType.LIMIT and decided.extended and decided.until_minutes > 0:
        return row.ends_day
    return row.closes_session or (row.ends_day and not row.extended)


def at_the_end_nothing_is_left_open(played: Played) -> Iterator[str]:
    last = len(played.marks) - 1
    for e in played.events:
        if e.reason == Reason.END_OF_RUN and (e.row != last or e.ts_ms != played.marks[-1].ts_ms):
            yield f"order {e.order_id} ends with the run in row {e.row}"
        if e.row > last:
            yield f"{e.kind.name} in row {e.row}, after the end"


def an_order_fills_only_in_an_open_bar(played: Played) -> Iterator[str]:
    for e in played.orders_fills:
        bar, sent = played.case.rows[e.row].bars[e.instrument], played.stories[e.order_id].sent
        if bar is None or not bar.open_ts_ms <= e.ts_ms < bar.close_ts_ms:
            yield f"order {e.order_id} fills at {e.ts_ms}, where its instrument has no open bar"
        if e.row <= sent.row:
            yield f"order {e.order_id} fills in the row in which it was decided"


def an_order_for_an_auction_fills_in_it_only(played: Played) -> Iterator[str]:
    """At the open of the first bar that its instrument has in a session, or at the session's close."""
    for e in (each for each in played.orders_fills if played.is_auction_s(each)):
        rows, bar = played.case.rows, played.case.rows[e.row].bars[e.instrument]
        if bar is None:
            yield f"order {e.order_id} is for an auction, and fills without a bar"
        elif played.stories[e.order_id].time_in_force(played.case) == TimeInForce.AT_CLOSE:
            if not rows[e.row].closes_session or (e.ts_ms, e.reference_price) != (bar.close_ts_ms - 1, bar.close):
                yield f"order {e.order_id} fills at {e.reference_price!r}, {e.ts_ms}: not at a session's close"
        else:
            before = [row for row in rows[: e.row] if row.day == rows[e.row].day and not row.extended]
            opened = any(row.bars[e.instrument] is not None for row in before) or rows[e.row].extended
            if opened or (e.ts_ms, e.reference_price) != (bar.open_ts_ms, bar.open):
                yield f"order {e.order_id} fills at {e.reference_price!r}, {e.ts_ms}: not at an opening"


def an_order_fills_outside_of_the_session_only_if_it_is_meant_to(played: Played) -> Iterator[str]:
    rows = played.case.rows
    for e in (each for each in played.orders_fills if rows[each.row].extended):
        story = played.stories[e.order_id]
        decided = rows[story.sent.row]
        meant = story.sent.type == OrderType.LIMIT and story.time_in_force(played.case) == TimeInForce.DAY
        if not (meant and decided.extended and decided.until_minutes > 0):
            yield f"order {e.order_id} fills outside of the session, and was not sent for that"


def every_event_tells_of_its_order(played: Played) -> Iterator[str]:
    for n, story in played.stories.items():
        told = {(e.side, e.instrument, OrderType(e.type)) for e in story.events}
        if len(told) > 1:
            yield f"order {n} changes side, instrument or type: {told}"


CHECKS = (
    an_order_is_sent_accepted_works_and_ends_once,
    every_request_is_answered_in_its_turn,
    times_of_an_order_do_not_run_backwards,
    responses_never_overtake_each_other,
    nothing_happens_before_the_order_arrives,
    nothing_is_known_before_the_response_can_come,
    an_order_waits_for_its_trigger,
    an_order_lives_no_longer_than_it_may,
    at_the_end_nothing_is_left_open,
    an_order_fills_only_in_an_open_bar,
    an_order_for_an_auction_fills_in_it_only,
    an_order_fills_outside_of_the_session_only_if_it_is_meant_to,
    every_event_tells_of_its_order,
)
