"""From an evaluated run to figures, intervals and a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.metrics.bootstrap import Interval, Intervals, bootstrap_intervals, paired_intervals
from keel.metrics.curve import Curve
from keel.metrics.deflated import deflated_sharpe, probabilistic_sharpe, sharpe_estimate, trial_spread
from keel.metrics.overfitting import backtest_overfitting
from keel.metrics.returns import sharpe
from keel.metrics.summary import run_days
from keel.metrics.verdict import Evidence, Verdict, verdict
from keel.runs.result import RunResult

Floats = NDArray[np.float64]

_HEAD: Final = ("total_return", "cagr", "sharpe", "sortino", "calmar", "max_drawdown", "exposure", "turnover")
"""Figures that a model and its baselines are compared by."""
_BINS: Final = 20


@dataclass(frozen=True, slots=True)
class Statistics:
    """Hold what is known of the truth behind the daily returns of a profile, and what that supports.

    `probabilistic` and `deflated` are probabilities that the true Sharpe ratio is above 0, and above the luck of
    `trials`; the returns are of all its parts, one after the other.
    """

    own: Intervals
    over_holding: Intervals
    probabilistic: float
    deflated: float
    trials: int
    returns: int
    verdict: Verdict

    def tree(self) -> dict[str, Any]:
        """Return it as numbers, words and None."""
        return {
            "returns": self.returns,
            "level": self.own.level,
            "block_length": _known(self.own.block_length),
            **{name: _interval(getattr(self.own, name)) for name in ("sharpe", "total_return", "annual_return")},
            "over_holding": {
                name: _interval(getattr(self.over_holding, name))
                for name in ("sharpe", "total_return", "annual_return")
            },
            "probabilistic_sharpe": _known(self.probabilistic),
            "deflated_sharpe": _known(self.deflated),
            "trials": self.trials,
            "verdict": {
                "headline": self.verdict.headline,
                "statements": [asdict(one) for one in self.verdict.statements],
            },
        }


def daily_returns(result: RunResult) -> tuple[Floats, Floats]:
    """Return the daily returns of a run and of buy and hold beside it."""
    days = run_days(result)
    return Curve(result.marks, days).daily_returns, Curve(result.benchmark, days[: len(result.benchmark)]).daily_returns


def statistics(
    parts: Sequence[RunResult],
    year: float,
    ledger_rows: Iterable[Mapping[str, Any]],
    seen: Sequence[str],
    resamples: int,
    seed: int,
) -> Statistics:
    """Return the statistics of one profile's parts; `ledger_rows` are all trials ever made, these parts among them.

    `year` is how many returns a year has; `seen` says where the model has seen these bars before.
    """
    pairs = [daily_returns(part) for part in parts]
    ours, theirs = (np.concatenate([pair[k] for pair in pairs]) for k in (0, 1))
    own = bootstrap_intervals(ours, year, resamples=resamples, seed=seed)
    over = paired_intervals(ours, theirs, year, resamples=resamples, seed=seed)
    estimate, spread = sharpe_estimate(ours), trial_spread(ledger_rows, len(ours))
    found = verdict(Evidence(own=own, over_holding=over, estimate=estimate, year=year, trials=spread))
    if seen:
        found = Verdict(f"In-sample, so it proves nothing: {'; '.join(seen)}. {found.headline}", found.statements)
    return Statistics(
        own=own,
        over_holding=over,
        probabilistic=probabilistic_sharpe(estimate),
        deflated=deflated_sharpe(estimate, spread.trials, spread.variance),
        trials=spread.trials,
        returns=len(ours),
        verdict=found,
    )


def joined_figures(parts: Sequence[RunResult], year: float) -> dict[str, float | None]:
    """Return total return and Sharpe ratio of a profile's parts, played one after the other."""
    ours = np.concatenate([daily_returns(part)[0] for part in parts])
    grown = float(np.prod(1.0 + ours)) - 1.0 if len(ours) else math.nan
    return {"total_return": _known(grown), "sharpe": _known(sharpe(ours, year))}


def choice_between(profiles: Mapping[str, RunResult], year: float) -> dict[str, Any] | None:
    """Return how good it is to choose a profile by how it did, None where there are too few of them or too few days.

    The profiles are of the same bars at the same costs. The probability of backtest overfitting is that of CSCV.
    """
    returns = [daily_returns(result)[0] for result in profiles.values()]
    if len(returns) < 2 or len({len(one) for one in returns}) > 1:
        return None
    found = backtest_overfitting(np.column_stack(returns), year)
    if math.isnan(found.probability):
        return None
    return {
        "profiles": list(profiles),
        "probability_of_overfitting": found.probability,
        "loss_probability": found.loss_probability,
        "splits": len(found.logits),
    }


def part_figures(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of one part from what `summarise` says: those of the curve, its costs and its trades."""
    paid, start = summary["costs"]["total"]["paid"], summary["strategy"]["start_equity"]
    return {
        **{name: summary["strategy"][name] for name in _HEAD},
        "cost_share": paid / start if start else None,
        "trades": summary["trades"]["closed"],
        "win_rate": summary["trades"]["win_rate"],
    }


def baseline_figures(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of one baseline from a curve's."""
    return {name: figures[name] for name in _HEAD}


def random_figures(traders: Sequence[Mapping[str, Any]], total_return: float | None) -> dict[str, Any]:
    """Return the medians of the random traders' figures, and how many of them a total return beats."""
    medians = {}
    for name in _HEAD:
        known = [figures[name] for figures in traders if figures[name] is not None]
        medians[name] = float(np.median(known)) if known else None
    returns = [figures["total_return"] for figures in traders]
    worse = sum(one < total_return for one in returns if one is not None) if total_return is not None else 0
    return {**medians, "traders": len(traders), "beaten": worse}


def action_shares(weights: Floats, symbols: Sequence[str]) -> dict[str, Any]:
    """Return how often each instrument's target lay where: `edges`, and by symbol the share of the rows in each bin.

    Where there are few different weights each is a bin of its own, and `edges` is empty, `weights` names them.
    """
    known = weights[~np.isnan(weights)]
    different = np.unique(known)
    if len(different) <= _BINS:
        shares = {
            name: [_share(weights[:, i] == value, weights[:, i]) for value in different]
            for i, name in enumerate(symbols)
        }
        return {"edges": [], "weights": different.tolist(), "shares": shares}
    edges = np.asarray(np.linspace(float(different[0]), float(different[-1]), _BINS + 1), np.float64)
    places = np.clip(np.searchsorted(edges, weights, side="right") - 1, 0, _BINS - 1)
    shares = {name: [_share(places[:, i] == k, weights[:, i]) for k in range(_BINS)] for i, name in enumerate(symbols)}
    return {"edges": edges.tolist(), "weights": (edges[:-1] + np.diff(edges) / 2.0).tolist(), "shares": shares}


def _share(chosen: NDArray[np.bool_], weights: Floats) -> float:
    known = ~np.isnan(weights)
    return int(np.count_nonzero(chosen & known)) / max(1, int(np.count_nonzero(known)))


def _interval(found: Interval) -> dict[str, float | None]:
    return {name: _known(value) for name, value in asdict(found).items()}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
