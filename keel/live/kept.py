"""Orders that live on with us because their venue does not keep them: legs, pairs, distances, changed terms.

Such an order has one number at the desk, and one part after another at the venue, each with a name of its own. Here
is what is known of it and how much of it should stand at the venue now; keel/live/exits.py sees to that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

import numpy as np

from keel.domain.holder_messages import Split
from keel.domain.orders import AUCTIONS, OrderSide, OrderType, Reason, TimeInForce
from keel.domain.venue_messages import OrderTicket
from keel.venues.base import Admission

STOPS: Final = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)
_NOBODY: Final = -1
_ZERO: Final = Decimal(0)


@dataclass
class KeptOrder:
    """Hold one order. `parent_id` and `pair` are as in its ORDER record, -1 for none; quantities are base units."""

    order_id: int
    instrument: int
    ticket: OrderTicket
    """Its terms as they should be now."""
    parent_id: int = _NOBODY
    pair: int = _NOBODY
    covers: bool = False
    allowed: Decimal = _ZERO
    """Of a leg: what its parent has filled."""
    filled: Decimal = _ZERO
    placed: str = ""
    """Name of its newest part, empty before the first."""
    placed_ms: int = 0
    told: bool = False
    """The desk has heard that it was accepted."""
    over: bool = False
    """The desk has heard of its end."""
    ends_for: Reason = Reason.NONE
    """Why it is to end; NONE while it is not."""
    ends_ms: int | None = None
    ends_then_for: Reason = Reason.NONE
    before: OrderTicket | None = None
    """Its terms before a change that is on its way."""
    best: Decimal = _ZERO
    """Of a trailing stop: the best price since it became active."""
    follows: bool = False
    """A trailing stop that we follow, by a stop that is moved."""
    from_ms: int | None = None
    """When the venue takes it; None once it does."""
    until_ms: int | None = None
    """Until when the venue takes it, None for always."""
    closes: bool = False
    """It only closes a position, whatever its ticket says."""
    reached: bool = False
    """The price it waits for with us has come."""
    alone: bool = False
    """The venue did not take it as its partner's partner: it waits with us."""
    urgent: bool = False
    """A stop that the venue did not take: the position is closed at market."""

    @property
    def is_leg(self) -> bool:
        """Say whether it belongs to an order that opens."""
        return self.parent_id != _NOBODY

    @property
    def reduces(self) -> bool:
        """Say whether it never opens a position."""
        return self.ticket.reduce_only or self.closes

    @property
    def has_waited(self) -> bool:
        """Say whether it goes before what protects a position: its moment has come."""
        return self.closes or (self.reached and not self.is_stop)

    @property
    def is_stop(self) -> bool:
        """Say whether it protects a position."""
        return self.ticket.reduce_only and self.ticket.type in STOPS

    def is_partner(self, other: KeptOrder) -> bool:
        """Say whether one of the two cancels the other."""
        same = self.pair != _NOBODY and (self.pair, self.instrument) == (other.pair, other.instrument)
        return same and self.order_id != other.order_id

    def left(self, partner_filled: Decimal) -> Decimal:
        """Return what is left of it, whatever is held; of one that covers a position that has no bound."""
        whole = self.allowed if self.is_leg else self.ticket.qty
        return max(whole - self.filled - partner_filled, _ZERO)

    def split(self, split: Split, tick: Decimal, step: Decimal) -> None:
        """Take a split of its instrument: quantities grow by it, prices shrink, each on its grid (rules 8, 25)."""
        self.ticket = split_ticket(self.ticket, split, tick, step)
        self.before = None if self.before is None else split_ticket(self.before, split, tick, step)
        self.allowed, self.filled = (qty * split.new / split.old for qty in (self.allowed, self.filled))
        self.best = self.best * split.old / split.new

    def see(self, high: Decimal, low: Decimal, *, waits: bool) -> None:
        """See a bar: a trailing stop notes the best price, and one that waits with us whether its price has come."""
        sells = self.ticket.side is OrderSide.SELL
        if self.ticket.type is OrderType.TRAILING_STOP and self.best:
            self.best = max(self.best, high) if sells else min(self.best, low)
        price = self.ticket.limit_price if self.ticket.type is OrderType.LIMIT else self.ticket.trigger_price
        there = price is not None and (high >= price if sells else low <= price)
        self.reached = waits and there and self.ticket.reduce_only and not self.is_stop

    def trail_from(self, mark: Decimal) -> None:
        """Begin to note the best price; a distance in currency is followed by us from the start."""
        if self.ticket.type is OrderType.TRAILING_STOP and not self.best:
            self.best = mark
            self.follows = self.ticket.trail is not None

    def terms(self, tick: Decimal) -> OrderTicket:
        """Return what is to stand at the venue, but for name and quantity; tick is that of prices, 0 for none."""
        ticket = replace(self.ticket, record=None, time_in_force=_lifetime_at_venue(self.ticket), expire_ts_ms=None)
        if self.urgent or (self.ticket.type is OrderType.TAKE_PROFIT and self.reached):
            return _at_market(ticket)
        if self.ticket.type is OrderType.TRAILING_STOP and self.follows:
            return replace(_at_market(ticket), type=OrderType.STOP, trigger_price=self._level(tick))
        if self.reached and self.ticket.reduce_only and self.ticket.type is OrderType.LIMIT:
            return replace(ticket, time_in_force=TimeInForce.IOC, extended_hours=False)
        return ticket

    def _level(self, tick: Decimal) -> Decimal:
        """Return the trigger of a trailing stop, on the tick that is further away."""
        rate, distance = self.ticket.trail_rate, self.ticket.trail
        away = distance if distance is not None else self.best * (rate or _ZERO)
        sells = self.ticket.side is OrderSide.SELL
        level = self.best - away if sells else self.best + away
        return (level / tick).to_integral_value(ROUND_FLOOR if sells else ROUND_CEILING) * tick if tick else level


def split_ticket(ticket: OrderTicket, split: Split, tick: Decimal, step: Decimal) -> OrderTicket:
    """Return a ticket in the units of after a split: a limit in our favour, a trigger later, on the tick (rule 8)."""
    sells = ticket.side is OrderSide.SELL

    def shrunk(price: Decimal | None, *, up: bool) -> Decimal | None:
        if price is None or not tick:
            return None if price is None else price * split.old / split.new
        steps = (price * split.old / split.new / tick).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)
        return max(steps, Decimal(1)) * tick

    return replace(
        ticket,
        record=None,
        qty=on_step(ticket.qty * split.new / split.old, step),
        limit_price=shrunk(ticket.limit_price, up=sells),
        trigger_price=shrunk(ticket.trigger_price, up=not sells),
        trail=None if ticket.trail is None else ticket.trail * split.old / split.new,
    )


def kept_of(
    record: np.void, ticket: OrderTicket, ends_ms: int | None, ends_for: Reason, admission: Admission | None
) -> KeptOrder:
    """Return the order that an ORDER record and its ticket tell of, when and why its life ends, when it is taken."""
    return KeptOrder(
        order_id=int(record["id"]),
        instrument=int(record["instrument"]),
        ticket=ticket if admission is not None else replace(ticket, record=None),
        from_ms=None if admission is None else admission.from_ms,
        until_ms=None if admission is None else admission.until_ms,
        closes=admission is not None and bool(record["opening_qty"] <= 0.0),
        parent_id=int(record["parent_id"]),
        pair=int(record["pair"]),
        covers=bool(record["covers"]),
        ends_ms=ends_ms,
        ends_then_for=ends_for,
    )


def needs_keeping(record: np.void) -> bool:
    """Say whether an order, ORDER, needs somebody who knows of other orders or of the position, or follows a price."""
    belongs = record["parent_id"] != _NOBODY or record["pair"] != _NOBODY or record["reduce_only"]
    return bool(belongs or record["trail"] > 0.0)


def shares(orders: Iterable[KeptOrder], held: Decimal, promised: Decimal, *, pairs: bool) -> dict[int, Decimal]:
    """Return how much of each order of one instrument should stand at the venue, by its number.

    `held` is the position, signed, `promised` what other orders will take of it: coins that one order sells no other
    can. What protects goes first. `pairs` says whether the venue keeps two orders for the same coins.
    """
    orders = list(orders)
    free = max(abs(held) - promised, _ZERO)
    found: dict[int, Decimal] = {}
    for order in sorted(orders, key=_rank):
        partner = next((other for other in orders if other.is_partner(order)), None)
        left = order.left(partner.filled if partner is not None else _ZERO)
        waits = order.from_ms is not None or (order.is_leg and not order.allowed)
        if not order.reduces:
            found[order.order_id] = _ZERO if order.ends_for or waits else left
            continue
        closes = order.ticket.side * held < 0
        wanted = _ZERO if not closes or waits or order.ends_for else abs(held) if order.covers else left
        if pairs and partner is not None and _stands_beside(order, partner):
            found[order.order_id] = min(wanted, found[partner.order_id])
            continue
        found[order.order_id] = min(wanted, free)
        free -= found[order.order_id]
    return found


def stand_together(stop: KeptOrder, other: KeptOrder) -> bool:
    """Say whether two orders may go to a venue that keeps pairs as one."""
    fit = stop.is_partner(other) and stop.is_stop and other.ticket.reduce_only and other.ticket.type is OrderType.LIMIT
    known = stop.ticket.type in (OrderType.STOP, OrderType.TRAILING_STOP)
    return fit and known and not (stop.urgent or other.alone or stop.ends_for or other.ends_for)


def on_step(qty: Decimal, step: Decimal) -> Decimal:
    """Return a quantity on its step, not above it but for what floats leave behind."""
    if not step:
        return qty
    return (qty / step + Decimal("1e-9")).to_integral_value(ROUND_FLOOR) * step


def _stands_beside(order: KeptOrder, partner: KeptOrder) -> bool:
    return stand_together(partner, order) and not order.reached


def _rank(order: KeptOrder) -> tuple[int, int]:
    return (0 if order.has_waited else 1 if order.is_stop else 2, order.order_id)


def _at_market(ticket: OrderTicket) -> OrderTicket:
    at_market = replace(ticket, type=OrderType.MARKET, time_in_force=TimeInForce.GTC, extended_hours=False)
    return replace(at_market, limit_price=None, trigger_price=None, trail=None, trail_rate=None)


def _lifetime_at_venue(ticket: OrderTicket) -> TimeInForce:
    ends_itself = ticket.time_in_force in (TimeInForce.IOC, TimeInForce.FOK, *AUCTIONS)
    return ticket.time_in_force if ends_itself or ticket.extended_hours else TimeInForce.GTC
