"""hftbacktest's side: the same crossover on a top-of-book feed made of the bars, four events each."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any, Final

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
    event_dtype,
)
from hftbacktest.order import IOC
from numba import njit
from numpy.typing import NDArray
from timing import report

BOOKS: Final = {"hash-map": HashMapMarketDepthBacktest, "array": ROIVectorMarketDepthBacktest}
"""Its two order books: the one that takes any price, and one for a range given beforehand."""
_TICK: Final = 0.5
_LOT: Final = 0.001
_MINUTE_NS: Final = 60_000_000_000
_FEED_NS: Final = 1_000_000
_ENTRY_NS, _RESPONSE_NS = 250_000_000, 50_000_000
_THROUGH: Final = 50.0
"""How far beyond the best price an order is limited: it always trades."""
_DEPTH: Final = 10_000.0
_WAIT: Final = False
"""The strategy goes on while an order is on its way."""


def main(book: str, bars_file: str) -> None:
    """Time the replay of all events with a decision a minute, and the fills it comes to."""
    close = np.load(bars_file)["close"][:, 0]
    events = _events(np.round(close / _TICK) * _TICK)
    low, high = float(close.min()) * 0.9, float(close.max()) * 1.1
    report(lambda: _replay(BOOKS[book], events, low, high), version("hftbacktest"))


def _replay(book: Any, events: NDArray[np.void], low: float, high: float) -> float:  # noqa: ANN401 - a foreign class
    asset = (
        BacktestAsset()
        .data([events])
        .linear_asset(1.0)
        .constant_order_latency(_ENTRY_NS, _RESPONSE_NS)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.001, 0.001)
        .tick_size(_TICK)
        .lot_size(_LOT)
        .roi_lb(low)
        .roi_ub(high)
        .last_trades_capacity(0)
    )
    replay = book([asset])
    _follow(replay, np.zeros(20), np.zeros(50))
    state = replay.state_values(0)
    price = float(events["px"][-1]) + _TICK / 2.0 * (1.0 if events["ev"][-1] & BUY_EVENT else -1.0)
    equity = float(state.balance + state.position * price - state.fee)
    replay.close()
    return equity


def _events(middle: NDArray[np.float64]) -> NDArray[np.void]:
    """Return, for each close, the end of the old bid and ask and the new ones, a tick apart."""
    bid, ask = middle - _TICK / 2.0, middle + _TICK / 2.0
    bid, ask = np.floor(bid / _TICK) * _TICK, np.floor(bid / _TICK) * _TICK + _TICK
    before = np.roll(np.arange(len(bid)), 1)
    before[0] = 0
    at = _MINUTE_NS * np.arange(len(bid)) + 1_000_000_000
    events = np.zeros(4 * len(bid), event_dtype)
    updates = (
        (BUY_EVENT, bid[before], 0.0),
        (SELL_EVENT, ask[before], 0.0),
        (BUY_EVENT, bid, _DEPTH),
        (SELL_EVENT, ask, _DEPTH),
    )
    for place, (side, price, qty) in enumerate(updates):
        part = events[place::4]
        part["ev"], part["px"], part["qty"] = EXCH_EVENT | LOCAL_EVENT | DEPTH_EVENT | side, price, qty
        part["exch_ts"], part["local_ts"] = at, at + _FEED_NS
    return events


@njit
def _follow(
    replay: Any,  # noqa: ANN401 - a compiled class
    last_short: NDArray[np.float64],
    last_long: NDArray[np.float64],
) -> None:
    """Once a minute: update two running sums and, where the averages crossed, buy or sell one unit."""
    short_sum = long_sum = 0.0
    seen, order_id, held = 0, 0, False
    while replay.elapse(_MINUTE_NS) == 0:
        depth = replay.depth(0)
        price = (depth.best_bid + depth.best_ask) / 2.0
        if not price > 0.0:
            continue
        short_sum += price - last_short[seen % 20]
        long_sum += price - last_long[seen % 50]
        last_short[seen % 20] = last_long[seen % 50] = price
        seen += 1
        if seen < 50 or (short_sum / 20.0 > long_sum / 50.0) == held:
            continue
        held = not held
        order_id += 1
        replay.clear_inactive_orders(0)
        if held:
            replay.submit_buy_order(0, order_id, depth.best_ask + _THROUGH, 1.0, IOC, LIMIT, _WAIT)
        else:
            replay.submit_sell_order(0, order_id, depth.best_bid - _THROUGH, 1.0, IOC, LIMIT, _WAIT)


if __name__ == "__main__":
    main(*sys.argv[1:])
