"""Stop-losses and take-profits that come with an order: rule 24 of docs/execution.md, its last part."""

from __future__ import annotations

from keel.domain.layout import EXIT_FRACTION, EXIT_NONE
from keel.domain.orders import OrderType

from .case import Request
from .reference_books import limit_on_grid, trigger_on_grid
from .reference_state import Market, Order, State


def exit_legs(state: State, parent: Order) -> list[Order]:
    """Return the legs that the configuration gives a target's order, if the instrument does not have them already."""
    case, i, s = state.case, parent.instrument, parent.side
    if any(o.covers and o.side == -s and o.cancel_ts_ms is None for o in state.live_orders(i)):
        return []
    market, tick = state.markets[i], case.instruments[i].tick
    legs = []
    distance = _distance(case.stop_kind, case.stop_distance, market)
    if distance > 0 and case.stop_trails:
        stop = Order(i, -s, type=OrderType.TRAILING_STOP, reduce_only=True, covers=True)
        if case.stop_kind == EXIT_FRACTION:
            stop.trail_rate = case.stop_distance
        else:
            stop.trail = distance
        legs.append(stop)
    elif distance > 0 and (trigger := market.mark - s * distance) > 0:
        trigger = trigger_on_grid(trigger, -s, tick)
        legs.append(Order(i, -s, type=OrderType.STOP, trigger_price=trigger, reduce_only=True, covers=True))
    distance = _distance(case.take_kind, case.take_distance, market)
    if distance > 0 and (limit := market.mark + s * distance) > 0:
        limit = limit_on_grid(limit, -s, tick)
        legs.append(Order(i, -s, type=OrderType.LIMIT, limit_price=limit, reduce_only=True, covers=True))
    return legs


def _distance(kind: int, size: float, market: Market) -> float:
    if kind == EXIT_NONE:
        return 0.0
    return size * (market.mark if kind == EXIT_FRACTION else market.average_true_range)


def requested_legs(state: State, request: Request) -> list[Order]:
    """Return the legs that a strategy asks for with its order (rule 24)."""
    i, side = request.instrument, -request.side
    tick = state.case.instruments[i].tick
    legs = []
    if request.stop_loss > 0:
        trigger = trigger_on_grid(request.stop_loss, side, tick)
        legs.append(Order(i, side, type=OrderType.STOP, trigger_price=trigger, reduce_only=True, tag=request.tag + 1))
    elif request.stop_trail > 0 or request.stop_trail_rate > 0:
        stop = Order(i, side, type=OrderType.TRAILING_STOP, reduce_only=True, tag=request.tag + 1)
        stop.trail, stop.trail_rate = request.stop_trail, request.stop_trail_rate
        legs.append(stop)
    if request.take_profit > 0:
        limit = limit_on_grid(request.take_profit, side, tick)
        legs.append(Order(i, side, type=OrderType.LIMIT, limit_price=limit, reduce_only=True, tag=request.tag + 2))
    return legs
