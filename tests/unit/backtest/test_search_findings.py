"""What is said of the best trial: the chance of the many, edges, lonely peaks, few trades."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keel.backtest.search.findings import expected_best_sharpe, neighbours, warnings_of
from keel.backtest.search.space import read_space
from keel.backtest.search.study import Tried
from keel.runs.ledger import TrialCount

SPACE = read_space(["a=1,2,3,4,5", "b=1,2,3"])


def grid(score, status: str = "done", trades: float = 100.0) -> list[Tried]:
    """Return the trials of the grid whose Sharpe ratio is score(a, b), over ten years of 252 days."""
    return [
        Tried(i, (f"a={a}", f"b={b}"), None, status, None,
              {"sharpe": score(a, b), "trades": trades, "trading_days": 2520.0, "periods_per_year": 252.0})
        for i, (a, b) in enumerate((a, b) for a in range(1, 6) for b in range(1, 4))
    ]  # fmt: skip


def said(trials: list[Tried], space=SPACE, count: int = 15) -> str:
    best = max(trials, key=lambda one: one.figures["sharpe"])
    return "\n".join(warnings_of(best, trials, space, "sharpe", TrialCount(count, count)))


def smooth(a: int, b: int) -> float:
    return 2.0 - 0.1 * abs(a - 3) - 0.1 * abs(b - 2)


def test_expected_best_of_many_without_skill_is_what_simulation_shows():
    """Draws: fifty strategies of no skill over five years, two thousand times."""
    rng = np.random.default_rng(1)
    best = rng.normal(0.0, math.sqrt(1 / 5), (2000, 50)).max(axis=1).mean()
    assert expected_best_sharpe(50, 5.0) == pytest.approx(best, rel=0.03)


def test_expected_best_grows_with_trials_and_falls_with_years():
    assert expected_best_sharpe(1, 5.0) == 0.0
    assert expected_best_sharpe(10, 5.0) < expected_best_sharpe(100, 5.0)
    assert expected_best_sharpe(10, 5.0) > expected_best_sharpe(10, 20.0)


def test_smooth_hill_inside_the_grid_raises_the_number_of_trials_only():
    text = said(grid(smooth))
    assert text.count("\n") == 0
    assert "15 different trials" in text
    assert "about 0.56 over 10.0 years" in text  # 1.775 standard deviations of 1 / sqrt(10)


def test_best_on_the_edge_is_named():
    text = said(grid(lambda a, b: a - abs(b - 2.0)))
    assert "a = 5 lies on the edge" in text
    assert "b = " not in text


def test_span_has_edges_too():
    space = read_space(["a=1..5", "b=1,2,3"])
    assert "a = 5 lies on the edge" in said(grid(lambda a, b: a - abs(b - 2.0)), space)
    assert "edge" not in said(grid(smooth), space)


def test_lonely_peak_is_named():
    text = said(grid(lambda a, b: 2.0 if (a, b) == (3, 2) else 0.1))
    assert "stands alone: the median of its 4 neighbours is 0.10 against 2.00" in text


def test_neighbours_are_one_step_beside_in_one_parameter():
    trials = grid(smooth)
    corner = next(one for one in trials if one.overrides == ("a=1", "b=3"))
    assert [one.overrides for one in neighbours(corner, trials, SPACE)] == [("a=2", "b=3"), ("a=1", "b=2")]


def test_few_trades_and_a_run_that_was_halted_are_named():
    assert "rests on 7 closed trades" in said(grid(smooth, trades=7.0))
    assert "ended halted" in said(grid(smooth, status="halted"))
