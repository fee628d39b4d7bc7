"""What a run hands to metrics, report and the artifact folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from keel.config.modes import DecidedConfig


@dataclass(frozen=True, kw_only=True)
class Played:
    """Hold the arrays of one run as the simulator left them, finished or cut short.

    `status` is done, interrupted, kill_switch, halted or bankrupt. `bars` is BAR of shape (rows, instruments);
    `marks` (venue book) is MARK of the rows done; `events` is EVENT in chronological order; `timeouts` counts lost
    responses; `halted_ts_ms` is when risk halted the run, if it did; `mark_rates` (N,) is account currency per unit of
    each quote currency at the end.
    """

    config: DecidedConfig
    symbols: tuple[str, ...]
    status: str
    bars: NDArray[np.void]
    marks: NDArray[np.void]
    events: NDArray[np.void]
    mark_rates: NDArray[np.float64]
    timeouts: int
    halted_ts_ms: int | None


@dataclass(frozen=True, kw_only=True)
class RunResult(Played):
    """Hold a run and what it is read beside.

    `benchmark` (equal-weight buy and hold at the same costs) is MARK of the rows done; `signals` counts buy, sell and
    hold, in all, `by_instrument` and, of a combination, `by_member`.
    """

    run_id: str
    benchmark: NDArray[np.void]
    signals: dict[str, Any]
