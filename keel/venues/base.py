"""The Venue port: what Keel asks of an exchange. One contract suite (tests/contract) holds for every adapter.

Adapters translate and nothing else: they decide nothing, repeat no order, and keep no book. Where a venue lacks an
order type they say so (`holds`), and the live room makes up for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from keel.domain.orders import OrderType, TimeInForce
from keel.domain.venue_messages import (
    AccountState,
    CancelResult,
    OrderRef,
    OrderReport,
    OrderState,
    OrderTicket,
    StreamState,
    SubmitResult,
    VenueFill,
)


@dataclass(frozen=True, slots=True)
class Admission:
    """Hold from when until when a venue takes an order, UTC milliseconds."""

    from_ms: int
    until_ms: int


class VenueListener(Protocol):
    """Hear what a venue pushes, in the order in which it came; called on the loop, never blocking."""

    def on_report(self, report: OrderReport) -> None:
        """Hear of an order: ours or not, perhaps twice, perhaps late."""

    def on_account(self, account: AccountState) -> None:
        """Hear of balances that have changed: those named only."""

    def on_stream(self, state: StreamState, reason: str) -> None:
        """Hear that the stream of reports was lost or is back; after UP the caller asks for what it missed."""

    def on_fault(self, reason: str) -> None:
        """Hear of a message that could not be read; it is kept and counted, and trading goes by what is known."""


class Venue(Protocol):
    """Place, cancel and ask. Prices and quantities of tickets are on the venue's grid already.

    No call blocks longer than the configured timeout. `submit` and `cancel` never raise for what the venue or the
    network did: they answer by an Outcome. The questions raise RetryableError where there is no answer now, and
    HaltTradingError where the venue shuts us out (wrong key, banned address).
    """

    @property
    def name(self) -> str:
        """Return what the venue is called in logs and journal."""

    def holds(self, symbol: str, kind: OrderType, time_in_force: TimeInForce) -> bool:
        """Say whether the venue itself keeps such an order of a symbol."""

    @property
    def holds_legs(self) -> bool:
        """Say whether legs that come with an order wait at the venue for its first fill."""

    @property
    def holds_pairs(self) -> bool:
        """Say whether the venue keeps a stop and a limit order for the same coins, of which one cancels the other."""

    def ends_daily(self, ticket: OrderTicket) -> bool:
        """Say whether the venue ends an order with its day that is to live on: it has to be placed anew."""

    def admission(self, ticket: OrderTicket, now_ms: int) -> Admission | None:
        """Return when the venue takes an order that it does not take yet; None where it may be sent at once."""

    def order_wait_s(self) -> float:
        """Return how long until the venue's rate limits let another order go, seconds; 0 for at once."""

    async def open(self, listener: VenueListener) -> None:
        """Connect, agree on the time and begin to hear reports. Raises as questions do."""

    async def close(self) -> None:
        """Let go of every connection."""

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        """Place an order: one request, never repeated."""

    async def submit_pair(self, stop: OrderTicket, target: OrderTicket) -> tuple[SubmitResult, SubmitResult]:
        """Place two orders of which one cancels the other: one request, never repeated, taken whole or not at all."""

    async def cancel(self, ref: OrderRef) -> CancelResult:
        """Cancel an order."""

    async def order(self, ref: OrderRef) -> OrderState | None:
        """Return an order by its name, final ones too; None where the venue says that it knows of none."""

    async def open_orders(self) -> Sequence[OrderState]:
        """Return every order of the account that works at the venue, not only ours."""

    async def fills(self, symbol: str, since_ms: int) -> Sequence[VenueFill]:
        """Return the trades of a symbol from a time on, oldest first, all of them."""

    async def account(self) -> AccountState:
        """Return all balances."""
