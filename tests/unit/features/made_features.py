"""Markets and sections for the tests of features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keel.config.observation import ObservationSection
from keel.domain.layout import BAR, BAR_PRESENT
from keel.domain.timeframe import MS_PER_HOUR

EVERY_KIND: tuple[dict[str, Any], ...] = (
    {"kind": "log_return", "bars": 3},
    {"kind": "momentum", "bars": 10},
    {"kind": "z_score", "bars": 12},
    {"kind": "distance_to_average", "bars": 15},
    {"kind": "bollinger", "bars": 10, "deviations": 1.5},
    {"kind": "realised_volatility", "bars": 8},
    {"kind": "parkinson", "bars": 7},
    {"kind": "yang_zhang", "bars": 9},
    {"kind": "garch"},
    {"kind": "rsi", "bars": 6},
    {"kind": "macd", "fast": 4, "slow": 9, "signal": 3},
    {"kind": "atr", "bars": 5},
    {"kind": "relative_volume", "bars": 11},
    {"kind": "taker_buy_ratio", "bars": 2},
    {"kind": "time_of_day"},
    {"kind": "day_of_week"},
    {"kind": "column", "name": "funding"},
)


def section_of(*features: dict[str, Any], **others: Any) -> ObservationSection:
    """Return a section of these entries."""
    return ObservationSection.model_validate({"features": list(features), **others})


def market(rows: int, n: int = 1, seed: int = 0, absent: float = 0.0) -> NDArray[np.void]:
    """Return hourly bars (rows, n) whose volatility clusters, a part of them missing; the first row is there."""
    rng = np.random.default_rng(seed)
    bars = np.zeros((rows, n), BAR)
    close = 100.0 * np.exp(np.cumsum(_clustered(rng, rows, n), axis=0))
    bars["open"] = np.vstack([close[:1], close[:-1]]) * np.exp(rng.normal(0.0, 1e-3, (rows, n)))
    bars["close"] = close
    bars["high"] = np.maximum(bars["open"], close) * np.exp(np.abs(rng.normal(0.0, 3e-3, (rows, n))))
    bars["low"] = np.minimum(bars["open"], close) * np.exp(-np.abs(rng.normal(0.0, 3e-3, (rows, n))))
    bars["volume"] = rng.lognormal(3.0, 1.0, (rows, n))
    bars["open_ts_ms"] = np.arange(rows)[:, None] * MS_PER_HOUR
    bars["close_ts_ms"] = bars["open_ts_ms"] + MS_PER_HOUR
    bars["minute_of_week"] = (np.arange(rows)[:, None] * 60 + 4320) % 10080
    bars["flags"] = BAR_PRESENT
    take_away(bars, rng.random((rows, n)) < absent)
    return bars


def take_away(bars: NDArray[np.void], absent: NDArray[np.bool_]) -> None:
    """Turn bars into missing ones, as `keel.data.align` lays them; the first row stays."""
    absent[0] = False
    bars["flags"][absent] = 0
    bars["volume"][absent] = 0.0
    for name in ("open", "high", "low", "close"):
        bars[name][absent] = np.nan


def beside(bars: NDArray[np.void], seed: int = 9) -> dict[str, NDArray[np.float64]]:
    """Return the series that `EVERY_KIND` needs beside bars."""
    rng = np.random.default_rng(seed)
    return {
        "taker_buy_volume": bars["volume"] * rng.random(bars.shape),
        "funding": rng.normal(0.0, 1e-4, bars.shape),
    }


def _clustered(rng: np.random.Generator, rows: int, n: int) -> NDArray[np.float64]:
    out = np.empty((rows, n))
    variance = np.full(n, 5e-5)
    for row, shock in enumerate(rng.normal(size=(rows, n))):
        out[row] = np.sqrt(variance) * shock
        variance = 1e-6 + 0.08 * out[row] ** 2 + 0.9 * variance
    return out
