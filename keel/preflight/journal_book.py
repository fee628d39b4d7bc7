"""What a journal says is open: the sum of its fills, and the orders of which it knows no end."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Final

from keel.domain.venue_messages import OrderTicket, Outcome
from keel.journal.entries import (
    BarsSeen,
    BookAdjusted,
    Entry,
    FillBooked,
    OrderIntent,
    OrderResolved,
    ReportHeard,
    SubmitAnswered,
)
from keel.journal.market_entries import ActivityBooked, SplitBooked, SplitConfirmed
from keel.journal.reading import JournalReader, Selection
from keel.preflight.exposure import Exposure, position_line

_KINDS: Final = (
    *(BookAdjusted, FillBooked, OrderIntent, OrderResolved, ReportHeard, SubmitAnswered),
    *(ActivityBooked, SplitBooked, SplitConfirmed),
)
_STILL_OPEN: Final = ("adopted", "working", "partial")
"""How an order was resolved that lives on."""
_NEVER_LIVED: Final = (Outcome.REFUSED, Outcome.NOT_SENT)


def journal_exposure(path: Path) -> Exposure:
    """Return what a journal has open; nothing where there is no journal yet.

    Raises UsageError for a journal that cannot be read, GateRefusedError for one that is damaged.
    """
    if not path.exists():
        return Exposure()
    with JournalReader.open(path) as reader:
        kinds = tuple(kind.__name__ for kind in _KINDS)
        return exposure_of_entries(recorded.entry for recorded in reader.entries(Selection(kinds=kinds)))


def newest_close_ts_ms(path: Path) -> int | None:
    """Return the newest close that a journal has decided on, None where there is none. Raises as `journal_exposure`."""
    if not path.exists():
        return None
    with JournalReader.open(path) as reader:
        newest = reader.newest(BarsSeen.__name__)
    return newest.entry.close_ts_ms if newest is not None and isinstance(newest.entry, BarsSeen) else None


def exposure_of_entries(entries: Iterable[Entry]) -> Exposure:
    """Return what entries, oldest first, leave open."""
    held: dict[str, Decimal] = {}
    traded: set[str] = set()
    orders: dict[str, tuple[OrderTicket, Decimal]] = {}
    for entry in entries:
        if isinstance(entry, OrderIntent):
            orders[entry.ticket.client_order_id] = entry.ticket, entry.ticket.qty
        elif isinstance(entry, FillBooked):
            symbol, name = entry.fill.symbol, entry.fill.client_order_id
            traded.add(symbol)
            held[symbol] = held.get(symbol, Decimal(0)) + _received(entry)
            _fill(orders, name, entry.fill.qty)
        elif isinstance(entry, BookAdjusted):
            held[entry.name] = entry.after
        elif isinstance(entry, SplitBooked | SplitConfirmed):
            held[entry.symbol] = entry.after if isinstance(entry, SplitBooked) else entry.held
        elif isinstance(entry, ActivityBooked) and entry.symbol:
            held[entry.symbol] = held.get(entry.symbol, Decimal(0)) + entry.qty
        elif _is_over(entry):
            orders.pop(entry.order_name or "", None)
    positions = [
        position_line(qty, symbol.partition("/")[0], "by the journal")
        for symbol, qty in held.items()
        if qty and (symbol in traded or "/" in symbol)
    ]
    return Exposure(tuple(positions), tuple(_line(ticket, left) for ticket, left in orders.values()))


def _fill(orders: dict[str, tuple[OrderTicket, Decimal]], name: str, qty: Decimal) -> None:
    """Take a fill off what is left of its order; a whole one is over, whatever else was heard of it."""
    if name not in orders:
        return
    ticket, left = orders.pop(name)
    if left > qty:
        orders[name] = ticket, left - qty


def _received(entry: FillBooked) -> Decimal:
    fill = entry.fill
    kept = fill.fee if fill.fee_currency == fill.symbol.partition("/")[0] else Decimal(0)
    return fill.side.value * fill.qty - kept


def _is_over(entry: Entry) -> bool:
    if isinstance(entry, ReportHeard):
        return entry.report.state.status.is_final
    if isinstance(entry, OrderResolved):
        return entry.what not in _STILL_OPEN
    return isinstance(entry, SubmitAnswered) and entry.result.outcome in _NEVER_LIVED


def _line(ticket: OrderTicket, left: Decimal) -> str:
    qty = format(left.normalize(), "f")
    return f"order {ticket.client_order_id}: {ticket.side.name} {qty} {ticket.symbol}, its end is not known"
