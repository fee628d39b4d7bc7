"""How much may fill: no more than ordered, than the bar's share, than is held or can be paid (rules 7, 12, 24)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from parity.reference_state import Event

from keel.domain.layout import EXIT_NONE
from keel.domain.orders import EventKind, Reason

from .market import fraction
from .played import ROUND_OFF, Played, Story


def _step(played: Played, i: int) -> float:
    step = played.case.instruments[i].step
    return step.mantissa / step.scale


def quantities_are_on_the_step(played: Played) -> Iterator[str]:
    for e in played.fills:
        rules = played.case.instruments[e.instrument]
        if rules.step.mantissa and not (rules.fee_in_base and e.order_id < 0):
            steps = e.qty * rules.step.scale / rules.step.mantissa
            if steps < 0.5 or abs(steps - round(steps)) > 1e-6 + abs(steps) * 1e-14:
                yield f"order {e.order_id} fills {e.qty!r}, off the step"


def no_order_fills_more_than_was_ordered(played: Played) -> Iterator[str]:
    """What an amend or a split leaves counts from then on; a leg's measure is what its parent filled."""
    for n, story in played.stories.items():
        if story.is_leg:
            continue
        ordered, filled = story.sent.qty, 0.0
        for e in _with_splits(played, story):
            if e.kind == EventKind.SPLIT:
                filled, ordered = filled * e.reference_price, ordered * e.reference_price
            elif e.kind == EventKind.AMENDED:
                ordered = e.qty
            elif e.kind == EventKind.FILLED:
                filled += e.qty
                if e.qty <= 0 or filled > ordered * (1 + ROUND_OFF):
                    yield f"order {n} of {ordered!r} has filled {filled!r}"


def what_is_cancelled_and_what_is_filled_make_the_order(played: Played) -> Iterator[str]:
    for n, story in played.stories.items():
        alone = not story.is_leg and (story.request is None or story.request.pair >= -1)
        if not alone or played.splits_of(story.sent.instrument):
            continue
        ordered = next((e.qty for e in reversed(story.events) if e.kind == EventKind.AMENDED), story.sent.qty)
        end, filled = story.events[-1], sum(e.qty for e in story.fills)
        left = 0.0 if end.kind == EventKind.FILLED else end.qty
        if abs(filled + left - ordered) > ROUND_OFF * ordered and not _cut_by_an_amend(end, filled):
            yield f"order {n} of {ordered!r} ends with {filled!r} filled and {left!r} left"


def _cut_by_an_amend(end: Event, filled: float) -> bool:
    """Say whether an amend below what is filled ended the order."""
    return end.kind == EventKind.CANCELED and end.reason == Reason.CLIENT_REQUEST and filled > 0


def _with_splits(played: Played, story: Story) -> list[Event]:
    """Return an order's events and its instrument's splits since it was sent, in the order of the tape."""
    if not played.splits_of(story.sent.instrument):
        return story.events
    sent, found = False, []
    for e in played.events:
        sent = sent or e is story.sent
        split = e.kind == EventKind.SPLIT and e.instrument == story.sent.instrument
        if sent and (split or e.order_id == story.sent.order_id):
            found.append(e)
    return found


def _filled_in_first_units(played: Played, story: Story) -> float:
    ratio, filled = 1.0, 0.0
    for e in _with_splits(played, story):
        ratio = ratio * e.reference_price if e.kind == EventKind.SPLIT else ratio
        filled += e.qty / ratio if e.kind == EventKind.FILLED else 0.0
    return filled


def partners_share_one_quantity(played: Played) -> Iterator[str]:
    pairs: dict[tuple[int, int], list[Story]] = defaultdict(list)
    for story in played.stories.values():
        if story.request is not None and story.request.pair < -1 and not story.is_leg:
            pairs[story.sent.row, story.request.pair].append(story)
    for stories in pairs.values():
        filled = sum(_filled_in_first_units(played, story) for story in stories)
        most = max(story.sent.qty for story in stories)
        if len(stories) == 2 and filled > most * (1 + ROUND_OFF):
            yield f"partners {[s.sent.order_id for s in stories]} of {most!r} fill {filled!r}"


def legs_fill_no_more_than_their_parent(played: Played) -> Iterator[str]:
    legs: dict[int, float] = defaultdict(float)
    for story in played.stories.values():
        if story.asked.parent is not None and story.request is not None:  # those of a target cover the position
            legs[story.asked.parent] += _filled_in_first_units(played, story)
    for parent, filled in legs.items():
        most = _filled_in_first_units(played, played.stories[parent])
        if filled > most * (1 + ROUND_OFF):
            yield f"the legs of order {parent} fill {filled!r}, it filled {most!r}"


def fills_leave_the_others_their_share_of_the_bar(played: Played) -> Iterator[str]:
    """Own fills of a bar stay within max_participation × volume × the part of it that is left at each of them.

    For an auction that is the whole bar.
    """
    if played.case.max_participation == 0:
        return
    taken: dict[tuple[int, int], float] = defaultdict(float)
    for e in played.orders_fills:
        bar = played.case.rows[e.row].bars[e.instrument]
        if bar is None:
            continue
        taken[e.row, e.instrument] += e.qty
        part = 1.0 if played.is_auction_s(e) else 1 - fraction(bar, e.ts_ms)
        share = played.case.max_participation * bar.volume * part
        if not taken[e.row, e.instrument] <= share * (1 + ROUND_OFF) + 1e-8 * _step(played, e.instrument):
            yield f"order {e.order_id}: {taken[e.row, e.instrument]!r} taken from a bar that leaves {share!r}"


def reduce_only_orders_open_nothing(played: Played) -> Iterator[str]:
    for e, before, _ in played.moves:
        story = played.stories.get(e.order_id)
        if story is not None and story.reduce_only:
            small = ROUND_OFF * played.moved[e.instrument]
            if before * e.side >= 0 or e.qty > abs(before) + small:
                yield f"order {e.order_id} only reduces, and fills {e.side * e.qty!r} on a position of {before!r}"


def nobody_is_short_where_that_is_not_allowed(played: Played) -> Iterator[str]:
    for e, _, after in played.moves:
        allowed = played.case.margin_account and played.case.instruments[e.instrument].shortable
        if not allowed and after < -ROUND_OFF * played.moved[e.instrument]:
            yield f"order {e.order_id} leaves a position of {after!r}"


def a_targets_order_crosses_zero_only_where_flips_are_allowed(played: Played) -> Iterator[str]:
    case = played.case
    others = case.stop_kind != EXIT_NONE or case.take_kind != EXIT_NONE or any(row.requests for row in case.rows)
    if others:  # two orders that close may both fill
        return
    for e, before, after in played.moves:
        small = ROUND_OFF * played.moved[e.instrument]
        crosses = before * after < 0 and min(abs(before), abs(after)) > small
        if crosses and not case.instruments[e.instrument].can_flip and not played.splits_of(e.instrument):
            yield f"order {e.order_id} turns {before!r} into {after!r}"


def a_purchase_in_a_cash_account_is_paid_with_its_cash(played: Played) -> Iterator[str]:
    """Cash is set aside at the taker's fee (rules 7, 12, 15): a maker's fee above it is all that may be missing."""
    if played.case.margin_account:
        return
    cash = played.case.initial_cash
    for e in played.events:
        cash += e.cash
        if e.kind == EventKind.FILLED and e.side > 0 and cash < -ROUND_OFF * played.turnover:
            yield f"order {e.order_id} leaves cash of {cash!r}"


CHECKS = (
    quantities_are_on_the_step,
    no_order_fills_more_than_was_ordered,
    what_is_cancelled_and_what_is_filled_make_the_order,
    partners_share_one_quantity,
    legs_fill_no_more_than_their_parent,
    fills_leave_the_others_their_share_of_the_bar,
    reduce_only_orders_open_nothing,
    nobody_is_short_where_that_is_not_allowed,
    a_targets_order_crosses_zero_only_where_flips_are_allowed,
    a_purchase_in_a_cash_account_is_paid_with_its_cash,
)
