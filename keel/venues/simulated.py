"""The simulated venue of a dry run: the simulator's own exchange behind the Venue port.

It plays a row when its bars are known (`play_row`), and reports then what a venue would have told by its close.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from keel.domain.clock import Clock
from keel.domain.layout import ORDER
from keel.domain.orders import EventKind, OrderSide, OrderStatus, OrderType, TimeInForce
from keel.domain.venue_messages import (
    AccountState,
    Balance,
    CancelResult,
    OrderRef,
    OrderReport,
    OrderState,
    OrderTicket,
    Outcome,
    StreamState,
    SubmitResult,
    VenueFill,
    VenueStatus,
)
from keel.sim.exchange import Exchange
from keel.sim.room import Records
from keel.venues.base import Admission, VenueListener

_STATUS: Final = {
    OrderStatus.IN_FLIGHT: VenueStatus.WORKING,
    OrderStatus.WORKING: VenueStatus.WORKING,
    OrderStatus.HELD: VenueStatus.WORKING,
    OrderStatus.FILLED: VenueStatus.FILLED,
    OrderStatus.CANCELED: VenueStatus.CANCELED,
    OrderStatus.EXPIRED: VenueStatus.EXPIRED,
    OrderStatus.REJECTED: VenueStatus.REJECTED,
}
_END: Final = {
    EventKind.REJECTED: VenueStatus.REJECTED,
    EventKind.CANCELED: VenueStatus.CANCELED,
    EventKind.EXPIRED: VenueStatus.EXPIRED,
}


class SimulatedVenue:
    """Keep one account on an Exchange. `base_of` and `quote_of` are each symbol's base asset and quote currency.

    Nothing is kept of orders that are over and of their fills: a dry run's journal has them.
    """

    def __init__(
        self,
        exchange: Exchange,
        symbols: Sequence[str],
        base_of: Mapping[str, str],
        quote_of: Mapping[str, str],
        clock: Clock,
    ) -> None:
        self._exchange = exchange
        self._symbols = tuple(symbols)
        self._base_of = base_of
        self._quote_of = quote_of
        self._clock = clock
        self._tickets: dict[int, OrderTicket] = {}
        self._filled: dict[int, Decimal] = {}
        self._n_trades = 0
        self._listener: VenueListener | None = None
        self._account_event: Callable[[Records], None] | None = None

    @property
    def name(self) -> str:
        """Return what the venue is called."""
        return "simulated"

    def holds(self, symbol: str, kind: OrderType, time_in_force: TimeInForce) -> bool:  # noqa: ARG002 - the port's terms
        """Say that every order is kept here."""
        return True

    @property
    def holds_legs(self) -> bool:
        """Say that legs wait for the first fill here."""
        return True

    @property
    def holds_pairs(self) -> bool:
        """Say that pairs need no request of their own: the desk's records tell of them."""
        return False

    def ends_daily(self, ticket: OrderTicket) -> bool:  # noqa: ARG002 - the port's terms
        """Say that no order ends with the day that is to live on."""
        return False

    def admission(self, ticket: OrderTicket, now_ms: int) -> Admission | None:  # noqa: ARG002 - the port's terms
        """Say that every order is taken at any time."""
        return None

    def order_wait_s(self) -> float:
        """Say that an order may go at once: there is no limit on how many."""
        return 0.0

    async def open(self, listener: VenueListener) -> None:
        """Begin to report to the listener."""
        self._listener = listener
        listener.on_stream(StreamState.UP, "simulated")

    async def close(self) -> None:
        """Report no more."""
        self._listener = None

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        """Take an order; it arrives when its drawn latency has passed. Raises ValueError for one without a record."""
        if ticket.record is None:
            raise ValueError(f"{ticket.client_order_id}: a simulated venue takes orders of our desk only")
        order_id = int(ticket.record["id"])
        if self._exchange.order(order_id) is not None or order_id in self._tickets:
            return SubmitResult(Outcome.UNKNOWN, reason="an order of this name is here already")
        self._tickets[order_id] = ticket
        self._exchange.submit(np.array([ticket.record], ORDER))
        return SubmitResult(Outcome.DONE, venue_order_id=str(order_id))

    async def submit_pair(self, stop: OrderTicket, target: OrderTicket) -> tuple[SubmitResult, SubmitResult]:
        """Take both, one after the other: their records tell that they belong together."""
        return await self.submit(stop), await self.submit(target)

    async def cancel(self, ref: OrderRef) -> CancelResult:
        """Take a cancel; it arrives when its latency has passed."""
        order_id = self._id_of(ref)
        decided_ts_ms = int(self._exchange.run_record["last_close_ts_ms"])
        if order_id is None or not self._exchange.cancel(order_id, decided_ts_ms):
            return CancelResult(Outcome.DONE, already_final=True)
        return CancelResult(Outcome.DONE)

    async def order(self, ref: OrderRef) -> OrderState | None:
        """Return an order that is not forgotten yet."""
        order_id = self._id_of(ref)
        record = None if order_id is None else self._exchange.order(order_id)
        return None if order_id is None or record is None else self._state(order_id, record[0])

    async def open_orders(self) -> Sequence[OrderState]:
        """Return every order that is not over."""
        found = ((order_id, self._exchange.order(order_id)) for order_id in self._tickets)
        states = [self._state(order_id, record[0]) for order_id, record in found if record is not None]
        return [state for state in states if not state.status.is_final]

    async def fills(self, symbol: str, since_ms: int) -> Sequence[VenueFill]:  # noqa: ARG002 - the port's terms
        """Return nothing: every fill is reported, once."""
        return ()

    async def account(self) -> AccountState:
        """Return what the venue's book holds at the last close."""
        held = {self._quote_of[symbol]: Decimal(repr(self._exchange.venue_cash)) for symbol in self._symbols[:1]}
        for symbol, qty in zip(self._symbols, self._exchange.venue_qty, strict=True):
            held[self._base_of[symbol]] = Decimal(repr(float(qty)))
        balances = {asset: Balance(free=total, locked=Decimal(0)) for asset, total in held.items()}
        return AccountState(balances, can_trade=True, ts_ms=self._clock.now_ms())

    def play_row(self, bars: Records) -> Records:
        """Play a row, BAR (N,), and report what is known at its close; return the EVENT records of the account."""
        heard = self._exchange.play_row(bars)
        for event in heard[heard["order_id"] >= 0]:
            self._report(event)
        return heard[heard["order_id"] < 0]

    def amend_record(self, order: np.void) -> None:
        """Take the change that an ORDER record has on its way."""
        self._exchange.amend(np.array([order], ORDER))

    def adopt(self, ticket: OrderTicket) -> None:
        """Know an order of a run that goes on, which the exchange has already. Raises ValueError without a record."""
        if ticket.record is None:
            raise ValueError(f"{ticket.client_order_id}: a simulated venue knows orders of our desk only")
        self._tickets[int(ticket.record["id"])] = ticket

    def watch_row(self, bars: Records) -> None:
        """Let a row, BAR (N,), pass before trading begins."""
        self._exchange.watch_row(bars)

    def record_of(self, order_id: int) -> Records | None:
        """Return an order as the exchange has it, ORDER (1,), or None once it is forgotten."""
        return self._exchange.order(order_id)

    def _id_of(self, ref: OrderRef) -> int | None:
        names = {ticket.client_order_id: order_id for order_id, ticket in self._tickets.items()}
        return names.get(ref.client_order_id)

    def _report(self, event: np.void) -> None:
        order_id = int(event["order_id"])
        ticket = self._tickets[order_id]
        kind = EventKind(int(event["kind"]))
        fill = self._fill(ticket, event) if kind is EventKind.FILLED else None
        filled = self._filled.get(order_id, Decimal(0)) + (fill.qty if fill else Decimal(0))
        self._filled[order_id] = filled
        status = _END.get(kind, VenueStatus.PARTIAL if filled else VenueStatus.WORKING)
        if fill is not None and event["final"]:
            status = VenueStatus.FILLED
        state = self._as_told(ticket, order_id, status, filled, int(event["ts_ms"]))
        if status.is_final:
            del self._tickets[order_id], self._filled[order_id]
        if self._listener is not None:
            triggered = kind is EventKind.TRIGGERED
            self._listener.on_report(OrderReport(state, int(event["ts_ms"]), fill, triggered, event))

    def _fill(self, ticket: OrderTicket, event: np.void) -> VenueFill:
        self._n_trades += 1
        in_base = event["fee_qty"] > 0.0
        fee = event["fee_qty"] if in_base else event["fee"]
        return VenueFill(
            trade_id=f"{event['order_id']}-{event['ts_ms']}-{self._n_trades}",
            symbol=ticket.symbol,
            client_order_id=ticket.client_order_id,
            venue_order_id=str(event["order_id"]),
            side=OrderSide(int(event["side"])),
            qty=Decimal(repr(float(event["qty"]))),
            price=Decimal(repr(float(event["price"]))),
            fee=Decimal(repr(float(fee))),
            fee_currency=(self._base_of if in_base else self._quote_of)[ticket.symbol],
            maker=bool(event["maker"]),
            ts_ms=int(event["ts_ms"]),
        )

    def _state(self, order_id: int, record: np.void) -> OrderState:
        ticket = self._tickets.get(order_id)
        if ticket is None:
            raise ValueError(f"order {order_id} is not known here")
        filled = Decimal(repr(float(record["filled_qty"])))
        status = _STATUS[OrderStatus(int(record["status"]))]
        if filled and not status.is_final:
            status = VenueStatus.PARTIAL
        return self._as_told(ticket, order_id, status, filled, int(record["last_response_ts_ms"]))

    def _as_told(
        self, ticket: OrderTicket, order_id: int, status: VenueStatus, filled: Decimal, ts_ms: int
    ) -> OrderState:
        return OrderState(
            symbol=ticket.symbol,
            client_order_id=ticket.client_order_id,
            venue_order_id=str(order_id),
            side=ticket.side,
            type=ticket.type,
            status=status,
            qty=ticket.qty,
            filled_qty=filled,
            limit_price=ticket.limit_price,
            trigger_price=ticket.trigger_price,
            ts_ms=ts_ms,
        )
