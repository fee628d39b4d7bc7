"""What is sent of the desk's orders, and what neither the venue nor we can keep."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

from keel.domain.layout import ORDER
from keel.domain.orders import EventKind, OrderType, Reason, TimeInForce
from keel.domain.venue_messages import OrderReport, OrderState, VenueStatus
from keel.live.orders import OrderTracker, TrackedOrder
from keel.live.tickets import NotTakenError, ticket_of


def record(kind: OrderType, life: TimeInForce, **fields: float) -> np.void:
    order = np.zeros(1, ORDER)[0]
    order["type"], order["time_in_force"], order["side"], order["qty"] = kind, life, 1, 2.0
    for name, value in fields.items():
        order[name] = value
    return order


def taken(order: np.void, *, kept: bool = True):
    venue = SimpleNamespace(name="venue", holds=lambda symbol, kind, life: kept)
    return ticket_of(order, "AAPL", 1, "00000", venue)


def test_order_for_an_auction_is_sent_as_one_or_not_at_all():
    order = record(OrderType.MARKET, TimeInForce.AT_OPEN)
    assert taken(order).time_in_force is TimeInForce.AT_OPEN
    with pytest.raises(NotTakenError, match="AAPL: venue has no MARKET with AT_OPEN"):
        taken(order, kept=False)


def test_ticket_tells_that_an_order_is_for_extended_hours():
    day = record(OrderType.LIMIT, TimeInForce.DAY, limit_price=9.0)
    assert not taken(day).extended_hours
    day["extended_hours"] = 1
    assert taken(day).extended_hours


@pytest.mark.parametrize("end", [VenueStatus.CANCELED, VenueStatus.EXPIRED])
def test_what_an_auction_leaves_expires_whatever_the_venue_calls_it(end):
    event = ended(end, cancel_asked_ms=None)
    assert (event["kind"], event["reason"]) == (EventKind.EXPIRED, Reason.AUCTION_OVER)


def test_order_for_an_auction_that_we_have_cancelled_is_cancelled():
    event = ended(VenueStatus.CANCELED, cancel_asked_ms=4)
    assert (event["kind"], event["reason"]) == (EventKind.CANCELED, Reason.CLIENT_REQUEST)


def ended(end: VenueStatus, cancel_asked_ms: int | None) -> np.void:
    """Return what is heard of the end of an order for the close."""
    tracker, ticket = OrderTracker({}, {}), taken(record(OrderType.MARKET, TimeInForce.AT_CLOSE))
    order = TrackedOrder(ticket, 1, 0, 0, cancel_asked_ms=cancel_asked_ms)
    tracker.add(order)
    terms = (ticket.side, ticket.type, end, ticket.qty, Decimal(0), None, None, 5)
    state = OrderState("AAPL", ticket.client_order_id, "7", *terms)
    return tracker.note(order, OrderReport(state, 5), 5)[-1][0]
