"""From target weight to the order it needs (docs/execution.md, rules 6 and 7). Reads the local book only."""

from __future__ import annotations

import math

from keel.domain.compile_nb import compiled
from keel.domain.grid_nb import grid_floor_nb
from keel.domain.layout import BAR_PRESENT, LOCAL

NOTHING = 0
"""There is nothing to send for this instrument now."""
CANCEL_LIVE = 1
"""Live orders stand in the way: request their cancel."""
SEND = 2
"""An order is needed."""
DENY_SHORT = 3
"""The target is short and the instrument cannot be."""

PURSUED = 1
"""The target is pursued: orders are sent until it is reached or given up."""
SUSPENDED = 2
"""The target waits until the risk guard is ACTIVE again."""

_EXCESS = 1.0 + 1e-9


@compiled
def take_targets_nb(run, slots, bars, weights):
    """Turn each new target weight of instruments that have a bar into the quantity to pursue."""
    capital = run.equity[LOCAL]
    capital = (capital if capital > 0.0 else 0.0) * run.allocation
    for i in range(len(slots)):
        slot = slots[i]
        if is_new_target_nb(run, slot, bars[i], weights[i]):
            slot.last_weight = weights[i]
            slot.target_qty = weights[i] * capital / slot.value
            slot.pursue = PURSUED


@compiled
def is_new_target_nb(run, slot, bar, weight):
    """Say whether a weight is given for an instrument that has a bar, and is another than the last one given."""
    if math.isnan(weight) or not bar.flags & BAR_PRESENT:
        return False
    return run.every_bar or weight != slot.last_weight


@compiled
def size_order_nb(slot):
    """Return what a pursued target needs, and write the order into the slot's scratch fields.

    `side` and `want` are the whole need, on the grid; `closing` is the part that brings the position towards zero,
    `opening` the rest (base units); `wait` says that this order does not reach the target, which stays pursued.
    """
    held = slot.qty[LOCAL]
    live = slot.live_qty
    distance = slot.target_qty - held
    if slot.cancelling:
        return NOTHING
    if slot.n_live > 0 and (live * distance < 0.0 or abs(live) > abs(distance) * _EXCESS):
        return CANCEL_LIVE
    need = distance - live
    slot.side = 1.0 if need > 0.0 else -1.0
    slot.want = grid_floor_nb(abs(need), slot.step_mantissa, slot.step_scale)
    if slot.want == 0.0:
        slot.pursue = 0
        return NOTHING
    return _split_target_nb(slot)


@compiled
def _split_target_nb(slot):
    split_need_nb(slot)
    slot.wait = 0
    if slot.opening > 0.0 and slot.side < 0.0 and not slot.shortable:
        if slot.qty[LOCAL] <= 0.0 and slot.n_live == 0:
            return DENY_SHORT
        slot.opening, slot.wait = 0.0, 1
    elif slot.opening > 0.0 and slot.qty[LOCAL] * slot.side < 0.0 and not slot.can_flip:
        slot.opening, slot.wait = 0.0, 1
    return NOTHING if slot.closing + slot.opening == 0.0 else SEND


@compiled
def split_need_nb(slot):
    """Split the slot's `want` into what closes the local position, beside live orders that do so, and what opens."""
    held = slot.qty[LOCAL]
    room = 0.0
    if held * slot.side < 0.0:
        room = abs(held) - abs(slot.live_qty) if slot.live_qty * slot.side > 0.0 else abs(held)
    room = room if room > 0.0 else 0.0
    slot.closing = slot.want if slot.want < room else room
    slot.opening = slot.want - slot.closing
