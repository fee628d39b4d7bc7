"""Flatten by hand, beside no run: cancel what is ours at the venue and close what is ours, by journal and venue alone.

It goes past kill switch, latches and doctor, for it only reduces (rule 17). The next start finds its orders and trades
in the journal, as if the run itself had sent them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from keel.domain.clock import Clock
from keel.domain.errors import RetryableError
from keel.domain.venue_messages import (
    AccountState,
    OrderRef,
    OrderReport,
    OrderState,
    OrderTicket,
    Outcome,
    StreamState,
)
from keel.journal.entries import (
    Alarm,
    CancelAnswered,
    CancelIntent,
    FillBooked,
    OrderIntent,
    OrderResolved,
    ReportHeard,
    SubmitAnswered,
)
from keel.journal.journal import Journal
from keel.live.flattening import BY_HAND, closable, closing_ticket, until_orders_may_go
from keel.live.orders import state_as_report
from keel.live.our_book import OurBook
from keel.live.recovery import unsent
from keel.venues.base import Venue

_LOG: Final = logging.getLogger(__name__)
_TRIES: Final = 40
_AGAIN_S: Final = 0.5
_SELDOM_S: Final = 2.0
"""Longest time between two questions for an order that closes: that of a market that is shut takes long to fill."""


@dataclass(frozen=True)
class Closed:
    """Name one instrument that may be closed; step, least quantity and least value (quote) are the venue's, or 0."""

    symbol: str
    instrument_hash: int
    base: str
    step: Decimal
    least: Decimal
    least_value: Decimal


@dataclass(frozen=True)
class Plan:
    """Hold what is open: orders of ours, orders that are not, what can be closed by symbol, and what is too little to.

    Quantities of shorts are below 0. `unsent` are orders of ours that wait for their time, with us; `closing` are those
    that close and wait at the venue for their market, which may be shut.
    """

    orders: tuple[OrderState, ...]
    others: tuple[OrderState, ...]
    closes: dict[str, Decimal]
    dust: dict[str, Decimal]
    unsent: tuple[OrderTicket, ...] = ()
    closing: tuple[OrderState, ...] = ()

    def is_flat(self, *, with_others: bool) -> bool:
        """Say whether nothing is open."""
        return not self.closing and self.is_done(with_others=with_others)

    def is_done(self, *, with_others: bool) -> bool:
        """Say whether nothing is left to do: what is open still is being closed."""
        return not self.orders and not self.unsent and not self.closes and not (with_others and self.others)


class Silent:
    """Hear nothing: whoever clears asks."""

    def on_report(self, report: OrderReport) -> None:
        """Hear nothing."""

    def on_account(self, account: AccountState) -> None:
        """Hear nothing."""

    def on_stream(self, state: StreamState, reason: str) -> None:
        """Hear nothing."""

    def on_fault(self, reason: str) -> None:
        """Hear nothing."""


class Clearer:
    """Clear one account of what one journal has opened. `grace_s` is how long an order may stay unknown."""

    def __init__(
        self, venue: Venue, journal: Journal, clock: Clock, instruments: Sequence[Closed], grace_s: float
    ) -> None:
        self._venue = venue
        self._journal = journal
        self._clock = clock
        self._instruments = {one.symbol: one for one in instruments}
        self._grace_s = grace_s
        self._book = OurBook.of(journal, {one.symbol: one.base for one in instruments})
        self._standing: set[str] = set()
        """Names of orders that close and wait at the venue."""

    async def look(self) -> Plan:
        """Return what is open now. Raises as a venue's questions do."""
        await self._take_fills()
        working = [state for state in await self._venue.open_orders() if state.symbol in self._instruments]
        closing = tuple(state for state in working if state.client_order_id in self._standing)
        symbols_closing = {state.symbol for state in closing}
        ours = tuple(s for s in working if self._book.is_ours(s.client_order_id) and s not in closing)
        others = tuple(state for state in working if not self._book.is_ours(state.client_order_id))
        account, closes, dust = await self._venue.account(), {}, {}
        for symbol, one in self._instruments.items():
            if symbol in symbols_closing:
                continue
            balance = account.balances.get(one.base)
            there = Decimal(0) if balance is None else balance.total
            held = self._book.held[symbol]
            qty = closable(held, there, one.step, one.least)
            if qty and abs(qty) * self._book.price.get(symbol, Decimal(0)) >= one.least_value:
                closes[symbol] = qty
            elif held * there > 0:
                dust[symbol] = min(held, there, key=abs)
        return Plan(ours, others, closes, dust, unsent(self._journal), closing)

    async def clear(self, *, with_others: bool) -> Plan:
        """Cancel, then close, until nothing is left to do or patience is over; return what is left.

        An order that closes and is not filled is left at the venue: its market is shut, and fills it when it opens.
        """
        for _ in range(_TRIES):
            try:
                plan = await self.look()
                if plan.is_done(with_others=with_others):
                    return plan
                if plan.unsent:
                    self._give_up(plan.unsent)
                cancels = (*plan.orders, *(plan.others if with_others else ()))
                if cancels:
                    await self._cancel(cancels)
                else:
                    sent = [await self._close(symbol, qty) for symbol, qty in plan.closes.items()]
                    await self._until_over([ref for ref in sent if ref is not None])
            except RetryableError as error:
                _LOG.warning("flattening goes on: %s", error)
            await self._clock.sleep(_AGAIN_S)
        self._journal.append([Alarm("not everything could be closed: close the rest by hand")])
        return await self.look()

    def _give_up(self, tickets: Sequence[OrderTicket]) -> None:
        """Have the next start send none of the orders that wait with us."""
        refs = [OrderRef(one.symbol, one.client_order_id) for one in tickets]
        self._journal.append([CancelIntent(ref, BY_HAND) for ref in refs])

    async def _cancel(self, states: Sequence[OrderState]) -> None:
        refs = [OrderRef(one.symbol, one.client_order_id, one.venue_order_id) for one in states]
        self._journal.append([CancelIntent(ref, BY_HAND) for ref in refs])
        for ref in refs:
            started_s = self._clock.monotonic_s()
            result = await self._venue.cancel(ref)
            latency_ms = (self._clock.monotonic_s() - started_s) * 1000
            self._journal.append_lazily(CancelAnswered(ref.symbol, ref.client_order_id, result, latency_ms))
            if self._book.is_ours(ref.client_order_id):
                await self._note_state(ref)
        self._journal.flush()

    async def _close(self, symbol: str, qty: Decimal) -> OrderRef | None:
        """Send an order that closes; return it where it may be at the venue."""
        await until_orders_may_go(self._venue, self._clock)
        one, now_ms = self._instruments[symbol], self._clock.now_ms()
        ticket, order_id = closing_ticket(self._journal, symbol, one.instrument_hash, qty, now_ms)
        self._journal.append([OrderIntent(ticket, order_id, BY_HAND)])
        started_s = self._clock.monotonic_s()
        result = await self._venue.submit(ticket)
        latency_ms = (self._clock.monotonic_s() - started_s) * 1000
        self._journal.append([SubmitAnswered(symbol, ticket.client_order_id, result, latency_ms)])
        if result.outcome in (Outcome.DONE, Outcome.UNKNOWN):
            return OrderRef(symbol, ticket.client_order_id, result.venue_order_id)
        _LOG.error("%s: the closing order was not taken: %s", symbol, result.reason)
        return None

    async def _until_over(self, refs: Sequence[OrderRef]) -> None:
        """Wait for the end of orders: nothing of theirs is closed meanwhile, or it could be closed twice."""
        ends_s, pause_s = self._clock.monotonic_s() + self._grace_s, _AGAIN_S
        known: dict[OrderRef, bool | None] = dict.fromkeys(refs)
        while known:
            for ref in tuple(known):
                try:
                    state = await self._venue.order(ref)
                except RetryableError as error:
                    _LOG.warning("%s cannot be asked for: %s", ref.client_order_id, error)
                    continue
                known[ref] = state is not None
                if state is not None and state.status.is_final:
                    self._journal.append([ReportHeard(state_as_report(state))])
                    del known[ref]
            left_s = ends_s - self._clock.monotonic_s()
            if left_s <= 0:
                break
            await self._clock.sleep(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _SELDOM_S)
        self._standing |= {ref.client_order_id for ref, is_there in known.items() if is_there}
        why = f"the venue knew of no such order for {self._grace_s:.0f} s"
        for ref in (ref for ref, is_there in known.items() if is_there is False):
            self._journal.append([OrderResolved(ref.symbol, ref.client_order_id, "not_sent", why)])

    async def _note_state(self, ref: OrderRef) -> None:
        state = await self._venue.order(ref)
        if state is not None and state.status.is_final:
            self._journal.append_lazily(ReportHeard(state_as_report(state)))

    async def _take_fills(self) -> None:
        """Book the trades of ours that nobody heard of: those of the time after a crash, and our own."""
        for symbol in self._instruments:
            since_ms = self._book.since_ms(symbol)
            if since_ms is None:
                continue
            for fill in await self._venue.fills(symbol, since_ms):
                if self._book.is_ours(fill.client_order_id) and not self._journal.has_fill(symbol, fill.trade_id):
                    self._journal.append([FillBooked(fill)])
                    self._book.take(fill)
