"""One row of a live run: book, decide, journal, send (design: the decision cycle)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from keel.config.modes import LiveRun
from keel.domain.clock import Clock
from keel.domain.errors import HaltTradingError, UsageError
from keel.domain.live_status import DecisionLine
from keel.domain.orders import EventKind, OrderSide, Reason, TradingState
from keel.domain.timeframe import utc_text
from keel.journal.entries import (
    Alarm,
    BarsSeen,
    CancelIntent,
    Decision,
    Entry,
    LatchCleared,
    LatchSet,
    Level,
    Note,
    OrderHeld,
    OrderIntent,
)
from keel.journal.journal import Journal
from keel.live.amends import take_over
from keel.live.blocks import Blocks
from keel.live.counts import Counts
from keel.live.decider import BarHistory, Decider, Thinker, Wanted
from keel.live.exits import ExitKeeper
from keel.live.kept import KeptOrder, kept_of, needs_keeping
from keel.live.lifetimes import end_of_life
from keel.live.orders import OrderTracker, Phase, TrackedOrder
from keel.live.recovery import LAYOUT, Resumable
from keel.live.rows import Row
from keel.live.sender import Sender
from keel.live.tickets import NotTakenError, ticket_of
from keel.sim.local import LocalDesk, Sent, event_of
from keel.sim.room import Records
from keel.venues.base import Venue

_MS_PER_S: Final = 1000.0
_LINES_KEPT: Final = 20
_WEIGHT_DIGITS: Final = 4
_IT_SPLITS: Final = "not sent, for its split is not in our book and the account's alike"


class Rehearsal(Protocol):
    """Be the market of a dry run: it fills our orders on the bars that come."""

    def play_row(self, bars: Records) -> Records:
        """Play a row, BAR (N,), reporting what happened to orders; return the EVENT records of the account."""

    def record_of(self, order_id: int) -> Records | None:
        """Return an order as the market has it, ORDER (1,)."""

    def amend_record(self, order: np.void) -> None:
        """Take the change that an ORDER record has on its way."""


@dataclass
class Trader:
    """Hold what a row needs. `symbols` and `hashes` are the instruments', in their order."""

    config: LiveRun
    clock: Clock
    venue: Venue
    desk: LocalDesk
    journal: Journal
    tracker: OrderTracker
    sender: Sender
    decider: Decider
    thinker: Thinker
    history: BarHistory
    blocks: Blocks
    counts: Counts
    hashes: Sequence[int]
    resumable: Resumable
    exits: ExitKeeper
    rehearsal: Rehearsal | None = None
    lines: list[DecisionLine] = field(default_factory=list)
    _failed_in_a_row: int = 0
    _signal_tokens: float = 0.0
    _signal_ms: int = 0
    _cut: tuple[str, ...] = ()

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the symbols, in the order of instruments."""
        return self.config.data.symbols

    async def take_row(self, row: Row, why_not: str | None = None, *, may_open: bool = True) -> None:
        """Take a row: the book moves to its close and, unless there is a reason not to, orders are sent.

        Without `may_open` only those that close are. Raises HaltTradingError where the strategy has given no decision
        for too long.
        """
        await self.exits.tend()  # what has ended is known before it is decided on
        await self._take(row, why_not, may_open=may_open)
        await self.exits.tend()

    async def _take(self, row: Row, why_not: str | None, *, may_open: bool) -> None:
        self._rehearse(row)
        before = self.desk.trading_state
        self.desk.close_row(row.bars, self.clock.now_ms())
        self.exits.see_row(row.bars)
        self.history.append(row.bars)
        self.resumable.close_ts_ms = row.close_ts_ms
        entries: list[Entry] = [BarsSeen(row.close_ts_ms, row.seen), *self._latches(before)]
        if why_not is not None:
            self._write([*entries, Note(f"the close at {row.close_ts_ms} is only booked: {why_not}")])
            return
        try:
            wanted, decide_ms = await self._think(entries)
        except asyncio.CancelledError:
            self._write([*entries, Note(f"the close at {row.close_ts_ms} is only booked: the run has ended")])
            raise
        if wanted is None:
            self._write(entries)
            return
        before = self.desk.trading_state
        sent = self._decide(row, wanted, may_open=may_open)
        entries += self._latches(before)
        await self._carry_out(row, wanted, sent, entries, decide_ms)

    def _rehearse(self, row: Row) -> None:
        if self.rehearsal is None:
            return
        for event in self.rehearsal.play_row(row.bars):
            self.desk.hear(np.array([event], event.dtype))
        for order in self.desk.live_orders():
            there = self.rehearsal.record_of(int(order["id"]))
            if there is not None:
                self.desk.follow(there)

    async def _think(self, entries: list[Entry]) -> tuple[Wanted | None, float]:
        """Return what the strategy wants; None, with an entry that says why, where that cannot be meant."""
        panel = self.history.panel()
        started_s = self.clock.monotonic_s()
        try:
            timeout_s = self.config.live.decide_timeout_ms / _MS_PER_S
            wanted = await self.thinker.run(lambda: self.decider.decide(panel), timeout_s)
        except (UsageError, TimeoutError) as error:
            self.counts.strategy_failures += 1
            self._failed_in_a_row += 1
            entries.append(Alarm(f"no decision: {error}"))
            self.blocks.put("strategy", f"the strategy gave no decision: {error}")
            if self._failed_in_a_row >= self.config.live.strategy_failures:
                self._write(entries)
                told = f"{self._failed_in_a_row} closes in a row without a decision: {error}"
                raise HaltTradingError(told) from None
            return None, 0.0
        decide_ms = (self.clock.monotonic_s() - started_s) * _MS_PER_S
        self._failed_in_a_row = 0
        self.blocks.lift("strategy")
        self.counts.decisions += 1
        self.counts.decide.add(decide_ms)
        return wanted, decide_ms

    def _decide(self, row: Row, wanted: Wanted, *, may_open: bool) -> Sent:
        may_open = may_open and not self.blocks and not row.doubted and self._has_signal(row.close_ts_ms)
        weights = wanted.weights
        if not self.config.execution.enabled:
            weights = np.full_like(weights, np.nan)
        sent = self.desk.decide(weights, wanted.requests, entries=may_open)
        if wanted.requests is not None:
            self.decider.note_ids()
        if len(sent.orders):
            self._signal_tokens -= 1.0
        return sent

    def _has_signal(self, now_ms: int) -> bool:
        """Refill and look at the bucket of decisions that may lead to orders (throttle.max_signals_per_sec)."""
        rate = self.config.throttle.max_signals_per_sec
        refill = (now_ms - self._signal_ms) / _MS_PER_S * rate
        self._signal_tokens = min(max(1.0, rate), self._signal_tokens + refill)
        self._signal_ms = now_ms
        return self._signal_tokens >= 1.0

    async def _carry_out(self, row: Row, wanted: Wanted, sent: Sent, entries: list[Entry], decide_ms: float) -> None:
        wanted = self._within_caps(wanted, sent, entries)
        orders, kept = self._taken_up(sent.orders)
        cancels = [order for order in map(self._to_cancel, sent.cancels) if order is not None]
        why = self._reasons(row, wanted, sent)
        weights = {s: None if math.isnan(w) else float(w) for s, w in zip(self.symbols, wanted.weights, strict=True)}
        entries.append(Decision(row.close_ts_ms, weights, why, decide_ms))
        entries += [OrderIntent(order.ticket, order.order_id, why[order.ticket.symbol]) for order in orders]
        entries += [OrderHeld(order.ticket, order.order_id, _why_kept(order)) for order in kept]
        entries += [CancelIntent(order.ref, why[order.ticket.symbol]) for order in cancels]
        entries += self._amend(sent.amends)
        for order in orders:
            self.tracker.add(order)
        # what the venue ends with its day lives on with us, and is placed anew
        kept += [take_over(order) for order in orders if self.venue.ends_daily(order.ticket)]
        for waiting in kept:
            self.exits.keep(waiting)
        if not self._write(entries):
            self._take_back(orders)
            self.exits.forget(kept)
            return
        sending = self.sender.send([order for order in orders if order.phase is Phase.SENT])
        # orders may wait for the venue's rate limits, and no cancel waits behind them
        await (asyncio.gather(sending, self.sender.cancel_journalled(cancels)) if cancels else sending)
        if orders:
            self.counts.close_to_sent.add(float(self.clock.now_ms() - row.close_ts_ms))

    def _within_caps(self, wanted: Wanted, sent: Sent, entries: list[Entry]) -> Wanted:
        """Return what was decided on of what was wanted; a cut is told when it is another than the last."""
        cut = tuple(self.desk.caps.told(self.symbols, wanted.weights, sent.weights)) if self.desk.caps else ()
        if cut != self._cut:
            entries += [Note(text, level=Level.WARN) for text in cut or ("no sector is at its cap any more",)]
        self._cut = cut
        return Wanted(sent.weights, wanted.requests)

    def _amend(self, amends: Records) -> list[Entry]:
        """Change orders where the market is ours; elsewhere begin to replace them. Return what to write down."""
        if self.rehearsal is None:
            return [entry for entry in map(self.exits.amend, amends) if entry is not None]
        for record in amends:
            if self._of_desk(record) is not None:
                self.rehearsal.amend_record(record)
        return []

    def _write(self, entries: Sequence[Entry]) -> bool:
        """Put entries on the disk, with the state they lead to; False, and nothing may be sent, where it refuses.

        What happened is written later then; what was only meant is forgotten.
        """
        try:
            self.journal.append(entries, self.resumable.capture(), LAYOUT)
        except UsageError as error:
            self.blocks.put("journal", f"the journal cannot be written: {error}")
            for entry in entries:
                if not isinstance(entry, OrderIntent | CancelIntent | Decision):
                    self.journal.append_lazily(entry)
            return False
        self.blocks.lift("journal")
        return True

    def _take_back(self, orders: Sequence[TrackedOrder]) -> None:
        """Let orders go that were never sent."""
        now_ms = self.clock.now_ms()
        for order in orders:
            for event in self.tracker.refuse(order, now_ms, now_ms, Reason.NOT_SENT):
                self.desk.hear(event)

    def _taken_up(self, records: Records) -> tuple[list[TrackedOrder], list[KeptOrder]]:
        """Return what is to be sent of ORDER records, and what stays with us for its venue does not keep it."""
        orders, kept = [], []
        for record in records:
            place = int(record["instrument"])
            if self._splits(record):
                self._refuse(record, Reason.NOT_SENT, Note(_IT_SPLITS, self.symbols[place]))
                continue
            try:
                ticket = ticket_of(record, self.symbols[place], self.hashes[place], self.journal.tag, self.venue)
            except NotTakenError as error:
                self._refuse(record, Reason.VENUE_REFUSED, Alarm(str(error), self.symbols[place]))
                continue
            ends_ms, ends_for = end_of_life(record, self.symbols[place], self.venue)
            admission = self.venue.admission(ticket, self.clock.now_ms())
            if admission is not None or (not self.venue.holds_legs and needs_keeping(record)):
                kept.append(kept_of(record, ticket, ends_ms, ends_for, admission))
                continue
            wall_ms = self.clock.wall_ms()
            order = TrackedOrder(ticket, int(record["id"]), place, wall_ms, ends_ms=ends_ms, ends_for=ends_for)
            order.phase = Phase.WAITING if self.exits.must_wait(order) else Phase.SENT
            orders.append(order)
        return orders, kept

    def _splits(self, record: np.void) -> bool:
        """Say whether an order, ORDER, would open a position of an instrument that is about to split, or has."""
        return int(record["instrument"]) in self.exits.standing.frozen and bool(record["opening_qty"] > 0.0)

    def _refuse(self, record: np.void, reason: Reason, why: Entry) -> None:
        now_ms = self.clock.now_ms()
        numbers = {"instrument": int(record["instrument"]), "order_id": int(record["id"])}
        event = event_of(EventKind.REJECTED, **numbers, ts_ms=now_ms, known_ms=now_ms)
        event["side"], event["type"], event["qty"] = record["side"], record["type"], record["qty"]
        event["reason"] = reason
        self.desk.hear(event)
        self.journal.append_lazily(why)

    def _to_cancel(self, order: np.void) -> TrackedOrder | None:
        """Return the order at the venue that is to be cancelled; one that is kept is seen to by its keeper."""
        if self.exits.cancel(int(order["id"]), Reason(int(order["cancel_reason"]))):
            return None
        found = self._of_desk(order)
        if found is not None:
            found.cancel_asked_ms = self.clock.wall_ms()
        return found

    def _of_desk(self, order: np.void) -> TrackedOrder | None:
        return next((one for one in self.tracker.live() if one.order_id == order["id"]), None)

    def _latches(self, before: TradingState) -> list[Entry]:
        after = self.desk.trading_state
        if after is before:
            return []
        if after is TradingState.ACTIVE:
            return [LatchCleared("risk", after, "a new day has begun")]
        return [LatchSet("risk", after, f"a limit of section risk was reached: {after.name}")]

    def _reasons(self, row: Row, wanted: Wanted, sent: Sent) -> dict[str, str]:
        """Return, by symbol, what becomes of the decision in a few words; the newest lines are kept for the view."""
        told: dict[str, list[str]] = {symbol: [] for symbol in self.symbols}
        for order in sent.orders:
            side = OrderSide(int(order["side"])).name.lower()
            held_back = f": {_IT_SPLITS}" if self._splits(order) else ""
            told[self.symbols[order["instrument"]]].append(f"{side} {order['qty']:g}{held_back}")
        for order in sent.cancels:
            told[self.symbols[order["instrument"]]].append("cancel what stands in the way")
        for event in sent.denials:
            reason = Reason(int(event["reason"])).name
            told[self.symbols[event["instrument"]]].append(f"{EventKind.DENIED.name.lower()} {reason}")
        self.counts.denied += len(sent.denials)
        held = "; ".join(self.blocks.reasons)
        nothing = f"nothing: {held}" if held else "nothing to do"
        words = {symbol: "; ".join(parts) or nothing for symbol, parts in told.items()}
        for symbol, weight in zip(self.symbols, wanted.weights.tolist(), strict=True):
            if told[symbol] or not math.isnan(weight):
                shown = round(weight, _WEIGHT_DIGITS)
                self.lines.append(DecisionLine(row.close_ts_ms, symbol, shown, words[symbol]))
        del self.lines[:-_LINES_KEPT]
        return words


def _why_kept(order: KeptOrder) -> str:
    if order.from_ms is None:
        return "kept until its time has come"
    return f"kept until {utc_text(order.from_ms)}: the venue takes it no sooner"
