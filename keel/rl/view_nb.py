"""What an agent sees at a close: a window of features, then its account as known locally (rule 5)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled, spliced
from keel.domain.layout import LOCAL
from keel.features.account_nb import write_instrument_nb, write_portfolio_nb


@spliced
def show_nb(features, task, run, slots, orders, held, shown):
    """Write one environment's observation, float32 (D,), as `keel.features.observation_layout` lays it out."""
    width = features.shape[1]
    at = 0
    for row in range(run.row - task.window, run.row):
        for j in range(width):
            shown[at + j] = features[row, j]
        at += width
    equity = run.equity[LOCAL]
    for i in range(len(slots)):
        slot = slots[i]
        write_instrument_nb(
            shown,
            at,
            task.places,
            equity,
            slot.qty[LOCAL],
            slot.avg_price[LOCAL],
            slot.mark,
            slot.rate,
            _live_qty_nb(slot, orders),
            abs(held[i]),
        )
        at += task.stride
    write_portfolio_nb(shown, task.drawdown_place, equity, run.peak_equity)


@compiled
def count_held_nb(slots, held):
    """Count one more bar of each position on the same side as before, the first of another; negative for short ones."""
    for i in range(len(slots)):
        qty = slots[i].qty[LOCAL]
        if qty > 0.0:
            held[i] = held[i] + 1 if held[i] > 0 else 1
        elif qty < 0.0:
            held[i] = held[i] - 1 if held[i] < 0 else -1
        else:
            held[i] = 0


@compiled
def _live_qty_nb(slot, orders):
    """Return what live orders would add to the position, as known locally, base units."""
    qty = 0.0
    at = slot.first_order
    while at > 0:
        order = orders[at - 1]
        at = order.next_order
        if not order.local_final and not order.reduce_only:
            qty = qty + order.side * (order.qty - order.local_filled_qty)
    return qty
