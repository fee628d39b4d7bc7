"""Keel's side: bars in memory to finished equity; prints the median of warm runs, in seconds, as JSON."""

from __future__ import annotations

import json
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keel.backtest.decisions import decide_all
from keel.config.load import load_config
from keel.domain.instrument import Grid, Instrument, InstrumentId
from keel.domain.layout import BAR, BAR_PRESENT
from keel.sim.engine import Simulator
from keel.sim.parameters import run_records, slot_records
from keel.strategies.moving_average import MovingAverageCrossover
from keel.strategies.panel import BarPanel

CONFIGS = Path(__file__).resolve().parent
REPEATS = 5


def main(bars_file: str, config_name: str) -> None:
    """Time the whole pipeline on the bars of a file under a config of this folder."""
    config = load_config(CONFIGS / config_name).config
    bars = _bars(bars_file)
    rules = config.market.instrument
    instrument = Instrument(
        InstrumentId("bench", "BENCH"),
        Grid.from_decimal(rules.tick_size),
        Grid.from_decimal(rules.step_size),
        float(rules.min_qty),
        float(rules.min_notional),
        rules.shortable,
        rules.can_flip,
        fee_in_base=False,
        borrow_rate=rules.borrow_rate,
    )
    strategy = MovingAverageCrossover(MovingAverageCrossover.Params(short=20, long=50))

    def once() -> float:
        weights = decide_all(strategy, BarPanel(bars, ("BENCH",)))
        simulator = Simulator(bars, run_records(config), slot_records(config, [instrument]))
        simulator.run(weights)
        simulator.finish()
        return float(simulator.marks["equity"][-1])

    once()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        final = once()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": statistics.median(seconds), "final": final, "version": version("keel")}))


def _bars(file: str) -> NDArray[np.void]:
    columns = np.load(file)
    bars = np.zeros((len(columns["close"]), 1), BAR)
    for name in ("open", "high", "low", "close", "volume"):
        bars[name][:, 0] = columns[name]
    opens = 1_577_836_800_000 + 60_000 * np.arange(len(bars))
    bars["open_ts_ms"][:, 0], bars["close_ts_ms"][:, 0] = opens, opens + 60_000
    bars["day"][:, 0] = opens // 86_400_000
    bars["minute_of_week"][:, 0] = (opens // 60_000 + 3 * 1440) % 10_080
    bars["flags"] = BAR_PRESENT
    return bars


if __name__ == "__main__":
    main(*sys.argv[1:])
