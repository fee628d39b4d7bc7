"""At what prices orders may fill: on the tick, within the limit, and only where the bar goes (rules 8, 9 and 10)."""

from __future__ import annotations

from collections.abc import Iterator

from parity.case import Bar
from parity.reference_state import Event

from keel.domain.orders import EventKind, OrderType, PriceModel

from .market import still_to_come
from .played import Played, Story, in_force


def prices_are_on_the_tick(played: Played) -> Iterator[str]:
    for e in played.fills:
        tick = played.case.instruments[e.instrument].tick
        if tick.mantissa:
            n = round(e.price * tick.scale / tick.mantissa)
            if n < 1 or e.price != n * tick.mantissa / tick.scale:
                yield f"order {e.order_id} fills at {e.price!r}, off the tick"


def no_order_fills_beyond_its_limit(played: Played) -> Iterator[str]:
    for n, story in played.stories.items():
        for e, limit, _ in in_force(story):
            if e.kind == EventKind.FILLED and limit > 0 and e.side * (e.price - limit) > 0:
                yield f"order {n} fills at {e.price!r}, beyond its limit {limit!r}"
            if e.kind == EventKind.FILLED and e.maker and e.price != limit:
                yield f"order {n} rests at {limit!r} and fills at {e.price!r}"


def a_reference_price_lies_in_its_bar(played: Played) -> Iterator[str]:
    for e in played.orders_fills:
        bar = played.case.rows[e.row].bars[e.instrument]
        if bar is not None and not e.maker and not bar.low <= e.reference_price <= bar.high:
            yield f"order {e.order_id}: reference price {e.reference_price!r} outside {bar.low!r} to {bar.high!r}"


def a_resting_order_fills_only_where_the_rest_of_the_bar_goes(played: Played) -> Iterator[str]:
    """The bar has to go through the limit (or touch it) after the order could first act in it, not before."""
    if played.case.price_model == PriceModel.REFERENCE:  # there finer bars decide
        return
    for n, story in played.stories.items():
        for e, limit, _ in in_force(story):
            bar = played.case.rows[e.row].bars[e.instrument]
            if e.kind == EventKind.FILLED and e.maker and bar is not None:
                start = max(bar.open_ts_ms, _active_from(played, story))
                prices, level = still_to_come(bar, start), _level(played, e, limit)
                small = 1e-9 * bar.high
                reached = min(prices) <= level + small if e.side > 0 else max(prices) >= level - small
                if not reached:
                    yield f"order {n} fills at its limit {limit!r}, where the bar does not go after {start}"


def _level(played: Played, e: Event, limit: float) -> float:
    tick = played.case.instruments[e.instrument].tick
    through = 0.0 if played.case.limit_touch else tick.mantissa / tick.scale
    return limit - e.side * through


def _active_from(played: Played, story: Story) -> int:
    """Return when an order could first rest at its limit: its arrival, its trigger, or its parent's first fill."""
    begun = story.first(EventKind.TRIGGERED) or story.first(EventKind.ACCEPTED)
    if story.asked.parent is not None:
        begun = played.stories[story.asked.parent].first(EventKind.FILLED)
    return begun.ts_ms if begun is not None else story.sent.ts_ms


def a_trigger_is_met_by_the_price(played: Played) -> Iterator[str]:
    if played.case.price_model == PriceModel.REFERENCE:  # there finer bars decide
        return
    for n, story in played.stories.items():
        for e, _, trigger in in_force(story):
            bar = played.case.rows[e.row].bars[e.instrument]
            if e.kind == EventKind.TRIGGERED and trigger > 0 and bar is not None:
                yield from _trigger_faults(played, n, story, e, trigger, bar)


def _trigger_faults(played: Played, n: int, story: Story, e: Event, trigger: float, bar: Bar) -> Iterator[str]:
    stop, small = story.sent.type != OrderType.TAKE_PROFIT, 1e-9 * bar.high
    up = (e.side > 0) == stop
    if (bar.high < trigger - small) if up else (bar.low > trigger + small):
        yield f"order {n} is triggered at {trigger!r}, outside {bar.low!r} to {bar.high!r}"
    passed = e.price >= trigger - small if up else e.price <= trigger + small
    if not passed and (stop or played.case.price_model != PriceModel.WORST):
        yield f"order {n} is triggered with {e.price!r}, which has not passed {trigger!r}"


CHECKS = (
    prices_are_on_the_tick,
    no_order_fills_beyond_its_limit,
    a_reference_price_lies_in_its_bar,
    a_resting_order_fills_only_where_the_rest_of_the_bar_goes,
    a_trigger_is_met_by_the_price,
)
