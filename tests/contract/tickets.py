"""Orders to place at any venue of the contract, each under a name of its own."""

from __future__ import annotations

from decimal import Decimal
from itertools import count

from rig import SYMBOL

from keel.domain.ids import ClientOrderId, DrawKey
from keel.domain.instrument import InstrumentId
from keel.domain.orders import OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import OrderRef, OrderTicket

BUY = OrderSide.BUY
_NUMBERS = count()


def ticket(
    kind: OrderType = OrderType.MARKET, side: OrderSide = BUY, qty="1", life=TimeInForce.GTC, **prices
) -> OrderTicket:
    name = ClientOrderId(
        "00000", DrawKey(InstrumentId("synthetic", SYMBOL).stable_hash, 1_700_000_000_000, 0), next(_NUMBERS)
    )
    return OrderTicket(
        client_order_id=str(name),
        symbol=SYMBOL,
        side=side,
        type=kind,
        time_in_force=life,
        qty=Decimal(qty),
        decided_ts_ms=1_700_000_000_000,
        **{key: Decimal(str(value)) for key, value in prices.items()},
    )


def ref(of: OrderTicket) -> OrderRef:
    return OrderRef(SYMBOL, of.client_order_id)


def limit(price="80", side: OrderSide = BUY, **more) -> OrderTicket:
    return ticket(OrderType.LIMIT, side, limit_price=price, **more)
