"""gym-trading-env's side of stepping environments: 30 features and two of its own, a position of -1, 0 or 1 at random.

Its vector form is Gymnasium's SyncVectorEnv of eight, the fastest of those it is driven with.
"""

from __future__ import annotations

import sys
import warnings
from importlib.metadata import version
from typing import Any

import gymnasium
import numpy as np
import pandas as pd
from gym_trading_env.environments import TradingEnv
from stepping import many, one
from timing import report

warnings.resetwarnings()  # importing it turns warnings into errors for the whole process
warnings.filterwarnings("ignore")


def main(envs: str, steps: str, bars_file: str) -> None:
    """Time so many steps of so many environments."""
    frame, rng = _frame(bars_file), np.random.default_rng(0)

    def make() -> Any:  # noqa: ANN401 - the peer's own type
        return TradingEnv(df=frame, positions=[-1, 0, 1], trading_fees=4e-4, borrow_interest_rate=0.0, verbose=0,
                          initial_position=0, max_episode_duration=1024)  # fmt: skip

    chosen = rng.integers(0, 3, (64, int(envs)))
    once = (
        one(make(), chosen[:, 0].tolist(), int(steps))
        if int(envs) == 1
        else many(gymnasium.vector.SyncVectorEnv([make] * int(envs)), chosen, int(steps))
    )
    report(once, version("gym-trading-env"))


def _frame(bars_file: str) -> pd.DataFrame:
    columns = np.load(bars_file)
    times = pd.to_datetime(columns["open_ts_ms"], unit="ms")
    frame = pd.DataFrame({name: columns[name][:, 0] for name in ("open", "high", "low", "close", "volume")}, times)
    rng = np.random.default_rng(0)
    features = {f"feature_{k}": rng.standard_normal(len(frame)).astype("f4") for k in range(30)}
    return pd.concat([frame, pd.DataFrame(features, times)], axis=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
