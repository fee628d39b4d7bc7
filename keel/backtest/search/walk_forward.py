"""Walk-forward: choose on each window, test on the bars right after it, and string the tests together.

Pardo, The Evaluation and Optimization of Trading Strategies, 2nd edition 2008, chapter 11.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from keel.backtest.search.crew import Crew, Stop
from keel.backtest.search.study import Study, Tried, best_of
from keel.backtest.search.windows import Window
from keel.metrics.curve import Curve, headline_figures, iso_utc
from keel.metrics.summary import run_days, run_year
from keel.runs.result import RunResult


@dataclass(frozen=True, slots=True)
class Choice:
    """Hold what one window chose: its best trial, or, where none has a score, what was held before (`kept`)."""

    window: Window
    chosen: Tried
    kept: bool


def choose(
    study: Study,
    candidates: Sequence[tuple[str, ...]],
    windows: Sequence[Window],
    metric: str,
    crew: Crew,
    stop: Stop,
) -> list[Choice] | None:
    """Try every candidate on every window and return the choice of each; None if `stop` cut in.

    A candidate sees the bars up to its window's end and no later one: no choice can depend on what it is tested on.
    """
    done = study.run([(overrides, window.train) for window in windows for overrides in candidates], crew, stop)
    if done is None:
        return None
    choices: list[Choice] = []
    for i, window in enumerate(windows):
        trials = done[i * len(candidates) : (i + 1) * len(candidates)]
        best = best_of(trials, metric)
        before = choices[-1].chosen if choices else next(one for one in trials if one.figures)
        choices.append(Choice(window, best or before, kept=best is None))
    return choices


def step_rows(choices: Sequence[Choice], result: RunResult, metric: str) -> list[dict[str, Any]]:
    """Return a row a step: its dates, what was chosen, and the metric in sample and out of it, undefined ones None.

    `result` is the stitched run, whose first row is the first test's.
    """
    year = run_year(result.config)
    days, first, rows = run_days(result), choices[0].window.test[0], []
    for number, choice in enumerate(choices):
        start, stop = (row - first for row in choice.window.test)
        # From the mark before the seam, so that the steps' returns compound to the run's.
        part = slice(max(start - 1, 0), min(stop, len(result.marks)))
        if start >= len(result.marks):
            break
        figures = headline_figures(Curve(result.marks[part], days[part]), year)
        rows.append(
            {
                "step": number,
                "test_start": iso_utc(int(result.bars["open_ts_ms"][start].min())),
                "test_end": iso_utc(int(result.marks["ts_ms"][part][-1])),
                **choice.chosen.values,
                "kept": choice.kept,
                "in_sample": choice.chosen.figures.get(metric),
                "out_of_sample": _defined(figures[metric]),
                "test_return": _defined(figures["total_return"]),
            }
        )
    return rows


def overview(rows: Sequence[dict[str, Any]], keys: Sequence[str], out_of_sample: float | None) -> dict[str, Any]:
    """Return the means of the steps, what the stitched run made of it, and how often the choice changed."""
    choices = [tuple(row[key] for key in keys) for row in rows]
    chosen = [row["in_sample"] for row in rows if row["in_sample"] is not None]
    mean = fmean(chosen) if chosen else None
    return {
        "steps": len(rows),
        "mean_in_sample": mean,
        "out_of_sample": out_of_sample,
        "efficiency": out_of_sample / mean if mean and mean > 0 and out_of_sample is not None else None,
        "profitable_steps": sum((row["test_return"] or 0.0) > 0.0 for row in rows),
        "changes": sum(a != b for a, b in itertools.pairwise(choices)),
    }


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
