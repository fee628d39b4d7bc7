"""A stock's sessions on Alpaca: the auctions that open and close them, and the hours before and after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from alpaca_rig import ALPACA, alpaca_rig
from practice_rig import CONFIG, WARM_UP, PracticeRig
from rig import Recorder
from tickets import limit, ticket

from keel.data.quality.known_sessions import known_sessions
from keel.data.session_flags import session_flags
from keel.domain.layout import BAR, BAR_ENDS_DAY, BAR_PRESENT
from keel.domain.orders import OrderType, TimeInForce
from keel.domain.timeframe import MS_PER_DAY
from keel.domain.venue_messages import OrderTicket, Outcome, VenueStatus

STOCK = "SYNX"
HALF_HOUR_MS = 1_800_000
OPENS = (
    *("07-01 14:30", "07-01 15:00", "07-01 15:30"),  # the history: it ends with the close of a Monday
    *("07-02 09:00", "07-02 09:30", "07-02 15:00", "07-02 15:30", "07-02 16:00", "07-03 09:30"),
)
OPENING, CLOSING, EVENING = 4, 6, 7
"""Rows that open and close the Tuesday's session, and the one after it."""
CHANGES = {
    "data": CONFIG["data"] | {"symbols": [STOCK], "timeframe": "30m"},
    "market": {"calendar": "XNYS", "timezone": "America/New_York", "instrument": {"step_size": "0.0001"}},
    "accounts": {"practice": {"balances": {"USD": "10000", STOCK: "10"}}},
    "alpaca": ALPACA["alpaca"],
}


def made_rows() -> np.ndarray:
    """Return BAR (rows, 1) in which each row has prices of its own: 100 and its number, and half more at its close."""
    bars, zone = np.zeros((len(OPENS), 1), BAR), ZoneInfo("America/New_York")
    opens = [datetime.fromisoformat(f"2024-{each}").replace(tzinfo=zone) for each in OPENS]
    bars["open"] = bars["low"] = 100.0 + np.arange(len(OPENS))[:, None]
    bars["close"] = bars["high"] = bars["open"] + 0.5
    bars["volume"] = 1e6
    bars["open_ts_ms"] = np.array([round(each.timestamp() * 1000) for each in opens])[:, None]
    bars["close_ts_ms"] = bars["open_ts_ms"] + HALF_HOUR_MS
    bars["day"] = bars["open_ts_ms"] // MS_PER_DAY
    bars["minute_of_week"] = np.array([each.weekday() * 1440 + each.hour * 60 + each.minute for each in opens])[:, None]
    first, last = int(bars["day"][0, 0]) - 31, int(bars["day"][-1, 0]) + 31
    found = session_flags(bars["close_ts_ms"][:, 0], HALF_HOUR_MS, known_sessions("XNYS", first, last))
    bars["flags"] = (found | BAR_PRESENT)[:, None]
    bars["flags"][[2, 7, 8]] |= BAR_ENDS_DAY
    return bars


def of_stock(order: OrderTicket, **changes: object) -> OrderTicket:
    return replace(order, symbol=STOCK, **changes)


def on_stock(scenario: Callable[[PracticeRig], Awaitable[None]]) -> None:
    async def run() -> None:
        async with alpaca_rig(bars=made_rows(), **CHANGES) as rig:
            await scenario(rig)

    asyncio.run(run())


async def play_to(rig: PracticeRig, row: int) -> None:
    """Let rows pass until one has been played."""
    for _ in range(row + 1 - WARM_UP - (await rig._clock())["row"]):
        await rig._pass_bar()


def fill_of(heard: Recorder, order: OrderTicket) -> tuple[VenueStatus, Decimal]:
    """Return the last state of an order that was filled at once, and its price."""
    last = heard.of(order.client_order_id)[-1]
    assert last.fill is not None
    return last.state.status, last.fill.price


def test_orders_for_the_auctions_meet_them_at_their_prices():
    async def scenario(rig):
        opening = of_stock(ticket(life=TimeInForce.AT_OPEN))
        missing = of_stock(limit("90", life=TimeInForce.AT_OPEN))
        closing = of_stock(ticket(life=TimeInForce.AT_CLOSE))
        for order in (opening, missing, closing):
            assert rig.venue.holds(STOCK, order.type, order.time_in_force)
            assert (await rig.submit(order)).outcome is Outcome.DONE
        await play_to(rig, OPENING)
        assert fill_of(rig.heard, opening) == (VenueStatus.FILLED, 100 + OPENING)
        over = rig.heard.of(missing.client_order_id)[-1].state
        assert (over.status, over.filled_qty) == (VenueStatus.CANCELED, 0)
        refused = await rig.submit(of_stock(ticket(life=TimeInForce.AT_OPEN)))
        assert (refused.outcome, refused.code) == (Outcome.REFUSED, 40310000)
        assert "before 9:28am" in refused.reason
        await play_to(rig, EVENING)  # the fill is of the last millisecond of its row, and told after that
        assert fill_of(rig.heard, closing) == (VenueStatus.FILLED, 100 + CLOSING + Decimal("0.5"))

    on_stock(scenario)


def test_limit_order_of_the_day_trades_after_hours_if_it_is_meant_to():
    async def scenario(rig):
        await play_to(rig, CLOSING)
        late = of_stock(limit("150", life=TimeInForce.DAY), extended_hours=True)
        waits = of_stock(limit("150", life=TimeInForce.DAY))
        for order in (late, waits):
            assert (await rig.submit(order)).outcome is Outcome.DONE
        await play_to(rig, EVENING)
        status, price = fill_of(rig.heard, late)
        assert status is VenueStatus.FILLED
        assert 100 + EVENING <= price < 100 + EVENING + Decimal("0.5")
        assert rig.heard.of(waits.client_order_id) == []
        await play_to(rig, EVENING + 1)
        assert fill_of(rig.heard, waits) == (VenueStatus.FILLED, 100 + EVENING + 1)

    on_stock(scenario)


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (of_stock(ticket(qty="0.5", life=TimeInForce.AT_OPEN)), "a part of a share for a day only, not opg"),
        (of_stock(ticket(OrderType.STOP, life=TimeInForce.AT_CLOSE, trigger_price=90)), "no STOP AT_CLOSE orders"),
        (of_stock(ticket(life=TimeInForce.DAY), extended_hours=True), "limit orders of the day in extended hours only"),
    ],
    ids=["fraction", "stop", "market"],
)
def test_order_that_no_auction_and_no_evening_takes_is_refused_before_it_is_sent(order, why):
    async def scenario(rig):
        result = await rig.submit(order)
        assert (result.outcome, result.code) == (Outcome.REFUSED, None)
        assert why in result.reason

    on_stock(scenario)
