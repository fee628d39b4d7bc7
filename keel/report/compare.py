"""Several finished runs beside each other: figures, the settings that differ, and whether they may be compared."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keel.domain.errors import UsageError
from keel.domain.timeframe import utc_text
from keel.report import text
from keel.runs.differences import ABSENT, flatten, shaping_config
from keel.runs.read import FinishedRun

HIGH: Final = 1
LOW: Final = -1
NEITHER: Final = 0
_SHORT_HASH: Final = 12
_NEAREST: Final = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """Name a figure of metrics.json, how it is written, and whether high, low or neither is better."""

    key: str
    label: str
    write: Callable[[Any], str]
    better: int = HIGH


FIGURES: Final = (
    Figure("strategy.total_return", "Total return", text.gain),
    Figure("strategy.cagr", "Annual growth", text.gain),
    Figure("strategy.annual_volatility", "Volatility", text.percent, LOW),
    Figure("strategy.sharpe", "Sharpe ratio", text.ratio),
    Figure("strategy.sortino", "Sortino ratio", text.ratio),
    Figure("strategy.calmar", "Calmar ratio", text.ratio),
    Figure("strategy.max_drawdown", "Max drawdown", text.percent),
    Figure("strategy.longest_drawdown_days", "Longest drawdown", text.days, LOW),
    Figure("strategy.exposure", "Exposure", text.percent, NEITHER),
    Figure("strategy.turnover", "Turnover a year", text.times, NEITHER),
    Figure("strategy.end_equity", "Final equity", text.money),
    Figure("costs.total.paid", "Cost of trading", text.money, LOW),
    Figure("costs.total.bps", "Cost, bps", text.bps, LOW),
    Figure("trades.closed", "Closed trades", text.count, NEITHER),
    Figure("trades.win_rate", "Win rate", text.percent),
    Figure("trades.profit_factor", "Profit factor", text.ratio),
    Figure("benchmark.total_return", "Buy and hold", text.gain, NEITHER),
)
"""The figures every comparison shows, in this order. Drawdowns are negative, so that high is better."""


@dataclass(frozen=True)
class Comparison:
    """Hold runs in the order they are shown; `best` names for each figure the runs (by position) that have the best.

    `settings` are what differs between the runs, by dotted config key, then code; `warnings` say what makes figures
    incomparable, and then `best` is empty.
    """

    runs: tuple[FinishedRun, ...]
    figures: tuple[Figure, ...]
    sorted_by: Figure
    best: Mapping[str, frozenset[int]]
    settings: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...]

    def values(self, figure: Figure) -> list[float | None]:
        """Return a figure of every run, None where it is not defined."""
        return [figure_of(run, figure) for run in self.runs]

    @property
    def names(self) -> list[str]:
        """Return the short names `#1`, `#2`, … of the runs."""
        return [f"#{number}" for number in range(1, len(self.runs) + 1)]


def compare(runs: Sequence[FinishedRun], metric: str) -> Comparison:
    """Compare runs, sorted by a metric with the best first. Raises UsageError for a metric that no run has."""
    chosen = find_figure(metric, runs)
    ordered = sorted(runs, key=lambda run: _rank(figure_of(run, chosen), chosen))
    known: tuple[Figure, ...] = FIGURES if chosen in FIGURES else (*FIGURES, chosen)
    figures = tuple(each for each in known if each == chosen or any(figure_of(run, each) is not None for run in runs))
    names = [f"#{number}" for number in range(1, len(ordered) + 1)]
    incomparable = _incomparable(ordered, names)
    best = {} if incomparable else {each.key: _best(ordered, each) for each in figures}
    warnings = (*incomparable, *_stopped(ordered, names), *_other_benchmark(ordered, names, incomparable))
    return Comparison(tuple(ordered), figures, chosen, best, _settings(ordered), warnings)


def find_figure(metric: str, runs: Sequence[FinishedRun]) -> Figure:
    """Return the figure of a name such as `sharpe`, `costs.fees.bps`. Raises UsageError, with the nearest names."""
    numbers = {key: None for run in runs for key in numeric(run)}
    spelt = metric.strip().lower().replace("-", "_").replace(" ", "_")
    for key in (spelt, f"strategy.{spelt}", f"trades.{spelt}", *(key for key in numbers if key.endswith(f".{spelt}"))):
        if key in numbers:
            known = {each.key: each for each in FIGURES}
            return known.get(key, Figure(key, key, _plain, NEITHER))
    short = {key.rpartition(".")[2]: key for key in numbers} | {key: key for key in numbers}
    near = difflib.get_close_matches(spelt, short, _NEAREST, cutoff=0.5) or ["sharpe", "total_return", "max_drawdown"]
    raise UsageError(f"--metric {metric}: no run has it: try {', '.join(near)} or another name in metrics.json")


def numeric(run: FinishedRun) -> dict[str, float | None]:
    """Return the figures of metrics.json that are numbers or undefined, by dotted name."""
    flat = flatten(run.metrics)
    return {
        key: value
        for key, value in flat.items()
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    }


def figure_of(run: FinishedRun, figure: Figure) -> float | None:
    """Return a figure of a run, None where it is not defined or the run has none."""
    return numeric(run).get(figure.key)


def _plain(value: float | None) -> str:
    return text.MISSING if value is None else f"{value:,.6g}".replace("-", text.MINUS)


def _rank(value: float | None, figure: Figure) -> tuple[bool, float]:
    return (value is None, 0.0 if value is None else value if figure.better == LOW else -value)


def _best(runs: Sequence[FinishedRun], figure: Figure) -> frozenset[int]:
    values = {i: figure_of(run, figure) for i, run in enumerate(runs) if not run.is_partial}
    known = {i: value for i, value in values.items() if value is not None}
    if figure.better == NEITHER or len(set(known.values())) < 2:
        return frozenset()
    top = max(known.values()) if figure.better == HIGH else min(known.values())
    return frozenset(i for i, value in known.items() if value == top)


def _settings(runs: Sequence[FinishedRun]) -> dict[str, tuple[str, ...]]:
    flats = [shaping_config(run.manifest["config"]) | _code(run) for run in runs]
    names = list(dict.fromkeys(name for flat in flats for name in flat))
    rows = {name: tuple(str(flat.get(name, ABSENT)) for flat in flats) for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def _code(run: FinishedRun) -> dict[str, str]:
    own = run.manifest.get("own_code", {})
    code = {"Keel's code": run.manifest["code"]["source_hash"]} | {f"own code {name}": own[name] for name in own}
    return {name: value[:_SHORT_HASH] for name, value in code.items()}


def _bars(run: FinishedRun) -> dict[str, Mapping[str, Any]]:
    return {f"{one['instrument']} {one['timeframe']}": one for one in run.manifest["data"]}


def _incomparable(runs: Sequence[FinishedRun], names: Sequence[str]) -> list[str]:
    return [
        f"{name} is not comparable with {names[0]}: {why}"
        for name, run in zip(names[1:], runs[1:], strict=True)
        if (why := _why_incomparable(runs[0], run)) is not None
    ]


def _why_incomparable(first: FinishedRun, other: FinishedRun) -> str | None:
    before, after = _bars(first), _bars(other)
    if before.keys() != after.keys():
        return f"it traded {', '.join(after)}, not {', '.join(before)}"
    for name, record in before.items():
        if record["content_hash"] == after[name]["content_hash"]:
            continue
        spans = [
            " to ".join(utc_text(one[key]) for key in ("first_ts_ms", "last_ts_ms")) for one in (after[name], record)
        ]
        same = "the same span, other values" if spans[0] == spans[1] else f"{spans[0]}, not {spans[1]}"
        return f"its bars of {name} are others ({same})"
    currencies = [run.metrics.get("costs", {}).get("currency") for run in (other, first)]
    return None if currencies[0] == currencies[1] else f"its account is in {currencies[0]}, not {currencies[1]}"


def _stopped(runs: Sequence[FinishedRun], names: Sequence[str]) -> list[str]:
    return [
        f"{name} was stopped after {_count(run, 'bars')} of {_count(run, 'bars_planned')} bars: its figures cover "
        "less, and none is marked best"
        for name, run in zip(names, runs, strict=True)
        if run.is_partial
    ]


def _count(run: FinishedRun, key: str) -> str:
    return text.count(run.metrics["period"].get(key))


def _other_benchmark(runs: Sequence[FinishedRun], names: Sequence[str], incomparable: Sequence[str]) -> list[str]:
    key = "benchmark.total_return"
    finished = [(name, run) for name, run in zip(names, runs, strict=True) if not run.is_partial]
    held = {name: text.gain(numeric(run).get(key)) for name, run in finished}
    if incomparable or len(set(held.values())) < 2:
        return []
    shown = ", ".join(f"{value} in {name}" for name, value in held.items())
    return [f"buy and hold is not the same ({shown}): costs, latency or seed differ, as the settings below say"]
