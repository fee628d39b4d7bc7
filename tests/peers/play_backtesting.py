"""backtesting.py's side of a comparison, through its public API alone.

It decides nothing at the first bar, so a copy of that bar is put before it; row k of a job is its bar k + 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import FractionalBacktest
from serve import Job, serve

WHOLE = 1e-9
"""How near below a whole number of units counts as that number."""


def play_weights(job: Job) -> Job:
    """Trade target weights (rows, 1) of equity, NaN for none, sized at the close of the decision in whole units."""
    targets = job["targets"][:, 0]

    def decide(strategy: Strategy, row: int) -> None:
        if not math.isnan(targets[row]):
            need = targets[row] * strategy.equity / strategy.data.Close[-1] - strategy.position.size
            trade(strategy, math.copysign(math.floor(abs(need) + WHOLE), need))

    return play(job, decide)


def play_signals(job: Job) -> Job:
    """Trade codes (rows,): 1 enter long, -1 enter short, 2 exit, 0 nothing; `size` units an entry, None for all."""

    def decide(strategy: Strategy, row: int) -> None:
        code, held = job["codes"][row], strategy.position.size
        if code == 2:
            strategy.position.close()
        elif code != 0 and code * held < 0:
            trade(strategy, code * job["size"] - held)
        elif code != 0 and (held == 0 or job["adds"]):
            all_there_is = strategy.buy if code > 0 else strategy.sell
            all_there_is() if job["size"] is None else trade(strategy, code * job["size"])

    return play(job, decide)


def play_orders(job: Job) -> Job:
    """Place the orders of `asked`, one a row; with `flat_only` no entry beside a position or an order."""
    asked = {int(order["row"]): order for order in job["asked"]}

    def decide(strategy: Strategy, row: int) -> None:
        order = asked.get(row)
        if order is None:
            return
        if order["cancel"]:
            for waiting in strategy.orders:
                waiting.cancel()
        elif order["exit"]:
            strategy.position.close()
        elif not (job["flat_only"] and (strategy.position or strategy.orders)):
            terms = {name: float(order[name]) or None for name in ("limit", "stop", "sl", "tp")}
            (strategy.buy if order["qty"] > 0 else strategy.sell)(size=abs(float(order["qty"])), **terms)

    return play(job, decide)


def trade(strategy: Strategy, need: float) -> None:
    if need > 0:
        strategy.buy(size=need)
    elif need < 0:
        strategy.sell(size=-need)


def play(job: Job, decide: Callable[[Strategy, int], None]) -> Job:
    lead = 0 if job["no_lead"] else 1

    class Decided(Strategy):
        def init(self) -> None:
            pass

        def next(self) -> None:
            decide(self, len(self.data) - 1 - lead)

    unit = job["step"]
    terms = {"cash": job["cash"], "commission": job["fee_rate"], **job["options"]}
    market = bars(job, lead)
    test = Backtest(market, Decided, **terms) if unit == 1 else fractional(market, Decided, unit, terms)
    return answer(test.run(), job["fee_rate"], unit, lead)


def fractional(market: pd.DataFrame, strategy: type[Strategy], unit: float, terms: dict[str, Any]) -> Backtest:
    return FractionalBacktest(market, strategy, fractional_unit=unit, **terms)


def bars(job: Job, lead: int) -> pd.DataFrame:
    columns = {name.capitalize(): job[name][:, 0] for name in ("open", "high", "low", "close", "volume")}
    table = pd.DataFrame(columns)
    table = pd.concat([table.iloc[:lead], table], ignore_index=True)
    return table.set_index(pd.date_range("2020-01-01", periods=len(table), freq="1h"))


def answer(stats: pd.Series, fee_rate: float, unit: float, lead: int) -> Job:
    closed = stats["_trades"]
    open_ = [(t.size * unit, t.entry_bar, t.entry_price / unit) for t in stats["_strategy"].trades]
    size, bar, entry = (np.array([trade[at] for trade in open_], float) for at in range(3))
    qty = np.concatenate([closed["Size"], size, -closed["Size"]])
    price = np.concatenate([closed["EntryPrice"], entry, closed["ExitPrice"]])
    return {
        "equity": stats["_equity_curve"]["Equity"].to_numpy()[lead:],
        "row": np.concatenate([closed["EntryBar"], bar, closed["ExitBar"]]).astype(np.int64) - lead,
        "instrument": np.zeros(len(qty), np.int64),
        "qty": qty,
        "price": price,
        "fees": closed["Commission"].sum() + (np.abs(size) * entry).sum() * fee_rate,
    }


if __name__ == "__main__":
    serve({"weights": play_weights, "signals": play_signals, "orders": play_orders})
