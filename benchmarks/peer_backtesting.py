"""backtesting.py's side: the same crossover and fee, whole units bought with all the cash there is."""

from __future__ import annotations

import sys
import warnings
from importlib.metadata import version

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402 - the filter must stand before the imports that warn
import pandas as pd  # noqa: E402
from backtesting import Backtest, Strategy  # noqa: E402
from timing import report  # noqa: E402


class Crossover(Strategy):  # type: ignore[misc] # untyped package
    """Hold while the short average is above the long one; both are computed before the first bar."""

    def init(self) -> None:
        """Compute what `next` looks up: one lookup a bar is the fastest way this peer has."""
        close = pd.Series(self.data.Close)
        above = close.rolling(20).mean() > close.rolling(50).mean()
        self.above = self.I(lambda: above.to_numpy(np.float64), plot=False)

    def next(self) -> None:
        """Buy or close where the averages have crossed."""
        if self.above[-1]:
            if not self.position:
                self.buy()
        elif self.position:
            self.position.close()


def main(bars_file: str) -> None:
    """Time a backtest, its statistics included, on the bars of a file."""
    columns = np.load(bars_file)
    names = ("open", "high", "low", "close", "volume")
    index = pd.to_datetime(columns["open_ts_ms"], unit="ms")
    frame = pd.DataFrame({name.capitalize(): columns[name][:, 0] for name in names}, index=index)

    def once() -> float:
        # So much cash that whole units are no coarse step.
        backtest = Backtest(frame, Crossover, cash=1_000_000_000, commission=0.001, finalize_trades=True)
        return float(backtest.run()["Equity Final [$]"])

    report(once, version("backtesting"))


if __name__ == "__main__":
    main(*sys.argv[1:])
