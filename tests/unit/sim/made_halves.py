"""The simulator's two halves on made markets, for tests of either."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from made_markets import Market, make_bars, make_run, make_slots

from keel.domain.layout import EVENT, ORDER
from keel.domain.orders import EventKind, OrderStatus, OrderType, TimeInForce
from keel.sim.exchange import Exchange
from keel.sim.local import LocalDesk, Sent

COSTS = {
    "half_spread_bps": 2.0,
    "impact_coefficient": 0.5,
    "entry_ms": 7_000.0,
    "response_ms": 3_000.0,
    "jitter_ms": 900.0,
    "jitter_sigma": 0.4,
    "max_participation": 0.4,
}


def make_market(seed: int, rows: int = 60, n: int = 2, **fields: object) -> Market:
    rng = np.random.default_rng(seed)
    bars = make_bars(rng, rows, n, missing=0.05)
    targets = rng.choice([0.0, 0.3, 0.5], (rows, n))
    slots = make_slots(n)
    slots["hash"], slots["fee_rate"], slots["maker_rate"] = np.arange(n) + 17, 0.001, 0.0005
    return Market(bars, targets, make_run(seed=seed, **{**COSTS, **fields}), slots)


def make_order(order_id: int, ts_ms: int, *, instrument: int = 0, side: int = 1, qty: float = 1.0, **more: object):
    """Return an ORDER, (1,), at market, decided at a time; its way is to be drawn."""
    order = np.zeros(1, ORDER)
    order["id"], order["instrument"], order["side"], order["qty"] = order_id, instrument, side, qty
    order["type"], order["time_in_force"], order["status"] = OrderType.MARKET, TimeInForce.GTC, OrderStatus.IN_FLIGHT
    order["birth_ts_ms"], order["submit_ts_ms"], order["last_response_ts_ms"] = ts_ms - 60_000, ts_ms, ts_ms
    order["opening_qty"] = qty if side > 0 else 0.0
    for name in ("arrival_ts_ms", "active_ts_ms", "reach_ts_ms", "amend_ts_ms", "expire_ts_ms"):
        order[name] = -1
    order["tag"] = order["parent_id"] = order["pair"] = -1
    for name, value in more.items():
        order[name] = value
    return order


def play_halves(market: Market, rooms: Callable[[Market], tuple[LocalDesk, Exchange]] | None = None) -> tuple:
    """Play a market by both halves; return them, and all that was heard."""
    if rooms is None:
        desk, exchange = LocalDesk(market.run, market.slots), Exchange(market.run, market.slots)
    else:
        desk, exchange = rooms(market)
    heard = [step(desk, exchange, bars, weights) for bars, weights in zip(market.bars, market.targets, strict=True)]
    return desk, exchange, np.concatenate(heard)


def step(desk: LocalDesk, exchange: Exchange, bars: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Play a row and decide on it; return what was heard at its close."""
    heard = exchange.play_row(bars).copy()
    hear(desk, heard)
    desk.close_row(bars, int(bars[0]["close_ts_ms"]))
    send(exchange, desk.decide(weights))
    return heard


def hear(desk: LocalDesk, events: np.ndarray) -> None:
    for event in events:
        desk.hear(np.array([event], EVENT))


def send(exchange: Exchange, sent: Sent) -> None:
    for order in sent.orders:
        exchange.submit(np.array([order], order.dtype))
    for order in sent.cancels:
        exchange.take_back(np.array([order], order.dtype))


def of_venue(events: np.ndarray) -> np.ndarray:
    return events[~np.isin(events["kind"], [EventKind.SUBMITTED, EventKind.DENIED])]


def told(events: np.ndarray) -> list[tuple]:
    """Return what a client may know of events, whatever it is noted with."""
    names = [name for name in events.dtype.names if name not in ("row", "known_row")]
    return [tuple(event[name].item() for name in names) for event in events]
