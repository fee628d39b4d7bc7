"""Keel's side: from a file of the made-up market to what a backtest reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.app.wire_data import MarketData
from keel.app.wiring import wire_backtest
from keel.backtest.run import BacktestInputs
from keel.config.load import LoadedConfig, load_config
from keel.domain.layout import ACTION, BAR, BAR_PRESENT

CONFIGS: Final = Path(__file__).resolve().parent
_MINUTES_TO_MONDAY: Final = 3 * 1440
"""1970-01-01 was a Thursday: three days after a Monday."""


def load(config_name: str, *overrides: str) -> LoadedConfig:
    """Return a config of this folder."""
    return load_config(CONFIGS / config_name, overrides)


def read_bars(file: str) -> NDArray[np.void]:
    """Return the bars of a file as BAR of shape (rows, N)."""
    return as_bars(np.load(file))


def as_bars(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.void]:
    """Return columns of the made-up market as BAR of shape (rows, N)."""
    bars = np.zeros(columns["close"].shape, BAR)
    for name in ("open", "high", "low", "close", "volume"):
        bars[name] = columns[name]
    opens = columns["open_ts_ms"][:, None]
    bars["open_ts_ms"], bars["close_ts_ms"] = opens, columns["close_ts_ms"][:, None]
    bars["day"] = opens // 86_400_000
    bars["minute_of_week"] = (opens // 60_000 + _MINUTES_TO_MONDAY) % 10_080
    bars["flags"] = BAR_PRESENT
    return bars


def market_data(bars: NDArray[np.void]) -> MarketData:
    """Return bars as read from a store: no finer bars, no actions, one currency."""
    none = np.zeros(bars.shape[1], np.int64)
    return MarketData(
        bars=bars,
        fine=np.zeros(0, BAR),
        fine_starts=none,
        fine_ends=none,
        actions=np.zeros(0, ACTION),
        action_starts=none,
        action_ends=none,
        rates=np.zeros((0, bars.shape[1])),
        view=bars,
        factors=np.ones(bars.shape),
        records=(),
    )


def wire(loaded: LoadedConfig, bars: NDArray[np.void]) -> BacktestInputs:
    """Return the inputs of a backtest of a config on bars in memory."""
    return wire_backtest(loaded.deciding, loaded.document, market_data(bars))[0]
