"""Round trips: a trade runs from flat to flat, at average cost (docs/execution.md, rule 22).

A fill that crosses zero closes one trade and opens the next; its fee is split by quantity. A fee kept in base units
makes the position smaller than what was bought and may leave dust no order can sell: a position below one quantity
step counts as flat. Dust passes to the next trade at the price the last one closed at, so no money is lost between
them. A split rescales the trade that is open; funding, borrow and dividends belong to it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.compile_nb import compiled
from keel.domain.orders import EventKind

FLAT_TOLERANCE: Final = 1e-9
"""Part of a trade's peak quantity below which what is left of it is rounding, not a position."""
_BELOW_ONE: Final = 1.0 - 1e-9
"""Part of a quantity step that is still dust: a whole step can be sold."""

TRADE: Final = np.dtype(
    [
        ("instrument", "i4"),
        ("side", "i1"),
        ("exit_type", "i1"),
        ("exit_reason", "i1"),
        ("open_ts_ms", "i8"),
        ("close_ts_ms", "i8"),
        ("qty", "f8"),
        ("entry_price", "f8"),
        ("exit_price", "f8"),
        ("pnl", "f8"),
        ("fees", "f8"),
        ("carry", "f8"),
        ("return", "f8"),
    ],
    align=True,
)
"""One round trip: `side` +1 long or -1 short, `qty` its peak in units of its end, average prices in quote currency.

Account currency: `fees` paid, `carry` (funding, borrow and dividends; negative = paid) and `pnl`, net of both. `return`
= `pnl` / value of all quantity entered. `exit_type` and `exit_reason` are the OrderType and Reason of the last fill.
"""

_TRIP: Final = np.dtype(
    [
        ("side", "i1"),
        ("open_ts_ms", "i8"),
        ("position", "f8"),
        ("peak", "f8"),
        ("entry_qty", "f8"),
        ("entry_value", "f8"),
        ("entry_cost", "f8"),
        ("exit_qty", "f8"),
        ("exit_value", "f8"),
        ("exit_gain", "f8"),
        ("fees", "f8"),
        ("carry", "f8"),
        ("rate", "f8"),
        ("step", "f8"),
        ("dust", "f8"),
        ("dust_price", "f8"),
        ("dust_rate", "f8"),
    ],
    align=True,
)
"""The trade an instrument is in: values are quote currency, `entry_cost` and `exit_gain` the same in account currency.

`rate` is the last one seen, `dust` (signed) what the trade before left behind.
"""

_FILLED: Final = int(EventKind.FILLED)
_SPLIT: Final = int(EventKind.SPLIT)
_COUNTED: Final = (_FILLED, _SPLIT, int(EventKind.FUNDING), int(EventKind.BORROW), int(EventKind.DIVIDEND))


def round_trips(
    events: NDArray[np.void],
    mark_prices: NDArray[np.float64],
    end_ts_ms: int,
    qty_steps: NDArray[np.float64] | None = None,
    mark_rates: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Return the closed trades in the order they closed, and the trades still open at the end, as arrays of TRADE.

    `events` is a chronological EVENT array; fills and what happens to positions count. `mark_prices` is one last price
    per instrument: an open trade's `exit_price` is the average of what it sold and of what is left at that mark, its
    `close_ts_ms` is `end_ts_ms`, and its `pnl` is the marked one. `qty_steps` are the instruments' quantity steps
    (none: 0, no grid), `mark_rates` account currency per unit of quote currency at the end (none: the last one seen).
    """
    trips = np.zeros(len(mark_prices), dtype=_TRIP)
    trips["step"] = 0.0 if qty_steps is None else qty_steps
    closed = np.empty(len(events), dtype=TRADE)
    count = _walk_nb(events, trips, closed)
    if mark_rates is not None:
        trips["rate"] = mark_rates
    still_open = np.empty(int(np.count_nonzero(trips["side"])), dtype=TRADE)
    _mark_nb(trips, np.ascontiguousarray(mark_prices, dtype=np.float64), end_ts_ms, still_open)
    return closed[:count].copy(), still_open


@compiled
def _walk_nb(events: Any, trips: Any, closed: Any) -> Any:
    count = 0
    for i in range(len(events)):
        event = events[i]
        kind = event["kind"]
        if event["instrument"] < 0 or kind not in _COUNTED:
            continue
        trip = trips[event["instrument"]]
        if kind == _FILLED:
            count += _fill_nb(event, trip, closed[count])
        else:
            trip["carry"] += event["cash"]
            if kind == _SPLIT:
                count += _split_nb(event, trip, closed[count])
    return count


@compiled
def _fill_nb(event: Any, trip: Any, trade: Any) -> Any:
    """Apply a fill; return 1 where it closed the trade, which is then written to `trade`."""
    # A fee in base units is units bought and given away: the rest at the same price, and a fee of their value.
    qty = event["qty"] - event["fee_qty"]
    trip["rate"] = event["rate"]
    fee = event["fee_qty"] * event["price"] * event["rate"] if event["fee_qty"] > 0.0 else event["fee"]
    if qty <= 0.0:
        return 0
    if trip["side"] == 0 or trip["side"] == event["side"]:
        _enter_nb(trip, event, qty, fee)
        return 0
    rest = qty - trip["position"]
    rounding = FLAT_TOLERANCE * trip["peak"]
    flat = max(rounding, trip["step"] * _BELOW_ONE)
    if rest < -flat:
        _leave_nb(trip, qty, event["price"], fee)
        return 0
    closing = trip["position"] if rest > flat else qty
    _leave_nb(trip, closing, event["price"], fee * (closing / qty))
    dust = trip["side"] * trip["position"] if rest <= flat and abs(rest) > rounding else 0.0
    _leave_nb(trip, trip["position"], event["price"], 0.0)
    trip["dust"], trip["dust_price"], trip["dust_rate"] = dust, event["price"], event["rate"]
    _write_nb(trade, trip, event)
    if rest > flat:
        _enter_nb(trip, event, rest, fee * (rest / qty))
    return 1


@compiled
def _split_nb(event: Any, trip: Any, trade: Any) -> Any:
    """Rescale the open trade, or the dust of the last; return 1 where nothing is left, so that the trade is over."""
    after = abs(event["qty"])
    if trip["side"] == 0:
        if trip["dust"] != 0.0 and after > 0.0:
            trip["dust_price"] *= abs(trip["dust"]) / after
            trip["dust"] *= after / abs(trip["dust"])
            if after > trip["step"] * _BELOW_ONE:
                _open_nb(trip, 1 if trip["dust"] > 0.0 else -1, event["ts_ms"])  # it can be sold now: dust no more
        return 0
    if after == 0.0:
        _write_nb(trade, trip, event)
        return 1
    ratio = after / trip["position"]
    trip["position"] = after
    trip["peak"] *= ratio
    trip["entry_qty"] *= ratio
    trip["exit_qty"] *= ratio
    return 0


@compiled
def _mark_nb(trips: Any, mark_prices: Any, end_ts_ms: Any, still_open: Any) -> None:
    count = 0
    for i in range(len(trips)):
        trip = trips[i]
        if trip["side"] != 0:
            _leave_nb(trip, trip["position"], mark_prices[i], 0.0)
            trade = still_open[count]
            _measure_nb(trade, trip)
            trade["instrument"] = i
            trade["close_ts_ms"] = end_ts_ms
            trade["exit_type"] = 0
            trade["exit_reason"] = 0
            count += 1


@compiled
def _enter_nb(trip: Any, event: Any, qty: Any, fee: Any) -> None:
    if trip["side"] == 0:
        _open_nb(trip, event["side"], event["ts_ms"])
    trip["position"] += qty
    trip["peak"] = max(trip["peak"], trip["position"])
    trip["entry_qty"] += qty
    trip["entry_value"] += qty * event["price"]
    trip["entry_cost"] += qty * event["price"] * event["rate"]
    trip["fees"] += fee


@compiled
def _open_nb(trip: Any, side: Any, ts_ms: Any) -> None:
    """Begin a trade with the dust that the one before has left, at the price that closed at."""
    held = trip["dust"] * side
    trip["side"] = side
    trip["open_ts_ms"] = ts_ms
    trip["position"] = held
    trip["peak"] = max(held, 0.0)
    trip["entry_qty"] = held
    trip["entry_value"] = held * trip["dust_price"]
    trip["entry_cost"] = held * trip["dust_price"] * trip["dust_rate"]
    trip["exit_qty"] = 0.0
    trip["exit_value"] = 0.0
    trip["exit_gain"] = 0.0
    trip["fees"] = 0.0


@compiled
def _leave_nb(trip: Any, qty: Any, price: Any, fee: Any) -> None:
    trip["position"] -= qty
    trip["exit_qty"] += qty
    trip["exit_value"] += qty * price
    trip["exit_gain"] += qty * price * trip["rate"]
    trip["fees"] += fee


@compiled
def _write_nb(trade: Any, trip: Any, event: Any) -> None:
    _measure_nb(trade, trip)
    trade["instrument"] = event["instrument"]
    trade["close_ts_ms"] = event["ts_ms"]
    trade["exit_type"] = event["type"]
    trade["exit_reason"] = event["reason"]
    trip["side"] = 0
    trip["carry"] = 0.0


@compiled
def _measure_nb(trade: Any, trip: Any) -> None:
    trade["side"] = trip["side"]
    trade["open_ts_ms"] = trip["open_ts_ms"]
    trade["qty"] = trip["peak"]
    trade["entry_price"] = trip["entry_value"] / trip["entry_qty"]
    trade["exit_price"] = trip["exit_value"] / trip["exit_qty"] if trip["exit_qty"] > 0.0 else 0.0
    trade["fees"] = trip["fees"]
    trade["carry"] = trip["carry"]
    trade["pnl"] = trip["side"] * (trip["exit_gain"] - trip["entry_cost"]) - trip["fees"] + trip["carry"]
    trade["return"] = trade["pnl"] / trip["entry_cost"]
