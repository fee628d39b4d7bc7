"""Play an event-driven strategy: it is asked at every close, the simulator follows when somebody looks.

A strategy that decides by bars alone needs no account: its targets are noted, and many rows are played by one compiled
call. Whoever asks for the account, orders or reports, or places an order, has the simulator brought up to this close
first, so what is seen and decided is the same.
"""

from __future__ import annotations

import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.config.modes import RunConfig
from keel.domain.account import AccountView
from keel.risk.sector_caps import SectorCaps, accepted, refuse_own_orders, tell_cut
from keel.sim.engine import Simulator
from keel.strategies.decisions import KeepGoing, Weights, ask, prepare
from keel.strategies.desk import OrderDesk
from keel.strategies.panel import BarPanel
from keel.strategies.port import Context, EventStrategy

_LOOK_S: Final = 0.003
"""Wall time between two looks at the kill switch, and most that the simulator lags behind."""


def play_events(
    config: RunConfig,
    strategy: EventStrategy,
    panel: BarPanel,
    simulator: Simulator,
    keep_going: KeepGoing,
    watched: NDArray[np.bool_] | None = None,
    caps: SectorCaps | None = None,
) -> tuple[Weights, str | None]:
    """Ask the strategy at every close; return its weights (rows, N), NaN for no new target, and why it was stopped.

    It is not asked at the closes that are `watched` (rows,) only; its weights are cut to `caps`.
    """
    weights = np.full((len(panel), panel.n), np.nan)
    if stopped := keep_going(0):
        return weights, stopped
    prepare(strategy, panel, config)
    enabled = config.execution.enabled
    follower = _Follower(simulator, weights if enabled else np.full_like(weights, np.nan))
    sectors = None if caps is None else _Sectors(caps, panel.present)
    desk = OrderDesk(panel.symbols, follower.live_orders, follower.heard)
    look_s = time.perf_counter() + _LOOK_S
    for row, given in enumerate(weights):
        follower.row = row
        if watched is not None and watched[row]:
            continue
        if not ask(strategy, Context(panel, follower.account, given, desk, row), config, follower.goes_on):
            return weights, None
        requests = desk.requests()
        if sectors is not None:
            refuse_own_orders(requests)
            given[:] = sectors.clip(row, given)
        if requests is not None and enabled and follower.place(requests):
            desk.note_ids()
        if time.perf_counter() < look_s:
            continue
        stopped = keep_going(row + 1)
        if not follower.goes_on() or stopped:
            follower.decide()
            return weights, stopped
        look_s = time.perf_counter() + _LOOK_S
    follower.goes_on()
    follower.decide()
    if sectors is not None:
        sectors.tell()
    return weights, keep_going(len(panel))


class _Sectors:
    """Cut weights row by row to what sectors may come to."""

    def __init__(self, caps: SectorCaps, present: NDArray[np.bool_]) -> None:
        self._caps, self._present = caps, present
        self._last = np.zeros(present.shape[1])
        self._cut = 0

    def tell(self) -> None:
        tell_cut(self._cut, len(self._present))

    def clip(self, row: int, weights: Weights) -> Weights:
        present = self._present[row]
        clipped = self._caps.clip(weights, self._last, present)
        self._cut += bool(np.any(~np.isnan(weights) & (weights != clipped)))
        self._last = accepted(clipped, self._last, present)
        return clipped


class _Follower:
    """Bring the simulator up to the close the strategy stands at, when somebody looks."""

    def __init__(self, simulator: Simulator, targets: NDArray[np.float64]) -> None:
        self._simulator = simulator
        self._targets = targets
        self.row = 0

    def goes_on(self) -> bool:
        """Catch up; False if the run has ended, perhaps rows ago."""
        return self._simulator.catch_up(self._targets, self.row)

    def account(self) -> AccountView:
        self.goes_on()
        return self._simulator.account_view()

    def live_orders(self) -> NDArray[np.void]:
        self.goes_on()
        return self._simulator.live_orders()

    def heard(self) -> NDArray[np.void]:
        self.goes_on()
        return self._simulator.heard()

    def place(self, requests: NDArray[np.void]) -> bool:
        """Send requests, and the targets of this close with them; False if the run has ended."""
        if not self.goes_on():
            return False
        self._simulator.decide(self._targets[self.row], requests)
        return True

    def decide(self) -> None:
        """Send what this close's targets need, unless that is done: there is no next row that would."""
        if self._simulator.awaits_decision:
            self._simulator.decide(self._targets[self.row])
