"""From the journal back to where the run stood: the newest snapshot, and what was written after it (one path for all).

A start that finds nothing, one after a clean stop and one after a crash differ only in how much there is to replay.
What was on its way when the process ended is of unknown fate until the venue has been asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import numpy as np

from keel.domain.errors import GateRefusedError
from keel.domain.layout import EVENT
from keel.domain.orders import Reason, TradingState
from keel.domain.venue_messages import OrderTicket, Outcome, VenueStatus
from keel.journal.codec import MalformedError, decode, encode
from keel.journal.entries import (
    BarsSeen,
    BookAdjusted,
    CancelIntent,
    Entry,
    FillBooked,
    LatchCleared,
    OrderIntent,
    OrderResolved,
    ReportHeard,
    SubmitAnswered,
)
from keel.journal.journal import Journal
from keel.live.holder_record import HolderRecord
from keel.live.kept import KeptOrder
from keel.live.orders import OrderTracker, Phase, TrackedOrder
from keel.live.reconcile import Holdings
from keel.sim.exchange import Exchange
from keel.sim.local import LocalDesk

LAYOUT: Final = "2"
"""Form of the snapshots."""
OPERATOR: Final = "operator"
"""Latch that a LatchCleared by hand names: all that the risk guard has set (rule 17)."""
_PLAIN: Final = (
    "order_id",
    "instrument",
    "sent_ms",
    "venue_order_id",
    "accepted",
    "cancel_asked_ms",
    "unknown_since_ms",
    "ends_ms",
    "part",
    "whole",
)


@dataclass
class Resumable:
    """Hold what survives a restart. `exchange` is that of a dry run."""

    desk: LocalDesk
    tracker: OrderTracker
    holdings: Holdings
    exchange: Exchange | None = None
    close_ts_ms: int = 0
    """Close of the row that was booked last; 0 before the first."""
    config_hash: str = ""
    holders: HolderRecord = field(default_factory=HolderRecord)

    def capture(self) -> dict[str, Any]:
        """Return all of it as values that JSON can hold."""
        return {
            "desk": self.desk.capture(),
            "orders": [_capture_order(order) for order in self.tracker.remembered()],
            "kept": [encode(order, str) for order in self.tracker.kept.values()],
            "holdings": self.holdings.capture(),
            "holders": self.holders.capture(),
            "exchange": None if self.exchange is None else self.exchange.capture(),
            "close_ts_ms": self.close_ts_ms,
            "config_hash": self.config_hash,
        }


def newest_state(journal: Journal) -> dict[str, Any] | None:
    """Return the newest snapshot's state, None for a journal in which nothing was traded yet.

    Raises GateRefusedError where orders were sent and no snapshot can be read: the book cannot be rebuilt then.
    """
    snapshot = journal.newest_snapshot()
    if snapshot is not None and snapshot.layout == LAYOUT:
        return {**snapshot.state, "seq": snapshot.seq}
    if any(isinstance(recorded.entry, OrderIntent) for recorded in journal.entries()):
        raise GateRefusedError(
            f"{journal.path} has orders and no snapshot that can be read: restore it from its copy, or move it away "
            "once scripts/flatten.py has closed what it opened"
        )
    return None


def unsent(journal: Journal) -> tuple[OrderTicket, ...]:
    """Return the orders that the next start would go on keeping, and of which nothing was ever sent."""
    snapshot = journal.newest_snapshot()
    if snapshot is None or snapshot.layout != LAYOUT:
        return ()
    later = [recorded.entry for recorded in journal.since(snapshot.seq)]
    gone = {entry.ref.client_order_id for entry in later if isinstance(entry, CancelIntent)}
    orders = [decode(KeptOrder, values) for values in snapshot.state["kept"]]
    waiting = (order.ticket for order in orders if not (order.placed or order.is_leg or order.ends_for))
    return tuple(ticket for ticket in waiting if ticket.client_order_id not in gone)


def narrowed(journal: Journal) -> TradingState:
    """Return the risk guard's state in which the next start would begin. Raises GateRefusedError as that does."""
    state = newest_state(journal)
    if state is None:
        return TradingState.ACTIVE
    later = (recorded.entry for recorded in journal.since(int(state["seq"])))
    if any(isinstance(entry, LatchCleared) and entry.latch == OPERATOR for entry in later):
        return TradingState.ACTIVE
    return TradingState(int(state["desk"]["run"]["trading_state"]))


def resume(parts: Resumable, state: Mapping[str, Any], journal: Journal, wall_ms: int) -> None:
    """Bring the parts to where a state and the entries after it leave them. Raises GateRefusedError."""
    try:
        parts.desk.restore(state["desk"])
        parts.desk.lift_kill_switch()  # what stopped the last process may be in the state; this one asks the flag
        for values in state["orders"]:
            parts.tracker.remember(_restored_order(values))
        for values in state["kept"]:
            kept = decode(KeptOrder, values)
            parts.tracker.kept[kept.order_id] = kept
        if parts.exchange is not None and state["exchange"] is not None:
            parts.exchange.restore(state["exchange"])
        parts.close_ts_ms = int(state["close_ts_ms"])
        parts.holders = HolderRecord.of(state.get("holders", {}))
    except (KeyError, ValueError, MalformedError) as error:
        raise GateRefusedError(
            f"{journal.path} is of another run: {error}; give the run a name of its own (run.name)"
        ) from None
    for recorded in journal.since(int(state["seq"])):
        if isinstance(recorded.entry, OrderIntent):
            _replay_intent(parts, recorded.entry, recorded.wall_ms)
        else:
            _replay(parts, recorded.entry, recorded.ts_ms)
    for order in parts.tracker.live():
        if order.phase is Phase.WAITING:
            order.phase = Phase.SENT  # it may have gone out since: the venue is asked
        parts.tracker.doubt(order, wall_ms)


def _replay(parts: Resumable, entry: Entry, ts_ms: int) -> None:
    if isinstance(entry, LatchCleared) and entry.latch == OPERATOR:
        parts.desk.reset_latches()
    elif isinstance(entry, BarsSeen):
        parts.close_ts_ms = max(parts.close_ts_ms, entry.close_ts_ms)
    elif isinstance(entry, BookAdjusted):
        return  # the next look at the account finds the same difference again
    elif isinstance(entry, CancelIntent):
        _replay_cancel(parts, entry)
    elif isinstance(entry, FillBooked):
        _replay_fill(parts, entry, ts_ms)
    elif isinstance(entry, ReportHeard):
        _replay_report(parts, entry, ts_ms)
    elif isinstance(entry, SubmitAnswered | OrderResolved):
        _replay_answer(parts, entry, ts_ms)


def _replay_intent(parts: Resumable, entry: OrderIntent, wall_ms: int) -> None:
    """Know an order that was sent beside the desk: one that flattens."""
    place = parts.tracker.place_of(entry.ticket.symbol)
    if place is not None and parts.tracker.find(entry.ticket.client_order_id) is None:
        parts.tracker.remember(TrackedOrder(entry.ticket, entry.order_id, place, wall_ms))


def _replay_cancel(parts: Resumable, entry: CancelIntent) -> None:
    """End an order that waits with us: of one that stands at the venue, that tells."""
    for kept in parts.tracker.kept.values():
        if not kept.placed and kept.ticket.client_order_id == entry.ref.client_order_id:
            kept.ends_for = kept.ends_for or Reason.CLIENT_REQUEST


def _replay_fill(parts: Resumable, entry: FillBooked, ts_ms: int) -> None:
    order = parts.tracker.find(entry.fill.client_order_id)
    if order is not None and parts.tracker.is_new_trade(order, entry.fill):
        parts.desk.hear(parts.tracker.book(order, entry.fill, ts_ms))
        for event in parts.tracker.settle(order, entry.fill.ts_ms, ts_ms):
            parts.desk.hear(event)


def _replay_report(parts: Resumable, entry: ReportHeard, ts_ms: int) -> None:
    report = entry.report
    order = parts.tracker.find(report.state.client_order_id)
    if order is None:
        return
    if report.event is None:
        for event in parts.tracker.note(order, report, ts_ms):
            parts.desk.hear(event)
        return
    if report.fill is not None:
        order.trades.add(report.fill.trade_id)
        order.filled += report.fill.qty
    if report.state.status.is_final:
        order.end = report.state.status
        parts.tracker.end(order)
    parts.desk.hear(np.array([report.event], EVENT))


def _replay_answer(parts: Resumable, entry: SubmitAnswered | OrderResolved, ts_ms: int) -> None:
    order = parts.tracker.find(entry.client_order_id)
    if order is None or order.phase is Phase.OVER:
        return
    reason = _reason_not_taken(entry)
    if reason is not None:
        for event in parts.tracker.refuse(order, ts_ms, ts_ms, reason):
            parts.desk.hear(event)
    elif isinstance(entry, SubmitAnswered):
        order.venue_order_id = entry.result.venue_order_id or order.venue_order_id


def _reason_not_taken(entry: SubmitAnswered | OrderResolved) -> Reason | None:
    if isinstance(entry, OrderResolved):
        return Reason.NOT_SENT if entry.what == "not_sent" else None
    return {Outcome.REFUSED: Reason.VENUE_REFUSED, Outcome.NOT_SENT: Reason.NOT_SENT}.get(entry.result.outcome)


def _encoded(ticket: OrderTicket) -> object:
    return encode(ticket, str)


def _capture_order(order: TrackedOrder) -> dict[str, Any]:
    plain = {name: getattr(order, name) for name in _PLAIN}
    return {
        **plain,
        "ticket": order.ticket_as(_encoded),
        "phase": order.phase.value,
        "ends_for": int(order.ends_for),
        "refused_for": int(order.refused_for),
        "filled": str(order.filled),
        "venue_filled": str(order.venue_filled),
        "end": None if order.end is None else order.end.value,
        "trades": sorted(order.trades),
    }


def _restored_order(values: Mapping[str, Any]) -> TrackedOrder:
    return TrackedOrder(
        **{name: values[name] for name in _PLAIN},
        ticket=decode(OrderTicket, values["ticket"]),
        phase=Phase(values["phase"]),
        ends_for=Reason(values["ends_for"]),
        refused_for=Reason(values["refused_for"]),
        filled=Decimal(values["filled"]),
        venue_filled=Decimal(values["venue_filled"]),
        end=None if values["end"] is None else VenueStatus(values["end"]),
        trades=set(values["trades"]),
    )
