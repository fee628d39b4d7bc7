"""What the contract suite asks of a venue under test: the venue, someone who hears it, and a hand on its market."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from keel.domain.venue_messages import (
    AccountState,
    OrderRef,
    OrderReport,
    OrderState,
    OrderTicket,
    StreamState,
    SubmitResult,
    VenueFill,
)
from keel.venues.base import Venue

SYMBOL = "BTC/USD"
BASE, QUOTE = "BTC", "USD"
PRICE = Decimal(100)
"""The market's price while it is quiet; a swing goes from it to LOW, to HIGH and back, within one bar."""
LOW, HIGH = Decimal(90), Decimal(120)
TICK, STEP, MIN_NOTIONAL = Decimal("0.01"), Decimal("0.001"), Decimal(5)
START = {QUOTE: Decimal(10_000), BASE: Decimal(10)}


@dataclass
class Recorder:
    """Keep everything that a venue pushes."""

    reports: list[OrderReport] = field(default_factory=list)
    accounts: list[AccountState] = field(default_factory=list)
    streams: list[StreamState] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def on_report(self, report: OrderReport) -> None:
        self.reports.append(report)

    def on_account(self, account: AccountState) -> None:
        self.accounts.append(account)

    def on_stream(self, state: StreamState, reason: str) -> None:
        self.streams.append(state)

    def on_fault(self, reason: str) -> None:
        self.faults.append(reason)

    def of(self, client_order_id: str) -> list[OrderReport]:
        return [each for each in self.reports if each.state.client_order_id == client_order_id]


class Rig(Protocol):
    """Hold a venue whose market is in the test's hand."""

    venue: Venue
    heard: Recorder
    keeps_history: bool
    """Whether it tells of orders that are over, and of their trades, when asked; a dry run's journal does that."""

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        """Place an order."""

    async def pass_bars(self, *, swing: bool = False) -> None:
        """Let bars go by, quiet ones, or with one that swings; every report of them has come after it."""


async def fills_of(rig: Rig, since_ms: int = 0) -> list[VenueFill]:
    """Return the trades from a time on: asked for, or as they were reported."""
    if rig.keeps_history:
        return list(await rig.venue.fills(SYMBOL, since_ms))
    told = [report.fill for report in rig.heard.reports if report.fill is not None]
    return [fill for fill in told if fill.ts_ms >= since_ms]


async def state_of(rig: Rig, client_order_id: str) -> OrderState | None:
    """Return how an order stands: asked for, or as it was reported last."""
    state = await rig.venue.order(OrderRef(SYMBOL, client_order_id))
    told = rig.heard.of(client_order_id)
    return told[-1].state if state is None and told and not rig.keeps_history else state


async def until(what: Callable[[], object], within_s: float = 5.0) -> None:
    """Wait for something to become true."""
    ends_s = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < ends_s, "it did not happen in time"
        await asyncio.sleep(0.005)
