"""Orders and fills as Alpaca tells them.

Source: https://docs.alpaca.markets/reference/postorder, https://docs.alpaca.markets/docs/orders-at-alpaca
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from keel.domain.orders import OrderType, TimeInForce
from keel.practice.alpaca.assets import Asset
from keel.practice.alpaca.entry import Entry
from keel.practice.alpaca.spelling import amount, made_id, moment, optional_amount, optional_moment
from keel.practice.amounts import ZERO
from keel.practice.matching import Ticket

OPEN: Final = ("accepted", "pending_new", "new", "partially_filled", "pending_cancel", "pending_replace")
_TYPES: Final = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop": OrderType.STOP,
    "stop_limit": OrderType.STOP_LIMIT,
    "trailing_stop": OrderType.TRAILING_STOP,
}
_LIVES: Final = {
    "day": TimeInForce.DAY,
    "gtc": TimeInForce.GTC,
    "ioc": TimeInForce.IOC,
    "fok": TimeInForce.FOK,
    "opg": TimeInForce.AT_OPEN,
    "cls": TimeInForce.AT_CLOSE,
}
_PERCENT: Final = 100.0


@dataclass(frozen=True, slots=True)
class Fill:
    """Hold one fill of an order; `left` and `total` are what was open and done after it."""

    execution_id: str
    order: Order
    price: Decimal
    quantity: Decimal
    total: Decimal
    left: Decimal
    time_ms: int

    @property
    def as_activity(self) -> dict[str, Any]:
        """Return the fill as the account's activities have it."""
        stamp = moment(self.time_ms)
        digits = "".join(one for one in stamp if one.isdigit()).ljust(17, "0")
        return {
            "id": f"{digits}::{self.execution_id}",
            "activity_type": "FILL",
            "transaction_time": stamp,
            "type": "fill" if self.left == 0 else "partial_fill",
            "price": amount(self.price),
            "qty": amount(self.quantity),
            "side": self.order.entry.side,
            "symbol": self.order.asset.symbol,
            "leaves_qty": amount(self.left),
            "order_id": self.order.id,
            "cum_qty": amount(self.total),
            "order_status": "filled" if self.left == 0 else "partially_filled",
        }


@dataclass(slots=True, eq=False)
class Order:
    """Hold an order as it has been told so far; it changes as the venue tells of it.

    `number` is the matching's; an order that replaces another has the number of that one. `opening` is what of it
    opens or adds to a position, `value` what it holds back of the buying power for each unit that opens.
    """

    number: int
    account: str
    asset: Asset
    entry: Entry
    client_id: str
    quantity: Decimal
    opening: Decimal
    value: Decimal
    created_ms: int
    status: str
    replaces: Order | None = None
    replaced_by: Order | None = None
    executed: Decimal = ZERO
    paid: Decimal = ZERO
    high_water: Decimal | None = None
    updated_ms: int = 0
    opens_ms: int | None = None
    """When the market opens for an order that waits for it; one for an auction waits in the matching."""
    ended_ms: dict[str, int] = field(default_factory=dict)
    """When it was filled, canceled, expired, failed or replaced, by that word."""

    @property
    def id(self) -> str:
        """Return its id."""
        return made_id(self.account, "order", self.client_id)

    @property
    def is_open(self) -> bool:
        """Say whether something may still come of it."""
        return self.status in OPEN

    @property
    def is_buy(self) -> bool:
        """Say whether it buys."""
        return self.entry.side == "buy"

    @property
    def left(self) -> Decimal:
        """Return the quantity that is not filled."""
        return self.quantity - self.executed

    @property
    def holds_back(self) -> Decimal:
        """Return what it takes off the buying power while it is open."""
        return min(self.left, self.opening) * self.value if self.is_open else ZERO

    @property
    def ticket(self) -> Ticket:
        """Return the order as the matching takes it."""
        entry = self.entry
        return Ticket(
            order_id=self.number,
            instrument=self.asset.place,
            name=self.client_id,
            is_buy=self.is_buy,
            kind=_TYPES[entry.kind],
            life=_LIVES[entry.life],
            quantity=self.quantity,
            opening=self.opening,
            price=entry.price or ZERO,
            stop_price=entry.stop_price or ZERO,
            trail=float(entry.trail_price or 0),
            trail_rate=float(entry.trail_percent or 0) / _PERCENT,
            extended_hours=entry.extended_hours,
        )

    @property
    def as_json(self) -> dict[str, Any]:
        """Return the order as queries and updates tell it."""
        entry = self.entry
        return {
            "id": self.id,
            "client_order_id": self.client_id,
            "created_at": moment(self.created_ms),
            "updated_at": moment(self.updated_ms),
            "submitted_at": moment(self.created_ms),
            **{f"{word}_at": optional_moment(self.ended_ms.get(word)) for word in ("filled", "expired", "canceled")},
            **{f"{word}_at": optional_moment(self.ended_ms.get(word)) for word in ("failed", "replaced")},
            "replaced_by": None if self.replaced_by is None else self.replaced_by.id,
            "replaces": None if self.replaces is None else self.replaces.id,
            "asset_id": self.asset.id,
            "symbol": self.asset.symbol,
            "asset_class": self.asset.kind,
            "notional": optional_amount(entry.notional),
            "qty": None if entry.notional is not None else amount(self.quantity),
            "filled_qty": amount(self.executed),
            "filled_avg_price": None if self.executed == 0 else amount(self.paid / self.executed),
            "order_class": "",
            "order_type": entry.kind,
            "type": entry.kind,
            "side": entry.side,
            "time_in_force": entry.life,
            "limit_price": optional_amount(entry.price),
            "stop_price": optional_amount(entry.stop_price),
            "status": self.status,
            "extended_hours": entry.extended_hours,
            "legs": None,
            "trail_percent": optional_amount(entry.trail_percent),
            "trail_price": optional_amount(entry.trail_price),
            "hwm": optional_amount(self.high_water),
        }


def follows_split(order: Order) -> bool:
    """Say whether the broker adjusts an open order to a forward split: buy limits and sell stops.

    Source: https://docs.alpaca.markets/docs/mandatory-corporate-actions
    """
    return order.entry.kind == "limit" if order.is_buy else order.entry.kind in ("stop", "stop_limit", "trailing_stop")


def called_in(account: str, asset: Asset, *, is_buy: bool, quantity: Decimal, ts_ms: int) -> Order:
    """Return the order by which the broker closes a position whose margin has failed."""
    entry = Entry(
        side="buy" if is_buy else "sell",
        kind="market",
        life="gtc" if asset.is_crypto else "day",
        quantity=quantity,
        notional=None,
        price=None,
        stop_price=None,
        trail_price=None,
        trail_percent=None,
        extended_hours=False,
        client_id=None,
    )
    name = f"margin-call-{asset.symbol}-{ts_ms}"
    return Order(-1, account, asset, entry, name, quantity, ZERO, ZERO, ts_ms, "new", updated_ms=ts_ms)
