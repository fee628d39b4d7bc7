"""Our half by itself: what it hears, what it is told to hold, and what it lets through."""

from __future__ import annotations

import numpy as np
import pytest
from made_halves import make_market, step

from keel.domain.layout import EVENT, LOCAL
from keel.domain.orders import EventKind, OrderStatus, Reason, TradingState
from keel.sim.exchange import Exchange
from keel.sim.local import LocalDesk, event_of


def make_desk(rows: int = 3, **fields: object) -> tuple[LocalDesk, np.ndarray]:
    """Return a desk at the close of its last row, and its bars."""
    market = make_market(1, rows=20, **fields)
    market.bars["flags"] |= 1
    for name in ("open", "high", "low", "close"):
        market.bars[name] = np.nan_to_num(market.bars[name], nan=100.0)
    desk = LocalDesk(market.run, market.slots)
    for bars in market.bars[:rows]:
        desk.close_row(bars, int(bars[0]["close_ts_ms"]))
    return desk, market.bars


def close(desk: LocalDesk, bars: np.ndarray) -> None:
    desk.close_row(bars[desk.row], int(bars[desk.row, 0]["close_ts_ms"]))


def fill(order: np.void, qty: float, price: float, *, final: bool, fee_qty: float = 0.0) -> np.ndarray:
    event = event_of(
        EventKind.FILLED, instrument=int(order["instrument"]), order_id=int(order["id"]), ts_ms=0, known_ms=0
    )
    event["side"], event["qty"], event["price"], event["final"] = order["side"], qty, price, final
    event["fee_qty"] = fee_qty
    return event


def test_a_fill_reaches_the_book_at_the_next_close_and_ends_its_order():
    desk, bars = make_desk()
    (order,) = desk.decide(np.array([0.5, np.nan])).orders
    cash = desk.account_view().cash
    desk.hear(fill(order, float(order["qty"]), 90.0, final=True))
    assert desk.has_unheard
    assert desk.account_view().position_qty[0] == 0.0
    close(desk, bars)
    assert not desk.has_unheard
    assert desk.account_view().position_qty[0] == order["qty"]
    assert desk.account_view().cash == pytest.approx(cash - 90.0 * order["qty"])
    assert desk.heard()["kind"].tolist()[-1] == EventKind.FILLED
    assert len(desk.live_orders()) == 0


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (EventKind.REJECTED, OrderStatus.REJECTED),
        (EventKind.CANCELED, OrderStatus.CANCELED),
        (EventKind.EXPIRED, OrderStatus.EXPIRED),
    ],
)
def test_an_order_that_ended_frees_what_it_reserved(kind: EventKind, status: OrderStatus):
    desk, bars = make_desk()
    (order,) = desk.decide(np.array([0.9, np.nan])).orders
    desk.hear(event_of(kind, instrument=0, order_id=int(order["id"]), ts_ms=0, known_ms=0))
    assert desk._order_of(int(order["id"]))["status"] == status
    close(desk, bars)
    assert len(desk.live_orders()) == 0
    assert len(desk.decide(np.array([np.nan, 0.9])).orders) == 1


def test_a_fill_of_an_order_that_was_forgotten_is_booked_at_once_and_heard_of_at_the_close():
    desk, bars = make_desk()
    (order,) = desk.decide(np.array([0.5, np.nan])).orders
    desk.hear(event_of(EventKind.CANCELED, instrument=0, order_id=int(order["id"]), ts_ms=0, known_ms=0))
    close(desk, bars)
    target = desk._slots[0]["target_qty"]
    desk.hear(fill(order, 2.0, 90.0, final=False))
    assert desk.account_view().position_qty[0] == 2.0
    close(desk, bars)
    assert desk.account_view().position_qty[0] == 2.0
    assert [int(kind) for kind in desk.heard()["kind"]] == [EventKind.FILLED]
    assert desk._slots[0]["target_qty"] == target


def test_without_entries_only_what_closes_may_go_this_once():
    desk, bars = make_desk()
    (order,) = desk.decide(np.array([0.5, np.nan])).orders
    desk.hear(fill(order, float(order["qty"]), 100.0, final=True))
    close(desk, bars)
    sent = desk.decide(np.array([0.0, 0.5]), entries=False)
    assert sent.orders["side"].tolist() == [-1]
    assert sent.denials["reason"].tolist() == [Reason.REDUCING]
    assert desk.trading_state is TradingState.ACTIVE
    close(desk, bars)
    assert desk.decide(np.array([np.nan, np.nan])).orders["instrument"].tolist() == [1]


def test_a_desk_that_holds_entries_back_takes_resting_ones_back():
    desk, bars = make_desk()
    (order,) = desk.decide(np.array([0.5, np.nan])).orders
    close(desk, bars)
    sent = desk.decide(np.array([np.nan, np.nan]), entries=False)
    assert sent.cancels["id"].tolist() == [order["id"]]
    close(desk, bars)
    assert len(desk.decide(np.array([np.nan, np.nan]), entries=False).cancels) == 0


def test_the_kill_switch_lets_nothing_through():
    desk, _ = make_desk()
    desk.trip_kill_switch()
    sent = desk.decide(np.array([0.5, 0.5]))
    assert len(sent.orders) == 0
    assert set(sent.denials["reason"].tolist()) == {Reason.KILL_SWITCH}


def test_a_latch_that_is_set_holds():
    desk, _ = make_desk()
    desk.latch(TradingState.HALTED)
    assert desk.trading_state is TradingState.HALTED
    assert set(desk.decide(np.array([0.5, 0.5])).denials["reason"].tolist()) == {Reason.HALTED}


def test_orders_are_numbered_from_where_they_are_told():
    desk, _ = make_desk()
    desk.number_orders_from(41)
    assert desk.decide(np.array([0.3, 0.3])).orders["id"].tolist() == [41, 42]


@pytest.mark.parametrize(
    ("before", "average", "after", "expected"),
    [
        (0.0, 0.0, 2.0, 50.0),
        (2.0, 100.0, 0.0, 0.0),
        (2.0, 100.0, 1.0, 100.0),
        (2.0, 100.0, 4.0, 75.0),
        (-2.0, 100.0, 4.0, 50.0),
    ],
)
def test_a_position_is_set_to_the_venue_s_and_its_cost_follows(
    before: float, average: float, after: float, expected: float
):
    desk, _ = make_desk()
    desk._slots[0]["qty"][LOCAL], desk._slots[0]["avg_price"][LOCAL] = before, average
    desk._slots[0]["pursue"] = 1
    desk.adjust_position(0, after, 50.0)
    assert desk.account_view().position_qty[0] == after
    assert desk.account_view().average_price[0] == expected
    assert desk._slots[0]["pursue"] == 0


def test_money_that_comes_or_goes_is_no_gain_and_no_loss():
    desk, bars = make_desk(max_daily_loss=0.1, max_drawdown=0.2)
    desk.adjust_cash(desk.account_view().cash - 5_000.0)
    close(desk, bars)
    assert desk.trading_state is TradingState.ACTIVE
    assert desk.account_view().equity == 5_000.0
    assert desk.account_view().peak_equity == 5_000.0


def test_a_local_book_without_money_ends_no_run():
    desk, bars = make_desk()
    desk.adjust_cash(-1.0)
    close(desk, bars)
    assert desk.status == 0
    assert len(desk.decide(np.array([0.5, 0.5])).orders) == 0


def test_a_split_reckons_in_new_units_before_it_is_applied():
    market = make_market(2)
    desk, exchange = LocalDesk(market.run, market.slots), Exchange(market.run, market.slots)
    step(desk, exchange, market.bars[0], market.targets[0])
    slot = desk._slots[0]
    slot["mark"], slot["atr"], slot["target_qty"] = 100.0, 8.0, 3.0
    split = event_of(EventKind.SPLIT, instrument=0, order_id=-1, ts_ms=0, known_ms=0)
    split["reference_price"] = 4.0
    desk.hear(np.array(split, EVENT))
    assert (slot["mark"], slot["atr"], slot["target_qty"]) == (25.0, 2.0, 12.0)


def test_a_run_of_other_instruments_is_not_taken_up():
    desk, _ = make_desk()
    other = make_market(1, n=3)
    with pytest.raises(ValueError, match="of 2 instruments, there are 3"):
        LocalDesk(other.run, other.slots).restore(desk.capture())
