"""Keel's side of many instruments: bars and weights in memory to finished equity."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

from ours_inputs import load, read_bars, wire
from ours_vector import final_equity
from timing import report


def main(config_name: str, bars_file: str) -> None:
    """Time decisions and simulation of weekly weights."""
    bars = read_bars(bars_file)
    symbols = json.dumps([f"S{i}" for i in range(bars.shape[1])])
    strategy = json.dumps({"class": "weekly_weights:WeeklyWeights", "params": {"file": bars_file}})
    inputs = wire(load(config_name, f"data.symbols={symbols}", f"strategy={strategy}", "data.timeframe=1d"), bars)
    report(lambda: final_equity(inputs), version("keel"))


if __name__ == "__main__":
    main(*sys.argv[1:])
