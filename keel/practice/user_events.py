"""Messages of the user stream.

Source: https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from keel.practice.amounts import ZERO, text
from keel.practice.ledger import Ledger
from keel.practice.orders import Order, Trade

Message = dict[str, Any]


def execution_report(
    order: Order,
    kind: str,
    execution_id: int,
    ts_ms: int,
    told_ms: int,
    reason: str = "NONE",
    trade: Trade | None = None,
) -> Message:
    """Return the report of what happened to an order; `kind` is its execution type, such as TRADE."""
    quantity, price, quote = (ZERO,) * 3 if trade is None else (trade.quantity, trade.price, trade.quote)
    named = order.cancel_client_id if kind == "CANCELED" and order.cancel_client_id else None
    report: Message = {
        "e": "executionReport",
        "E": told_ms,
        "s": order.symbol,
        "c": named or order.client_id,
        "S": order.side,
        "o": order.kind,
        "f": order.time_in_force,
        "q": text(order.quantity),
        "p": text(order.price),
        "P": text(order.stop_price),
        "F": text(ZERO),
        "g": order.list_id,
        "C": order.client_id if named else "",
        "x": kind,
        "X": order.status,
        "r": reason,
        "i": order.order_id,
        "l": text(quantity),
        "z": text(order.executed),
        "L": text(price),
        "n": "0" if trade is None else text(trade.fee),
        "N": None if trade is None else trade.fee_asset,
        "T": ts_ms,
        "t": -1 if trade is None else trade.trade_id,
        "I": execution_id,
        "w": order.is_open and order.is_working,
        "m": trade is not None and trade.is_maker,
        "M": False,
        "O": order.time_ms,
        "Z": text(order.quote),
        "Y": text(quote),
        "Q": text(order.quote_quantity),
        "V": "NONE",
    }
    return report | _extras(order)


def _extras(order: Order) -> Message:
    extras: Message = {}
    if order.working_ms >= 0:
        extras["W"] = order.working_ms
    if order.trailing_bips is not None:
        extras |= {"d": order.trailing_bips, "D": order.time_ms}
    return extras


def account_position(ledger: Ledger, assets: tuple[str, ...], ts_ms: int, told_ms: int) -> Message:
    """Return the balances that an event may have changed."""
    return {"e": "outboundAccountPosition", "E": told_ms, "u": ts_ms, "B": ledger.as_event(assets)}


def balance_update(asset: str, change: Decimal, ts_ms: int) -> Message:
    """Return a deposit or withdrawal."""
    return {"e": "balanceUpdate", "E": ts_ms, "a": asset, "d": text(change), "T": ts_ms}


def list_status(list_id: int, name: str, members: Sequence[Order], *, done: bool, ts_ms: int, told_ms: int) -> Message:
    """Return how a one-cancels-other pair stands."""
    return {
        "e": "listStatus",
        "E": told_ms,
        "s": members[0].symbol,
        "g": list_id,
        "c": "OCO",
        "l": "ALL_DONE" if done else "EXEC_STARTED",
        "L": "ALL_DONE" if done else "EXECUTING",
        "r": "NONE",
        "C": name,
        "T": ts_ms,
        "O": [{"s": one.symbol, "i": one.order_id, "c": one.client_id} for one in members],
    }


def stream_terminated(ts_ms: int) -> Message:
    """Return the end of a subscription."""
    return {"e": "eventStreamTerminated", "E": ts_ms}
