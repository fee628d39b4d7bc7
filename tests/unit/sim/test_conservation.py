"""Money is conserved: what equity gained is what prices gave, less each cost; worked out from the events alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from made_markets import CASH, Market, make_run, make_slots, markets

from keel.domain.layout import BAR_PRESENT
from keel.domain.orders import EventKind, TimeInForce
from keel.sim.costs_nb import follow_metaorder_nb, impact_nb, remember_fill_nb

PROPERTY = settings(max_examples=150, deadline=None, derandomize=True)
COSTS = ("spread_cost", "impact_cost", "rounding_cost", "fee")
ENDS = (EventKind.REJECTED, EventKind.CANCELED, EventKind.EXPIRED)


def fills_of(events: np.ndarray) -> np.ndarray:
    return events[events["kind"] == EventKind.FILLED]


def marks_at(market: Market, row: int) -> np.ndarray:
    """Return each instrument's last close up to a row; 0 before its first bar."""
    marks = np.zeros(market.bars.shape[1])
    for bars in market.bars[: row + 1]:
        there = (bars["flags"] & BAR_PRESENT) != 0
        marks[there] = bars["close"][there]
    return marks


@PROPERTY
@given(markets())
def test_change_of_equity_is_price_gains_less_each_cost(market):
    simulator = market.played()
    fills = fills_of(simulator.events)
    for row, mark in enumerate(simulator.marks):
        done = fills[fills["row"] <= row]
        gained = done["side"] * done["qty"] * (marks_at(market, row)[done["instrument"]] - done["reference_price"])
        paid = sum(done[cost].sum() for cost in COSTS)
        assert mark["equity"] - CASH == pytest.approx(gained.sum() - paid, rel=1e-9, abs=1e-6)


@PROPERTY
@given(markets())
def test_change_of_cash_is_what_fills_cost_at_their_prices(market):
    simulator = market.played()
    fills = fills_of(simulator.events)
    for row, mark in enumerate(simulator.marks):
        done = fills[fills["row"] <= row]
        spent = (done["side"] * done["qty"] * done["price"] + done["fee"]).sum()
        assert mark["cash"] == pytest.approx(CASH - spent, rel=1e-9, abs=1e-6)


@PROPERTY
@given(markets())
def test_no_cost_is_ever_a_gain(market):
    fills = fills_of(market.played().events)
    for cost in COSTS:
        assert (fills[cost] >= -1e-9 * fills["qty"] * fills["price"]).all()


@PROPERTY
@given(markets())
def test_fills_keep_to_their_order_and_their_bar(market):
    events = market.played().events
    fills = fills_of(events)
    bars = market.bars[fills["row"], fills["instrument"]]
    assert ((bars["flags"] & BAR_PRESENT) != 0).all()
    assert (fills["ts_ms"] >= bars["open_ts_ms"]).all()
    assert (fills["ts_ms"] < bars["close_ts_ms"]).all()
    assert (fills["reference_price"] >= bars["low"]).all()
    assert (fills["reference_price"] <= bars["high"]).all()
    sent = events[events["kind"] == EventKind.SUBMITTED]
    for order in sent:
        filled = fills[fills["order_id"] == order["order_id"]]
        assert filled["qty"].sum() <= order["qty"] * (1 + 1e-9)
        assert (filled["ts_ms"] >= order["ts_ms"]).all()


@PROPERTY
@given(markets())
def test_bars_are_never_drawn_on_beyond_their_share(market):
    fills = fills_of(market.played().events)
    share = float(market.run[0]["max_participation"])
    for row, i in {(int(fill["row"]), int(fill["instrument"])) for fill in fills}:
        taken = fills[(fills["row"] == row) & (fills["instrument"] == i)]["qty"].sum()
        assert taken <= share * market.bars[row, i]["volume"] * (1 + 1e-9) + 1e-9


@PROPERTY
@given(markets())
def test_every_order_ends_exactly_once(market):
    events = market.played().events
    for order in events[events["kind"] == EventKind.SUBMITTED]:
        own = events[events["order_id"] == order["order_id"]]
        filled = own[own["kind"] == EventKind.FILLED]["qty"].sum()
        ended = np.isin(own["kind"], ENDS).sum()
        complete = filled >= order["qty"] * (1 - 1e-9)
        assert ended == (0 if complete else 1)
        if market.run[0]["time_in_force"] == TimeInForce.IOC:
            assert (own["kind"] == EventKind.FILLED).sum() <= 1


@PROPERTY
@given(markets())
def test_events_of_an_order_are_known_in_the_order_they_happened(market):
    events = market.played().events
    for order_id in np.unique(events["order_id"][events["order_id"] >= 0]):
        own = events[events["order_id"] == order_id]
        assert (np.diff(own["ts_ms"]) >= 0).all()
        assert (np.diff(own["response_ts_ms"]) >= 0).all()
        assert (own["response_ts_ms"] >= own["ts_ms"]).all()


@PROPERTY
@given(markets())
def test_cash_account_never_holds_less_than_nothing(market):
    simulator = market.played()
    fills = fills_of(simulator.events)
    if market.run[0]["margin_account"]:
        return
    for i in range(market.bars.shape[1]):
        own = fills[fills["instrument"] == i]
        assert (np.cumsum(own["side"] * own["qty"]) >= -1e-9).all()


@PROPERTY
@given(markets())
def test_local_book_is_the_venues_less_what_is_not_known_yet(market):
    simulator = market.played()
    fills = fills_of(simulator.events)
    known = fills[fills["response_ts_ms"] <= simulator.marks["ts_ms"][-1]]
    view = simulator.account_view()
    position = np.bincount(known["instrument"], known["side"] * known["qty"], minlength=len(view.position_qty))
    spent = (known["side"] * known["qty"] * known["price"] + known["fee"]).sum()
    assert view.position_qty == pytest.approx(position, abs=1e-9)
    assert view.cash == pytest.approx(CASH - spent, rel=1e-9, abs=1e-6)


@PROPERTY
@given(markets())
def test_cash_account_never_borrows(market):
    if market.run["margin_account"][0]:
        return
    simulator = market.played()
    fills = fills_of(simulator.events)
    # A sale pays its fee out of what it brings; only a minimum fee above that takes cash.
    short_sales = np.maximum(fills["fee"] - fills["qty"] * fills["price"], 0.0)[fills["side"] < 0].sum()
    assert (simulator.marks["cash"] >= -short_sales - 1e-9 * CASH).all()


def impact_of_ten_purchases(dust: float) -> list[float]:
    """Return the impact per unit of ten equal purchases, one a bar; after each a sale of `dust` units."""
    run, slots = make_run(impact_coefficient=1.0, impact_decay=math.log(2) / 5), make_slots(1, var_short=1e-4)
    paid = []
    for n in range(1, 11):
        slots["bar_count"] = n
        for side, qty in ((1, 50.0), (-1, dust)):
            if qty > 0.0:
                follow_metaorder_nb(run[0], slots[0], side, 1000.0)
                impact = impact_nb(run[0], slots[0], side, qty, 100.0)
                remember_fill_nb(slots[0], side, qty)
                paid += [impact] if side > 0 else []
    return paid


def test_dust_of_the_other_side_does_not_wipe_the_memory_of_impact():
    clean = impact_of_ten_purchases(dust=0.0)
    assert impact_of_ten_purchases(dust=1e-6) == clean
    assert clean[1] > clean[0]
