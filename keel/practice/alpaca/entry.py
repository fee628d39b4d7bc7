"""A new order as it is asked for, and whether it can be meant: types, lifetimes, prices, fractions.

Sources: https://docs.alpaca.markets/docs/orders-at-alpaca (tables of types and times in force),
https://docs.alpaca.markets/docs/fractional-trading
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from keel.practice.alpaca.assets import Asset
from keel.practice.alpaca.refusals import Refusal, invalid, malformed
from keel.practice.alpaca.spelling import amount

SIDES: Final = ("buy", "sell")
TYPES: Final = ("market", "limit", "stop", "stop_limit", "trailing_stop")
LIVES: Final = ("day", "gtc", "opg", "cls", "ioc", "fok")
AUCTIONS: Final = ("opg", "cls")
_ONCE: Final = ("ioc", "fok", *AUCTIONS)
_NEEDS: Final = {
    "market": (),
    "limit": ("limit_price",),
    "stop": ("stop_price",),
    "stop_limit": ("limit_price", "stop_price"),
    "trailing_stop": (),
}
_TRAILS: Final = ("trail_price", "trail_percent")
_PRICES: Final = ("limit_price", "stop_price", *_TRAILS)
_MOST_PLACES: Final = 9
_LONGEST_NAME: Final = 128
_LEAST_NOTIONAL: Final = Decimal(1)
_PENNY, _SUB_PENNY = Decimal("0.01"), Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold what a new order is to be; `quantity` is None where only its value is given."""

    side: str
    kind: str
    life: str
    quantity: Decimal | None
    notional: Decimal | None
    price: Decimal | None
    stop_price: Decimal | None
    trail_price: Decimal | None
    trail_percent: Decimal | None
    extended_hours: bool
    client_id: str | None


def read_entry(body: Mapping[str, Any], asset: Asset) -> Entry:
    """Return the order that a request asks for. Refuses what is missing, unknown or does not go together."""
    entry = Entry(
        side=_word(body, "side", SIDES),
        kind=_word(body, "type", TYPES),
        life=_word(body, "time_in_force", LIVES),
        quantity=read_amount(body, "qty"),
        notional=read_amount(body, "notional"),
        price=read_amount(body, "limit_price"),
        stop_price=read_amount(body, "stop_price"),
        trail_price=read_amount(body, "trail_price"),
        trail_percent=read_amount(body, "trail_percent"),
        extended_hours=body.get("extended_hours") is True,
        client_id=read_name(body),
    )
    if body.get("order_class") not in (None, "", "simple"):
        raise malformed("complex orders are not supported by the practice venue")
    _check_size(entry)
    _check_prices(entry)
    if asset.is_crypto:
        _check_crypto(entry)
    else:
        _check_stock(entry, asset)
    return entry


def read_amount(body: Mapping[str, Any], name: str) -> Decimal | None:
    """Return an amount above zero of at most nine places, or None where it was not sent."""
    given = body.get(name)
    if given is None:
        return None
    try:
        value = Decimal(str(given))
    except InvalidOperation:
        raise invalid(f"{name} is not a number") from None
    if not value.is_finite() or value <= 0:
        raise malformed(f"{name} must be > 0")
    if -int(value.normalize().as_tuple().exponent) > _MOST_PLACES:
        raise malformed(f"{name} must be limited to {_MOST_PLACES} decimal places")
    return value


def read_name(body: Mapping[str, Any]) -> str | None:
    """Return the name that an order is given, or None for one the venue makes up."""
    name = body.get("client_order_id")
    if name is not None and len(str(name)) > _LONGEST_NAME:
        raise invalid(f"client_order_id must be no more than {_LONGEST_NAME} characters")
    return None if name in (None, "") else str(name)


def check_grid(name: str, price: Decimal) -> None:
    """Refuse a stock's price between two ticks: pennies, below a dollar hundredths of them."""
    if price % (_PENNY if price >= 1 else _SUB_PENNY) != 0:
        told = f"invalid {name} {amount(price)}. sub-penny increment does not fulfill minimum pricing criteria"
        raise malformed(told)


def _word(body: Mapping[str, Any], name: str, known: tuple[str, ...]) -> str:
    word = body.get(name)
    if word in (None, ""):
        raise invalid(f"{name} is required")
    if word not in known:
        raise invalid(f"invalid {name}: {str(word)[:40]}")
    return str(word)


def _check_size(entry: Entry) -> None:
    if entry.quantity is None and entry.notional is None:
        raise invalid("qty or notional is required")
    if entry.quantity is not None and entry.notional is not None:
        raise Refusal(400, 40010000, "only one of qty or notional is accepted")
    if entry.notional is not None and entry.notional < _LEAST_NOTIONAL:
        raise malformed("notional amount must be >= 1.00")


def _check_prices(entry: Entry) -> None:
    given = dict(zip(_PRICES, (entry.price, entry.stop_price, entry.trail_price, entry.trail_percent), strict=True))
    if entry.kind == "trailing_stop":
        if sum(given[name] is not None for name in _TRAILS) != 1:
            raise malformed("trailing stop orders must specify one of trail_price or trail_percent")
        needed: tuple[str, ...] = tuple(name for name in _TRAILS if given[name] is not None)
    else:
        needed = _NEEDS[entry.kind]
    if entry.kind == "market" and any(value is not None for value in given.values()):
        raise malformed("market orders require no stop or limit price")
    for name, value in given.items():
        if (value is None) is (name in needed):
            raise malformed(f"{entry.kind} orders {'require' if value is None else 'take no'} {name}")


def _check_stock(entry: Entry, asset: Asset) -> None:
    for name, price in (("limit_price", entry.price), ("stop_price", entry.stop_price)):
        if price is not None:
            check_grid(name, price)
    if entry.life in _ONCE and entry.kind not in ("market", "limit"):
        raise malformed(f"{entry.kind} orders do not support {entry.life} time_in_force")
    if entry.extended_hours and (entry.kind, entry.life) != ("limit", "day"):
        raise malformed("extended hours order must be DAY limit orders")
    if entry.notional is None and entry.quantity is not None and entry.quantity % 1 == 0:
        return
    if not asset.fractionable:
        raise malformed("requested asset is not fractionable")
    if entry.kind == "trailing_stop":
        raise malformed("fractional orders must be market, limit, stop, or stop_limit orders")
    if entry.life != "day":
        raise malformed("fractional orders must be DAY orders")


def _check_crypto(entry: Entry) -> None:
    if entry.kind not in ("market", "limit", "stop_limit"):
        raise malformed("invalid order type for crypto order")
    if entry.life not in ("gtc", "ioc") or (entry.kind == "stop_limit" and entry.life == "ioc"):
        raise malformed("invalid crypto time_in_force")
    if entry.extended_hours:
        raise malformed("extended hours is not supported for crypto orders")
