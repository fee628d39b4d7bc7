"""Round trips: flat to flat, at average cost (rule 22)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keel.domain.layout import EVENT
from keel.domain.orders import EventKind, OrderType, Reason
from keel.portfolio.trades_nb import TRADE, round_trips


def fills(*rows: tuple[int, int, float, float, float]) -> np.ndarray:
    """Build fills from (instrument, side, qty, price, fee), one second apart."""
    events = np.zeros(len(rows), dtype=EVENT)
    events["kind"], events["rate"] = EventKind.FILLED, 1.0
    for i, (instrument, side, qty, price, fee) in enumerate(rows):
        events[i]["instrument"], events[i]["side"], events[i]["qty"] = instrument, side, qty
        events[i]["price"], events[i]["fee"], events[i]["ts_ms"] = price, fee, 1000 * i
    return events


def trips(*rows: tuple[int, int, float, float, float], marks: tuple[float, ...] = (100.0,)):
    return round_trips(fills(*rows), np.array(marks), 99_000)


def test_long_round_trip_pays_both_fees():
    closed, still_open = trips((0, 1, 2.0, 100.0, 0.5), (0, -1, 2.0, 110.0, 0.7))
    assert len(still_open) == 0
    (trade,) = closed
    assert (trade["side"], trade["open_ts_ms"], trade["close_ts_ms"]) == (1, 0, 1000)
    assert trade["qty"] == 2.0
    assert trade["entry_price"] == 100.0
    assert trade["exit_price"] == 110.0
    assert trade["fees"] == pytest.approx(1.2)
    assert trade["pnl"] == pytest.approx(20.0 - 1.2)
    assert trade["return"] == pytest.approx(18.8 / 200.0)


def test_short_round_trip_gains_when_the_price_falls():
    closed, _ = trips((0, -1, 3.0, 100.0, 0.0), (0, 1, 3.0, 90.0, 0.0))
    assert closed["side"][0] == -1
    assert closed["pnl"][0] == pytest.approx(30.0)
    assert closed["return"][0] == pytest.approx(0.1)


def test_scaling_in_and_out_is_one_trade_at_average_cost():
    closed, still_open = trips(
        (0, 1, 1.0, 100.0, 0.1),
        (0, 1, 1.0, 120.0, 0.1),
        (0, -1, 0.5, 130.0, 0.1),
        (0, 1, 1.0, 110.0, 0.1),
        (0, -1, 2.5, 115.0, 0.1),
    )
    assert len(still_open) == 0
    (trade,) = closed
    assert trade["qty"] == 2.5
    assert trade["entry_price"] == pytest.approx((100 + 120 + 110) / 3)
    assert trade["exit_price"] == pytest.approx((0.5 * 130 + 2.5 * 115) / 3)
    assert trade["pnl"] == pytest.approx(0.5 * 130 + 2.5 * 115 - 330 - 0.5)


def test_fill_across_zero_closes_one_trade_and_opens_the_next_with_the_fee_split_by_quantity():
    closed, still_open = trips((0, 1, 1.0, 100.0, 1.0), (0, -1, 4.0, 110.0, 4.0), (0, 1, 3.0, 100.0, 3.0))
    assert len(still_open) == 0
    first, second = closed
    assert (first["side"], second["side"]) == (1, -1)
    assert first["fees"] == pytest.approx(2.0)
    assert second["fees"] == pytest.approx(6.0)
    assert second["open_ts_ms"] == first["close_ts_ms"] == 1000
    assert second["qty"] == 3.0
    assert second["pnl"] == pytest.approx(30.0 - 6.0)


def test_open_trade_is_marked_and_not_counted_as_closed():
    closed, still_open = trips((0, 1, 4.0, 100.0, 1.0), (0, -1, 1.0, 120.0, 1.0), marks=(140.0,))
    assert len(closed) == 0
    (trade,) = still_open
    assert trade["close_ts_ms"] == 99_000
    assert trade["exit_price"] == pytest.approx((120 + 3 * 140) / 4)
    assert trade["pnl"] == pytest.approx(20 + 120 - 2)


def test_float_dust_left_by_repeated_fills_counts_as_flat():
    third, whole = (0, 1, 0.1, 10.0, 0.0), (0, -1, 0.3, 11.0, 0.0)
    left_long = [third, third, third, whole]
    left_short = [(0, -side, *rest) for _, side, *rest in reversed(left_long)]
    for rows in (left_long, left_short):
        closed, still_open = trips(*rows, (0, 1, 1.0, 10.0, 0.0))
        assert len(closed) == 1
        assert (still_open["side"].tolist(), still_open["qty"].tolist()) == ([1], [1.0])


def test_instruments_do_not_mix_and_only_fills_count():
    events = fills((0, 1, 1.0, 10.0, 0.0), (1, 1, 1.0, 20.0, 0.0), (0, -1, 1.0, 12.0, 0.0), (1, -1, 1.0, 5.0, 0.0))
    events[3]["kind"] = EventKind.SUBMITTED
    closed, still_open = round_trips(events, np.array([1.0, 30.0]), 5000)
    assert closed["instrument"].tolist() == [0]
    assert still_open["instrument"].tolist() == [1]
    assert still_open["pnl"].tolist() == [10.0]


def test_no_fills_give_no_trades():
    closed, still_open = round_trips(np.zeros(0, EVENT), np.array([1.0]), 0)
    assert len(closed) == len(still_open) == 0
    assert closed.dtype == TRADE


def account_event(kind: EventKind, instrument: int, cash: float = 0.0, qty: float = 0.0) -> np.ndarray:
    event = np.zeros(1, dtype=EVENT)
    event["kind"], event["instrument"], event["cash"], event["qty"] = kind, instrument, cash, qty
    event["order_id"], event["rate"] = -1, 1.0
    return event


def played(*parts: np.ndarray, marks: tuple[float, ...] = (100.0,), **more):
    events = np.concatenate(parts)
    events["ts_ms"] = 1000 * np.arange(len(events))
    return round_trips(events, np.array(marks), 99_000, **more)


def test_fee_in_base_units_makes_the_position_smaller_and_is_counted_once():
    buy = fills((0, 1, 1.0, 100.0, 0.1))
    buy["fee_qty"] = 0.001
    closed, _ = played(buy, fills((0, -1, 0.999, 110.0, 0.2)))
    (trade,) = closed
    assert trade["qty"] == 0.999
    assert trade["fees"] == pytest.approx(0.1 + 0.2)
    assert (trade["entry_price"], trade["exit_price"]) == (pytest.approx(100.0), pytest.approx(110.0))
    # 100 was paid for 1.000; 0.999 was sold for 109.89, less the fee of 0.2.
    assert trade["pnl"] == pytest.approx(0.999 * 110.0 - 0.2 - 100.0)


def test_dust_below_one_step_closes_the_trade_and_passes_to_the_next_one():
    buy = fills((0, 1, 1.0, 100.0, 0.0))
    buy["fee_qty"] = 0.0004
    sell, again = fills((0, -1, 0.999, 110.0, 0.0)), fills((0, 1, 1.0, 120.0, 0.0))
    closed, still_open = played(buy, sell, again, marks=(130.0,), qty_steps=np.array([0.001]))
    assert len(closed) == len(still_open) == 1
    assert still_open["qty"][0] == pytest.approx(1.0006)
    cash = -100.0 + 0.999 * 110.0 - 120.0
    assert closed["pnl"][0] + still_open["pnl"][0] == pytest.approx(cash + 1.0006 * 130.0)
    without_grid, _ = played(buy, sell, again)
    assert len(without_grid) == 0


def test_a_position_of_one_whole_step_is_not_dust():
    closed, still_open = played(fills((0, 1, 10.0, 5.0, 0.0), (0, -1, 9.0, 5.0, 0.0)), qty_steps=np.array([1.0]))
    assert (len(closed), len(still_open)) == (0, 1)


def test_split_rescales_the_open_trade_to_new_units():
    split = account_event(EventKind.SPLIT, 0, qty=30.0)
    closed, _ = played(fills((0, 1, 10.0, 90.0, 0.0)), split, fills((0, -1, 30.0, 40.0, 0.0)))
    (trade,) = closed
    assert (trade["qty"], trade["entry_price"], trade["exit_price"]) == (30.0, pytest.approx(30.0), 40.0)
    assert trade["pnl"] == pytest.approx(300.0)
    assert trade["return"] == pytest.approx(1 / 3)


def test_split_after_a_part_was_sold_rescales_that_part_too():
    parts = fills((0, 1, 10.0, 90.0, 0.0), (0, -1, 4.0, 100.0, 0.0))
    split = account_event(EventKind.SPLIT, 0, qty=12.0)
    closed, _ = played(parts, split, fills((0, -1, 12.0, 60.0, 0.0)))
    (trade,) = closed
    assert (trade["qty"], trade["entry_price"]) == (20.0, pytest.approx(45.0))
    assert trade["exit_price"] == pytest.approx((4 * 100 + 12 * 60) / 20)
    assert trade["pnl"] == pytest.approx(400 + 720 - 900)


def test_funding_borrow_and_dividends_are_carry_of_the_trade_they_fall_into():
    parts = [
        fills((0, 1, 1.0, 100.0, 0.0), (1, -1, 1.0, 50.0, 0.0)),
        account_event(EventKind.DIVIDEND, 0, 2.0),
        account_event(EventKind.FUNDING, 0, -0.5),
        account_event(EventKind.BORROW, 1, -0.25),
        account_event(EventKind.INTEREST, -1, -9.0),
        fills((0, -1, 1.0, 100.0, 0.0), (1, 1, 1.0, 50.0, 0.0), (0, 1, 1.0, 100.0, 0.0)),
    ]
    closed, still_open = played(*parts, marks=(100.0, 50.0))
    assert closed["carry"].tolist() == closed["pnl"].tolist() == [1.5, -0.25]
    assert closed["return"].tolist() == pytest.approx([0.015, -0.005])
    assert still_open["carry"].tolist() == [0.0]


def test_profit_is_in_account_currency_at_the_rate_of_each_fill():
    events = fills((0, 1, 1.0, 100.0, 0.0), (0, -1, 1.0, 110.0, 0.0), (0, 1, 2.0, 100.0, 0.0))
    events["rate"] = [1.0, 1.2, 1.1]
    closed, still_open = played(events, marks=(100.0,), mark_rates=np.array([1.5]))
    assert closed["pnl"][0] == pytest.approx(110 * 1.2 - 100)
    assert (closed["entry_price"][0], closed["exit_price"][0]) == (100.0, 110.0)
    assert still_open["pnl"][0] == pytest.approx(2 * 100 * (1.5 - 1.1))


def test_a_trade_says_what_closed_it():
    events = fills((0, 1, 1.0, 100.0, 0.0), (0, -1, 1.0, 90.0, 0.0), (0, 1, 1.0, 90.0, 0.0), (0, -1, 1.0, 80.0, 0.0))
    events["type"][1], events["order_id"][3], events["reason"][3] = OrderType.STOP, -1, Reason.LIQUIDATION
    closed, _ = played(events)
    assert closed["exit_type"].tolist() == [OrderType.STOP, OrderType.MARKET]
    assert closed["exit_reason"].tolist() == [Reason.NONE, Reason.LIQUIDATION]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from([1, -1]),
            st.integers(1, 400).map(lambda n: n * 0.05),
            st.floats(1.0, 1e5),
            st.floats(0.0, 10.0),
        ),
        max_size=60,
    )
)
def test_trade_profits_add_up_to_the_cash_flow_plus_the_marked_position(rows):
    marks = np.array([50.0, 700.0, 20_000.0])
    events = fills(*rows)
    closed, still_open = round_trips(events, marks, 99_000)
    signed = events["side"] * events["qty"]
    cash = -(signed * events["price"]).sum() - events["fee"].sum()
    held = sum(signed[events["instrument"] == i].sum() * marks[i] for i in range(3))
    scale = 1.0 + (events["qty"] * events["price"]).sum() + (events["qty"] * 20_000).sum()
    assert abs(closed["pnl"].sum() + still_open["pnl"].sum() - cash - held) <= 1e-8 * scale
    assert closed["fees"].sum() + still_open["fees"].sum() == pytest.approx(events["fee"].sum(), abs=1e-9)
    assert np.all(np.diff(closed["close_ts_ms"]) >= 0)


STEP = 0.05
MOVES = st.one_of(
    st.tuples(st.just("buy"), st.integers(0, 1), st.integers(1, 60), st.floats(1.0, 1e4), st.floats(0.0, 0.02)),
    st.tuples(st.just("sell"), st.integers(0, 1), st.integers(1, 60), st.floats(1.0, 1e4), st.floats(0.0, 5.0)),
    st.tuples(st.just("close"), st.integers(0, 1), st.just(0), st.floats(1.0, 1e4), st.floats(0.0, 5.0)),
    st.tuples(st.just("split"), st.integers(0, 1), st.sampled_from([2, 3, 10]), st.just(1.0), st.just(0.0)),
    st.tuples(st.just("cash"), st.integers(0, 1), st.just(0), st.just(1.0), st.floats(-5.0, 5.0)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(MOVES, max_size=50), st.floats(0.5, 2.0))
def test_profits_add_up_with_base_fees_splits_carry_and_rates(moves, drift):
    """Play the moves on a book of its own; what trades earned must be what the book is worth."""
    position, cash, events = np.zeros(2), 0.0, np.zeros(len(moves), EVENT)
    for i, (what, instrument, number, price, amount) in enumerate(moves):
        event, held, rate = events[i], position[instrument], 1.0 + drift * i / 50
        event["instrument"], event["ts_ms"], event["rate"], event["price"] = instrument, i, rate, price
        if what == "split":
            position[instrument] *= number
            event["kind"], event["qty"] = EventKind.SPLIT, position[instrument]
        elif what == "cash":
            amount = amount if held else 0.0
            cash += amount
            event["kind"], event["cash"] = EventKind.FUNDING, amount
        else:
            # A close sells whole steps only, as a venue asks, and leaves the dust of base fees.
            qty = np.floor(abs(held) / STEP + 1e-9) * STEP if what == "close" else number * STEP
            side = -np.sign(held) if what == "close" else 1.0 if what == "buy" else -1.0
            fee_qty = qty * amount if what == "buy" else 0.0
            fee = fee_qty * price * rate if what == "buy" else amount if qty else 0.0
            event["kind"], event["side"], event["qty"], event["fee_qty"] = EventKind.FILLED, side, qty, fee_qty
            event["fee"] = fee
            position[instrument] += side * qty - fee_qty
            cash -= side * qty * price * rate + (0.0 if fee_qty else fee)
    marks, rates = np.array([70.0, 3000.0]), np.array([1.3, 0.7])
    closed, still_open = round_trips(events, marks, 99_000, np.full(2, STEP), rates)
    worth = cash + float(np.sum(position * marks * rates))
    dust = 2 * STEP * 1e4 * 3
    scale = 1.0 + np.sum(events["qty"] * events["price"] * events["rate"]) + np.sum(np.abs(position) * 3000)
    flat = {0, 1} - set(still_open["instrument"].tolist())
    allowed = 1e-8 * scale + (dust if any(position[i] for i in flat) else 0.0)
    assert abs(closed["pnl"].sum() + still_open["pnl"].sum() - worth) <= allowed
