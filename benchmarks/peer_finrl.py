"""FinRL's side of stepping environments: one stock, 29 indicators and three numbers of its own, shares at random.

Its wheel names no requirement, and importing the package asks for data vendors and brokers: the file of its environment
is loaded alone, with what that file imports. Its step looks through all rows it is given, so they may be fewer.
"""

from __future__ import annotations

import sys
from importlib.metadata import distribution, version
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, Final

import gymnasium
import numpy as np
import pandas as pd
from stepping import many, one
from timing import report

_FILE: Final = "finrl/meta/env_stock_trading/env_stocktrading.py"
_INDICATORS: Final = 29


def main(rows: str, envs: str, steps: str, bars_file: str) -> None:
    """Time so many steps of so many environments of the first rows."""
    frame, stock_trading_env = _frame(bars_file, int(rows)), _environment()
    names = [name for name in frame.columns if name.startswith("indicator_")]

    def make() -> Any:  # noqa: ANN401 - the peer's own type
        return stock_trading_env(
            df=frame, stock_dim=1, hmax=100, initial_amount=1_000_000, num_stock_shares=[0], buy_cost_pct=[0.001],
            sell_cost_pct=[0.001], reward_scaling=1e-4, state_space=3 + len(names), action_space=1,
            tech_indicator_list=names, print_verbosity=10**9,
        )  # fmt: skip

    chosen = np.random.default_rng(0).uniform(-1.0, 1.0, (64, int(envs), 1))
    once = (
        one(make(), list(chosen[:, 0]), int(steps))
        if int(envs) == 1
        else many(gymnasium.vector.SyncVectorEnv([make] * int(envs)), chosen, int(steps))
    )
    report(once, version("finrl"))


def _environment() -> Any:  # noqa: ANN401
    spec = spec_from_file_location("env_stocktrading", str(distribution("finrl").locate_file(_FILE)))
    if spec is None or spec.loader is None:
        raise FileNotFoundError(_FILE)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.StockTradingEnv


def _frame(bars_file: str, rows: int) -> pd.DataFrame:
    columns = np.load(bars_file)
    days = np.arange(rows)
    frame = pd.DataFrame({"date": pd.date_range("2000-01-01", periods=rows).astype(str), "tic": "BENCH"}, days)
    rng = np.random.default_rng(0)
    prices = {name: columns[name][:rows, 0] for name in ("open", "high", "low", "close", "volume")}
    indicators = {f"indicator_{k}": rng.standard_normal(rows) for k in range(_INDICATORS)}
    return pd.concat([frame, pd.DataFrame(prices | indicators, days)], axis=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
