"""What the venue does next: a binary heap of live orders by (time, instrument, order id) (rule 14)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled
from keel.domain.orders import OrderStatus

ARRIVAL = 0
"""The order reaches the venue."""
LOOK = 1
"""The order meets the market: at its arrival, at the opening of a bar, when it becomes active."""
REACH = 2
"""The market comes to the price that the order waits for."""
AMEND = 3
"""The amend of the order reaches the venue."""
CANCEL = 4
"""The cancel of the order reaches the venue."""
EXPIRE = 5
"""The order's own time is over."""

_NEVER = 9223372036854775807


@compiled
def schedule_nb(order, trades, first_look_ts_ms, row, row_close_ts_ms):
    """Set the order's next venue event before the row's close and say whether there is one.

    `trades` says whether it meets the market in the row, from `first_look_ts_ms` on. At the same time the market goes
    before what we ask for, as the kinds above are numbered.
    """
    order.next_ts_ms = _NEVER
    if order.status == OrderStatus.IN_FLIGHT:
        order.next_kind = ARRIVAL
        # A leg has no way of its own: its parent brings it along.
        if order.parent_id == -1:
            order.next_ts_ms = order.arrival_ts_ms
        return order.next_ts_ms < row_close_ts_ms
    if order.status == OrderStatus.WORKING and trades:
        if order.look_row < row:
            active = order.active_ts_ms
            _earlier_nb(order, LOOK, first_look_ts_ms if first_look_ts_ms > active else active)
        elif order.reach_ts_ms >= 0:
            _earlier_nb(order, REACH, order.reach_ts_ms)
    if order.status == OrderStatus.WORKING or order.status == OrderStatus.HELD:
        if order.amend_ts_ms >= 0:
            _earlier_nb(order, AMEND, order.amend_ts_ms)
        if order.cancel_requested:
            _earlier_nb(order, CANCEL, order.cancel_ts_ms)
        if order.expire_ts_ms >= 0:
            arrival = order.arrival_ts_ms
            _earlier_nb(order, EXPIRE, arrival if arrival > order.expire_ts_ms else order.expire_ts_ms)
    return order.next_ts_ms < row_close_ts_ms


@compiled
def _earlier_nb(order, kind, ts_ms):
    if ts_ms < order.next_ts_ms:
        order.next_kind = kind
        order.next_ts_ms = ts_ms


@compiled
def _before_nb(orders, a, b):
    x, y = orders[a], orders[b]
    if x.next_ts_ms != y.next_ts_ms:
        return x.next_ts_ms < y.next_ts_ms
    if x.instrument != y.instrument:
        return x.instrument < y.instrument
    return x.id < y.id


@compiled
def comes_first_nb(run, orders, position):
    """Say whether the order at `position`, which is not in the heap, comes before all that are."""
    return run.n_queued == 0 or not _before_nb(orders, orders[0].queue, position)


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
