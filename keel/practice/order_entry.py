"""A new order as it is asked for: its parameters, and whether its symbol's rules allow it.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from keel.practice.amounts import ZERO, floored
from keel.practice.asked import Asked
from keel.practice.refusals import (
    NAME_RANGE,
    TAKES_AT_ONCE,
    TRIGGERS_AT_ONCE,
    Refusal,
    missing,
    rejected,
)
from keel.practice.symbol_rules import ORDER_TYPES, SymbolRules

SIDES: Final = ("BUY", "SELL")
_LIVES: Final = ("GTC", "IOC", "FOK")
_KNOWN_TYPES: Final = (*ORDER_TYPES, "TAKE_PROFIT_LIMIT")
_NEEDS: Final = {
    "LIMIT": ("timeInForce", "quantity", "price"),
    "LIMIT_MAKER": ("quantity", "price"),
    "MARKET": (),
    "STOP_LOSS": ("quantity",),
    "STOP_LOSS_LIMIT": ("timeInForce", "quantity", "price", "stopPrice"),
    "TAKE_PROFIT": ("quantity", "stopPrice"),
}
_MAY: Final = {"MARKET": ("quantity", "quoteOrderQty"), "STOP_LOSS": ("quantity", "stopPrice", "trailingDelta")}
_TERMS: Final = ("timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice", "trailingDelta")
ENTRY_NAMES: Final = frozenset(
    {
        *("symbol", "side", "type", *_TERMS, "newClientOrderId", "newOrderRespType"),
        *("strategyId", "strategyType", "selfTradePreventionMode"),
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold what a new order is to be; prices of 0 are none."""

    side: str
    kind: str
    time_in_force: str
    quantity: Decimal
    price: Decimal
    stop_price: Decimal
    trailing_bips: int | None
    quote_quantity: Decimal


def read_entry(asked: Asked, rules: SymbolRules, last: Decimal) -> Entry:
    """Return the order that parameters ask for. Refuses what is missing, unknown or not needed."""
    side = asked.text("side")
    if side not in SIDES:
        raise Refusal(-1117, "Invalid side.")
    kind = asked.text("type")
    if kind not in _KNOWN_TYPES:
        raise Refusal(-1116, "Invalid orderType.")
    if kind not in ORDER_TYPES:
        raise Refusal(-1013, "Take profit limit orders are not supported for this symbol.")
    return read_terms(asked, rules, last, side, kind)


def read_terms(asked: Asked, rules: SymbolRules, last: Decimal, side: str, kind: str) -> Entry:
    """Return the order of a given side and type. Refuses what is missing or not needed."""
    _check_names(asked, kind)
    life = asked.optional("timeInForce") or "GTC"
    if life not in _LIVES:
        raise Refusal(-1115, "Invalid timeInForce.")
    price, stop = asked.amount("price") or ZERO, asked.amount("stopPrice") or ZERO
    quantity, quote = asked.amount("quantity"), asked.amount("quoteOrderQty") or ZERO
    trailing = asked.whole("trailingDelta")
    if kind == "STOP_LOSS" and not stop and trailing is None:
        raise Refusal(-1102, "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!")
    if stop and trailing is not None:
        raise Refusal(-1013, "Trailing stop orders are not supported for this symbol.")
    if quantity is None:
        if not quote:
            raise Refusal(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
        quantity = floored(quote / last, rules.step)
    elif quote:
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    return Entry(side, kind, life, quantity, price, stop, trailing, quote)


def _check_names(asked: Asked, kind: str) -> None:
    for name in _NEEDS[kind]:
        if not asked.has(name):
            raise missing(name)
    allowed = {*_NEEDS[kind], *_MAY.get(kind, ())}
    for name in _TERMS:
        if asked.has(name) and name not in allowed:
            raise Refusal(-1106, f"Parameter '{name}' sent when not required.")


def read_name(asked: Asked, parameter: str) -> str | None:
    """Return the name that an order is given, or None for one the venue makes up."""
    return asked.optional(parameter, NAME_RANGE)


def check_entry(entry: Entry, rules: SymbolRules, last: Decimal) -> None:
    """Refuse an order that breaks a filter, or would trade or trigger where it may not."""
    for price, is_limit in ((entry.price, True), (entry.stop_price, False)):
        if price:
            rules.check_price(entry.side, price, last, is_limit=is_limit)
    rules.check_quantity(entry.quantity, at_market=entry.kind == "MARKET")
    rules.check_value(entry.quantity * (entry.price or entry.stop_price or last))
    buys = entry.side == "BUY"
    if entry.trailing_bips is not None:
        rules.check_trailing(entry.trailing_bips, above=buys)
    if entry.stop_price:
        waits_above = buys == entry.kind.startswith("STOP_LOSS")
        if entry.stop_price <= last if waits_above else entry.stop_price >= last:
            raise rejected(TRIGGERS_AT_ONCE)
    if entry.kind == "LIMIT_MAKER" and (entry.price >= last if buys else entry.price <= last):
        raise rejected(TAKES_AT_ONCE)
