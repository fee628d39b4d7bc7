"""The venue of a dry run, on the same bars."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from practice_rig import CONFIG, EVERY, START_MS, WARM_UP, MarketClock, made_bars
from rig import BASE, QUOTE, START, SYMBOL, Recorder

from keel.app.wiring import instruments_of
from keel.config.practice import PracticeConfig
from keel.domain.ids import ClientOrderId
from keel.domain.layout import ORDER
from keel.domain.venue_messages import OrderTicket, SubmitResult
from keel.sim.exchange import Exchange
from keel.sim.parameters import run_records, slot_records
from keel.venues.simulated import SimulatedVenue

_NEVER = ("arrival_ts_ms", "active_ts_ms", "look_row", "reach_ts_ms", "amend_ts_ms", "expire_ts_ms")
_NOBODY = ("tag", "parent_id", "pair")


@dataclass
class SimulatedRig:
    """Hold the venue, and the bars that it is played."""

    venue: SimulatedVenue
    heard: Recorder
    clock: MarketClock
    row: int = WARM_UP
    keeps_history: ClassVar[bool] = False

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        return await self.venue.submit(replace(ticket, record=_record(ticket, self.clock.stands_ms)))

    async def pass_bars(self, *, swing: bool = False) -> None:
        for _ in range(EVERY if swing else 1):
            self._pass_bar()
        while not swing and (self.row - WARM_UP) % EVERY == EVERY - 1:
            self._pass_bar()

    def _pass_bar(self) -> None:
        bars = made_bars()[self.row]
        self.venue.play_row(bars)
        self.row += 1
        self.clock.stands_ms = int(bars["close_ts_ms"][0])


@asynccontextmanager
async def simulated_rig() -> AsyncIterator[SimulatedRig]:
    """Build a simulated venue that has the accounts, costs and bars of the practice venue."""
    practice = PracticeConfig.model_validate(CONFIG)
    config = practice.simulated(next(iter(practice.accounts.values())))
    run, slots = run_records(config), slot_records(config, instruments_of(config))
    run["cash"][:] = float(START[QUOTE])
    slots["qty"][:] = float(START[BASE])
    clock, heard = MarketClock(), Recorder()
    clock.stands_ms = START_MS
    venue = SimulatedVenue(Exchange(run, slots), (SYMBOL,), {SYMBOL: BASE}, {SYMBOL: QUOTE}, clock)
    for bars in made_bars()[:WARM_UP]:
        venue.watch_row(bars)
        clock.stands_ms = int(bars["close_ts_ms"][0])
    await venue.open(heard)
    try:
        yield SimulatedRig(venue, heard, clock)
    finally:
        await venue.close()


def _record(ticket: OrderTicket, now_ms: int) -> np.void:
    order = np.zeros(1, ORDER)[0]
    name = ClientOrderId.parse(ticket.client_order_id)
    assert name is not None
    order["id"], order["side"], order["type"] = name.order_id, ticket.side, ticket.type
    order["time_in_force"], order["qty"] = ticket.time_in_force, float(ticket.qty)
    order["opening_qty"] = float(ticket.qty) if ticket.side > 0 else 0.0
    order["birth_ts_ms"], order["seq"] = now_ms, name.order_id
    order["submit_ts_ms"] = order["last_response_ts_ms"] = now_ms
    for field in ("limit_price", "trigger_price", "trail", "trail_rate"):
        order[field] = float(getattr(ticket, field) or 0)
    for field in _NEVER:
        order[field] = -1
    for field in _NOBODY:
        order[field] = -1
    return order
