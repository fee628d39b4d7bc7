"""What the venue does next: a binary heap of live orders by (time, instrument, order id) (rule 14)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled
from keel.domain.orders import OrderStatus

ARRIVAL = 0
"""The order reaches the venue."""
MATCH = 1
"""What is left of the order meets the market."""
CANCEL = 2
"""The cancel of the order reaches the venue."""


@compiled
def schedule_nb(order, has_bar, open_ts_ms, row, row_close_ts_ms):
    """Set the order's next venue event before the row's close and say whether there is one."""
    if order.status == OrderStatus.IN_FLIGHT:
        order.next_kind = ARRIVAL
        order.next_ts_ms = order.arrival_ts_ms
        return order.next_ts_ms < row_close_ts_ms
    if order.status != OrderStatus.WORKING:
        return False
    found = False
    if has_bar and order.matched_row < row:
        order.next_kind = MATCH
        order.next_ts_ms = open_ts_ms if open_ts_ms > order.arrival_ts_ms else order.arrival_ts_ms
        found = True
    if order.cancel_requested and order.cancel_ts_ms < row_close_ts_ms:
        if not found or order.cancel_ts_ms < order.next_ts_ms:
            order.next_kind = CANCEL
            order.next_ts_ms = order.cancel_ts_ms
        found = True
    return found


@compiled
def _before_nb(orders, a, b):
    x, y = orders[a], orders[b]
    if x.next_ts_ms != y.next_ts_ms:
        return x.next_ts_ms < y.next_ts_ms
    if x.instrument != y.instrument:
        return x.instrument < y.instrument
    return x.id < y.id


@compiled
def push_nb(run, orders, position):
    """Put the order at `position` into the heap, which lives in the orders' `queue` fields."""
    at = run.n_queued
    run.n_queued += 1
    while at > 0:
        parent = (at - 1) // 2
        if not _before_nb(orders, position, orders[parent].queue):
            break
        orders[at].queue = orders[parent].queue
        at = parent
    orders[at].queue = position


@compiled
def pop_nb(run, orders):
    """Take the position of the order with the earliest event out of the heap."""
    first = orders[0].queue
    run.n_queued -= 1
    n = run.n_queued
    position = orders[n].queue
    at = 0
    while 2 * at + 1 < n:
        child = 2 * at + 1
        if child + 1 < n and _before_nb(orders, orders[child + 1].queue, orders[child].queue):
            child += 1
        if not _before_nb(orders, orders[child].queue, position):
            break
        orders[at].queue = orders[child].queue
        at = child
    orders[at].queue = position
    return first
