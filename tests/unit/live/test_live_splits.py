"""Splits as the live room reckons them: days, units of bars and tickets, and what the account's statement says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from keel.config.sessions import SessionsSection
from keel.data.market_hours import MarketHours
from keel.domain.holder_messages import AccountActivity, ActivityKind, Split
from keel.domain.layout import EVENT, ORDER, SLOT
from keel.domain.orders import EventKind, OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import LiveBar, OrderTicket
from keel.live.kept import KeptOrder, split_ticket
from keel.live.rows import BarGate
from keel.live.split_days import SplitDays, SplitFeed, SplitsOnly
from keel.sim.splitting import split_instrument
from keel.venues.alpaca_holders import AlpacaHolders, split_of
from keel.venues.wording import UnreadableError

DAY = 19_907
"""2024-07-03, a half day."""
TWO, TENTH = Split("AAPL", DAY, Decimal(2), Decimal(1)), Split("AAPL", DAY, Decimal(1), Decimal(10))
TICK, STEP = Decimal("0.01"), Decimal(1)
TICKET = OrderTicket(
    client_order_id="k1",
    symbol="AAPL",
    side=OrderSide.SELL,
    type=OrderType.STOP,
    time_in_force=TimeInForce.GTC,
    qty=Decimal(15),
    decided_ts_ms=0,
    trigger_price=Decimal("90.03"),
    reduce_only=True,
)


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)


@dataclass
class Told:
    """Tell of some splits."""

    found: Sequence[Split] = (TWO,)
    asked: int = 0

    async def splits(self, symbols: Sequence[str], first_day: int, last_day: int) -> Sequence[Split]:
        self.asked += 1
        return [one for one in self.found if one.symbol in symbols and first_day <= one.day <= last_day]

    async def activities(self, first_day: int) -> Sequence[AccountActivity]:
        return [AccountActivity("1", ActivityKind.FEE, first_day, "", Decimal(-1), Decimal(0), "FEE")]


def known_days(*splits: Split) -> SplitDays:
    days = SplitDays(Told(splits), ("AAPL",), "America/New_York", MarketHours("XNYS", SessionsSection()))
    asyncio.run(days.read(DAY - 7, DAY + 7))
    return days


def bar(open_text: str, price: float = 100.0) -> LiveBar:
    open_ms = moment(open_text)
    return LiveBar("AAPL", open_ms, open_ms + 60_000, price, price, price, price, 10.0, closed=True)


@pytest.mark.parametrize(
    ("close", "is_next"),
    [
        ("2024-07-01 16:00", False),
        ("2024-07-02 15:59", False),
        ("2024-07-02 16:00", True),  # the last regular close before it
        ("2024-07-02 19:30", True),
        ("2024-07-03 08:00", True),
    ],
)
def test_a_split_comes_next_once_no_regular_session_is_left_before_it(close: str, is_next: bool):
    assert known_days(TWO).is_next(TWO, moment(close)) is is_next


def test_a_split_holds_from_the_midnight_of_the_exchange():
    days = known_days(TWO)
    assert days.start_ms(TWO) == moment("2024-07-03 00:00")
    assert days.day_of(days.start_ms(TWO)) == DAY
    assert days.day_of(days.start_ms(TWO) - 1) == DAY - 1
    before, after = moment("2024-07-02 16:00"), moment("2024-07-03 09:30")
    assert days.ratio_between("AAPL", before, after) == 2.0
    assert days.ratio_between("AAPL", after, after + 1) == days.ratio_between("MSFT", before, after) == 1.0


def test_bars_of_before_a_split_are_given_in_units_of_now():
    old, new = bar("2024-07-02 15:59"), bar("2024-07-03 09:30", 50.0)

    class Feed:
        async def bars(self, *_: Any) -> Sequence[LiveBar]:
            return [old, new]

    @dataclass
    class Clock:
        at_ms: int

        def now_ms(self) -> int:
            return self.at_ms

    days, told = known_days(TWO), []
    for now in ("2024-07-02 18:00", "2024-07-03 10:00"):
        feed = SplitFeed(Feed(), days, Clock(moment(now)))
        told.append(asyncio.run(feed.bars("AAPL", old.open_ts_ms, new.close_ts_ms)))
    assert told[0] == [old, new]
    assert told[1] == [replace(old, open=50.0, high=50.0, low=50.0, close=50.0, volume=20.0), new]
    asked = days.news.asked
    asyncio.run(feed.bars("AAPL", moment("2024-05-01 09:30"), new.close_ts_ms))
    assert days.news.asked == asked + 1, "older history may have splits that are not known"


def test_a_price_that_only_a_split_has_moved_does_not_jump():
    gate = BarGate(("AAPL",), 60_000, 0.3)
    gate.begin_after(moment("2024-07-03 09:30"))
    gate.note_price("AAPL", 100.0, moment("2024-07-02 16:00"))
    assert "jumps from 100 to 50" in str(gate.take(bar("2024-07-03 09:30", 50.0)))
    gate.ratio_between = known_days(TWO).ratio_between
    assert gate.take(bar("2024-07-03 09:30", 50.0)) is None
    assert "jumps from 50 to 20" in str(gate.take(bar("2024-07-03 09:30", 20.0)))


@pytest.mark.parametrize(
    ("split", "side", "qty", "trigger", "limit"),
    [
        (TWO, OrderSide.SELL, "30", "45.01", "45.02"),  # later, and in our favour
        (TWO, OrderSide.BUY, "30", "45.02", "45.01"),
        (TENTH, OrderSide.SELL, "1", "900.30", "900.30"),
        (Split("AAPL", DAY, Decimal(100_000), Decimal(1)), OrderSide.SELL, "1500000", "0.01", "0.01"),
    ],
)
def test_a_ticket_in_new_units_keeps_to_its_grid(split: Split, side: OrderSide, qty: str, trigger: str, limit: str):
    ticket = replace(TICKET, side=side, limit_price=Decimal("90.03"), trail=Decimal(4))
    found = split_ticket(ticket, split, TICK, STEP)
    assert (found.qty, found.trigger_price, found.limit_price) == (Decimal(qty), Decimal(trigger), Decimal(limit))
    assert found.trail == Decimal(4) * split.old / split.new


def test_a_kept_order_takes_a_split_with_what_it_has_filled_and_the_best_price():
    kept = KeptOrder(1, 0, TICKET, parent_id=7, allowed=Decimal(10), filled=Decimal(4), best=Decimal(120))
    kept.split(TWO, TICK, STEP)
    assert (kept.allowed, kept.filled, kept.best) == (Decimal(20), Decimal(8), Decimal(60))
    assert kept.left(Decimal(0)) == Decimal(12)


def test_our_half_in_new_units_is_worth_the_same():
    slots, orders, events = np.zeros(1, SLOT), np.zeros(2, ORDER), np.zeros(2, EVENT)
    slot = slots[0]
    for name, value in {"mark": 100.0, "value": 100.0, "atr": 2.0, "target_qty": 12.0}.items():
        slot[name] = value
    slot["qty"], slot["avg_price"] = -10.0, 90.0
    slot["tick_mantissa"], slot["tick_scale"], slot["step_mantissa"], slot["step_scale"] = 1.0, 100.0, 1.0, 1.0
    orders["id"], orders["side"], orders["instrument"] = (1, 2), 1, (0, 1)
    orders["qty"], orders["filled_qty"], orders["trigger_price"] = 5.0, 1.0, 90.03
    events["kind"], events["instrument"], events["qty"], events["price"] = EventKind.FILLED, (0, 1), 3.0, 99.0
    split_instrument(slot, orders, list(events), 0, 2.0)
    assert slot["qty"].tolist() == [-20.0, -20.0]
    assert slot["avg_price"].tolist() == [45.0, 45.0]
    assert (slot["mark"], slot["value"], slot["atr"], slot["target_qty"]) == (50.0, 50.0, 1.0, 24.0)
    assert orders[["qty", "filled_qty", "trigger_price"]].tolist() == [(10.0, 2.0, 45.02), (5.0, 1.0, 90.03)]


def test_both_entries_of_a_split_are_one_and_one_alone_says_nothing_yet():
    leg = {"activity_type": "SPLIT", "symbol": "AAPL", "date": "2024-07-03", "net_amount": "0", "group_id": "g"}
    rows = [leg | {"id": "1", "qty": "-10"}, leg | {"id": "2", "qty": "20"}]
    holders = AlpacaHolders(None, str)  # type: ignore[arg-type]
    (split,) = holders._read(rows)
    assert (split.activity_id, split.kind, split.qty, split.day) == ("1+2", ActivityKind.SPLIT, Decimal(10), DAY)
    assert not holders._read(rows[:1])


@pytest.mark.parametrize(
    ("row", "kind", "cash", "qty"),
    [
        (
            {"activity_type": "DIV", "symbol": "AAPL", "net_amount": "1.02", "qty": "2", "per_share_amount": "0.51"},
            ActivityKind.DIVIDEND,
            "1.02",
            "0",
        ),
        ({"activity_type": "DIVNRA", "symbol": "AAPL", "net_amount": "-0.3"}, ActivityKind.DIVIDEND, "-0.3", "0"),
        ({"activity_type": "FEE", "activity_sub_type": "REG", "net_amount": "-0.19"}, ActivityKind.FEE, "-0.19", "0"),
        (
            {"activity_type": "CFEE", "symbol": "ETHUSD", "net_amount": "0", "qty": "-0.000195", "price": "1884.5"},
            ActivityKind.FEE,
            "0",
            "-0.000195",
        ),
        ({"activity_type": "INT", "net_amount": "-0.07"}, ActivityKind.INTEREST, "-0.07", "0"),
    ],
)
def test_an_entry_of_the_statement_is_what_its_kind_says(row: dict[str, Any], kind: ActivityKind, cash: str, qty: str):
    holders = AlpacaHolders(None, str)  # type: ignore[arg-type]
    (found,) = holders._read([{"id": "1", "date": "2024-07-03", "status": "executed"} | row])
    assert (found.kind, found.cash, found.qty, found.day) == (kind, Decimal(cash), Decimal(qty), DAY)


def test_payments_and_what_was_canceled_are_left_to_the_balances():
    rows = [
        {"id": "1", "activity_type": "CSD", "date": "2024-07-03", "net_amount": "500"},
        {"id": "2", "activity_type": "DIV", "date": "2024-07-03", "net_amount": "1", "status": "canceled"},
    ]
    assert not AlpacaHolders(None, str)._read(rows)  # type: ignore[arg-type]


def test_a_split_that_cannot_be_is_not_read():
    row = {"symbol": "AAPL", "ex_date": "2024-07-03", "new_rate": 1, "old_rate": 3}
    assert split_of(row).ratio == pytest.approx(1 / 3)
    for wrong in ({"new_rate": 0}, {"old_rate": "x"}, {"ex_date": None}):
        with pytest.raises(UnreadableError):
            split_of(row | wrong)


def test_a_simulated_account_is_booked_nothing_of_a_real_one():
    assert asyncio.run(SplitsOnly(Told()).activities(DAY)) == ()
    assert asyncio.run(SplitsOnly(Told()).splits(("AAPL",), DAY, DAY)) == [TWO]
