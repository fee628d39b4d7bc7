"""The venue's half by itself: what arrives in the middle of a row ends as if it had been known at its beginning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_halves import make_market, make_order, of_venue, play_halves, send, step, told

from keel.domain.orders import EventKind, OrderType, Reason
from keel.sim.exchange import Exchange
from keel.sim.local import LocalDesk

MARKETS = st.integers(0, 10_000)


@settings(max_examples=25, deadline=None)
@given(seed=MARKETS)
def test_orders_that_come_during_a_row_end_as_those_that_came_before_it(seed: int):
    market = make_market(seed)
    desk, whole = LocalDesk(market.run, market.slots), Exchange(market.run, market.slots)
    parts = Exchange(market.run, market.slots)
    sent = None
    for bars, weights in zip(market.bars, market.targets, strict=True):
        close_ms = int(bars[0]["close_ts_ms"])
        parts.begin_row(bars)
        events = [parts.events_until(close_ms - 60_000)]
        if sent is not None:
            send(parts, sent)  # while the row is open already
        events += [parts.events_until(ts_ms) for ts_ms in range(close_ms - 50_000, close_ms, 10_000)]
        events.append(parts.end_row())
        heard = whole.play_row(bars).copy()
        for event in heard:
            desk.hear(np.array([event], heard.dtype))
        desk.close_row(bars, close_ms)
        sent = desk.decide(weights)
        send(whole, sent)
    assert parts.venue_cash == whole.venue_cash
    assert parts.venue_qty.tolist() == whole.venue_qty.tolist()


@settings(max_examples=15, deadline=None)
@given(seed=MARKETS)
def test_events_asked_for_bit_by_bit_are_those_of_the_whole_row(seed: int):
    market = make_market(seed, n=3)
    desk, _, heard = play_halves(market)
    again, parts, found = LocalDesk(market.run, market.slots), Exchange(market.run, market.slots), []
    waiting: list = []
    for bars, weights in zip(market.bars, market.targets, strict=True):
        close_ms = int(bars[0]["close_ts_ms"])
        parts.begin_row(bars)
        for ts_ms in range(close_ms - 59_000, close_ms, 7_000):
            upcoming = parts.next_event_ts_ms()
            fresh = parts.events_until(ts_ms).copy()
            assert (upcoming is not None and upcoming <= ts_ms) == (len(fresh) > 0) or len(of_venue(fresh)) == 0
            waiting += list(fresh)
        waiting += list(parts.end_row().copy())
        due = [event for event in waiting if event["response_ts_ms"] <= close_ms]
        waiting = [event for event in waiting if event["response_ts_ms"] > close_ms]
        for event in due:
            again.hear(np.array([event], event.dtype))
            found.append(event)
        again.close_row(bars, close_ms)
        send(parts, again.decide(weights))
    assert told(np.array(found, heard.dtype) if found else heard[:0]) == told(of_venue(heard))
    assert again.account_view().cash == desk.account_view().cash


def test_an_order_without_a_drawn_way_takes_that_of_its_key():
    market = make_market(3)
    exchange = Exchange(market.run, market.slots)
    exchange.play_row(market.bars[0])
    ts_ms = int(market.bars[0, 0]["close_ts_ms"])
    ways = []
    for order_id, seq in ((5, 0), (6, 1), (7, 0)):
        exchange.submit(make_order(order_id, ts_ms, seq=seq))
        ways.append(int(exchange.order(order_id)[0]["arrival_ts_ms"]))
    assert ways[0] == ways[2] != ways[1]
    assert all(way >= ts_ms + 7_000 for way in ways)


def test_what_arrives_late_arrives_after_now():
    market = make_market(3, entry_ms=0.0, jitter_ms=0.0)
    exchange = Exchange(market.run, market.slots)
    exchange.play_row(market.bars[0])
    exchange.begin_row(market.bars[1])
    now_ms = int(market.bars[1, 0]["open_ts_ms"]) + 30_000
    exchange.submit(make_order(1, int(market.bars[0, 0]["close_ts_ms"])), now_ms)
    accepted = of_venue(exchange.end_row())
    assert accepted["kind"][0] == EventKind.ACCEPTED
    assert accepted["ts_ms"][0] == now_ms + 1


def test_orders_stand_in_the_order_of_their_numbers_whatever_order_they_came_in():
    market = make_market(4, entry_ms=600_000.0)
    exchange = Exchange(market.run, market.slots)
    exchange.play_row(market.bars[0])
    for order_id in (9, 3, 7):
        exchange.submit(make_order(order_id, int(market.bars[0, 0]["close_ts_ms"]), instrument=order_id % 2))
    live = exchange.live_orders()
    assert live["id"].tolist() == [3, 7, 9]
    with pytest.raises(ValueError, match="order 7 is here already"):
        exchange.submit(make_order(7, 0))
    assert exchange.order(4) is None


def test_a_cancel_reaches_an_order_and_ends_it_with_its_reason():
    market = make_market(5, entry_ms=1_000.0, jitter_ms=0.0)
    exchange = Exchange(market.run, market.slots)
    exchange.play_row(market.bars[0])
    ts_ms = int(market.bars[0, 0]["close_ts_ms"])
    limit = {"type": OrderType.LIMIT, "limit_price": 0.01}
    exchange.submit(make_order(1, ts_ms, **limit))
    assert exchange.cancel(1, ts_ms, reason=Reason.CLIENT_REQUEST)
    assert not exchange.cancel(2, ts_ms)
    exchange.begin_row(market.bars[1])
    kinds = of_venue(exchange.end_row())
    assert kinds["kind"].tolist() == [EventKind.ACCEPTED, EventKind.CANCELED]
    assert kinds["reason"].tolist()[-1] == Reason.CLIENT_REQUEST
    assert kinds["ts_ms"].tolist() == [ts_ms + 1_000, ts_ms + 1_000]


def test_rows_come_in_order_and_a_row_left_open_ends_by_itself():
    market = make_market(6)
    exchange = Exchange(market.run, market.slots)
    exchange.begin_row(market.bars[0])
    exchange.begin_row(market.bars[1])
    assert exchange.row == 2
    with pytest.raises(ValueError, match="order of their closes"):
        exchange.begin_row(market.bars[1])
    assert len(exchange.events_until(0)) == 0


@settings(max_examples=15, deadline=None)
@given(seed=MARKETS)
def test_rows_that_make_way_change_nothing(seed: int):
    market = make_market(seed, rows=90)

    def small(_market):
        desk, exchange = LocalDesk(market.run, market.slots, rows=8), Exchange(market.run, market.slots)
        exchange._bars = exchange._bars[:8].copy()
        return desk, exchange

    desk, exchange, heard = play_halves(market)
    few_desk, few_exchange, few_heard = play_halves(market, small)
    assert told(few_heard) == told(heard)
    assert few_desk.account_view().equity == desk.account_view().equity
    assert few_exchange.venue_equity == exchange.venue_equity


@settings(max_examples=15, deadline=None)
@given(seed=MARKETS, row=st.integers(5, 50))
def test_a_run_captured_and_restored_goes_on_as_if_nothing_had_been(seed: int, row: int):
    import json

    market = make_market(seed)
    desk, exchange, _ = play_halves(market)
    first, second = LocalDesk(market.run, market.slots), Exchange(market.run, market.slots)
    for k in range(row):
        step(first, second, market.bars[k], market.targets[k])
    stored = json.loads(json.dumps([first.capture(), second.capture()]))
    first, second = LocalDesk(market.run, market.slots), Exchange(market.run, market.slots)
    first.restore(stored[0])
    second.restore(stored[1])
    for k in range(row, len(market.bars)):
        step(first, second, market.bars[k], market.targets[k])
    assert first.account_view().cash == desk.account_view().cash
    assert second.venue_cash == exchange.venue_cash
    assert second.venue_equity == exchange.venue_equity
    assert first.account_view().position_qty.tolist() == desk.account_view().position_qty.tolist()


@pytest.mark.parametrize("n", [1, 2])
def test_a_watched_row_moves_marks_and_nothing_else(n: int):
    market = make_market(8, n=n)
    watched, played = Exchange(market.run, market.slots), Exchange(market.run, market.slots)
    for bars in market.bars[:20]:
        watched.watch_row(bars)
        played.play_row(bars)
    for name in ("mark", "value", "var_short", "var_long", "bar_count"):
        assert watched._slots[name].tolist() == played._slots[name].tolist()
    assert watched.run_record["first_row"] == watched.row == 20
    assert watched.run_record["last_close_ts_ms"] == market.bars[19, 0]["close_ts_ms"]
