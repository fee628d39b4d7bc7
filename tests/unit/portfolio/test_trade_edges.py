"""Round trips at their edges: what still counts as flat, and what one trade leaves to the next (rule 22)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from keel.domain.layout import EVENT
from keel.domain.orders import EventKind
from keel.portfolio.trades_nb import round_trips

END_TS_MS = 99_000


def fill(side: int, qty: float, price: float, instrument: int = 0, fee: float = 0.0) -> np.ndarray:
    event = np.zeros(1, EVENT)
    event["kind"], event["instrument"], event["side"] = EventKind.FILLED, instrument, side
    event["qty"], event["price"], event["fee"], event["rate"] = qty, price, fee, 1.0
    return event


def split(qty: float, cash: float = 0.0, instrument: int = 0) -> np.ndarray:
    event = np.zeros(1, EVENT)
    event["kind"], event["instrument"], event["qty"], event["cash"] = EventKind.SPLIT, instrument, qty, cash
    event["order_id"], event["rate"] = -1, 1.0
    return event


def played(*events: np.ndarray, step: float = 0.0, marks: tuple[float, ...] = (100.0, 100.0)):
    told = np.concatenate(events)
    told["ts_ms"] = 1000 * np.arange(len(told))
    with soiled_memory():
        return round_trips(told, np.array(marks), END_TS_MS, np.full(len(marks), step))


@contextmanager
def soiled_memory() -> Iterator[None]:
    """Let memory that nobody has written to hold ones, so that a field left out shows."""
    empty = np.empty

    def soiled(n: int, dtype: np.dtype) -> np.ndarray:
        return np.full(n * dtype.itemsize, 1, np.uint8).view(dtype)

    np.empty = soiled
    try:
        yield
    finally:
        np.empty = empty


def test_a_ten_millionth_of_the_peak_is_still_a_position():
    closed, still_open = played(fill(1, 1000.0, 100.0), fill(-1, 1000.0 - 1e-4, 100.0))
    assert (len(closed), len(still_open)) == (0, 1)


def test_a_thousand_millionth_of_the_peak_is_rounding_whatever_the_peak():
    closed, still_open = played(fill(1, 1000.0, 100.0), fill(-1, 1000.0 - 5e-7, 100.0))
    assert (len(closed), len(still_open)) == (1, 0)


@pytest.mark.parametrize("rest", [-1.0, 1.0])
def test_a_rest_of_exactly_the_tolerance_is_rounding_and_goes_to_no_trade(rest: float):
    """A thousand millionth of 1e9 is 1: one unit is left, or sold beyond."""
    closed, still_open = played(fill(1, 1e9, 100.0), fill(-1, 1e9 + rest, 100.0), fill(1, 2.0, 100.0))
    assert (len(closed), len(still_open)) == (1, 1)
    assert still_open["qty"][0] == 2.0


def test_all_but_a_millionth_of_a_step_is_dust():
    closed, still_open = played(fill(1, 10.0, 5.0), fill(-1, 9.0 + 5e-7, 5.0), step=1.0)
    assert (len(closed), len(still_open)) == (1, 0)


def test_dust_of_exactly_the_most_there_can_be_goes_to_the_next_trade():
    """With a step of 1e9 that is 999999999 units: sold beyond a long position here."""
    dust = 999_999_999.0
    closed, still_open = played(fill(1, 5e9, 1.0), fill(-1, 5e9 + dust, 1.0), fill(1, 2e9, 1.0), step=1e9)
    assert (len(closed), len(still_open)) == (1, 1)
    assert still_open["qty"][0] == 2e9 - dust


def test_split_rescales_the_dust_of_the_trade_before():
    """0.0006 units at 110 become 0.0018 at 110 / 3: part of the next trade, at what they were worth."""
    buy = fill(1, 1.0, 100.0)
    buy["fee_qty"] = 0.0004
    closed, still_open = played(
        buy, fill(-1, 0.999, 110.0), split(0.0018), fill(1, 1.0, 40.0), step=0.001, marks=(50.0,)
    )
    assert (len(closed), len(still_open)) == (1, 1)
    (trade,) = still_open
    assert trade["qty"] == pytest.approx(1.0018)
    assert trade["entry_price"] == pytest.approx((0.0018 * 110 / 3 + 40.0) / 1.0018)


@pytest.mark.parametrize(("left", "side"), [(0.0004, 1), (-0.0004, -1)])
def test_dust_that_a_split_makes_one_whole_step_is_a_trade_on_its_own_side(left: float, side: int):
    closed, still_open = played(fill(1, 1.0, 100.0), fill(-1, 1.0 - left, 110.0), split(side * 0.001), step=0.001)
    assert len(closed) == 1
    assert (still_open["side"].tolist(), still_open["qty"].tolist()) == ([side], [0.001])


def test_split_that_leaves_nothing_closes_the_trade():
    """3 units at 100 become none: 30 are paid for them, nothing was sold."""
    closed, still_open = played(fill(1, 3.0, 100.0, instrument=1), split(0.0, cash=30.0, instrument=1))
    assert len(still_open) == 0
    (trade,) = closed
    assert (trade["instrument"], trade["side"], trade["qty"]) == (1, 1, 3.0)
    assert (trade["entry_price"], trade["exit_price"]) == (100.0, 0.0)
    assert (trade["carry"], trade["pnl"]) == (30.0, -270.0)
    assert (trade["open_ts_ms"], trade["close_ts_ms"]) == (0, 1000)
    assert (trade["exit_type"], trade["exit_reason"]) == (0, 0)


def test_a_trade_closed_by_a_split_is_one_of_the_list():
    closed, _ = played(fill(1, 3.0, 100.0), split(0.0), fill(1, 2.0, 10.0), fill(-1, 2.0, 12.0))
    assert closed["qty"].tolist() == [3.0, 2.0]
    assert closed["pnl"].tolist() == [-300.0, 4.0]


def test_a_second_trade_starts_from_nothing():
    closed, _ = played(
        *(fill(1, 5.0, 100.0, fee=1.0), fill(-1, 5.0, 110.0, fee=1.0)),
        *(fill(-1, 1.0, 50.0, fee=0.25), fill(1, 1.0, 40.0, fee=0.25)),
    )
    first, second = closed
    assert (first["qty"], second["qty"]) == (5.0, 1.0)
    assert (second["side"], second["entry_price"], second["exit_price"]) == (-1, 50.0, 40.0)
    assert (second["fees"], second["pnl"], second["return"]) == (0.5, 9.5, 9.5 / 50.0)


def test_every_open_trade_is_listed_with_its_instrument():
    closed, still_open = played(
        *(fill(1, 1.0, 100.0), fill(-1, 2.0, 90.0, instrument=1), fill(1, 3.0, 80.0, instrument=2)),
        marks=(100.0, 100.0, 100.0),
    )
    assert len(closed) == 0
    assert still_open["instrument"].tolist() == [0, 1, 2]
    assert still_open["side"].tolist() == [1, -1, 1]
    assert still_open["close_ts_ms"].tolist() == [END_TS_MS] * 3
    assert still_open["exit_type"].tolist() == still_open["exit_reason"].tolist() == [0, 0, 0]


def test_closed_trades_say_which_instrument_they_were_in():
    closed, _ = played(fill(1, 1.0, 1.0, instrument=1), fill(-1, 1.0, 1.0, instrument=1))
    assert closed["instrument"].tolist() == [1]


def test_a_fill_of_less_than_a_unit_counts():
    closed, _ = played(fill(1, 0.25, 100.0), fill(-1, 0.25, 120.0))
    assert closed["exit_price"].tolist() == [120.0]
    assert closed["pnl"].tolist() == [5.0]
