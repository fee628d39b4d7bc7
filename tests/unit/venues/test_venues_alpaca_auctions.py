"""When Alpaca takes orders for auctions: from the evening before the session, whatever lies between."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from keel.config.sessions import SessionsSection
from keel.data.market_hours import MarketHours
from keel.domain.orders import OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import OrderTicket
from keel.venues.alpaca_auctions import AuctionHours
from keel.venues.base import Admission

AUCTIONS = AuctionHours(MarketHours("XNYS", SessionsSection()))


def at(text: str) -> int:
    """Return a moment on the wall of New York, UTC milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)


def admission(moment: str, life: TimeInForce = TimeInForce.AT_OPEN) -> Admission | None:
    ticket = OrderTicket(
        client_order_id="k1",
        symbol="AAPL",
        side=OrderSide.BUY,
        type=OrderType.MARKET,
        time_in_force=life,
        qty=Decimal(1),
        decided_ts_ms=0,
    )
    return AUCTIONS.admission(ticket, at(moment))


@pytest.mark.parametrize(
    ("decided", "evening", "session"),
    [
        ("2024-07-01 16:00", "2024-07-01 19:00", "2024-07-02"),
        ("2024-07-03 13:00", "2024-07-04 19:00", "2024-07-05"),
        ("2024-07-05 16:00", "2024-07-07 19:00", "2024-07-08"),
        ("2024-07-06 20:00", "2024-07-07 19:00", "2024-07-08"),
        ("2024-03-08 16:00", "2024-03-10 19:00", "2024-03-11"),
        ("2024-08-30 16:00", "2024-09-02 19:00", "2024-09-03"),
    ],
    ids=["a weekday", "half day and holiday", "Friday", "Saturday night", "clocks are changed", "a long weekend"],
)
def test_order_that_is_decided_after_the_close_waits_for_the_evening_before_the_session(decided, evening, session):
    soon_after = at(evening) + 10_000
    assert admission(decided) == Admission(soon_after, at(f"{session} 09:28"))
    assert admission(decided, TimeInForce.AT_CLOSE) == Admission(soon_after, at(f"{session} 15:50"))


def test_order_for_the_close_of_a_half_day_is_taken_until_ten_minutes_before_it():
    found = admission("2024-07-02 16:00", TimeInForce.AT_CLOSE)
    assert found is not None
    assert found.until_ms == at("2024-07-03 12:50")


@pytest.mark.parametrize(
    "moment",
    ["2024-07-01 19:00:10", "2024-07-02 04:00", "2024-07-02 09:29", "2024-07-02 09:30", "2024-07-02 15:59"],
)
def test_nothing_waits_that_may_be_sent_or_is_too_late(moment):
    assert admission(moment) is None


@pytest.mark.parametrize("life", [TimeInForce.GTC, TimeInForce.DAY])
def test_orders_for_no_auction_are_taken_at_any_time(life):
    assert admission("2024-07-01 16:00", life) is None
