"""Play a handful of made-up bars under any configuration that was accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fuzz.oracle import taken_or_refused
from keel.app.wire_data import MarketData, read_rates
from keel.app.wiring import wire_backtest
from keel.backtest.run import run_backtest
from keel.config.load import LoadedConfig
from keel.config.modes import RunConfig, TrainRun
from keel.data.actions import Actions, no_actions
from keel.data.adjust import forward_adjusted
from keel.domain.layout import ACTION, BAR, BAR_ENDS_DAY, BAR_PRESENT
from keel.domain.orders import ActionKind
from keel.domain.timeframe import MS_PER_DAY, timeframe_ms
from keel.sim.parameters import run_records, slot_records
from keel.strategies.panel import BarPanel
from keel.strategies.port import StrategyParams, VectorStrategy

ROWS = 24
MOST_SYMBOLS = 4
START_MS = 1_609_459_200_000
_FINE = 4
"""Pieces a bar is cut into for the price model `reference`."""
_WEIGHTS = (0.9, 0.4, -0.3, 0.0, np.nan, 1.0, -1.0, 2.5)


class Swinging(VectorStrategy):
    """Turn about every third bar, long and short, within and beyond what the account can buy."""

    def target_weights(self, bars: BarPanel) -> np.ndarray:
        rows = np.arange(len(bars))[:, None] // 3 + np.arange(bars.n)[None, :]
        weights = np.array(_WEIGHTS)[rows % len(_WEIGHTS)]
        return np.nan_to_num(weights, nan=0.5) / bars.n


def play(loaded: LoadedConfig, path: str) -> bool:
    """Simulate a configuration of few symbols; return False where it cannot be played on made-up bars.

    Asserts that the records the kernel reads are finite, and that equity stays so or the run ends bankrupt.
    """
    config = loaded.config
    if isinstance(config, TrainRun) or len(config.data.symbols) > MOST_SYMBOLS:
        return False
    if not config.strategy.class_path.startswith("keel.strategies."):
        return False
    data = taken_or_refused(lambda: _market(config), "data.rates", "rate")
    if data is None or not _ticks_fit(config, data):
        return False
    wired = taken_or_refused(lambda: wire_backtest(config, loaded.document, data), "strategy", path)
    if wired is None:
        return False
    inputs = wired[0]
    _assert_finite(run_records(config))
    _assert_finite(slot_records(config, inputs.instruments))
    result = run_backtest(replace(inputs, strategy=Swinging(StrategyParams())), "fuzz", lambda _rows: None)
    assert result.status in ("done", "halted", "bankrupt"), result.status
    for marks in (result.marks, result.benchmark):
        for name in ("equity", "cash", "gross", "net", "local_equity"):
            assert np.isfinite(marks[name]).all(), f"{name}: {marks[name]}"
    for name in ("qty", "price", "fee", "cash", "spread_cost", "impact_cost", "rounding_cost"):
        assert np.isfinite(result.events[name]).all(), f"{name} of an event"
    assert (np.diff(result.marks["ts_ms"]) > 0).all()
    return True


def _market(config: RunConfig) -> MarketData:
    symbols = config.data.symbols
    bars = made_bars(timeframe_ms(config.data.timeframe), len(symbols))
    actions = _made_actions(bars, symbols)
    view, factors = forward_adjusted(bars, actions)
    fine, starts, ends = _cut(bars) if config.execution.price_model == "reference" else _nothing(len(symbols))
    account = config.account.currency
    quotes = [(symbol, config.market.rules_for(symbol).quote_currency or account) for symbol in symbols]
    rates, _ = read_rates(config, quotes, bars["close_ts_ms"][:, 0])
    return MarketData(
        bars, fine, starts, ends, actions.records, actions.starts, actions.ends, rates, view, factors, records=()
    )


def made_bars(length_ms: int, n: int) -> np.ndarray:
    """Return BAR (24, n): random walks around 100, a few gaps, and bars on which nothing trades."""
    rng = np.random.default_rng(n)
    bars = np.zeros((ROWS, n), BAR)
    bars["close"] = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.03, bars.shape), axis=0))
    bars["open"] = np.vstack([bars["close"][:1], bars["close"][:-1]])
    bars["high"] = np.maximum(bars["open"], bars["close"]) * 1.01
    bars["low"] = np.minimum(bars["open"], bars["close"]) * 0.99
    bars["volume"] = rng.choice([0.0, 1.0, 1e4, 1e9], bars.shape)
    bars["open_ts_ms"] = START_MS + length_ms * np.arange(ROWS)[:, None]
    bars["close_ts_ms"] = bars["open_ts_ms"] + length_ms
    bars["day"] = bars["open_ts_ms"] // MS_PER_DAY
    bars["minute_of_week"] = bars["open_ts_ms"] // 60_000 % 10_080
    bars["flags"] = BAR_PRESENT
    bars["flags"][5::6] |= BAR_ENDS_DAY
    return bars


def _made_actions(bars: np.ndarray, symbols: Sequence[str]) -> Actions:
    """Split the first instrument, pay its holders, and charge funding."""
    none = no_actions(len(symbols))
    records = np.zeros(3, ACTION)
    records["ts_ms"] = bars["open_ts_ms"][[8, 12, 16], 0]
    records["kind"] = [ActionKind.SPLIT, ActionKind.DIVIDEND, ActionKind.FUNDING]
    records["value"] = [4.0, 0.5, 0.0001]
    ends = np.full(len(symbols), 3, dtype=np.int64)
    starts = ends.copy()
    starts[0] = 0
    return replace(none, records=records, starts=starts, ends=ends)


def _cut(bars: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = bars.shape[1]
    fine = np.repeat(bars.T.reshape(-1), _FINE)
    length = (fine["close_ts_ms"] - fine["open_ts_ms"]) // _FINE
    fine["open_ts_ms"] += length * np.tile(np.arange(_FINE), len(fine) // _FINE)
    fine["close_ts_ms"] = fine["open_ts_ms"] + length
    fine["flags"] = BAR_PRESENT
    ends = np.arange(1, n + 1, dtype=np.int64) * ROWS * _FINE
    return fine, ends - ROWS * _FINE, ends


def _nothing(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros(0, BAR), np.zeros(n, np.int64), np.zeros(n, np.int64)


def _ticks_fit(config: RunConfig, data: MarketData) -> bool:
    """Say whether reading the bars would have let the ticks pass: they are small beside the prices."""
    lowest = np.nanmin(data.bars["close"], axis=0)
    ticks = [float(config.market.rules_for(symbol).tick_size) for symbol in config.data.symbols]
    return bool((np.array(ticks) <= 0.01 * lowest).all())


def _assert_finite(records: np.ndarray) -> None:
    for name in records.dtype.names or ():
        if records[name].dtype.kind == "f":
            assert np.isfinite(records[name]).all(), f"{name}: {records[name]}"
