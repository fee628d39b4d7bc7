"""A live run as its journal tells it, made ready to be played again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

import numpy as np

from keel.backtest.again import Step
from keel.backtest.drift import Filled
from keel.domain.errors import UsageError
from keel.domain.layout import LOCAL, ORDER
from keel.domain.venue_messages import LiveBar, Outcome, VenueFill
from keel.journal.entries import (
    BarsSeen,
    BookAdjusted,
    CancelIntent,
    Decision,
    Entry,
    FillBooked,
    HistorySeen,
    OrderIntent,
    OrderResolved,
    ReportHeard,
    SessionStarted,
    SessionStopping,
    SubmitAnswered,
    TradingBegan,
)
from keel.journal.market_entries import ActivityBooked, SplitBooked
from keel.journal.reading import Recorded
from keel.live.closes import Closes
from keel.live.flattening import FLATTENING
from keel.live.rows import bar_records
from keel.sim.room import Records

_PRICES: Final = ("open", "high", "low", "close", "volume")
_NOT_TAKEN: Final = (Outcome.REFUSED, Outcome.NOT_SENT)


@dataclass
class Record:
    """Hold one run, or one session of it. `state` is what it began with, `history` rows BAR (N,) from before that."""

    sessions: dict[int, SessionStarted] = field(default_factory=dict)
    state: dict[str, Any] | None = None
    history: list[Records] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    """Numbers of our orders by name."""
    by_hand: set[int] = field(default_factory=set)
    """Those of orders that no decision led to: they flattened."""
    arrivals: dict[int, int] = field(default_factory=dict)
    booked: list[VenueFill] = field(default_factory=list)
    booked_after: list[int] = field(default_factory=list)
    """How many of the steps had closed when each of these was booked."""
    adjusted: list[BookAdjusted] = field(default_factory=list)
    activities: list[ActivityBooked] = field(default_factory=list)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the symbols, in the order of instruments."""
        return next(iter(self.sessions.values())).symbols

    @property
    def last_prices(self) -> list[Decimal]:
        """Return each instrument's last close."""
        if self.state is None:
            raise UsageError("nothing was traded yet")
        prices = [float(slot["mark"]) for slot in self.state["desk"]["slots"]]
        for step in self.steps:
            prices = [
                float(bar["close"]) if bar["close"] > 0.0 else old for bar, old in zip(step.bars, prices, strict=True)
            ]
        return [Decimal(price) for price in prices]

    def live_fills(self, quote_of: Mapping[str, str]) -> dict[int, Filled]:
        """Return what was filled up to the last close, by the order's number; `quote_of` is each symbol's currency."""
        found: dict[int, Filled] = {}
        for fill, closed in zip(self.booked, self.booked_after, strict=True):
            number = self.numbers.get(fill.client_order_id)
            if number is None or self._is_later(fill, closed):
                continue
            found.setdefault(number, Filled()).take(fill, quote_of[fill.symbol])
        return found

    def _is_later(self, fill: VenueFill, closed: int) -> bool:
        """Say whether a fill is of a bar after the last; one of its last moment may be of the next one's first."""
        last_ms = self.steps[-1].close_ts_ms
        return fill.ts_ms > last_ms or (fill.ts_ms == last_ms and closed >= len(self.steps))

    def live_equity(self, fills: Mapping[int, Filled], instruments: Mapping[int, int]) -> Decimal:
        """Return equity at the last close: what there was, what the fills added, what the book was set to."""
        if self.state is None:
            raise UsageError("nothing was traded yet")
        prices, desk = self.last_prices, self.state["desk"]
        held = zip(desk["slots"], prices, strict=True)
        equity = Decimal(desk["run"]["cash"][LOCAL]) + sum(
            (Decimal(slot["qty"][LOCAL]) * price for slot, price in held), Decimal(0)
        )
        equity += sum((fill.gain(prices[instruments[number]]) for number, fill in fills.items()), Decimal(0))
        bases = [symbol.partition("/")[0] for symbol in self.symbols]
        for entry in self.adjusted:
            place = bases.index(entry.name.partition("/")[0]) if entry.name.partition("/")[0] in bases else None
            equity += (entry.after - entry.before) * (Decimal(1) if place is None else prices[place])
        for booked in self.activities:
            equity += booked.cash
            if booked.qty:
                equity += booked.qty * prices[self.symbols.index(booked.symbol)]
        return equity


def read_record(
    entries: Iterable[Recorded], run_id: str | None, closes_of: Callable[[SessionStarted], Closes]
) -> Record:
    """Return a run as its journal tells it, of one session if that is named. Raises UsageError where it cannot be.

    `closes_of` tells when the rows of a session close.
    """
    reader = _Reader(run_id, closes_of)
    for recorded in entries:
        reader.take(recorded.entry)
    record = reader.whole()
    if record.state is None or not record.steps:
        raise UsageError("nothing was decided in that run: there is nothing to compare")
    return record


class _Reader:
    """Go through a journal once."""

    def __init__(self, run_id: str | None, closes_of: Callable[[SessionStarted], Closes]) -> None:
        self.record = Record()
        self._closes_of = closes_of
        self._closes: dict[int, Closes] = {}
        self._run_id = run_id
        self._session = 0
        self._is_wanted = run_id is None
        self._is_over = False
        self._stopped_at: int | None = None
        self._started: SessionStarted | None = None
        self._unseen: dict[int, list[LiveBar]] = {}

    def whole(self) -> Record:
        """Return the run up to where its last session was told to stop: what closed after that was not missed."""
        if self._stopped_at is not None:
            del self.record.steps[self._stopped_at :]
        return self.record

    def take(self, entry: Entry) -> None:
        """Take the next entry."""
        record = self.record
        if isinstance(entry, SessionStarted):
            self._begin(entry)
        elif self._is_over:
            return
        elif isinstance(entry, HistorySeen):
            self._see(entry)
        elif isinstance(entry, TradingBegan):
            self._trade(entry)
        elif isinstance(entry, BarsSeen):
            self._close(entry.close_ts_ms, entry.bars)
        elif isinstance(entry, SessionStopping):
            self._stopped_at = len(record.steps)
        elif isinstance(entry, OrderIntent):
            decided = entry.ticket.record  # of one that waited for its time the number is another than its own
            number = entry.order_id if decided is None else int(decided["id"])
            record.numbers[entry.ticket.client_order_id] = number
            if decided is None and entry.why in FLATTENING:
                record.by_hand.add(number)
            if decided is not None:
                self._change(lambda step: replace(step, sent=(*step.sent, np.array([decided], ORDER))))
        elif record.state is not None and self._is_wanted:
            self._take_event(entry)

    def _begin(self, entry: SessionStarted) -> None:
        was_wanted = self._is_wanted
        self._is_wanted = self._run_id in (None, entry.run_id)
        self._is_over = was_wanted and not self._is_wanted
        self._session += 1
        self._stopped_at = None
        self._started = entry
        if self._is_wanted:
            self.record.sessions[self._session] = entry

    def _see(self, entry: HistorySeen) -> None:
        columns = entry.columns
        for place, close in enumerate(columns["close_ts_ms"]):
            opened_ms = int(columns["open_ts_ms"][place])
            first, high, low, last, volume = (columns[name][place] for name in _PRICES)
            bar = LiveBar(entry.symbol, opened_ms, int(close), first, high, low, last, volume, closed=True)
            self._unseen.setdefault(int(close), []).append(bar)

    def _trade(self, entry: TradingBegan) -> None:
        for close, bars in sorted(self._unseen.items()):
            self._close(close, bars)
        self._unseen = {}
        if self._is_wanted and self.record.state is None:
            self.record.state = json.loads("".join(entry.book))

    def _close(self, close_ts_ms: int, bars: Sequence[LiveBar]) -> None:
        started = self._started
        if started is None:
            return
        if self._session not in self._closes:
            self._closes[self._session] = self._closes_of(started)
        row = bar_records(bars, started.symbols, close_ts_ms, self._closes[self._session])
        if self.record.state is None or not self._is_wanted:
            self.record.history.append(row)
        elif not self.record.steps or close_ts_ms > self.record.steps[-1].close_ts_ms:
            self.record.steps.append(Step(close_ts_ms, row, self._session))

    def _take_event(self, entry: Entry) -> None:
        record = self.record
        if isinstance(entry, Decision):
            given = [entry.weights.get(symbol) for symbol in record.symbols]
            weights = np.array([np.nan if weight is None else weight for weight in given])
            self._change(lambda step: replace(step, weights=weights))
        elif isinstance(entry, CancelIntent):
            number = record.numbers.get(entry.ref.client_order_id)
            if number is not None:
                self._change(lambda step: replace(step, cancels=(*step.cancels, number)))
        elif isinstance(entry, SubmitAnswered | OrderResolved):
            self._drop(entry)
        elif isinstance(entry, ReportHeard):
            self._arrived(entry.report.state.client_order_id, entry.report.ts_ms)
        elif isinstance(entry, FillBooked):
            self._arrived(entry.fill.client_order_id, entry.fill.ts_ms)
            record.booked.append(entry.fill)
            record.booked_after.append(len(record.steps))
        elif isinstance(entry, BookAdjusted):
            record.adjusted.append(entry)
        elif isinstance(entry, ActivityBooked):
            record.activities.append(entry)
        elif isinstance(entry, SplitBooked):
            raise UsageError(
                f"{entry.symbol} was split in that run: no drift is reckoned over a split; name a session without one"
            )

    def _change(self, change: Any) -> None:  # noqa: ANN401 - a function of a step
        if self.record.steps and self._is_wanted:
            self.record.steps[-1] = change(self.record.steps[-1])

    def _drop(self, entry: SubmitAnswered | OrderResolved) -> None:
        """Leave an order out that never reached the venue."""
        taken = entry.what != "not_sent" if isinstance(entry, OrderResolved) else entry.result.outcome not in _NOT_TAKEN
        number = self.record.numbers.get(entry.client_order_id)
        if taken or number is None:
            return
        for place in range(len(self.record.steps) - 1, -1, -1):
            step = self.record.steps[place]
            kept = tuple(order for order in step.sent if order[0]["id"] != number)
            if len(kept) != len(step.sent):
                self.record.steps[place] = replace(step, sent=kept)
                return

    def _arrived(self, name: str, ts_ms: int) -> None:
        number = self.record.numbers.get(name)
        if number is not None:
            self.record.arrivals[number] = min(self.record.arrivals.get(number, ts_ms), ts_ms)
