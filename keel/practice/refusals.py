"""What the venue says when it says no: the exchange's codes and words.

Source: https://developers.binance.com/docs/binance-spot-api-docs/errors
"""

from __future__ import annotations

from typing import Any, Final

AMOUNT_RANGE: Final = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
NAME_RANGE: Final = r"^[a-zA-Z0-9-_]{1,36}$"
SYMBOL_RANGE: Final = r"^[A-Z0-9-_.]{1,20}$"


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of ours
    """Carry a refusal to the wire: HTTP status, code, words, and headers such as Retry-After."""

    def __init__(self, code: int, message: str, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.headers = code, message, status, headers or {}

    @property
    def body(self) -> dict[str, Any]:
        """Return what stands in the answer."""
        return {"code": self.code, "msg": self.message}


def illegal(name: str, legal: str) -> Refusal:
    """Refuse the characters of a parameter."""
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def missing(name: str) -> Refusal:
    """Refuse a request without a parameter it needs."""
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def filter_failure(name: str) -> Refusal:
    """Refuse an order that breaks a filter."""
    return Refusal(-1013, f"Filter failure: {name}")


def rejected(message: str) -> Refusal:
    """Refuse a new order as the matching does."""
    return Refusal(-2010, message)


def invalid_symbol() -> Refusal:
    """Refuse a symbol that is not traded here."""
    return Refusal(-1121, "Invalid symbol.")


def invalid_key() -> Refusal:
    """Refuse a key that is not known or may not do this."""
    return Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def unknown_order() -> Refusal:
    """Refuse to cancel what is not open."""
    return Refusal(-2011, "Unknown order sent.")


def no_such_order() -> Refusal:
    """Say that a query found no order."""
    return Refusal(-2013, "Order does not exist.")


INSUFFICIENT: Final = "Account has insufficient balance for requested action."
DUPLICATE: Final = "Duplicate order sent."
TRIGGERS_AT_ONCE: Final = "Order would trigger immediately."
TAKES_AT_ONCE: Final = "Order would immediately match and take."
BAD_LIST_PRICES: Final = "The relationship of the prices for the orders is not correct."
MAY_NOT_TRADE: Final = "This account may not place or cancel orders."
CLOSED: Final = "Market is closed."
