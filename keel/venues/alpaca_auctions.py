"""When Alpaca takes orders for an auction: those for the next session from the evening before it on.

"OPG orders submitted after 9:28am but before 7:00pm ET will be rejected. OPG orders submitted after 7:00pm will be
queued and routed to the following day's opening auction", and so for CLS from 3:50pm on. No day of the week is told
apart: so the evening before a Monday's session is the Sunday's, the one that the words fit.
Source: https://docs.alpaca.markets/docs/orders-at-alpaca, time in force
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from keel.data.market_hours import MarketHours
from keel.domain.orders import AUCTIONS, TimeInForce
from keel.domain.sessions import Window
from keel.domain.timeframe import MS_PER_MINUTE
from keel.domain.venue_messages import OrderTicket
from keel.venues.base import Admission

_ZONE: Final = ZoneInfo("America/New_York")
_EVENING: Final = 19
"""Hour from which on orders for the auctions of the next day are taken."""
_CLOCKS_APART_MS: Final = 10_000
"""How far our clock may be ahead of Alpaca's, with room to spare: an order that comes too soon is lost."""
_BEFORE_OPEN_MS, _BEFORE_CLOSE_MS = 2 * MS_PER_MINUTE, 10 * MS_PER_MINUTE
"""Time before an auction from which on no order for it is taken."""


@dataclass(frozen=True)
class AuctionHours:
    """Know when orders for auctions are taken, by a calendar's sessions."""

    hours: MarketHours

    def admission(self, ticket: OrderTicket, now_ms: int) -> Admission | None:
        """Return when an order is taken that is sent too soon now; None where it may be sent, or is too late."""
        if ticket.time_in_force not in AUCTIONS or self.hours.at(now_ms).window is Window.REGULAR:
            return None
        opens_ms, closes_ms = self._next_session(now_ms)
        if opens_ms is None or closes_ms is None:
            return None
        at_open = ticket.time_in_force is TimeInForce.AT_OPEN
        until_ms = opens_ms - _BEFORE_OPEN_MS if at_open else closes_ms - _BEFORE_CLOSE_MS
        from_ms = _evening_before(opens_ms) + _CLOCKS_APART_MS
        return Admission(from_ms, until_ms) if now_ms < from_ms else None

    def _next_session(self, ts_ms: int) -> tuple[int | None, int | None]:
        span = self.hours.at(ts_ms)
        while span.window is not Window.REGULAR and span.end_ms is not None:
            span = self.hours.at(span.end_ms)
        return (span.start_ms, span.end_ms) if span.window is Window.REGULAR else (None, None)


def _evening_before(ts_ms: int) -> int:
    day = datetime.fromtimestamp(ts_ms / 1000, UTC).astimezone(_ZONE).replace(tzinfo=None) - timedelta(days=1)
    evening = day.replace(hour=_EVENING, minute=0, second=0, microsecond=0, tzinfo=_ZONE)
    return round(evening.timestamp() * 1000)
