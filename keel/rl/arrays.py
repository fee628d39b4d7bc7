"""The arrays of a vector environment, in the order in which compiled code takes them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from keel.risk.sector_caps import SectorCaps

Records = NDArray[np.void]
Floats = NDArray[np.float64]


class World(NamedTuple):
    """Hold what all environments share and none changes; N instruments, R rows, F features, P patches.

    `bars` is BAR (R, N), `fine` BAR (M,), `actions` ACTION (A,); `rates` is account currency per unit of quote
    currency, (R, N), or (0, N) where both are the same; `features` is float32 (R, N × F). `task` is TASK (1,) and
    `patches` PATCH (P,); `run`, RUN (1,), and `slots`, SLOT (P, N), are what an episode in each patch begins with.
    `caps` cuts target weights before compiled code sees them, None nothing.
    """

    bars: Records
    fine: Records
    actions: Records
    rates: Floats
    features: NDArray[np.float32]
    task: Records
    patches: Records
    run: Records
    slots: Records
    caps: SectorCaps | None = None

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Return all but the caps."""
        return self[:-1]


class State(NamedTuple):
    """Hold the state of B environments: RUN (B,), SLOT (B, N), ORDER (B, M), EVENT (B, T), ENV (B,).

    `held` is int64 (B, N): bars since a position was opened, as known locally; negative while it is short.
    """

    runs: Records
    slots: Records
    orders: Records
    tapes: Records
    envs: Records
    held: NDArray[np.int64]
