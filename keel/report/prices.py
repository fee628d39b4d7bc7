"""The price chart's data: every bar of the instruments traded most, their fills and their trades.

Bars travel whole up to `MOST_BARS`; the browser pools them into as many candles as fit the screen and shows single
ones when zoomed in. Beyond that neighbouring bars are pooled here, open to close, highest to lowest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.layout import BAR_PRESENT
from keel.domain.orders import EventKind, OrderType, Reason
from keel.metrics.summary import Trades
from keel.report.downsample import spread_rows
from keel.report.packing import Column, pack, price_unit, rounded, times
from keel.runs.result import RunResult

MOST_INSTRUMENTS: Final = 60
MOST_BARS: Final = 1_000_000
MOST_FILLS: Final = 200_000
MOST_TRADES: Final = 100_000

_JOINED: Final = {"high": np.maximum, "low": np.minimum, "volume": np.add}
_HALF: Final = np.uint32(0x8000)
_RETURN_UNIT: Final = 1e-5
_CENT: Final = 0.01


def price_data(result: RunResult, trades: Trades) -> list[dict[str, Any]]:
    """Return `bars`, `fills` and `trades` of each instrument drawn, packed, in the configured order."""
    fills = result.events[result.events["kind"] == EventKind.FILLED]
    both = np.concatenate([trades.closed, trades.still_open])
    is_open = np.arange(len(both)) >= len(trades.closed)
    chosen = _most_traded(fills, len(result.symbols))
    share = max(1, len(chosen))
    return [
        {
            "symbol": result.symbols[i],
            **_bars(result, i, MOST_BARS // share),
            **_fills(fills[fills["instrument"] == i], MOST_FILLS // share),
            **_trades(both[both["instrument"] == i], is_open[both["instrument"] == i], MOST_TRADES // share),
        }
        for i in chosen
    ]


def exit_names() -> list[str]:
    """Return what may have closed a trade, by the code of the packed column: order types, then reasons."""
    return [kind.name.lower() for kind in OrderType] + [reason.name.lower() for reason in Reason]


def pooled(bars: NDArray[np.void], name: str, size: int) -> NDArray[Any]:
    """Return one field of BAR records, `size` neighbours made one: first open, highest high, lowest low, last close."""
    values = np.ascontiguousarray(bars[name][(bars["flags"] & BAR_PRESENT) != 0])
    if size == 1 or len(values) == 0:
        return values
    starts = np.arange(0, len(values), size)
    if name in _JOINED:
        return np.asarray(_JOINED[name].reduceat(values, starts))
    last = np.minimum(starts + size, len(values)) - 1
    return np.asarray(values[last if name in ("close", "close_ts_ms") else starts])


def _most_traded(fills: NDArray[np.void], instruments: int) -> list[int]:
    notional = np.bincount(fills["instrument"], fills["qty"] * fills["price"] * fills["rate"], minlength=instruments)
    ranked = np.argsort(-notional, kind="stable")[:MOST_INSTRUMENTS]
    return sorted(ranked.tolist())


def _bars(result: RunResult, instrument: int, most: int) -> dict[str, Any]:
    done = result.bars[: len(result.marks), instrument]
    rows = int(np.count_nonzero(done["flags"] & BAR_PRESENT))
    size = max(1, -(-rows // most))
    low = pooled(done, "low", size)
    unit = price_unit(low)
    opened = rounded(pooled(done, "open", size), unit)
    start = int(opened[0]) if rows else 0
    return {"bars": pack(_candles(done, opened, low, unit, size)), "unit": unit, "start": start, "rows": rows}


def _candles(
    bars: NDArray[np.void], opened: NDArray[np.int64], low: NDArray[np.float64], unit: float, size: int
) -> Iterator[tuple[str, Column]]:
    """Yield the columns one by one, so that not all of a long run's are in memory at once.

    A candle is four small numbers: the gap before it, its body and its wicks.
    """
    close = rounded(pooled(bars, "close", size), unit)
    yield "gap", Column(opened - np.append(opened[:1], close[:-1]), wanders=False)
    yield "body", Column(close - opened, wanders=False)
    yield "above", Column(rounded(pooled(bars, "high", size), unit) - np.maximum(opened, close), wanders=False)
    yield "below", Column(np.minimum(opened, close) - rounded(low, unit), wanders=False)
    yield "volume", Column(_short_floats(pooled(bars, "volume", size)), wanders=False)
    stamps = pooled(bars, "open_ts_ms", size)
    yield "t", times(stamps)
    yield "length", Column(pooled(bars, "close_ts_ms", size) - stamps, wanders=False)


def _short_floats(values: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Return the upper halves of 32-bit floats, rounded: two and a half digits in 16 bits."""
    bits = np.nan_to_num(values, nan=0.0).astype(np.float32).view(np.uint32)
    return np.asarray((bits + _HALF) >> np.uint32(16))


def _fills(fills: NDArray[np.void], most: int) -> dict[str, Any]:
    shown = fills[spread_rows(fills["ts_ms"], most)]
    columns = {
        "t": times(shown["ts_ms"]),
        "side": Column(shown["side"] > 0, wanders=False),
        "price": Column(shown["price"], price_unit(shown["price"])),
        "qty": Column(shown["qty"], price_unit(shown["qty"]), wanders=False),
        "maker": Column(shown["maker"] != 0, wanders=False),
        "type": Column(shown["type"], wanders=False),
    }
    return {"fills": pack(columns.items()), "fill_count": len(fills)}


def _trades(trades: NDArray[np.void], is_open: NDArray[np.bool_], most: int) -> dict[str, Any]:
    order = np.argsort(trades["open_ts_ms"], kind="stable")
    trades, is_open = trades[order], is_open[order]
    kept = np.sort(np.argsort(-np.abs(trades["pnl"]), kind="stable")[:most])
    shown, still = trades[kept], is_open[kept]
    reason = shown["exit_reason"].astype(np.int64)
    closed_by = np.where(reason == Reason.NONE, shown["exit_type"], reason + len(OrderType))
    columns = {
        "opened": times(shown["open_ts_ms"]),
        "held": Column(shown["close_ts_ms"] - shown["open_ts_ms"], wanders=False),
        "side": Column(shown["side"] > 0, wanders=False),
        "qty": Column(shown["qty"], price_unit(shown["qty"]), wanders=False),
        "entry": Column(shown["entry_price"], price_unit(shown["entry_price"])),
        "exit": Column(shown["exit_price"], price_unit(shown["exit_price"])),
        "pnl": Column(shown["pnl"], _money_unit(shown["pnl"]), wanders=False),
        "gain": Column(np.nan_to_num(shown["return"]), _RETURN_UNIT, wanders=False),
        "by": Column(closed_by, wanders=False),
        "open": Column(still, wanders=False),
    }
    return {"trades": pack(columns.items()), "trade_count": len(trades)}


def _money_unit(values: NDArray[np.float64]) -> float:
    return min(_CENT, price_unit(np.abs(values).max(keepdims=True))) if len(values) else _CENT
