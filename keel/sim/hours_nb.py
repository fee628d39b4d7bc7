"""When an order may trade in a market that closes: auctions and extended hours (docs/execution.md, rule 29)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled
from keel.domain.layout import (
    BAR_CLOSES_SESSION,
    BAR_ENDS_DAY,
    BAR_EXTENDED,
    BAR_PRESENT,
    BAR_UNTIL_SHIFT,
    MOST_UNTIL_MINUTES,
)
from keel.domain.orders import OrderType, TimeInForce

_MS_PER_MINUTE = 60000


@compiled
def is_for_auction_nb(order):
    """Say whether an order, or a request, is for an auction and for nothing else."""
    return order.time_in_force >= TimeInForce.AT_OPEN


@compiled
def is_outside_hours_nb(bar):
    """Say whether the bar's row closes outside of the regular session, and not just as it opens or closes."""
    return bar.flags & BAR_EXTENDED != 0 and bar.flags >> BAR_UNTIL_SHIFT > 0


@compiled
def trades_outside_hours_nb(order, bar):
    """Say whether an order, or a request, decided at the close of the bar's row is to trade outside of the session."""
    if order.type != OrderType.LIMIT or order.time_in_force != TimeInForce.DAY:
        return False
    return is_outside_hours_nb(bar)


@compiled
def trades_in_nb(slot, order, bar):
    """Say whether the order meets the market in the bar of its instrument, if there is one."""
    if not bar.flags & BAR_PRESENT:
        return False
    if order.time_in_force == TimeInForce.AT_OPEN:
        return slot.opens_session != 0
    if order.time_in_force == TimeInForce.AT_CLOSE:
        return bar.flags & BAR_CLOSES_SESSION != 0
    return order.extended_hours != 0 or not bar.flags & BAR_EXTENDED


@compiled
def first_look_ts_nb(order, bar, row_close_ts_ms):
    """Return the earliest moment at which the order meets the market in the bar."""
    return row_close_ts_ms - 1 if order.time_in_force == TimeInForce.AT_CLOSE else bar.open_ts_ms


@compiled
def is_late_nb(slot, order, bar, row_close_ts_ms):
    """Say whether the order arrives too late for the auction it is for."""
    until = bar.flags >> BAR_UNTIL_SHIFT
    boundary_ms = row_close_ts_ms + until * _MS_PER_MINUTE
    far = until == MOST_UNTIL_MINUTES
    if order.time_in_force == TimeInForce.AT_CLOSE:
        in_session = not bar.flags & BAR_EXTENDED and not far
        return in_session and order.arrival_ts_ms > boundary_ms - slot.close_cutoff_ms
    if bar.flags & BAR_EXTENDED:
        return not far and order.arrival_ts_ms > boundary_ms - slot.open_cutoff_ms
    if bar.flags & BAR_PRESENT and slot.opens_session:
        return order.arrival_ts_ms > bar.open_ts_ms - slot.open_cutoff_ms
    return slot.session_day == bar.day + 1


@compiled
def ends_with_row_nb(order, bar):
    """Say whether the row's close ends the order's time: its session's, its day's, or that of its auction."""
    closes = bar.flags & BAR_CLOSES_SESSION != 0
    if is_for_auction_nb(order):
        return closes
    if order.time_in_force != TimeInForce.DAY:
        return False
    ends_day = bar.flags & BAR_ENDS_DAY != 0
    if order.extended_hours:
        return ends_day
    return closes or (ends_day and not bar.flags & BAR_EXTENDED)
