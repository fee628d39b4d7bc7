"""What passes between us and a venue, in our words: orders out; outcomes, reports, states and balances back.

Quantities are base units, prices quote currency per unit, both exact decimals: this is where money touches the wire.
Times are UTC epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import numpy as np

from keel.domain.orders import OrderSide, OrderType, TimeInForce


@dataclass(frozen=True, slots=True)
class OrderTicket:
    """Hold an order to be sent. `record` is its ORDER record, for a venue that simulates; None of one not ours."""

    client_order_id: str
    symbol: str
    side: OrderSide
    type: OrderType
    time_in_force: TimeInForce
    qty: Decimal
    decided_ts_ms: int
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    trail: Decimal | None = None
    """Distance of a trailing stop, quote currency."""
    trail_rate: Decimal | None = None
    """Distance of a trailing stop, fraction of the price."""
    expire_ts_ms: int | None = None
    reduce_only: bool = False
    extended_hours: bool = False
    """Whether it is to trade outside of the regular session, too."""
    record: np.void | None = None


@dataclass(frozen=True, slots=True)
class OrderRef:
    """Name an order that was sent."""

    symbol: str
    client_order_id: str
    venue_order_id: str | None = None


class Outcome(StrEnum):
    """Say what is known after a request was sent."""

    DONE = "done"
    """The venue took it."""
    REFUSED = "refused"
    """The venue said no, and nothing of it lives."""
    UNKNOWN = "unknown"
    """It may or may not have been taken: only a query can tell, and nothing is sent again blindly."""
    NOT_SENT = "not_sent"
    """It never left us: the same may be sent later."""


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """Tell what became of a request to place an order. `code` and `reason` are the venue's own."""

    outcome: Outcome
    venue_order_id: str | None = None
    code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CancelResult:
    """Tell what became of a request to cancel; `already_final` says that there was nothing left to cancel."""

    outcome: Outcome
    already_final: bool = False
    code: int | None = None
    reason: str = ""


class VenueStatus(StrEnum):
    """Name where an order stands at a venue."""

    WORKING = "working"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def is_final(self) -> bool:
        """Say whether nothing more can come of it, but for fills that are told late."""
        return self not in (VenueStatus.WORKING, VenueStatus.PARTIAL)


@dataclass(frozen=True, slots=True)
class VenueFill:
    """Hold one trade of an order. `trade_id` is unique for its symbol; `fee` is in `fee_currency`."""

    trade_id: str
    symbol: str
    client_order_id: str
    venue_order_id: str
    side: OrderSide
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    maker: bool
    ts_ms: int


@dataclass(frozen=True, slots=True)
class OrderState:
    """Show an order as its venue has it. `client_order_id` may be one that is not ours."""

    symbol: str
    client_order_id: str
    venue_order_id: str
    side: OrderSide
    type: OrderType | None
    """None for a type we do not know."""
    status: VenueStatus
    qty: Decimal
    filled_qty: Decimal
    limit_price: Decimal | None
    trigger_price: Decimal | None
    ts_ms: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OrderReport:
    """Tell of one change of one order, pushed by its venue: its new state, and the trade that made it, if one did."""

    state: OrderState
    ts_ms: int
    fill: VenueFill | None = None
    triggered: bool = False
    """A stop or take-profit has seen its price."""
    event: np.void | None = None
    """The EVENT record of a venue that simulates, costs included; None of a real one."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Hold what an account has of one currency or asset."""

    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        """Return what is free and what is locked together."""
        return self.free + self.locked


@dataclass(frozen=True, slots=True)
class AccountState:
    """Show an account at its venue, by asset or currency. Of stocks the asset is the symbol."""

    balances: Mapping[str, Balance]
    can_trade: bool
    ts_ms: int


@dataclass(frozen=True, slots=True)
class LiveBar:
    """Hold one bar as it came: [open_ts_ms, close_ts_ms). `closed` says that it is over and will not change."""

    symbol: str
    open_ts_ms: int
    close_ts_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    closed: bool


class StreamState(StrEnum):
    """Say how a stream stands."""

    UP = "up"
    DOWN = "down"
    """Lost: what passed meanwhile has to be asked for."""
    MUTE = "mute"
    """Open, and nothing has come for longer than it may."""
