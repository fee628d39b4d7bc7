"""The way to the market with faults on it: the Venue and BarFeed ports of one life of a process, and its journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from keel.data.feed import FeedListener
from keel.domain.errors import RetryableError
from keel.domain.orders import OrderType, TimeInForce
from keel.domain.venue_messages import (
    AccountState,
    CancelResult,
    LiveBar,
    OrderRef,
    OrderReport,
    OrderState,
    OrderTicket,
    Outcome,
    StreamState,
    SubmitResult,
    VenueFill,
)
from keel.journal.entries import Entry
from keel.journal.journal import Journal
from keel.journal.refusals import JournalError
from keel.venues.base import Admission, VenueListener

from .faults import Fault, Faults
from .market import BAR_MS, START_MS, AccountBook, Market, RefusedError
from .virtual import VirtualLoop

T = TypeVar("T")
TIMEOUT_S = 0.5
_WAY_S = 0.005


class CrashError(BaseException):
    """The process is dead: nothing of it goes on."""


@dataclass
class Life:
    """Hold one life of a process: what ends it, and whether it has ended."""

    faults: Faults
    kill: Callable[[], None]
    """Makes the kill switch's flag."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def breathe(self) -> None:
        """Go on, if there is life. Raises CrashError."""
        if self.ended.is_set():
            raise CrashError

    def end(self) -> None:
        """Die here. Raises CrashError."""
        self.ended.set()
        raise CrashError


@dataclass
class Line:
    """Hold what the outside has seen of all lives: every request to place an order, and breaks of the streams."""

    sent: list[tuple[float, str]] = field(default_factory=list)
    reports_broken_until: float = -1.0
    bars_broken_until: float = -1.0
    outage_until: float = -1.0


class FaultyVenue:
    """Be the Venue of one life."""

    name = "faulty"
    holds_legs = False
    holds_pairs = False

    def __init__(self, loop: VirtualLoop, book: AccountBook, line: Line, life: Life) -> None:
        self._loop = loop
        self._book = book
        self._line = line
        self._life = life
        self._faults = life.faults
        self._listener: VenueListener | None = None

    def holds(self, symbol: str, kind: OrderType, time_in_force: TimeInForce) -> bool:
        return kind in (OrderType.MARKET, OrderType.LIMIT) and time_in_force is TimeInForce.GTC

    def admission(self, ticket: OrderTicket, now_ms: int) -> Admission | None:
        return None

    def ends_daily(self, ticket: OrderTicket) -> bool:
        return False

    def order_wait_s(self) -> float:
        return 0.0

    async def open(self, listener: VenueListener) -> None:
        await self._ask(lambda: None)
        self._listener = listener
        self._book.hear = self._hear
        listener.on_stream(StreamState.UP, "open")

    async def close(self) -> None:
        self._listener = None

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        self._life.breathe()
        fault = self._meet("submit")
        self._line.sent.append((self._loop.time(), ticket.client_order_id))
        kind = "" if fault is None else fault.kind
        if kind == "not_sent":
            await asyncio.sleep(0.1)
            return SubmitResult(Outcome.NOT_SENT, reason="no connection")
        if kind == "refuse":
            await asyncio.sleep(_WAY_S)
            return SubmitResult(Outcome.REFUSED, code=-2010, reason="the venue does not want it")
        if kind in ("lose_before", "late"):
            if fault is not None and kind == "late":
                self._loop.call_later(fault.seconds, self._accept_late, ticket)
            await asyncio.sleep(TIMEOUT_S)
            return SubmitResult(Outcome.UNKNOWN, reason="no answer in time")
        return await self._submit(ticket, fault, kind)

    async def _submit(self, ticket: OrderTicket, fault: Fault | None, kind: str) -> SubmitResult:
        there = self._at_venue(lambda: self._accept(ticket))
        if kind == "crash_after":
            self._loop.call_later(2 * _WAY_S, self._life.ended.set)
        try:
            number = await there
        except RefusedError as error:
            return SubmitResult(Outcome.REFUSED, code=-2010, reason=str(error))
        await asyncio.sleep(_answer_s(fault))
        if kind in ("lose_after", "error_after"):
            return SubmitResult(Outcome.UNKNOWN, code=-1007, reason="execution status unknown")
        return SubmitResult(Outcome.DONE, venue_order_id=number)

    async def cancel(self, ref: OrderRef) -> CancelResult:
        self._life.breathe()
        fault = self._meet("cancel")
        kind = "" if fault is None else fault.kind
        if kind == "not_sent":
            return CancelResult(Outcome.NOT_SENT, reason="no connection")
        if kind == "lose_before":
            await asyncio.sleep(TIMEOUT_S)
            return CancelResult(Outcome.UNKNOWN, reason="no answer in time")
        there = self._at_venue(lambda: self._book.cancel(ref.client_order_id))
        if kind == "crash_after":
            self._loop.call_later(2 * _WAY_S, self._life.ended.set)
        try:
            await there
        except RefusedError as error:
            return CancelResult(Outcome.REFUSED, already_final=True, code=-2011, reason=str(error))
        await asyncio.sleep(_answer_s(fault))
        return CancelResult(Outcome.UNKNOWN if kind == "lose_after" else Outcome.DONE)

    async def order(self, ref: OrderRef) -> OrderState | None:
        return await self._ask(lambda: self._order(ref.client_order_id))

    async def open_orders(self) -> Sequence[OrderState]:
        return await self._ask(
            lambda: [self._book.state(one) for one in self._book.open_orders() if one.shown_s <= self._loop.time()]
        )

    async def fills(self, symbol: str, since_ms: int) -> Sequence[VenueFill]:
        return await self._ask(lambda: [one for one in self._book.fills if self._shows(one, symbol, since_ms)])

    async def account(self) -> AccountState:
        return await self._ask(self._book.account)

    def break_stream(self, fault: Fault) -> None:
        """Let reports be lost from now on; after a while that is noticed, and then there is a new stream."""
        self._line.reports_broken_until = self._loop.time() + fault.seconds
        self._loop.call_later(fault.seconds / 2, self._tell, StreamState.DOWN)
        self._loop.call_later(fault.seconds, self._tell, StreamState.UP)

    def _order(self, name: str) -> OrderState | None:
        order = self._book.named(name)
        return None if order is None or order.shown_s > self._loop.time() else self._book.state(order)

    def _shows(self, fill: VenueFill, symbol: str, since_ms: int) -> bool:
        order = self._book.orders[int(fill.venue_order_id) - 1]
        return fill.symbol == symbol and fill.ts_ms >= since_ms and order.shown_s <= self._loop.time()

    def _meet(self, to: str) -> Fault | None:
        fault = self._faults.next(to)
        if fault is not None and fault.kind == "crash_before":
            self._life.end()
        return fault

    def _accept(self, ticket: OrderTicket) -> str:
        hidden = self._faults.next("accept")
        return self._book.accept(ticket, 0.0 if hidden is None else hidden.seconds).number

    def _accept_late(self, ticket: OrderTicket) -> None:
        try:
            self._accept(ticket)
        except RefusedError:
            return

    def _at_venue(self, what: Callable[[], T]) -> asyncio.Future[T]:
        """Do something when the request arrives, whatever becomes of who sent it."""
        there: asyncio.Future[T] = self._loop.create_future()

        def arrive() -> None:
            try:
                done = what()
            except RefusedError as error:
                if not there.done():
                    there.set_exception(error)
                return
            if not there.done():
                there.set_result(done)

        self._loop.call_later(_WAY_S, arrive)
        return there

    async def _ask(self, answer: Callable[[], T]) -> T:
        self._life.breathe()
        fault = self._meet("query")
        if not self._faults.over and self._loop.time() < self._line.outage_until:
            await asyncio.sleep(0.2)
            raise RetryableError("the venue cannot be reached")
        if fault is not None and fault.kind == "error":
            await asyncio.sleep(0.1)
            raise RetryableError("the venue does not answer")
        await asyncio.sleep(_answer_s(fault) if fault is not None and fault.kind == "slow" else _WAY_S)
        answered = answer()
        await asyncio.sleep(_answer_s(fault) if fault is not None and fault.kind == "stale" else _WAY_S)
        return answered

    def _hear(self, report: OrderReport) -> None:
        fault = self._faults.next("report")
        kind = "" if fault is None else fault.kind
        if kind == "drop" or self._loop.time() < self._line.reports_broken_until:
            return
        self._loop.call_later(_WAY_S + (fault.seconds if fault and kind == "delay" else 0.0), self._deliver, report)
        if fault and kind == "duplicate":
            self._loop.call_later(_WAY_S + fault.seconds, self._deliver, report)

    def _deliver(self, report: OrderReport) -> None:
        if self._listener is not None and not self._life.ended.is_set():
            self._listener.on_report(report)

    def _tell(self, state: StreamState) -> None:
        if self._listener is not None and not self._life.ended.is_set():
            self._listener.on_stream(state, "a fault")


def _answer_s(fault: Fault | None) -> float:
    if fault is None or fault.kind not in ("slow", "stale"):
        return _WAY_S
    return min(fault.seconds, TIMEOUT_S - 2 * _WAY_S)


class FaultyFeed:
    """Be the BarFeed of one life: a bar comes at each close, if nothing happens to it."""

    def __init__(self, loop: VirtualLoop, market: Market, line: Line, life: Life) -> None:
        self._loop = loop
        self._market = market
        self._line = line
        self._life = life
        self._faults = life.faults
        self._listener: FeedListener | None = None

    async def prepare(self) -> None:
        self._life.breathe()

    async def open(self, listener: FeedListener) -> None:
        self._life.breathe()
        self._listener = listener
        self._schedule()

    async def close(self) -> None:
        self._listener = None

    async def bars(self, symbol: str, start_ms: int, end_ms: int) -> Sequence[LiveBar]:
        self._life.breathe()
        fault = self._faults.next("query")
        await asyncio.sleep(_WAY_S)
        if not self._faults.over and (
            (fault is not None and fault.kind == "error") or self._loop.time() < self._line.outage_until
        ):
            raise RetryableError("the venue does not answer")
        return self._market.closed(symbol, start_ms, end_ms, START_MS + int(self._loop.time() * 1000 + 1e-6))

    def break_stream(self, fault: Fault) -> None:
        """Let bars be lost from now on; after a while that is noticed, and then there is a new stream."""
        self._line.bars_broken_until = self._loop.time() + fault.seconds
        self._loop.call_later(fault.seconds / 2, self._tell, StreamState.DOWN)
        self._loop.call_later(fault.seconds, self._tell, StreamState.UP)

    def _schedule(self) -> None:
        due = int(self._loop.time() * 1000) // BAR_MS + 1
        self._loop.call_at(due * BAR_MS / 1000 + _WAY_S, self._push, due)

    def _push(self, due: int) -> None:
        if self._listener is None or self._life.ended.is_set():
            return
        self._schedule()
        close_ms = START_MS + due * BAR_MS
        for symbol in self._market.symbols:
            for bar in self._market.closed(symbol, close_ms - BAR_MS, close_ms, close_ms):
                self._send(bar)

    def _send(self, bar: LiveBar) -> None:
        fault = self._faults.next("bar")
        kind = "" if fault is None else fault.kind
        if kind == "gap" or self._loop.time() < self._line.bars_broken_until:
            return
        if kind in ("nan", "jump"):
            close = float("nan") if kind == "nan" else bar.close * 1000
            self._deliver(replace(bar, close=close, high=max(bar.high, close)))
            return
        later_s = fault.seconds * 20 if fault and kind == "delay" else 0.0
        self._loop.call_later(later_s, self._deliver, bar)
        if fault and kind in ("duplicate", "revise"):
            again = bar if kind == "duplicate" else replace(bar, volume=bar.volume + 1)
            self._loop.call_later(fault.seconds * 20, self._deliver, again)

    def _deliver(self, bar: LiveBar) -> None:
        if self._listener is not None and not self._life.ended.is_set():
            self._listener.on_bar(bar)

    def _tell(self, state: StreamState) -> None:
        if self._listener is not None and not self._life.ended.is_set():
            self._listener.on_feed(state, "a fault")


class FragileJournal(Journal):
    """Be the journal of one life, on a real file: it may die before a commit or after, and its disk may be full."""

    life: Life | None = None

    def append(self, entries: Sequence[Entry], state: Mapping[str, Any] | None = None, layout: str = "") -> int:
        life = self.life
        if life is None:
            return super().append(entries, state, layout)
        life.breathe()
        fault = life.faults.next("append") if entries or self.waiting else None
        kind = "" if fault is None else fault.kind
        if kind == "crash_before":
            life.end()
        if kind == "disk_full":
            raise JournalError(f"{self.path}: no space left on device")
        last = super().append(entries, state, layout)
        if kind == "crash_after":
            life.end()
        if kind == "kill":
            life.kill()
        return last

    def save_copy(self) -> Path:
        """Put no copy aside: it costs more than the rest of a life."""
        return self.path
