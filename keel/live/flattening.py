"""Close what is ours at the venue, at market: the kill switch's last word and the operator's (rule 17).

It goes past every limit, for it only reduces: sized from the venue's own holdings, never more than is ours.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Final

from keel.config.market import InstrumentRules
from keel.domain.clock import Clock
from keel.domain.errors import RetryableError
from keel.domain.ids import ClientOrderId, DrawKey
from keel.domain.orders import OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import OrderTicket, Outcome
from keel.journal.entries import Alarm, OrderIntent, SubmitAnswered
from keel.journal.journal import Journal
from keel.live.counts import Counts
from keel.live.ear import as_decimal
from keel.live.orders import OrderTracker, TrackedOrder
from keel.live.reconcile import Reconciler
from keel.sim.local import LocalDesk
from keel.venues.base import Venue

BY_KILL_SWITCH: Final = "flatten"
BY_HAND: Final = "flatten by hand"
FLATTENING: Final = (BY_KILL_SWITCH, BY_HAND)
"""Why an order is sent that closes what is ours, by the journal's words: no decision led to it."""
_LOG: Final = logging.getLogger(__name__)
_TRIES: Final = 20
_AGAIN_S: Final = 0.5
_LONGEST_WAIT_S: Final = 70.0
"""How long an order that closes waits for the venue's rate limits: a minute's free all of themselves within it."""
_LOOK_S: Final = 0.1
_MS_PER_S: Final = 1000.0


def closable(mine: Decimal, there: Decimal, step: Decimal, least: Decimal) -> Decimal:
    """Return what of our position can be closed, below 0 of a short: never more than is there.

    It is whole steps (0 for no step) of at least `least`; 0 where that is none.
    """
    if mine * there <= 0:
        return Decimal(0)
    qty = min(abs(mine), abs(there))
    if step:
        qty = (qty / step).to_integral_value(ROUND_DOWN) * step
    return qty.copy_sign(mine) if qty >= least else Decimal(0)


def closing_ticket(
    journal: Journal, symbol: str, instrument_hash: int, held: Decimal, now_ms: int
) -> tuple[OrderTicket, int]:
    """Return the ticket that closes what is held at market, below 0 of a short, and its number in the journal."""
    order_id = journal.next_order_id
    key = DrawKey(instrument_hash, now_ms, 0)
    ticket = OrderTicket(
        client_order_id=str(ClientOrderId(journal.tag, key, order_id)),
        symbol=symbol,
        side=OrderSide.SELL if held > 0 else OrderSide.BUY,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        qty=abs(held),
        decided_ts_ms=now_ms,
        reduce_only=True,
    )
    return ticket, order_id


async def until_orders_may_go(venue: Venue, clock: Clock) -> None:
    """Wait until the venue's rate limits let an order go, or as long as a minute's limits can take."""
    ends_s = clock.monotonic_s() + _LONGEST_WAIT_S
    while (wait_s := venue.order_wait_s()) > 0 and clock.monotonic_s() < ends_s:
        await clock.sleep(min(wait_s, _LOOK_S))


@dataclass
class Flattener:
    """Flatten one run's positions, long and short."""

    venue: Venue
    desk: LocalDesk
    tracker: OrderTracker
    reconciler: Reconciler
    journal: Journal
    clock: Clock
    counts: Counts
    symbols: Sequence[str]
    hashes: Sequence[int]
    base_of: Mapping[str, str]
    rules: Mapping[str, InstrumentRules]

    async def flatten(self) -> bool:
        """Close all that is ours until nothing, or only dust, is left; return whether that came about."""
        for _ in range(_TRIES):
            try:
                await self.reconciler.reconcile()
                held = await self._held()
                if not held:
                    return True
                for symbol, qty in held.items():
                    await self._close(symbol, qty)
            except RetryableError as error:
                _LOG.warning("flattening goes on: %s", error)
            await self.clock.sleep(_AGAIN_S)
        self.journal.append([Alarm("positions could not be closed: close them by hand")])
        return False

    async def _held(self) -> dict[str, Decimal]:
        """Return what is ours and can be closed, by symbol: never more than the venue says is there and free."""
        account = await self.venue.account()
        positions = self.desk.account_now().position_qty  # no close applies what was heard any more
        held = {}
        for symbol, mine in zip(self.symbols, positions, strict=True):
            balance = account.balances.get(self.base_of[symbol])
            there = Decimal(0) if balance is None else balance.free
            rules = self.rules[symbol]
            qty = closable(as_decimal(mine), there, rules.step_size, rules.min_qty)
            if qty:
                held[symbol] = qty
        return held

    async def _close(self, symbol: str, qty: Decimal) -> None:
        await until_orders_may_go(self.venue, self.clock)
        place, now_ms = self.symbols.index(symbol), self.clock.now_ms()
        ticket, order_id = closing_ticket(self.journal, symbol, self.hashes[place], qty, now_ms)
        order = TrackedOrder(ticket, order_id, place, self.clock.wall_ms())
        self.journal.append([OrderIntent(ticket, order_id, BY_KILL_SWITCH)])
        self.tracker.add(order)
        self.desk.number_orders_from(order_id + 1)
        self.counts.count_sent(order)
        started_s = self.clock.monotonic_s()
        result = await self.venue.submit(ticket)
        took_ms = (self.clock.monotonic_s() - started_s) * _MS_PER_S
        self.journal.append([SubmitAnswered(symbol, order.name, result, took_ms)])
        if result.outcome is Outcome.UNKNOWN:
            self.tracker.doubt(order, self.clock.wall_ms())
        elif result.outcome is not Outcome.DONE:
            self.tracker.end(order)
