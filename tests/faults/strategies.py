"""Strategies that do what a scenario says, at the close it says."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from keel.strategies.port import Context, EventStrategy, StrategyParams

_PRICES = ("limit", "stop", "touch", "stop_loss", "take_profit")


class Planned(EventStrategy):
    """Place orders by a plan: `3 buy 0.1 limit 0.99` buys at the fourth close, its price as a part of that close.

    `5 cancel 0` cancels the first order placed; `from 2 target 0.5` holds half of equity from the third close on;
    `every 2 flip 0.3` is long at one close of two and flat at the other.
    """

    class Params(StrategyParams):
        plan: tuple[str, ...] = ()
        unit: int = 1
        """What quantities of the plan are multiplied by."""

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._unit = params.unit
        self._plan = [line.split() for line in params.plan]
        self._placed: list[int] = []
        self._n = 0

    def on_bar(self, context: Context) -> None:
        symbol = context.bars.symbols[0]
        for words in self._plan:
            if words[0] == "from" and self._n >= int(words[1]):
                context.set_target(symbol, float(words[3]))
            elif words[0] == "every" and self._n % int(words[1]) == 0:
                context.set_target(symbol, float(words[3]) if self._n % (2 * int(words[1])) == 0 else 0.0)
            elif words[0] == str(self._n):
                self._do(context, symbol, words[1:])
        self._n += 1

    def _do(self, context: Context, symbol: str, words: list[str]) -> None:
        if words[0] == "cancel":
            context.cancel(self._placed[int(words[1])])
            return
        terms: dict[str, Any] = {}
        for name, value in zip(words[2::2], words[3::2], strict=True):
            if name in _PRICES:
                terms[name] = round(context.close(symbol) * float(value), 2)
            else:
                terms[name] = value if name == "time_in_force" else bool(value)
        place = context.buy if words[0] == "buy" else context.sell
        self._placed.append(place(symbol, float(words[1]) * self._unit, **terms))


class Overnight(EventStrategy):
    """Buy in the next opening auction; or, with `sells`, buy at once with a stop far below, and then sell so."""

    class Params(StrategyParams):
        qty: float
        sells: bool = False

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._n = 0

    def on_bar(self, context: Context) -> None:
        symbol, qty = context.bars.symbols[0], self.params.qty
        self._n += 1
        if self.params.sells and self._n == 1:
            context.buy(symbol, qty, stop_loss=round(0.5 * context.close(symbol), 2))
        elif self.params.sells and self._n == 2:
            context.sell(symbol, qty, time_in_force="at_open")
        elif not (self.params.sells or context.orders or context.account.position_qty[0]):
            context.buy(symbol, qty, time_in_force="at_open")


class Bad(EventStrategy):
    """Answer badly from a close on: NaN, a weight out of range, an exception, or no answer for a while."""

    class Params(StrategyParams):
        how: str
        after: int = 2
        seconds: float = 0.0

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._n = 0

    def on_bar(self, context: Context) -> None:
        symbol = context.bars.symbols[0]
        self._n += 1
        if self._n <= self.params.after:
            context.set_target(symbol, 0.1 * self._n)
            return
        if self.params.how == "nan":
            context.set_target(symbol, float(np.nan))
        elif self.params.how == "huge":
            context.set_target(symbol, 1e9)
        elif self.params.how == "raise":
            raise RuntimeError("the strategy broke")
        else:
            time.sleep(self.params.seconds)
            context.set_target(symbol, 0.9)
