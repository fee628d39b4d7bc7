"""What the report's charts draw, as a JSON-able tree of a few thousand points whatever the length of the run.

Numbers travel as base64 of little-endian float64 (`t` in UTC milliseconds): shorter than decimal text, exact, and read
at once. Colours and layout are the page's business (`report.js`).
"""

from __future__ import annotations

import base64
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.layout import BAR_PRESENT
from keel.domain.orders import EventKind
from keel.metrics.drawdown import drawdown_series
from keel.metrics.summary import Trades
from keel.report.downsample import extreme_rows, spread_rows
from keel.runs.result import RunResult

EQUITY_STRETCHES: Final = 800
PRICE_POINTS: Final = 60_000
MOST_MARKERS: Final = 20_000
MOST_INSTRUMENTS: Final = 60
MOST_BINS: Final = 40


def chart_data(result: RunResult, trades: Trades) -> dict[str, Any]:
    """Return the data of every chart: `equity`, `prices` (one an instrument) and `returns` of closed trades."""
    return {
        "currency": result.config.account.currency,
        "equity": equity_points(result),
        "prices": _prices(result),
        "returns": trade_histogram(trades.closed["return"]),
    }


def equity_points(result: RunResult, stretches: int = EQUITY_STRETCHES) -> dict[str, Any]:
    """Return packed equity and drawdown curves of strategy and benchmark at shared times."""
    curves = equity_curves(result, stretches)
    packed: dict[str, Any] = {name: _pack(values) for name, values in curves.items()}
    return {**packed, "rows": len(result.marks), "shown": len(curves["t"])}


def equity_curves(result: RunResult, stretches: int) -> dict[str, NDArray[np.float64]]:
    """Return `t` (UTC milliseconds), equity and drawdown of strategy and benchmark, thinned to shared rows."""
    done = min(len(result.marks), len(result.benchmark))
    curves: dict[str, NDArray[np.float64]] = {}
    for name, marks in (("strategy", result.marks), ("benchmark", result.benchmark)):
        equity = np.ascontiguousarray(marks["equity"][:done])
        curves[name] = equity
        curves[f"{name}_drawdown"] = np.nan_to_num(drawdown_series(equity), nan=0.0)
    rows = extreme_rows(list(curves.values()), stretches)
    thinned = {name: values[rows] for name, values in curves.items()}
    return {"t": result.marks["ts_ms"][:done][rows].astype(np.float64), **thinned}


def trade_histogram(change: NDArray[np.float64]) -> dict[str, Any]:
    """Return `edges` and `counts` of trade returns; zero is an edge, so that no bar mixes gains and losses.

    The outermost bars also hold what lies beyond the 1st and 99th percentile (`cut` says whether anything does).
    """
    if len(change) == 0:
        return {"edges": [], "counts": [], "cut": False}
    low, high = (float(value) for value in np.percentile(change, [1, 99]))
    low, high = min(low, 0.0), max(high, 0.0)
    width = (high - low) / min(MOST_BINS, max(4, int(np.sqrt(len(change)) * 2))) or 0.01
    edges = np.arange(np.floor(low / width), np.ceil(high / width) + 1) * width
    if len(edges) < 2:
        edges = np.array([-width, 0.0, width])
    inside = np.clip(change, edges[0], np.nextafter(edges[-1], -np.inf))
    counts, _ = np.histogram(inside, edges)
    cut = bool(np.any(change < edges[0]) or np.any(change > edges[-1]))
    return {"edges": [float(f"{edge:.6g}") for edge in edges], "counts": counts.tolist(), "cut": cut}


def _prices(result: RunResult) -> list[dict[str, Any]]:
    fills = result.events[result.events["kind"] == EventKind.FILLED]
    chosen = _most_traded(fills, len(result.symbols))
    stretches = max(100, PRICE_POINTS // 2 // max(1, len(chosen)))
    markers = max(50, MOST_MARKERS // 2 // max(1, len(chosen)))
    return [
        _price(result, i, fills[fills["instrument"] == i], min(stretches, 1500), min(markers, 1500)) for i in chosen
    ]


def _most_traded(fills: NDArray[np.void], instruments: int) -> list[int]:
    notional = np.bincount(fills["instrument"], fills["qty"] * fills["price"], minlength=instruments)
    ranked = np.argsort(-notional, kind="stable")[:MOST_INSTRUMENTS]
    return sorted(ranked.tolist())


def _price(result: RunResult, instrument: int, fills: NDArray[np.void], stretches: int, markers: int) -> dict[str, Any]:
    done = result.bars[: len(result.marks), instrument]
    present = np.flatnonzero(done["flags"] & BAR_PRESENT)
    close = done["close"][present]
    rows = extreme_rows([close], stretches) if len(close) else np.zeros(0, dtype=np.intp)
    buys = _markers(fills[fills["side"] > 0], markers)
    sells = _markers(fills[fills["side"] < 0], markers)
    return {
        "symbol": result.symbols[instrument],
        "t": _pack(done["close_ts_ms"][present[rows]]),
        "close": _pack(close[rows]),
        "buys": buys,
        "sells": sells,
        "rows": len(close),
        "shown": len(rows),
        "fills": len(fills),
        "fills_shown": buys["shown"] + sells["shown"],
    }


def _markers(fills: NDArray[np.void], most: int) -> dict[str, Any]:
    shown = fills[spread_rows(fills["ts_ms"], most)]
    packed = {name: _pack(shown[name]) for name in ("price", "qty")}
    return {"t": _pack(shown["ts_ms"]), **packed, "shown": len(shown)}


def _pack(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode("ascii")
