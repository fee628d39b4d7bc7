"""gym-anytrading's side of stepping environments: a window of one bar, price and change; buy or sell at random."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

import gymnasium
import numpy as np
import pandas as pd
from gym_anytrading.envs import StocksEnv
from stepping import many, one
from timing import report


def main(envs: str, steps: str, bars_file: str) -> None:
    """Time so many steps of so many environments."""
    columns = np.load(bars_file)
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({name.capitalize(): columns[name][:, 0] for name in names})
    chosen = np.random.default_rng(0).integers(0, 2, (64, int(envs)))

    def make() -> Any:  # noqa: ANN401 - the peer's own type
        return StocksEnv(df=frame, frame_bound=(1, len(frame)), window_size=1)

    once = (
        one(make(), chosen[:, 0].tolist(), int(steps))
        if int(envs) == 1
        else many(gymnasium.vector.SyncVectorEnv([make] * int(envs)), chosen, int(steps))
    )
    report(once, version("gym-anytrading"))


if __name__ == "__main__":
    main(*sys.argv[1:])
