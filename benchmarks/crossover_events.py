"""The crossover as an event-driven strategy."""

from __future__ import annotations

from collections import deque

from keel.strategies.port import Context, EventStrategy, StrategyParams


class CrossoverEvents(EventStrategy):
    """Hold while the short simple moving average is above the long one; keep running sums, as indicators do."""

    class Params(StrategyParams):
        """Set the instrument and the two windows, in bars."""

        symbol: str = "BENCH"
        short: int = 20
        long: int = 50

    params: Params

    def __init__(self, params: StrategyParams) -> None:
        super().__init__(params)
        self._symbol, self._short, self._long = self.params.symbol, self.params.short, self.params.long
        self._closes: deque[float] = deque([0.0] * self._long, maxlen=self._long)
        self._rows = 0
        self._short_sum = self._long_sum = 0.0

    def on_bar(self, context: Context) -> None:
        """Update both sums by the bar that came and those that left, and set the target."""
        close, closes = context.close(self._symbol), self._closes
        self._short_sum += close - closes[-self._short]
        self._long_sum += close - closes[0]
        closes.append(close)
        self._rows += 1
        if self._rows >= self._long:
            above = self._short_sum / self._short > self._long_sum / self._long
            context.set_target(self._symbol, 1.0 if above else 0.0)
