"""What the venue's half makes of an order or a cancel that it takes: its way, its place, what it belongs to."""

from __future__ import annotations

import numpy as np
import pytest
from made_halves import make_market, make_order, of_venue, send

from keel.domain.layout import ORDER
from keel.domain.orders import EventKind, OrderStatus, OrderType, Reason
from keel.sim.exchange import Exchange
from keel.sim.halves_nb import take_order_nb
from keel.sim.local import LocalDesk

RESTS = {"type": OrderType.LIMIT, "limit_price": 0.01}


def make_exchange(**fields: object) -> tuple[Exchange, int]:
    """Return an exchange without jitter at the close of its first row, and that moment."""
    market = make_market(3, **{"jitter_ms": 0.0, **fields})
    exchange = Exchange(market.run, market.slots)
    exchange.play_row(market.bars[0])
    return exchange, int(market.bars[0, 0]["close_ts_ms"])


def linked_ids(exchange: Exchange, instrument: int) -> list[int]:
    """Return the ids of an instrument's orders as they are linked."""
    ids, place = [], int(exchange._slots[instrument]["first_order"])
    while place > 0:
        ids.append(int(exchange._orders[place - 1]["id"]))
        place = int(exchange._orders[place - 1]["next_order"])
    return ids


def test_ways_that_are_drawn_here_are_those_that_the_sender_draws():
    market = make_market(3)
    market.bars["volume"][1] = 0.0  # so that the order rests
    desk, exchange = LocalDesk(market.run, market.slots), Exchange(market.run, market.slots)
    exchange.play_row(market.bars[0])
    desk.close_row(market.bars[0], int(market.bars[0, 0]["close_ts_ms"]))
    sent = desk.decide(np.array([0.5, np.nan]))
    (order,) = sent.orders.copy()
    sent.orders["arrival_ts_ms"] = sent.orders["active_ts_ms"] = -1
    send(exchange, sent)
    there = exchange.order(int(order["id"]))
    assert there["arrival_ts_ms"] == there["active_ts_ms"] == order["arrival_ts_ms"]
    exchange.play_row(market.bars[1])
    now_ms = int(market.bars[1, 0]["close_ts_ms"])
    desk.close_row(market.bars[1], now_ms)
    (cancel,) = desk.decide(np.array([0.0, np.nan])).cancels
    assert exchange.cancel(int(order["id"]), now_ms, reason=Reason.TARGET_CHANGED)
    there = exchange.order(int(order["id"]))
    assert there["cancel_ts_ms"] == cancel["cancel_ts_ms"] > order["arrival_ts_ms"]
    assert there["cancel_reason"] == cancel["cancel_reason"]


def test_a_way_that_is_drawn_already_stays_as_it_is():
    exchange, _ = make_exchange()
    exchange.submit(make_order(1, 0, arrival_ts_ms=0, active_ts_ms=0))
    assert exchange.order(1)["arrival_ts_ms"] == 0


@pytest.mark.parametrize(("late_ms", "arrives_ms"), [(-1, 0), (0, 1), (5, 6)])
def test_what_would_be_there_by_now_arrives_one_millisecond_after(late_ms: int, arrives_ms: int):
    exchange, ts_ms = make_exchange(entry_ms=0.0)
    exchange.submit(make_order(1, ts_ms), ts_ms + late_ms)
    assert exchange.order(1)["arrival_ts_ms"] == ts_ms + arrives_ms


@pytest.mark.parametrize(("decided_ms", "arrives_ms"), [(0, 50_000), (80_000, 81_000)])
def test_a_cancel_arrives_after_its_way_but_not_before_its_order(decided_ms: int, arrives_ms: int):
    exchange, ts_ms = make_exchange(entry_ms=1_000.0)
    arrival = {"arrival_ts_ms": ts_ms + 50_000, "active_ts_ms": ts_ms + 50_000}
    exchange.submit(make_order(1, ts_ms, **RESTS, **arrival))
    exchange.cancel(1, ts_ms + decided_ms)
    assert exchange.order(1)["cancel_ts_ms"] == ts_ms + arrives_ms


def test_a_second_cancel_changes_nothing():
    exchange, ts_ms = make_exchange(entry_ms=600_000.0)
    exchange.submit(make_order(1, ts_ms, **RESTS))
    exchange.cancel(1, ts_ms, reason=Reason.CLIENT_REQUEST)
    first = exchange.order(1)
    exchange.cancel(1, ts_ms + 5_000, reason=Reason.TARGET_CHANGED)
    assert exchange.order(1).tolist() == first.tolist()


def test_a_cancel_of_an_order_that_is_filled_already_changes_nothing():
    market = make_market(3, response_ms=600_000.0)
    market.bars["volume"] = 100.0
    exchange = Exchange(market.run, market.slots)
    exchange.play_row(market.bars[0])
    exchange.submit(make_order(1, int(market.bars[0, 0]["close_ts_ms"])))
    exchange.play_row(market.bars[1])
    filled = exchange.order(1)
    assert filled["status"] == OrderStatus.FILLED
    exchange.cancel(1, int(market.bars[1, 0]["close_ts_ms"]))
    assert exchange.order(1).tolist() == filled.tolist()


def test_orders_are_linked_by_instrument_in_the_order_of_their_numbers():
    exchange, ts_ms = make_exchange(entry_ms=600_000.0)
    for order_id, instrument in ((9, 1), (3, 0), (7, 1)):
        exchange.submit(make_order(order_id, ts_ms, instrument=instrument))
    assert [linked_ids(exchange, i) for i in (0, 1)] == [[3], [7, 9]]


def test_an_order_that_takes_the_last_place_stands_in_its_order_too():
    exchange, ts_ms = make_exchange(entry_ms=600_000.0)
    orders = np.zeros(2, ORDER)
    for order_id in (9, 3):
        take_order_nb(exchange._bars, exchange._run, exchange._slots, orders, make_order(order_id, ts_ms), 0)
    assert orders["id"].tolist() == [3, 9]


@pytest.mark.parametrize(
    ("belongs", "linked"), [({}, 0), ({"reduce_only": 1}, 1), ({"pair": -2}, 1), ({"parent_id": 0}, 1)]
)
def test_what_belongs_to_others_is_looked_for_once_an_order_does(belongs: dict[str, int], linked: int):
    exchange, ts_ms = make_exchange(entry_ms=600_000.0)
    exchange.submit(make_order(1, ts_ms, **belongs))
    assert exchange.run_record["has_linked"] == linked


def test_what_only_reduces_ends_when_nothing_is_left_to_reduce():
    market = make_market(3, entry_ms=0.0, jitter_ms=0.0)
    market.slots["qty"], market.bars["volume"] = 1.0, 100.0
    exchange = Exchange(market.run, market.slots)
    exchange.play_row(market.bars[0])
    ts_ms = int(market.bars[0, 0]["close_ts_ms"])
    dear = {"type": OrderType.LIMIT, "limit_price": 1e6}
    exchange.submit(make_order(1, ts_ms, side=-1, reduce_only=1, **dear))
    exchange.submit(make_order(2, ts_ms, side=-1, reduce_only=1))
    exchange.begin_row(market.bars[1])
    told = of_venue(exchange.end_row())[["kind", "order_id", "reason"]]
    assert told.tolist()[-2:] == [(EventKind.FILLED, 2, 0), (EventKind.CANCELED, 1, Reason.REDUCE_ONLY)]
