"""Keel's side of an event-driven strategy: a whole backtest, with the buy and hold that it is compared to."""

from __future__ import annotations

import sys
from importlib.metadata import version

from ours_inputs import load, market_data, read_bars
from timing import report

from keel.app.wiring import wire_backtest
from keel.backtest.run import run_backtest

_STRATEGY = "strategy.class=crossover_events:CrossoverEvents"


def main(config_name: str, bars_file: str) -> None:
    """Time the backtest of the crossover, asked at every close, under a config of this folder."""
    loaded = load(config_name, _STRATEGY)
    data = market_data(read_bars(bars_file))

    def once() -> float:
        # A strategy keeps state, so each run gets its own.
        inputs, _ = wire_backtest(loaded.deciding, loaded.document, data)
        result = run_backtest(inputs, "bench", lambda _rows: None)
        return float(result.marks["equity"][-1])

    report(once, version("keel"))


if __name__ == "__main__":
    main(*sys.argv[1:])
