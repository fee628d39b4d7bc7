"""Round trips: flat to flat, at average cost (rule 22)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keel.domain.layout import EVENT
from keel.domain.orders import EventKind
from keel.portfolio.trades_nb import TRADE, round_trips


def fills(*rows: tuple[int, int, float, float, float]) -> np.ndarray:
    """Build fills from (instrument, side, qty, price, fee), one second apart."""
    events = np.zeros(len(rows), dtype=EVENT)
    events["kind"] = EventKind.FILLED
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
