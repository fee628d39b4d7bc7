"""What is open: positions and orders that the journal or the venue knows of, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from keel.domain.venue_messages import OrderState
from keel.preflight.probe import HoldingsAnswer
from keel.wire.venue_rules import VenueRules


@dataclass(frozen=True, slots=True)
class Exposure:
    """Hold positions and orders, one line each, and why they could not be learnt, empty where they could."""

    positions: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def is_open(self) -> bool:
        """Say whether anything is open, or may be."""
        return bool(self.positions or self.orders or self.unknown)

    @property
    def lines(self) -> tuple[str, ...]:
        """Return everything there is to tell, one line each."""
        unknown = (f"what else is open is not known: {self.unknown}",) if self.unknown else ()
        return (*self.positions, *self.orders, *unknown)

    def joined(self, other: Exposure) -> Exposure:
        """Return what either knows of, each once."""
        positions = tuple(dict.fromkeys((*self.positions, *other.positions)))
        orders = tuple(dict.fromkeys((*self.orders, *other.orders)))
        return Exposure(positions, orders, self.unknown or other.unknown)


def exposure_of(holdings: HoldingsAnswer, rules: Iterable[VenueRules], venue: str) -> Exposure:
    """Return what of the traded symbols an account holds, dust aside, and every order that works for it."""
    by_asset: dict[str, VenueRules] = {}
    for rule in rules:
        by_asset.setdefault(rule.base, rule)
    held = []
    for asset, rule in by_asset.items():
        balance = holdings.balances.get(asset)
        if balance is not None and balance.total and abs(balance.total) >= rule.min_qty:
            held.append(position_line(balance.total, asset, f"at {venue}"))
    return Exposure(tuple(held), tuple(map(order_line, holdings.orders)))


def position_line(qty: Decimal, asset: str, where: str) -> str:
    """Return one position in words: `0.5 BTC at binance`."""
    return f"{format(qty.normalize(), 'f')} {asset} {where}"


def order_line(order: OrderState) -> str:
    """Return one order in words."""
    price = "" if order.limit_price is None else f" at {format(order.limit_price.normalize(), 'f')}"
    left = format((order.qty - order.filled_qty).normalize(), "f")
    return f"order {order.client_order_id}: {order.side.name} {left} {order.symbol}{price}, {order.status.value}"
