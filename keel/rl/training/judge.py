"""How good a policy is on the validation span: one deterministic episode of each world, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keel.metrics.drawdown import drawdown_series
from keel.metrics.returns import cagr, calmar, daily_rows, sharpe, simple_returns, total_return
from keel.rl.arrays import World
from keel.rl.core import EnvCore
from keel.strategies.actions import Actions

Act = Callable[[NDArray[np.float32], Any], tuple[NDArray[Any], Any]]
"""Called with observations, float32 (B, D), and what was remembered (None at first); returns actions and memory."""
Figures = dict[str, float]


class Judge:
    """Play a policy over the validation span.

    Each world is an account of its own; figures are of their equity together. A latch of the risk guard does not end
    the episode: it is played on, as a backtest is. `year` is how many daily returns a year
    has.
    """

    def __init__(self, worlds: Sequence[World], actions: Actions, year: float) -> None:
        self._cores = [EnvCore(world, 1) for world in worlds]
        for core in self._cores:
            core.world.task["begins_anew"] = core.world.task["ends_at_latch"] = False
        self._actions, self._year = actions, year

    def judge(self, act: Act) -> Figures:
        """Return return, sharpe, calmar, max_drawdown, turnover, cost_share (of the starting equity), trades and bars.

        A trade is a position that was opened. What is not defined, such as the Sharpe ratio of a flat curve, is NaN.
        """
        cores = self._cores
        for core in cores:
            core.reseed(int(core.world.task["seed"][0]))
            core.begin()
        curves = [[float(core.envs[0]["equity"])] for core in cores]
        opened, going, state = 0, np.ones(len(cores), np.bool_), None
        while going.any():
            seen = np.concatenate([core.observations for core in cores])
            actions, state = act(seen, state)
            weights = self._actions.weights(actions)
            for k in np.flatnonzero(going):
                env = cores[k].envs[0]
                cores[k].step(weights[k : k + 1])
                curves[k].append(float(env["equity"]))
                opened += cores[k].opened()
                going[k] = not (env["terminated"] or env["truncated"])
        return self._figures([np.array(curve) for curve in curves], opened)

    def _figures(self, curves: Sequence[NDArray[np.float64]], opened: int) -> Figures:
        cores = self._cores
        equity, days = self._together(curves)
        daily = equity[daily_rows(days)]
        started = sum(float(core.envs[0]["start_equity"]) for core in cores)
        paid = sum(float(core.envs[0][name]) for core in cores for name in ("fees", "spread_costs", "impact_costs"))
        fall = float(drawdown_series(equity).min())
        return {
            "return": total_return(equity),
            "sharpe": sharpe(simple_returns(daily), self._year),
            "calmar": calmar(cagr(daily, self._year), fall),
            "max_drawdown": fall,
            "turnover": sum(float(core.envs[0]["notional"]) for core in cores) / started,
            "cost_share": paid / started,
            "trades": float(opened),
            "bars": float(len(equity) - 1),
        }

    def _together(self, curves: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return the equity of all accounts at every close any has, and the days: before its start one has its cash."""
        stamps, days = [], []
        for core, curve in zip(self._cores, curves, strict=True):
            first = int(core.envs[0]["start_row"])
            rows = core.world.bars[first : first + len(curve), 0]
            stamps.append(rows["close_ts_ms"])
            days.append(rows["day"])
        every, at = np.unique(np.concatenate(stamps), return_index=True)
        equity = np.zeros(len(every))
        for curve, own in zip(curves, stamps, strict=True):
            equity += curve[np.maximum(np.searchsorted(own, every, "right") - 1, 0)]
        return equity, np.concatenate(days)[at]
