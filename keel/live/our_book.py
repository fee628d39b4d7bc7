"""What is ours by the journal alone: positions from its trades, whatever state the run was in when it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from keel.domain.ids import ClientOrderId
from keel.domain.venue_messages import VenueFill
from keel.journal.entries import BookAdjusted, FillBooked, OrderIntent
from keel.journal.journal import Journal
from keel.journal.market_entries import ActivityBooked, SplitBooked, SplitConfirmed
from keel.journal.reading import Recorded, Selection

_HELD: Final = (ActivityBooked, SplitBooked, SplitConfirmed)
_KINDS: Final = tuple(kind.__name__ for kind in (BookAdjusted, FillBooked, OrderIntent, *_HELD))
_OVERLAP_MS: Final = 600_000
"""How far back from the last trade booked trades are asked for again: each counts once."""


class OurBook:
    """Sum up one journal. `base_of` is each symbol's base asset."""

    def __init__(self, tag: str, base_of: Mapping[str, str]) -> None:
        self._tag = tag
        self._symbol_of = {base: symbol for symbol, base in base_of.items()}
        self._base_of = base_of
        self.held: dict[str, Decimal] = dict.fromkeys(base_of, Decimal(0))
        """Base units that are ours, by symbol."""
        self.price: dict[str, Decimal] = {}
        """Price of the last trade, by symbol."""
        self._since_ms: dict[str, int] = {}

    @classmethod
    def of(cls, journal: Journal, base_of: Mapping[str, str]) -> OurBook:
        """Return what a journal, read from its beginning, leaves."""
        book = cls(journal.tag, base_of)
        book.read(journal.entries(Selection(kinds=_KINDS)))
        return book

    def read(self, entries: Iterable[Recorded]) -> None:
        """Take entries, oldest first."""
        for recorded in entries:
            entry = recorded.entry
            if isinstance(entry, FillBooked) and self.is_ours(entry.fill.client_order_id):
                self.take(entry.fill)
            elif isinstance(entry, BookAdjusted):
                symbol = self._symbol_of.get(entry.name, entry.name)
                if symbol in self.held:
                    self.held[symbol] = entry.after
            elif isinstance(entry, _HELD):
                self._take_change(entry)
            elif isinstance(entry, OrderIntent):
                self._since_ms.setdefault(entry.ticket.symbol, entry.ticket.decided_ts_ms)

    def is_ours(self, name: str) -> bool:
        """Say whether an order's name is one of this journal's."""
        parsed = ClientOrderId.parse(name)
        return parsed is not None and parsed.journal_tag == self._tag

    def take(self, fill: VenueFill) -> None:
        """Take a trade of ours."""
        if fill.symbol not in self.held:
            return
        kept = fill.fee if fill.fee_currency == self._base_of[fill.symbol] else Decimal(0)
        self.held[fill.symbol] += fill.side.value * fill.qty - kept
        self.price[fill.symbol] = fill.price
        self._since_ms[fill.symbol] = max(self._since_ms.get(fill.symbol, 0), fill.ts_ms)

    def _take_change(self, entry: ActivityBooked | SplitBooked | SplitConfirmed) -> None:
        """Take what changed what is held without a trade."""
        if entry.symbol not in self.held:
            return
        if isinstance(entry, ActivityBooked):
            self.held[entry.symbol] += entry.qty
            return
        self.held[entry.symbol] = entry.after if isinstance(entry, SplitBooked) else entry.held
        if isinstance(entry, SplitBooked) and entry.symbol in self.price:
            self.price[entry.symbol] *= entry.old / entry.new

    def since_ms(self, symbol: str) -> int | None:
        """Return from when on trades are asked for, None for a symbol in which no order was ever sent."""
        since_ms = self._since_ms.get(symbol)
        return None if since_ms is None else max(0, since_ms - _OVERLAP_MS)
