"""What Keel asks Binance beside trading: rules, bars, turnover, fees, what a key may do, what an account has.

Weights are those of Binance's spot documentation. Every question raises as `BinanceLink.ask` does, and RetryableError
for an answer that cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

from keel.domain.errors import DataError, RetryableError
from keel.domain.venue_messages import LiveBar
from keel.wire.binance_link import BinanceLink, RefusedError
from keel.wire.binance_rules import BinanceRules, rules_of

T = TypeVar("T")
MOST_KLINES: Final = 1000
"""Bars that one answer holds at most."""
_UNKNOWN_SYMBOL: Final = -1121
_WEIGHTS: Final = {
    "exchangeInfo": 20,
    "klines": 2,
    "ticker/24hr": 80,
    "account": 20,
    "account/commission": 20,
    "account/apiRestrictions": 1,
    "openOrders": 80,
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


def wire_symbol(symbol: str) -> str:
    """Return Binance's name of a symbol of ours: BTCUSDT for BTC/USDT."""
    return symbol.replace("/", "")


async def all_rules(link: BinanceLink) -> dict[str, BinanceRules]:
    """Return the rules of every symbol, by ours; the budget takes the limits told along with them."""
    answer = await link.ask(_WEIGHTS["exchangeInfo"], lambda client: client.get_exchange_info())
    link.budget.set_limits(_read("exchangeInfo", lambda: list(answer["rateLimits"])))
    return rules_of(answer)


async def rules_of_symbols(link: BinanceLink, symbols: Sequence[str]) -> dict[str, BinanceRules]:
    """Return the rules of those symbols that Binance knows, by our names."""
    found: dict[str, BinanceRules] = {}
    for symbol in symbols:
        asked = {"symbol": wire_symbol(symbol)}
        try:
            answer = await link.ask(
                _WEIGHTS["exchangeInfo"],
                lambda client, asked=asked: client._request_api("get", "exchangeInfo", version="v3", data=asked),  # type: ignore[misc]
            )
        except RefusedError as error:
            if error.code != _UNKNOWN_SYMBOL:
                raise
            continue
        told = [rules for rules in rules_of(answer).values() if rules.wire_symbol == asked["symbol"]]
        if told:
            found[symbol] = told[0]
    return found


async def klines(
    link: BinanceLink,
    symbol: str,
    timeframe: str,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
    limit: int = MOST_KLINES,
) -> list[list[Any]]:
    """Return Binance's rows of the bars that open in [start_ms, end_ms), oldest first, at most `limit`."""
    span = {"startTime": start_ms, "endTime": None if end_ms is None else end_ms - 1}
    asked = {"symbol": wire_symbol(symbol), "interval": timeframe, "limit": limit}
    asked |= {key: value for key, value in span.items() if value is not None}
    answer = await link.ask(_WEIGHTS["klines"], lambda client: client.get_klines(**asked))
    return _read("klines", lambda: [list(row) for row in answer])


def bar_of(symbol: str, row: Sequence[Any], length_ms: int, now_ms: int) -> LiveBar:
    """Return the bar of a kline row, [open, close); `closed` by the exchange's time. Raises RetryableError."""

    def read() -> LiveBar:
        open_ts_ms = int(row[0])
        # Binance's close is the bar's last millisecond
        close_ts_ms = int(row[6]) + 1
        first, high, low, last, volume = (float(value) for value in row[1:6])
        closed = open_ts_ms + length_ms <= now_ms
        return LiveBar(symbol, open_ts_ms, close_ts_ms, first, high, low, last, volume, closed)

    return _read("klines", read)


async def turnovers(link: BinanceLink) -> list[Turnover]:
    """Return what was traded of every symbol in the last 24 hours."""
    answer = await link.ask(_WEIGHTS["ticker/24hr"], lambda client: client.get_ticker())
    return _read("ticker/24hr", lambda: [_turnover(entry) for entry in answer])


async def account(link: BinanceLink) -> Mapping[str, Any]:
    """Return Binance's account: balances, canTrade, commissionRates. Needs a key."""
    answer = await link.ask(_WEIGHTS["account"], lambda client: client.get_account(omitZeroBalances="true"))
    return _read("account", lambda: dict(answer))


async def key_permissions(link: BinanceLink) -> Mapping[str, Any] | None:
    """Return what a key may do, None where the environment has no way to ask. Needs a key."""
    if link.addresses.account is None:
        return None
    answer = await link.ask(_WEIGHTS["account/apiRestrictions"], lambda client: client.get_account_api_permissions())
    return _read("account/apiRestrictions", lambda: dict(answer))


async def open_orders(link: BinanceLink) -> list[Mapping[str, Any]]:
    """Return every order that works for the account. Needs a key."""
    answer = await link.ask(_WEIGHTS["openOrders"], lambda client: client.get_open_orders())
    return _read("openOrders", lambda: [dict(entry) for entry in answer])


async def commission(link: BinanceLink, symbol: str) -> Commission:
    """Return what the account pays for a symbol, discount included where the account has it on. Needs a key.

    Standard, special and tax rates add up; a side's own rate (buyer, seller) is taken at its higher one. The discount
    is on the standard rate only. Whether `discount` is what is taken off or what is left the vendor's texts say both
    ways: the dearer reading counts. Source: Binance's FAQ on commission rates.
    """
    name = wire_symbol(symbol)
    answer = await link.ask(
        _WEIGHTS["account/commission"], lambda client: client.v3_get_account_commission(symbol=name)
    )
    return _read("account/commission", lambda: _commission(name, answer))


def account_commission(tree: Mapping[str, Any]) -> Commission:
    """Return what an account pays of every symbol at the most, from `account`'s answer: no discount is in it."""
    rates = _read("account", lambda: tree["commissionRates"])
    return _read("account", lambda: Commission("", *(_with_side(rates, kind) for kind in ("taker", "maker"))))


def _commission(name: str, tree: Mapping[str, Any]) -> Commission:
    discount = tree.get("discount") or {}
    kept = Decimal(1)
    if discount.get("enabledForAccount") and discount.get("enabledForSymbol"):
        told = Decimal(str(discount["discount"]))
        kept = max(told, 1 - told)

    def rate(kind: str) -> Decimal:
        extra = (_with_side(tree[part], kind) for part in ("specialCommission", "taxCommission") if tree.get(part))
        return _with_side(tree["standardCommission"], kind) * kept + sum(extra, Decimal(0))

    return Commission(name, rate("taker"), rate("maker"))


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
