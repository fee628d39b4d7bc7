"""Wire the trials of a search: the bars are read once, every trial gets its own config and strategy."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keel.app.wire_data import MarketData
from keel.app.wire_strategy import load_strategy
from keel.app.wiring import wire_backtest
from keel.backtest.run import BacktestInputs
from keel.backtest.search.mapped import Mapped, own_arrays
from keel.backtest.search.trial import Wire
from keel.config.load import LoadedConfig, vary
from keel.runs.logs import run_logs
from keel.runs.manifest import DataRecord
from keel.strategies.panel import BarPanel
from keel.strategies.port import Strategy

_NOT_OF_THE_BARS: Final = (
    "run",
    "strategy",
    "execution",
    "fees",
    "spread",
    "impact",
    "volatility",
    "latency",
    "use_seasonality",
    "seasonality",
    "stress",
    "risk",
    "doctor",
    "ray",
)
"""Sections that do not say what is read: trials that differ in these alone share one copy of the bars."""


_OWN: Final = "keel.strategies."
"""Where the classes of Keel's own strategies lie."""
_QUIET: Final = logging.NullHandler()
"""Keeps a process without logs from printing warnings."""


@dataclass(frozen=True)
class EnterTrials:
    """Get ready to simulate trials of a config, in whatever process this is called.

    With `logs_of`, a study's name, the process writes that study's logs.
    """

    loaded: LoadedConfig
    data: MarketData | Mapped[MarketData]
    logs_of: str | None = None

    def __call__(self) -> Wire:
        """Return what builds the inputs of a trial from its overrides."""
        data = self.data.load() if isinstance(self.data, Mapped) else own_arrays(self.data)
        panel = BarPanel(data.view, self.loaded.config.data.symbols)
        logging.getLogger("keel").addHandler(_QUIET)
        logs = ExitStack()  # open as long as the process lives
        if self.logs_of is not None:
            logs.enter_context(run_logs(Path(self.loaded.config.run.logs_dir), self.logs_of))

        def wire(overrides: tuple[str, ...], _logs: ExitStack = logs) -> tuple[BacktestInputs, tuple[DataRecord, ...]]:
            varied = vary(self.loaded, overrides)
            if not _share_bars(varied, self.loaded):
                return wire_backtest(varied.deciding, varied.document)
            return wire_backtest(varied.deciding, varied.document, data, panel)[0], ()

        return wire


def fits_threads(loaded: LoadedConfig, params: Sequence[str]) -> bool:
    """Say whether trials may run beside each other in one process: on the same bars, decided by Keel's own strategies.

    Those are compiled and keep nothing outside themselves. Of a user's we know neither: it gets a process of its own.
    `params` are the `KEY=VALUES` that the trials vary.
    """
    sections = {param.partition("=")[0].partition(".")[0].strip() for param in params}
    classes = list(_classes(loaded.document.values["strategy"]))
    own = all(path.startswith(_OWN) for path in classes) and not any("class" in param for param in params)
    return own and sections <= set(_NOT_OF_THE_BARS)


def _classes(written: object) -> Iterator[str]:
    """Yield the classes that a section names, those of the members of a combination, too."""
    if isinstance(written, dict):
        for key, value in written.items():
            if key == "class":
                yield str(value)
            else:
                yield from _classes(value)
    elif isinstance(written, list):
        for value in written:
            yield from _classes(value)


def check_trial(loaded: LoadedConfig, overrides: tuple[str, ...]) -> dict[str, Any]:
    """Return the resolved config of a trial, its strategy's own parameters checked. Raises ConfigError."""
    varied = vary(loaded, overrides)
    load_strategy(varied.deciding.strategy.class_path, varied.document)
    return varied.resolved


def strategy_of(loaded: LoadedConfig, overrides: tuple[str, ...]) -> Strategy:
    """Return the strategy of a trial. Raises ConfigError where the config or the strategy refuses its parameters."""
    varied = vary(loaded, overrides)
    return load_strategy(varied.deciding.strategy.class_path, varied.document)


def _share_bars(one: LoadedConfig, other: LoadedConfig) -> bool:
    sections = set(type(one.config).model_fields) - set(_NOT_OF_THE_BARS)
    return all(getattr(one.config, name) == getattr(other.config, name) for name in sections)
