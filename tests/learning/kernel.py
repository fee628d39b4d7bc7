"""A policy's trades in a world, played by Keel's simulator and told in the world's units."""

from __future__ import annotations

import numpy as np

from keel.domain.layout import MARK
from keel.domain.orders import EventKind, RunStatus
from keel.sim.engine import Simulator

from .bars import WARM_UP_ROWS, bars_of, records_of, weights_of
from .checks import Rollout
from .clean import Market, Played
from .worlds import Floats, World


def roll_on_kernel(world: World, market: Market, played: Played, *, holds_volatility: bool = True) -> Rollout:
    """Return what the simulator makes of the positions that were played in the clean simulator, each path by itself.

    Positions and rewards are read off the venue's marks, costs off its fills. Raises ValueError if a run does not end
    well.
    """
    bars, weights = bars_of(world, market), weights_of(played.positions)
    run, slots = records_of(world, holds_volatility=holds_volatility)
    marks, costs = np.empty(bars.shape, MARK), np.empty(played.costs.shape)
    for path in range(bars.shape[1]):
        at = slice(path, path + 1)
        simulator = Simulator(np.ascontiguousarray(bars[:, at]), run, slots)
        simulator.run(np.ascontiguousarray(weights[:, at]))
        if simulator.status is not RunStatus.RUNNING or simulator.row < len(bars):
            raise ValueError(f"the run stopped at row {simulator.row} of {len(bars)}: {simulator.status.name}")
        marks[:, path], costs[:, path] = simulator.marks, _costs_of(simulator, len(costs))
    return _told(world, market, played, bars["close"], marks, costs)


def _costs_of(simulator: Simulator, steps: int) -> Floats:
    fills = simulator.events
    fills = fills[fills["kind"] == EventKind.FILLED]
    paid = fills["fee"] + fills["spread_cost"] + fills["impact_cost"] + fills["rounding_cost"]
    # A decision at row k is filled in row k + 1.
    return np.bincount(fills["row"] - WARM_UP_ROWS - 1, weights=paid, minlength=steps)


def _told(world: World, market: Market, played: Played, closes: Floats, marks: np.ndarray, costs: Floats) -> Rollout:
    held = (marks["net"] / closes)[WARM_UP_ROWS:]
    positions = held[1:]
    rewards = np.diff(marks["equity"], axis=0)[WARM_UP_ROWS:] - world.risk_penalty(positions)
    prices = closes[WARM_UP_ROWS:]
    last_moves = np.diff(closes, axis=0)[WARM_UP_ROWS - 1 : -1]
    observations = np.concatenate([market.signals, last_moves[..., None], held[:-1, :, None]], axis=2)
    return Rollout(observations, played.positions, positions, prices, costs, rewards, held[0])
