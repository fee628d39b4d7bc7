"""Binance's rules for each symbol, as its exchangeInfo tells them: grids, limits, order types, whether it trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from keel.domain.errors import DataError

TRADING: Final = "TRADING"
"""The one status in which orders are taken."""
_BIPS_ALLOWED: Final = (1, 100_000)
"""What a trailing distance may be where a symbol has no filter for it, hundredths of a per cent."""


@dataclass(frozen=True, slots=True)
class BinanceRules:
    """Hold the rules of one symbol. `symbol` is ours (BTC/USDT), `wire_symbol` Binance's (BTCUSDT).

    Prices and notionals are quote currency, quantities base units; 0 = no such rule. `market_*` hold for orders at
    market beside the others. Trailing distances are bips (hundredths of a per cent of the price): *above* for a stop
    that buys, *below* for one that sells. Source: the filters page of Binance's spot documentation.
    """

    symbol: str
    wire_symbol: str
    base: str
    quote: str
    status: str
    tick_size: Decimal
    step_size: Decimal
    min_qty: Decimal
    min_notional: Decimal
    min_price: Decimal = Decimal(0)
    max_price: Decimal = Decimal(0)
    max_qty: Decimal = Decimal(0)
    max_notional: Decimal = Decimal(0)
    market_step_size: Decimal = Decimal(0)
    market_min_qty: Decimal = Decimal(0)
    market_max_qty: Decimal = Decimal(0)
    min_notional_at_market: bool = True
    order_types: tuple[str, ...] = ()
    trailing_allowed: bool = False
    trailing_above_bips: tuple[int, int] = _BIPS_ALLOWED
    trailing_below_bips: tuple[int, int] = _BIPS_ALLOWED
    max_orders: int = 0
    max_stop_orders: int = 0

    @property
    def is_trading(self) -> bool:
        """Say whether orders are taken now."""
        return self.status == TRADING

    @property
    def is_lent(self) -> bool:
        """Say whether units to be sold short are lent now: a spot exchange lends none."""
        return False

    def fits(self, part: str, ours: Decimal) -> bool:
        """Say whether a rule of ours is the exchange's."""
        theirs: Decimal = getattr(self, part)
        return ours == theirs

    def as_json(self) -> dict[str, Any]:
        """Return what a JSON file keeps of the rules: decimals as plain text."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> BinanceRules:
        """Return the rules that `as_json` gave. Raises DataError for anything else."""
        unknown = set(tree) - {field.name for field in fields(cls)}
        if unknown:
            raise DataError(f"rules with unknown keys {', '.join(sorted(map(str, unknown)))}: fetch them again")
        try:
            return cls(**{name: _READ[_KINDS[name]](value) for name, value in tree.items()})
        except (TypeError, ValueError, InvalidOperation) as error:
            raise DataError(
                f"rules of {tree.get('symbol', 'a symbol')} cannot be read ({error}): fetch them again"
            ) from None


def rules_of(exchange_info: Mapping[str, Any]) -> dict[str, BinanceRules]:
    """Return the rules of every symbol of an exchangeInfo answer, by our symbol. Raises DataError if it is not one."""
    symbols = exchange_info.get("symbols")
    if not isinstance(symbols, Sequence) or isinstance(symbols, str):
        raise DataError("Binance's exchangeInfo has no list `symbols`")
    found = (_rules(entry) for entry in symbols)
    return {rules.symbol: rules for rules in found}


def readable_rules_of(exchange_info: Mapping[str, Any]) -> tuple[dict[str, BinanceRules], dict[str, str]]:
    """Return the rules that can be read, by our symbol, and why others cannot, by Binance's symbol.

    One odd symbol among thousands is no reason not to trade another. Raises DataError if there is no list of symbols.
    """
    found: dict[str, BinanceRules] = {}
    odd: dict[str, str] = {}
    for entry in exchange_info.get("symbols", ()):
        try:
            found |= rules_of({"symbols": [entry]})
        except DataError as error:
            odd[str(entry.get("symbol")) if isinstance(entry, Mapping) else "a symbol"] = str(error)
    if not found:
        rules_of(exchange_info)
    return found, odd


def _rules(entry: Mapping[str, Any]) -> BinanceRules:
    try:
        return _read_entry(entry, {each["filterType"]: each for each in entry["filters"]})
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        name = entry.get("symbol", "a symbol") if isinstance(entry, Mapping) else "a symbol"
        raise DataError(f"Binance's rules of {name} cannot be read: {type(error).__name__} {error}") from None


def _read_entry(entry: Mapping[str, Any], filters: Mapping[str, Mapping[str, Any]]) -> BinanceRules:
    price, lot, at_market = filters["PRICE_FILTER"], filters["LOT_SIZE"], filters.get("MARKET_LOT_SIZE", {})
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    trailing = filters.get("TRAILING_DELTA", {})
    return BinanceRules(
        symbol=f"{entry['baseAsset']}/{entry['quoteAsset']}",
        wire_symbol=entry["symbol"],
        base=entry["baseAsset"],
        quote=entry["quoteAsset"],
        status=entry["status"],
        tick_size=_decimal(price["tickSize"]),
        step_size=_decimal(lot["stepSize"]),
        min_qty=_decimal(lot["minQty"]),
        min_notional=_decimal(notional.get("minNotional", "0")),
        min_price=_decimal(price["minPrice"]),
        max_price=_decimal(price["maxPrice"]),
        max_qty=_decimal(lot["maxQty"]),
        max_notional=_decimal(notional.get("maxNotional", "0")),
        market_step_size=_decimal(at_market.get("stepSize", "0")),
        market_min_qty=_decimal(at_market.get("minQty", "0")),
        market_max_qty=_decimal(at_market.get("maxQty", "0")),
        min_notional_at_market=bool(notional.get("applyMinToMarket", notional.get("applyToMarket", True))),
        order_types=tuple(entry.get("orderTypes", ())),
        trailing_allowed=bool(entry.get("allowTrailingStop", False)),
        trailing_above_bips=_bips(trailing, "Above"),
        trailing_below_bips=_bips(trailing, "Below"),
        max_orders=int(filters.get("MAX_NUM_ORDERS", {}).get("maxNumOrders", 0)),
        max_stop_orders=int(filters.get("MAX_NUM_ALGO_ORDERS", {}).get("maxNumAlgoOrders", 0)),
    )


def _bips(trailing: Mapping[str, Any], side: str) -> tuple[int, int]:
    least, most = _BIPS_ALLOWED
    return int(trailing.get(f"minTrailing{side}Delta", least)), int(trailing.get(f"maxTrailing{side}Delta", most))


def _decimal(text: object) -> Decimal:
    value = Decimal(str(text))
    if not value.is_finite() or value < 0:
        raise ValueError(f"{text} is not a number of 0 or more")
    # trailing zeros say nothing; without this 0.01 and 0.01000000 are equal and look different
    return value.normalize() if value else Decimal(0)


def _plain(value: object) -> Any:  # noqa: ANN401 - what JSON holds has no common type
    if isinstance(value, Decimal):
        return format(value, "f")
    return list(value) if isinstance(value, tuple) else value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _texts(value: Sequence[object]) -> tuple[str, ...]:
    return tuple(map(_text, value))


def _range(value: Sequence[int]) -> tuple[int, int]:
    least, most = value
    return int(least), int(most)


_READ: Final[dict[str, Any]] = {
    "str": _text,
    "Decimal": _decimal,
    "bool": _flag,
    "int": int,
    "tuple[str, ...]": _texts,
    "tuple[int, int]": _range,
}
_KINDS: Final = {field.name: str(field.type) for field in fields(BinanceRules)}
