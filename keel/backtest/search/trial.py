"""One trial: a task in, its figures out, in whatever process it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from keel.backtest.run import BacktestInputs, simulate
from keel.backtest.search.windows import Rows, within
from keel.domain.errors import ConfigError, UsageError
from keel.metrics.summary import headline
from keel.runs.manifest import DataRecord, iso_utc
from keel.runs.result import Played
from keel.strategies.decisions import KeepGoing

METRICS: Final = (
    "sharpe",
    "sortino",
    "calmar",
    "total_return",
    "cagr",
    "max_drawdown",
    "annual_volatility",
    "exposure",
    "turnover",
)
"""Figures of the strategy that every trial has, undefined ones as None."""

Figures = dict[str, float | None]
Wire = Callable[[tuple[str, ...]], tuple[BacktestInputs, tuple[DataRecord, ...]]]
"""Builds the inputs of a backtest from overrides of the study's config; raises ConfigError or DataError."""


@dataclass(frozen=True, slots=True)
class Task:
    """Ask for one trial: overrides of the study's config and, in a walk-forward, the rows to simulate."""

    number: int
    overrides: tuple[str, ...]
    rows: Rows | None = None

    @property
    def key(self) -> str:
        """Return the text that names it within its study."""
        return " ".join([*self.overrides, *([] if self.rows is None else [f"[{self.rows[0]}:{self.rows[1]}]"])])


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold what a trial came to: `status` and `reason` as in the ledger, figures, and the bars it ran on."""

    task: Task
    status: str
    started: str
    duration_s: float = 0.0
    reason: str | None = None
    figures: Figures = field(default_factory=dict)
    first_ts_ms: int | None = None
    last_ts_ms: int | None = None
    data: tuple[DataRecord, ...] = ()


def run_trial(task: Task, wire: Wire, keep_going: KeepGoing) -> Outcome:
    """Simulate one task; what its config, its bars or its strategy get wrong is its outcome, not an exception."""
    started, clock = iso_utc(datetime.now(UTC)), time.perf_counter()
    try:
        inputs, records = wire(task.overrides)
        played, _ = simulate(inputs if task.rows is None else within(inputs, task.rows), keep_going)
    except UsageError as error:
        status = "skipped" if isinstance(error, ConfigError) else "failed"
        return Outcome(task, status, started, time.perf_counter() - clock, str(error))
    return outcome_of(task, played, started, time.perf_counter() - clock, records)


def outcome_of(
    task: Task, played: Played, started: str, duration_s: float, records: tuple[DataRecord, ...] = ()
) -> Outcome:
    """Return what a finished run is as a trial; `records` are its bars where they are not those of its study."""
    return Outcome(
        task,
        played.status,
        started,
        duration_s,
        figures=figures_of(headline(played)),
        first_ts_ms=_first_ts_ms(played),
        last_ts_ms=int(played.marks["ts_ms"][-1]),
        data=records,
    )


def figures_of(summary: dict[str, Any]) -> Figures:
    """Return the numbers that trials are compared by from what `headline` or `summarise` returns."""
    trades, costs = summary["trades"], summary["costs"]
    return {
        **{name: summary["strategy"][name] for name in METRICS},
        "trades": float(trades["closed"]),
        "win_rate": trades["win_rate"],
        "profit_factor": trades["profit_factor"],
        "costs": costs["total"]["paid"],
        "trading_days": float(summary["period"]["trading_days"]),
        "periods_per_year": float(summary["period"]["periods_per_year"]),
    }


def _first_ts_ms(played: Played) -> int:
    return int(played.bars["open_ts_ms"][0].min())
