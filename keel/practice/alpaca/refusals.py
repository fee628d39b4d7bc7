"""What the venue says when it says no: Alpaca's statuses, codes and words.

Sources: https://docs.alpaca.markets/docs/working-with-orders, https://docs.alpaca.markets/docs/orders-at-alpaca,
https://alpaca.markets/learn/how-to-fix-common-trading-api-errors-at-alpaca. Only status and code are promised there;
the words are those that users report, such as https://github.com/alpacahq/alpaca-py/issues/225.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from keel.practice.alpaca.spelling import amount


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of ours
    """Carry a refusal to the wire: HTTP status, code, words, and what else the answer says."""

    def __init__(self, status: int, code: int | None, message: str, more: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message, self.more = status, code, message, dict(more or {})

    @property
    def body(self) -> dict[str, Any]:
        """Return what stands in the answer."""
        code = {} if self.code is None else {"code": self.code}
        return {**self.more, **code, "message": self.message}


def malformed(message: str) -> Refusal:
    """Refuse a request that cannot be meant."""
    return Refusal(422, 42210000, message)


def invalid(message: str) -> Refusal:
    """Refuse a value that cannot be read."""
    return Refusal(422, 40010001, message)


def forbidden(message: str, more: Mapping[str, Any] | None = None) -> Refusal:
    """Refuse what the account may not do, or cannot pay."""
    return Refusal(403, 40310000, message, more)


def not_found(message: str) -> Refusal:
    """Say that there is no such thing."""
    return Refusal(404, 40410000, message)


def unauthorized() -> Refusal:
    """Refuse a key that is not known."""
    return Refusal(401, 40110000, "request is not authorized")


def too_many() -> Refusal:
    """Refuse a request above the limit."""
    return Refusal(429, 42910000, "rate limit exceeded")


def not_enough_power(available: Decimal, needed: Decimal) -> Refusal:
    """Refuse an order that the buying power does not cover."""
    told = {"buying_power": amount(available), "cost_basis": amount(needed)}
    return forbidden("insufficient buying power", told)


def not_enough_units(symbol: str, wanted: Decimal, held: Decimal, bound: Decimal, orders: list[str]) -> Refusal:
    """Refuse an order for more than is left of a position: none crosses zero."""
    left = amount(held - bound)
    told = {
        "available": left,
        "existing_qty": amount(held),
        "held_for_orders": amount(bound),
        "related_orders": orders,
        "symbol": symbol,
    }
    return forbidden(f"insufficient qty available for order (requested: {amount(wanted)}, available: {left})", told)


def wash_trade(order_id: str, *, limit: bool) -> Refusal:
    """Refuse an order that could trade with one's own."""
    reason = "opposite side limit order exists" if limit else "opposite side market/stop order exists"
    told = {"existing_order_id": order_id, "reject_reason": reason}
    return forbidden("potential wash trade detected. use complex orders", told)
