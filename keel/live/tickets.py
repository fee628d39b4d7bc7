"""From the desk's ORDER records to what is sent, in a venue's terms."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import numpy as np

from keel.domain.ids import ClientOrderId, DrawKey
from keel.domain.orders import AUCTIONS, OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import OrderTicket
from keel.venues.base import Venue

_AT_MARKET: Final = (OrderType.MARKET, OrderType.STOP, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP)
"""Types that trade at market, whatever the book lacks of them: a lifetime of one try says nothing more."""


class NotTakenError(ValueError):
    """Report an order that neither the venue nor we can keep: nothing is sent."""


def exact(value: float) -> Decimal:
    """Return a number on a grid as the decimal it stands for: the shortest that reads back as the same float."""
    return Decimal(repr(float(value)))


def ticket_of(order: np.void, symbol: str, instrument_hash: int, journal_tag: str, venue: Venue) -> OrderTicket:
    """Return the ticket of an order of our desk; what the venue does not keep, the live room keeps for it.

    DAY and GTD become GTC where the venue lacks them. Raises NotTakenError for one try of an order that rests, or a
    whole-or-not-at-all order, or one for an auction, where the venue has none such: nobody but the venue could see to
    that.
    """
    kind, lifetime = OrderType(int(order["type"])), TimeInForce(int(order["time_in_force"]))
    key = DrawKey(instrument_hash, int(order["birth_ts_ms"]), int(order["seq"]))
    kept = venue.holds(symbol, kind, lifetime)
    one_try = lifetime is TimeInForce.IOC and kind not in _AT_MARKET
    if not kept and (one_try or lifetime is TimeInForce.FOK or lifetime in AUCTIONS):
        raise NotTakenError(f"{symbol}: {venue.name} has no {kind.name} with {lifetime.name}")
    return OrderTicket(
        client_order_id=str(ClientOrderId(journal_tag, key, int(order["id"]))),
        symbol=symbol,
        side=OrderSide(int(order["side"])),
        type=kind,
        time_in_force=lifetime if kept else TimeInForce.GTC,
        qty=exact(order["qty"]),
        decided_ts_ms=int(order["submit_ts_ms"]),
        limit_price=_price(order["limit_price"]),
        trigger_price=_price(order["trigger_price"]),
        trail=_price(order["trail"]),
        trail_rate=_price(order["trail_rate"]),
        expire_ts_ms=int(order["expire_ts_ms"]) if lifetime is TimeInForce.GTD else None,
        reduce_only=bool(order["reduce_only"]),
        extended_hours=bool(order["extended_hours"]),
        record=order.copy(),
    )


def _price(value: float) -> Decimal | None:
    return exact(value) if value > 0.0 else None
