"""vectorbt's side: the same crossover, sweep and rebalancing at the same fee, by either of its engines."""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Callable
from typing import Any, Final

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402 - the filter must stand before the imports that warn
import pandas as pd  # noqa: E402
import vectorbt as vbt  # noqa: E402
from timing import report  # noqa: E402

Loaded = Any
_PAIRS: Final = tuple(itertools.product(range(5, 55, 5), range(60, 160, 10)))
_TERMS: Final = {"fees": 0.001, "init_cash": 1_000_000.0, "freq": "1min"}


def main(work: str, engine: str, bars_file: str) -> None:
    """Time one of the works below with engine `numba` or `rust`."""
    vbt.settings["engine"] = engine
    report(_WORKS[work](np.load(bars_file)), vbt.__version__)


def crossover(columns: Loaded) -> Callable[[], float]:
    """Return averages, crossings and portfolio of one pair, as the equity at the last close."""
    close = _close(columns)

    def once() -> float:
        return float(_portfolio(close, 20, 50).value().iloc[-1])

    return once


def sweep(columns: Loaded) -> Callable[[], float]:
    """Return the best total return of all pairs, simulated at once, side by side."""
    close = _close(columns)

    def once() -> float:
        return float(_portfolio(close, *_columns_of_pairs()).total_return().max())

    return once


def sweep_figures(columns: Loaded) -> Callable[[], float]:
    """Return the same, with the other figures that a trial of Keel's has."""
    close = _close(columns)

    def once() -> float:
        portfolio = _portfolio(close, *_columns_of_pairs())
        trades = portfolio.trades
        table = pd.DataFrame(
            {
                "total_return": portfolio.total_return(),
                "cagr": portfolio.annualized_return(),
                "annual_volatility": portfolio.annualized_volatility(),
                "sharpe": portfolio.sharpe_ratio(),
                "sortino": portfolio.sortino_ratio(),
                "calmar": portfolio.calmar_ratio(),
                "max_drawdown": portfolio.max_drawdown(),
                "exposure": portfolio.position_coverage(),
                "trades": trades.count(),
                "win_rate": trades.win_rate(),
                "profit_factor": trades.profit_factor(),
                "costs": portfolio.orders.fees.sum(),
            }
        )
        return float(table["total_return"].max())

    return once


def sweep_in_turn(columns: Loaded) -> Callable[[], float]:
    """Return the best total return of all pairs, simulated one after the other, for less memory."""
    close = _close(columns)

    def once() -> float:
        return max(float(_portfolio(close, short, long).total_return()) for short, long in _PAIRS)

    return once


def universe(columns: Loaded) -> Callable[[], float]:
    """Return the equity at the last close of many instruments in one account, brought to their weights each week."""
    index = pd.to_datetime(columns["open_ts_ms"], unit="ms")
    close = pd.DataFrame(columns["close"], index=index)
    weights = columns["weights"].copy()
    weights[1:][(weights[1:] == weights[:-1]).all(axis=1)] = np.nan
    size = pd.DataFrame(weights, index=index)
    terms = {"group_by": True, "cash_sharing": True, "call_seq": "auto", **_TERMS, "freq": "1D"}

    def once() -> float:
        portfolio = vbt.Portfolio.from_orders(close, size=size, size_type="targetpercent", **terms)
        return float(portfolio.value().iloc[-1])

    return once


def _close(columns: Loaded) -> pd.Series:
    return pd.Series(columns["close"][:, 0], index=pd.to_datetime(columns["open_ts_ms"], unit="ms"))


def _columns_of_pairs() -> tuple[list[int], list[int]]:
    return [short for short, _ in _PAIRS], [long for _, long in _PAIRS]


def _portfolio(close: pd.Series, short: int | list[int], long: int | list[int]) -> vbt.Portfolio:
    fast, slow = vbt.MA.run(close, short, short_name="fast"), vbt.MA.run(close, long, short_name="slow")
    entries, exits = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
    return vbt.Portfolio.from_signals(close, entries, exits, **_TERMS)


_WORKS: Final[dict[str, Callable[[Loaded], Callable[[], float]]]] = {
    each.__name__: each for each in (crossover, sweep, sweep_figures, sweep_in_turn, universe)
}


if __name__ == "__main__":
    main(*sys.argv[1:])
