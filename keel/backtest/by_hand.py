"""What was traded beside a run's decisions, by hand or by its kill switch, played again: no strategy asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from keel.backtest.drift import Filled
from keel.domain.orders import EventKind
from keel.sim.exchange import Exchange
from keel.sim.local import LocalDesk, event_of

_OF_NOBODY: Final = 1 << 62
"""Number of an order that no desk has: what it trades is booked at once."""


@dataclass(frozen=True)
class HandTrade:
    """Hold what one order that no decision led to has traded in a row.

    Without `tells_fee` its exchange tells of no fee with a trade: what the config says is taken.
    """

    number: int
    instrument: int
    traded: Filled
    tells_fee: bool = True


def trade_again(exchange: Exchange, trade: HandTrade) -> Filled:
    """Book a trade as it was, between two rows; return it with the fee it has here."""
    return _book(exchange, trade, trade.traded.side, trade.traded.qty)


def close_again(desk: LocalDesk, exchange: Exchange, trade: HandTrade, close_ts_ms: int) -> None:
    """Close what is held here at a trade's price, and cancel what is open: whoever flattens closes what there is."""
    for order in desk.live_orders():
        if order["instrument"] == trade.instrument:
            exchange.cancel(int(order["id"]), close_ts_ms)
    side, place = trade.traded.side, trade.instrument
    qty = exchange.closable(place)
    if qty * side >= 0.0:
        return
    booked = _book(exchange, trade, side, Decimal(abs(qty)))
    event = event_of(EventKind.FILLED, instrument=place, order_id=_OF_NOBODY, ts_ms=close_ts_ms, known_ms=close_ts_ms)
    event["side"], event["qty"], event["price"] = side, float(booked.qty), float(booked.price)
    event["fee"], event["fee_qty"] = float(booked.fee + booked.fee_qty * booked.price), float(booked.fee_qty)
    event["cash"] = -side * float(booked.value) - float(booked.fee)
    desk.hear(event)


def _book(exchange: Exchange, trade: HandTrade, side: int, qty: Decimal) -> Filled:
    price, place, booked = trade.traded.price, trade.instrument, Filled()
    fee, fee_qty = (amount * qty / trade.traded.qty for amount in (trade.traded.fee, trade.traded.fee_qty))
    if not trade.tells_fee:
        fee = Decimal(exchange.fee_of(place, side, float(qty), float(price)))
    exchange.book(place, side, float(qty), float(price), float(fee), float(fee_qty))
    booked.add(side, qty, price, fee, fee_qty)
    return booked
