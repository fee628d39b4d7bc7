"""vectorbt's side: the same crossover, the same fee; prints the median of warm runs, in seconds, as JSON."""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402 - the filter must stand before the imports that warn
import pandas as pd  # noqa: E402
import vectorbt as vbt  # noqa: E402

REPEATS = 5


def main(bars_file: str) -> None:
    """Time moving averages, crossings and portfolio on the closes of a file."""
    closes = np.load(bars_file)["close"]
    close = pd.Series(closes, index=pd.date_range("2020-01-01", periods=len(closes), freq="1min"))

    def once() -> float:
        short, long = vbt.MA.run(close, 20), vbt.MA.run(close, 50)
        entries, exits = short.ma_crossed_above(long), short.ma_crossed_below(long)
        portfolio = vbt.Portfolio.from_signals(close, entries, exits, fees=0.001, init_cash=1e6, freq="1min")
        return float(portfolio.value().iloc[-1])

    once()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        final = once()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": statistics.median(seconds), "final": final, "version": vbt.__version__}))


if __name__ == "__main__":
    main(sys.argv[1])
