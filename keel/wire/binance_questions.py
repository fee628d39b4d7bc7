"""What Keel asks Binance beside trading: what is traded of each symbol, what an account has and what it pays.

Weights are those of Binance's spot documentation. Every question raises as `BinanceLink.ask` does, and RetryableError
for an answer that cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

from keel.domain.errors import DataError, RetryableError
from keel.wire.binance_link import BinanceLink

T = TypeVar("T")
_WEIGHTS: Final = {
    "ticker/24hr": 80,
    "account": 20,
    "account/commission": 20,
}


@dataclass(frozen=True, slots=True)
class Turnover:
    """Hold what was traded of a symbol in 24 hours, quote currency, and its last price. `wire_symbol` is Binance's."""

    wire_symbol: str
    quote_volume: Decimal
    last_price: Decimal
    n_trades: int


@dataclass(frozen=True, slots=True)
class Commission:
    """Hold what an account pays, fractions of the value: of a symbol, or of all where `wire_symbol` is empty."""

    wire_symbol: str
    taker: Decimal
    maker: Decimal


async def turnovers(link: BinanceLink) -> list[Turnover]:
    """Return what was traded of every symbol in the last 24 hours."""
    answer = await link.ask(_WEIGHTS["ticker/24hr"], lambda client: client.get_ticker())
    return _read("ticker/24hr", lambda: [_turnover(entry) for entry in answer])


async def account(link: BinanceLink) -> Mapping[str, Any]:
    """Return Binance's account: balances, canTrade, commissionRates. Needs a key."""
    answer = await link.ask(_WEIGHTS["account"], lambda client: client.get_account(omitZeroBalances="true"))
    return _read("account", lambda: dict(answer))


async def commission(link: BinanceLink, wire_symbol: str) -> Commission:
    """Return what the account pays for a symbol, discount included where the account has it on. Needs a key.

    Standard, special and tax rates add up; a side's own rate (buyer, seller) is taken at its higher one. The discount
    is on the standard rate only. Whether `discount` is what is taken off or what is left the vendor's texts say both
    ways: the dearer reading counts. Source: Binance's FAQ on commission rates.
    """
    answer = await link.ask(
        _WEIGHTS["account/commission"], lambda client: client.v3_get_account_commission(symbol=wire_symbol)
    )
    return _read("account/commission", lambda: _commission(wire_symbol, answer))


def account_commission(tree: Mapping[str, Any]) -> Commission:
    """Return what an account pays of every symbol at the most, from `account`'s answer: no discount is in it."""
    rates = _read("account", lambda: tree["commissionRates"])
    return _read("account", lambda: Commission("", *(_with_side(rates, kind) for kind in ("taker", "maker"))))


def _commission(wire_symbol: str, tree: Mapping[str, Any]) -> Commission:
    discount = tree.get("discount") or {}
    kept = Decimal(1)
    if discount.get("enabledForAccount") and discount.get("enabledForSymbol"):
        told = Decimal(str(discount["discount"]))
        kept = max(told, 1 - told)

    def rate(kind: str) -> Decimal:
        extra = (_with_side(tree[part], kind) for part in ("specialCommission", "taxCommission") if tree.get(part))
        return _with_side(tree["standardCommission"], kind) * kept + sum(extra, Decimal(0))

    return Commission(wire_symbol, rate("taker"), rate("maker"))


def _with_side(rates: Mapping[str, Any], kind: str) -> Decimal:
    sides = (Decimal(str(rates.get(side, "0"))) for side in ("buyer", "seller"))
    return Decimal(str(rates[kind])) + max(sides)


def _turnover(entry: Mapping[str, Any]) -> Turnover:
    return Turnover(
        str(entry["symbol"]),
        Decimal(str(entry["quoteVolume"])),
        Decimal(str(entry["lastPrice"])),
        int(entry["count"]),
    )


def _read(what: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, InvalidOperation, DataError) as error:
        raise RetryableError(f"Binance's answer to {what} cannot be read: {type(error).__name__} {error}") from None
