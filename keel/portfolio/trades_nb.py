"""Round trips: a trade runs from flat to flat, at average cost (docs/execution.md, rule 22).

A fill that crosses zero closes one trade and opens the next; its fee is split by quantity. Quantities are sums of
floats, so a position counts as flat when it is within `FLAT_TOLERANCE` of its trade's peak.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.compile_nb import compiled
from keel.domain.orders import EventKind

FLAT_TOLERANCE: Final = 1e-9
"""Part of a trade's peak quantity below which what is left of it is rounding, not a position."""

TRADE: Final = np.dtype(
    [
        ("instrument", "i4"),
        ("side", "i1"),
        ("open_ts_ms", "i8"),
        ("close_ts_ms", "i8"),
        ("qty", "f8"),
        ("entry_price", "f8"),
        ("exit_price", "f8"),
        ("pnl", "f8"),
        ("fees", "f8"),
        ("return", "f8"),
    ],
    align=True,
)
"""One round trip: `side` +1 long or -1 short, `qty` its peak, average prices, `pnl` net of `fees`, and
`return` = `pnl` / (entry price × all quantity entered)."""

_TRIP: Final = np.dtype(
    [
        ("side", "i1"),
        ("open_ts_ms", "i8"),
        ("position", "f8"),
        ("peak", "f8"),
        ("entry_qty", "f8"),
        ("entry_value", "f8"),
        ("exit_value", "f8"),
        ("fees", "f8"),
    ],
    align=True,
)
_FILLED: Final = int(EventKind.FILLED)


def round_trips(
    events: NDArray[np.void], mark_prices: NDArray[np.float64], end_ts_ms: int
) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Return the closed trades in the order they closed, and the trades still open at the end.

    `events` is a chronological EVENT array (only fills count), `mark_prices` one last price per instrument: an open
    trade's `exit_price` is the average of what it sold and of what is left at that mark, its `close_ts_ms` is
    `end_ts_ms`, and its `pnl` is the marked one. Both results are arrays of TRADE.
    """
    fills = events[events["kind"] == _FILLED]
    trips = np.zeros(len(mark_prices), dtype=_TRIP)
    closed = np.empty(len(fills), dtype=TRADE)
    count = _walk_nb(fills, trips, closed)
    still_open = np.empty(int(np.count_nonzero(trips["side"])), dtype=TRADE)
    _mark_nb(trips, np.ascontiguousarray(mark_prices, dtype=np.float64), end_ts_ms, still_open)
    return closed[:count].copy(), still_open


@compiled
def _walk_nb(fills: Any, trips: Any, closed: Any) -> Any:
    count = 0
    for i in range(len(fills)):
        fill = fills[i]
        trip = trips[fill["instrument"]]
        qty = fill["qty"]
        if qty <= 0.0:
            continue
        if trip["side"] == 0 or trip["side"] == fill["side"]:
            _enter_nb(trip, fill["side"], qty, fill["price"], fill["fee"], fill["ts_ms"])
            continue
        rest = qty - trip["position"]
        if rest < -FLAT_TOLERANCE * trip["peak"]:
            _leave_nb(trip, qty, fill["price"], fill["fee"])
            continue
        if rest <= FLAT_TOLERANCE * trip["peak"]:
            rest = 0.0
        closing = trip["position"] if rest > 0.0 else qty
        _leave_nb(trip, closing, fill["price"], fill["fee"] * (closing / qty))
        _write_nb(closed[count], trip, fill["instrument"], fill["ts_ms"])
        count += 1
        trip["side"] = 0
        if rest > 0.0:
            _enter_nb(trip, fill["side"], rest, fill["price"], fill["fee"] * (rest / qty), fill["ts_ms"])
    return count


@compiled
def _mark_nb(trips: Any, mark_prices: Any, end_ts_ms: Any, still_open: Any) -> None:
    count = 0
    for i in range(len(trips)):
        trip = trips[i]
        if trip["side"] != 0:
            _leave_nb(trip, trip["position"], mark_prices[i], 0.0)
            _write_nb(still_open[count], trip, i, end_ts_ms)
            count += 1


@compiled
def _enter_nb(trip: Any, side: Any, qty: Any, price: Any, fee: Any, ts_ms: Any) -> None:
    if trip["side"] == 0:
        trip["side"] = side
        trip["open_ts_ms"] = ts_ms
        trip["position"] = 0.0
        trip["peak"] = 0.0
        trip["entry_qty"] = 0.0
        trip["entry_value"] = 0.0
        trip["exit_value"] = 0.0
        trip["fees"] = 0.0
    trip["position"] += qty
    trip["peak"] = max(trip["peak"], trip["position"])
    trip["entry_qty"] += qty
    trip["entry_value"] += qty * price
    trip["fees"] += fee


@compiled
def _leave_nb(trip: Any, qty: Any, price: Any, fee: Any) -> None:
    trip["position"] -= qty
    trip["exit_value"] += qty * price
    trip["fees"] += fee


@compiled
def _write_nb(trade: Any, trip: Any, instrument: Any, ts_ms: Any) -> None:
    trade["instrument"] = instrument
    trade["side"] = trip["side"]
    trade["open_ts_ms"] = trip["open_ts_ms"]
    trade["close_ts_ms"] = ts_ms
    trade["qty"] = trip["peak"]
    trade["entry_price"] = trip["entry_value"] / trip["entry_qty"]
    trade["exit_price"] = trip["exit_value"] / trip["entry_qty"]
    trade["fees"] = trip["fees"]
    trade["pnl"] = trip["side"] * (trip["exit_value"] - trip["entry_value"]) - trip["fees"]
    trade["return"] = trade["pnl"] / trip["entry_value"]
