"""A search on generated daily bars: real config, real strategies, a real ledger; only the commands are left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from keel.app.search_wiring import EnterTrials, check_trial
from keel.app.wire_data import MarketData, read_market_data
from keel.backtest.search.crew import Alone
from keel.backtest.search.study import Study
from keel.config.load import LoadedConfig, load_config
from keel.data.provide import ensure_bars
from keel.data.store import BarStore
from keel.runs.ledger import TrialLedger
from keel.runs.provenance import CodeRevision
from keel.strategies.port import Context, EventStrategy, StrategyParams, VectorStrategy

CONFIG = """\
mode: sim
run: {{name: search, state_dir: {folder}/state, logs_dir: {folder}/logs, artifacts_dir: {folder}/artifacts}}
data:
  store: {folder}/bars
  venue: synthetic
  symbols: [SYN/USDT]
  timeframe: 1d
  provider: {{kind: synthetic, seed: 5, start: 2021-01-01, end: 2022-01-01}}
market: {{instrument: {{tick_size: "0.01", step_size: "0.00001"}}}}
strategy: {{class: {strategy}, params: {params}}}
"""
CROSSOVER = "keel.strategies.moving_average:MovingAverageCrossover"
CODE = CodeRevision(None, None, "code")


class Above(VectorStrategy):
    """Hold while the close is above that of some bars ago."""

    class Params(StrategyParams):
        bars: int = 5
        fail: bool = False

    def target_weights(self, bars):
        if self.params.fail:
            raise RuntimeError("as asked")
        return bars.each(lambda one: (one.close > np.roll(one.close, self.params.bars)) * 0.9)


class AboveByBar(EventStrategy):
    """Decide the same, a bar at a time."""

    Params = Above.Params

    def on_bar(self, context: Context) -> None:
        close = context.bars.close[:, 0]
        before = close[-1 - self.params.bars] if len(close) > self.params.bars else close[len(close) - 1]
        context.set_target("SYN/USDT", 0.9 if close[-1] > before else 0.0)


class Peeker(VectorStrategy):
    """Weigh by the place of the close in the range of all bars shown, the last ones too; `sign` -1 turns it round."""

    class Params(StrategyParams):
        sign: int = 1

    def target_weights(self, bars):
        close = bars.close
        place = (close - close.min()) / (close.max() - close.min())
        return np.clip(place if self.params.sign > 0 else 1.0 - place, 0.0, 0.9)


def load(folder: Path, strategy: str = CROSSOVER, params: str = "{short: 5, long: 20}", more: str = "") -> LoadedConfig:
    """Write a config and fill its store."""
    (folder / "config.yaml").write_text(CONFIG.format(folder=folder, strategy=strategy, params=params) + more)
    loaded = load_config(folder / "config.yaml")
    config = loaded.config
    list(ensure_bars(config.data, config.market.calendar, BarStore(Path(config.data.store))))
    return loaded


def read(loaded: LoadedConfig) -> MarketData:
    return read_market_data(loaded.config, loaded.document)


def with_bars(data: MarketData, change: Callable[[np.ndarray], None]) -> MarketData:
    """Return data whose bars are changed, wherever it holds them."""
    bars = data.bars.copy()
    change(bars)
    return replace(data, **{field.name: bars for field in fields(data) if getattr(data, field.name) is data.bars})


def study_of(loaded: LoadedConfig, ledger: TrialLedger, data: MarketData, name: str = "study") -> Study:
    """Return a study of that name, begun or gone on with."""
    if ledger.request_of(name) is None:
        ledger.claim_study(name, "sweep", "now", {})
    bars = ledger.note_bars(data.records)
    return Study(name, ledger, lambda given: check_trial(loaded, given), loaded.resolved, bars, CODE)


def alone(loaded: LoadedConfig, data: MarketData) -> Alone:
    return Alone(EnterTrials(loaded, data))


def go_on() -> str | None:
    return None


class StopAfter:
    """Say `interrupted` once a study has so many trials."""

    def __init__(self, study: Any, trials: int) -> None:
        self._study, self._trials = study, trials

    def __call__(self) -> str | None:
        return "interrupted" if len(self._study.tried) >= self._trials else None
