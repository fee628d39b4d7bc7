"""What a live run writes down of its trading day, and of what happens to holders."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from keel.domain.holder_messages import ActivityKind
from keel.domain.sessions import SessionState
from keel.journal.entries import Entry, Level


@dataclass(frozen=True, slots=True)
class MarketStateChanged(Entry):
    """The run went on to another state of its trading day."""

    before: SessionState
    after: SessionState
    why: str

    @property
    def level(self) -> Level:
        """Return ERROR for a state in which nothing trades because something went wrong."""
        return Level.ERROR if self.after in (SessionState.HALTED, SessionState.ERROR) else Level.INFO


@dataclass(frozen=True, slots=True)
class SplitBooked(Entry):
    """Our book is in new units of a symbol from here on: `old` became `new`, `before` base units `after`."""

    symbol: str
    day: int
    """The exchange's day that the split holds from, since 1970-01-01."""
    new: Decimal
    old: Decimal
    before: Decimal
    after: Decimal

    usual_level: ClassVar[Level] = Level.WARN


@dataclass(frozen=True, slots=True)
class SplitConfirmed(Entry):
    """The account shows a split, too: `held` base units of it are ours."""

    symbol: str
    day: int
    held: Decimal


@dataclass(frozen=True, slots=True)
class ActivityBooked(Entry):
    """The account was booked something without a trade; `cash` and `qty`, base units, are what is ours of it."""

    activity_id: str
    what: ActivityKind
    symbol: str
    day: int
    cash: Decimal
    qty: Decimal
    text: str
