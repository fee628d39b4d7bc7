"""Keel's side of a vectorised strategy: bars in memory to finished equity."""

from __future__ import annotations

import sys
from importlib.metadata import version

from ours_inputs import load, read_bars, wire
from timing import report

from keel.backtest.run import BacktestInputs
from keel.sim.engine import Simulator
from keel.sim.parameters import run_records, slot_records
from keel.strategies.decisions import decide_all
from keel.strategies.port import VectorStrategy


def main(config_name: str, bars_file: str) -> None:
    """Time decisions and simulation of the strategy that a config names."""
    inputs = wire(load(config_name), read_bars(bars_file))
    report(lambda: final_equity(inputs), version("keel"))


def final_equity(inputs: BacktestInputs) -> float:
    """Decide all bars, simulate them and return the equity at the last close."""
    if not isinstance(inputs.strategy, VectorStrategy):
        raise TypeError(f"{inputs.strategy} decides one bar at a time")
    weights = decide_all(inputs.strategy, inputs.panel)
    simulator = Simulator(inputs.bars, run_records(inputs.config), slot_records(inputs.config, inputs.instruments))
    simulator.run(weights)
    simulator.finish()
    return float(simulator.marks["equity"][-1])


if __name__ == "__main__":
    main(*sys.argv[1:])
