"""The crossover as an event-driven strategy."""

from __future__ import annotations

from keel.strategies.port import Context, EventStrategy, StrategyParams


class CrossoverEvents(EventStrategy):
    """Hold while the short simple moving average is above the long one; keep running sums, as indicators do."""

    class Params(StrategyParams):
        """Set the two windows, in bars."""

        short: int = 20
        long: int = 50

    params: Params

    def __init__(self, params: StrategyParams) -> None:
        super().__init__(params)
        self._short_sum = self._long_sum = 0.0

    def on_bar(self, context: Context) -> None:
        """Update both sums by the bar that came and those that left, and set the target."""
        short, long = self.params.short, self.params.long
        closes = context.bars.close[-long - 1 :, 0]
        rows = len(closes)
        self._short_sum += closes[-1] - (closes[-short - 1] if rows > short else 0.0)
        self._long_sum += closes[-1] - (closes[0] if rows > long else 0.0)
        if rows >= long:
            above = self._short_sum / short > self._long_sum / long
            context.set_target(context.bars.symbols[0], 1.0 if above else 0.0)
