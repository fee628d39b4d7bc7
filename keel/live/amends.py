"""Changed terms of an order: the old one is cancelled and another takes its place, under a name of its own (rule 23).

To the desk it stays one order: what was filled before counts, and trades of any of its names are its own.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np

from keel.domain.venue_messages import OrderRef, OrderTicket
from keel.journal.entries import AmendIntent
from keel.live.kept import KeptOrder
from keel.live.orders import TrackedOrder
from keel.live.tickets import exact


def with_changes(ticket: OrderTicket, record: np.void) -> OrderTicket:
    """Return a ticket on the terms that an ORDER record asks for; what it leaves at 0 stays, and no quantity grows."""
    return replace(
        ticket,
        qty=min(_asked(record["amend_qty"]) or ticket.qty, ticket.qty),
        limit_price=_asked(record["amend_limit_price"]) or ticket.limit_price,
        trigger_price=_asked(record["amend_trigger_price"]) or ticket.trigger_price,
    )


def intent_of(kept: KeptOrder, name: str, record: np.void) -> AmendIntent:
    """Return what is written down before the change is begun; `name` is that of the order at the venue, if any."""
    qty, limit, trigger = (_asked(record[f"amend_{what}"]) for what in ("qty", "limit_price", "trigger_price"))
    ref = OrderRef(kept.ticket.symbol, name or kept.ticket.client_order_id)
    return AmendIntent(ref, qty, limit, trigger, f"order {kept.order_id} is replaced")


def take_over(order: TrackedOrder) -> KeptOrder:
    """Keep an order that stands at the venue from now on: it becomes the first part of what is kept."""
    order.part = order.whole = True
    return KeptOrder(
        order_id=order.order_id,
        instrument=order.instrument,
        ticket=replace(order.ticket, record=None),
        filled=order.filled,
        placed=order.name,
        placed_ms=order.sent_ms,
        told=order.accepted,
        ends_ms=order.ends_ms,
        ends_then_for=order.ends_for,
    )


def _asked(value: float) -> Decimal | None:
    return exact(value) if value > 0.0 else None
