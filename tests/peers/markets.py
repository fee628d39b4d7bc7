"""Markets to compare on: generated ones, and real bars read by Keel's importers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from keel.data.align import align
from keel.data.importers.columns import STANDARD_COLUMNS, Target
from keel.data.importers.files import freqtrade_target, read_csv, read_freqtrade, read_yahoo
from keel.data.importers.lean import read_lean
from keel.domain.instrument import InstrumentId
from keel.domain.layout import BAR, BAR_PRESENT
from keel.domain.timeframe import MS_PER_DAY

from .peer import ROOT

SHARED = ROOT.parent / "shared" / "data"
HOUR_MS = 3_600_000
needs_real_bars = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared market data is not beside this project")

SHAPES = {
    "trend": {"drift": 0.002, "gap": 0.003},
    "chop": {"reversion": 0.3, "gap": 0.003},
    "gaps": {"gap": 0.02},
    "no gaps": {"gap": 0.0},
}
"""Drift and pull to the first price a bar, and the standard deviation of the step from a close to the next open."""


def bars_of(open_: np.ndarray, high: np.ndarray, low: np.ndarray, close: np.ndarray) -> np.ndarray:
    """Return hourly BAR records (rows, N) of price columns; a bar without prices is missing."""
    bars = np.zeros(close.shape, BAR)
    for name, column in (("open", open_), ("high", high), ("low", low), ("close", close)):
        bars[name] = column
    bars["open_ts_ms"] = 1_577_836_800_000 + HOUR_MS * np.arange(len(bars))[:, None]
    bars["close_ts_ms"] = bars["open_ts_ms"] + HOUR_MS
    bars["day"] = bars["open_ts_ms"] // MS_PER_DAY
    bars["minute_of_week"] = (bars["open_ts_ms"] // 60_000 + 2 * 1440) % 10_080
    bars["flags"] = np.where(np.isnan(close), 0, BAR_PRESENT)
    bars["volume"] = np.where(np.isnan(close), 0.0, 1e6)
    return bars


def generated(shape: str, seed: int, rows: int = 400, n: int = 1, first: float = 100.0) -> np.ndarray:
    """Return a random market of one of SHAPES."""
    rng = np.random.default_rng(seed)
    traits = {"drift": 0.0, "reversion": 0.0} | SHAPES[shape]
    steps = rng.normal(traits["drift"], 0.01, (rows, n))
    gaps = traits["gap"] * rng.normal(0.0, 1.0, (rows, n))
    level, open_, close = np.zeros(n), np.zeros((rows, n)), np.zeros((rows, n))
    for k in range(rows):
        open_[k] = level + gaps[k]
        close[k] = level = open_[k] + steps[k] - traits["reversion"] * open_[k]
    above, below = np.abs(rng.normal(0.0, 0.005, (2, rows, n)))
    open_, close = first * np.exp(open_), first * np.exp(close)
    if not traits["gap"]:
        open_[1:] = close[:-1]
    return bars_of(open_, np.maximum(open_, close) * np.exp(above), np.minimum(open_, close) * np.exp(-below), close)


def held_weights(seed, rows, n=1, choices=(0.0, 0.3, 0.5, 0.9), every=5):
    """Return random weights that change about every few bars, the first and the last among them."""
    rng = np.random.default_rng(seed)
    weights = rng.choice(choices, (rows, n))
    for k in range(1, rows - 1):
        if rng.random() > 1.0 / every:
            weights[k] = weights[k - 1]
    weights[0], weights[-1] = choices[-1] / n, choices[0]
    return weights


def shipped(name):
    return f"strategy.class=keel.strategies.{name}"


def btc_hours() -> np.ndarray:
    path = SHARED / "crypto" / "BTC_USDT-1h.feather"
    return align([read_freqtrade(path, freqtrade_target(path, "peers", None, None))])


def btc_perp_minutes() -> np.ndarray:
    path = SHARED / "crypto" / "btc-perp-20211231-20220201_1m.csv"
    target = Target(InstrumentId("peers", "BTC-PERP"), "1m", "csv", "raw", timezone="UTC")
    return align([read_csv(path, STANDARD_COLUMNS, target)])


def lean_daily(ticker: str) -> np.ndarray:
    return align([read_lean(SHARED / "lean" / f"daily_{ticker}.zip", "peers", None)])


def yahoo_daily(*tickers: str) -> np.ndarray:
    folder: Path = SHARED / "stocks_yahoo_csv"
    targets = [Target(InstrumentId("peers", name), "1d", "yahoo", "split", "XNYS") for name in tickers]
    return align([read_yahoo(folder / f"{name}.csv", target) for name, target in zip(tickers, targets, strict=True)])
