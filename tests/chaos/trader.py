"""A strategy that trades at random, the same at the same close in each life: targets, limit orders, cancels."""

from __future__ import annotations

from random import Random
from typing import ClassVar

from keel.strategies.port import Context, EventStrategy

_NEAR = 0.002


class RandomTrader(EventStrategy):
    """Trade by a seed until a close. Both are the class's: a config that is read once serves all schedules."""

    seed: ClassVar[int] = 0
    until_ms: ClassVar[int] = 0

    def on_bar(self, context: Context) -> None:
        """Decide by the close's own draw."""
        close_ms = int(context.bars.close_ts_ms[-1])
        if close_ms > self.until_ms:
            return
        for symbol in context.bars.symbols:
            self._trade(context, symbol, Random(f"{self.seed} {close_ms} {symbol}"))

    def _trade(self, context: Context, symbol: str, rng: Random) -> None:
        mark, what = context.close(symbol), rng.random()
        if what < 0.5:
            context.set_target(symbol, round(rng.uniform(0, 0.45), 3))
        elif what < 0.75:
            side = rng.choice((1, -1))
            limit = round(mark * (1 - side * rng.choice((_NEAR, _NEAR, -_NEAR))), 2)
            place = context.buy if side > 0 else context.sell
            place(symbol, round(rng.uniform(0.1, 2), 5), limit=limit)
        elif what < 0.9:
            for order in context.orders:
                if order.order is not None and order.symbol == symbol and not order.cancel_requested:
                    context.cancel(order.order)
