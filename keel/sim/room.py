"""The arrays of one run, and their room to grow: what the simulator and its two halves have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from keel.domain.account import AccountView
from keel.domain.layout import ACTION, BAR, EVENT, LOCAL, MARK, ORDER, REQUEST
from keel.domain.orders import RunStatus, TradingState
from keel.sim import kernel_nb
from keel.sim.event_log import ring_part
from keel.sim.start_nb import start_run_nb

Records = NDArray[np.void]


class Room:
    """Hold a run's arrays; `bars` is BAR of shape (rows, N). The arrays given are copied, except bars and rates."""

    def __init__(
        self,
        bars: Records,
        run: Records,
        slots: Records,
        *,
        fine: Records | None = None,
        actions: Records | None = None,
        rates: NDArray[np.float64] | None = None,
        marks: int = 1,
        first_row: int = 0,
        order_room: int = 64,
        tape_room: int = 4096,
    ) -> None:
        self._bars = bars
        self._actions = np.zeros(0, ACTION) if actions is None else actions
        self._rates = np.zeros((0, len(slots))) if rates is None else np.ascontiguousarray(rates, np.float64)
        self._fine = np.zeros(0, BAR) if fine is None else fine
        self._no_targets = np.zeros((0, len(slots)))
        self._no_weights = np.zeros(0)
        self._no_requests = np.zeros(0, REQUEST)
        self._run = run.copy()
        self._slots = slots.copy()
        self._orders = np.zeros(order_room, ORDER)
        # The ring is indexed by masking, which needs a power of two.
        self._tape = np.zeros(1 << (tape_room - 1).bit_length(), EVENT)
        self._marks = np.empty(marks, MARK)  # each row that is shown has been written whole
        start_run_nb(self._bars, self._rates, self._run, self._slots, first_row)

    @property
    def row(self) -> int:
        """Return how far the run has come: the next row to play."""
        return int(self._run[0]["row"])

    @property
    def status(self) -> RunStatus:
        """Return how the run stands."""
        return RunStatus(int(self._run[0]["status"]))

    @property
    def run_record(self) -> np.void:
        """Return the live RUN record: read it, never write it."""
        record: np.void = self._run[0]
        return record

    def account_view(self) -> AccountView:
        """Return a snapshot of the local book."""
        return account_view_of(self._run, self._slots)

    @property
    def mark_rates(self) -> NDArray[np.float64]:
        """Return account currency per unit of each instrument's quote currency as of now, shape (N,)."""
        rates: NDArray[np.float64] = self._slots["rate"].copy()
        return rates

    def live_orders(self) -> Records:
        """Return a copy of the ORDER records whose end is not known locally, in id order."""
        orders = self._orders[: int(self._run[0]["n_orders"])]
        live: Records = orders[orders["local_final"] == 0]
        return live

    def _heard_at(self, row: int) -> Records:
        """Return the EVENT records that became known at a row, the one last played, in the order they happened."""
        run = self._run[0]
        told = ring_part(self._tape, int(run["told_from"]), int(run["tape_tail"]))
        heard: Records = told[told["known_row"] == row]
        return heard

    def _play_room(self, stop: int, weights: NDArray[np.float64], targets: NDArray[np.float64]) -> bool:
        goes_on: bool = kernel_nb.play_nb(
            self._bars,
            self._fine,
            self._actions,
            self._rates,
            weights,
            targets,
            self._marks,
            self._run,
            self._slots,
            self._orders,
            self._tape,
            stop,
        )
        return goes_on

    def _decide_row(self, weights: NDArray[np.float64], requests: Records, *, entries: bool) -> None:
        """Decide on the row played last. Without `entries` only what closes may go, as if the guard were REDUCING."""
        run = self._run[0]
        held_back = not entries and run["trading_state"] == TradingState.ACTIVE
        if held_back:
            run["trading_state"] = TradingState.REDUCING
        kernel_nb.decide_nb(
            self._bars, weights, requests, self._run, self._slots, self._orders, self._tape, self.row - 1
        )
        if held_back:
            run["trading_state"] = TradingState.ACTIVE

    def _drain(self) -> None:
        """Let go of what is delivered."""
        self._run[0]["tape_drained"] = self._run[0]["tape_head"]

    def _make_room(self, requests: int = 0) -> None:
        """Drain the tape, and double whatever is still too small for the next row, or for a decision's requests."""
        self._drain()
        run = self._run[0]
        live, sent = int(run["n_orders"]), kernel_nb.ORDERS_PER_DECISION * (len(self._slots) + requests)
        if live + sent > len(self._orders):
            grown = np.zeros(max(2 * len(self._orders), live + sent), ORDER)
            grown[:live] = self._orders[:live]
            self._orders = grown
        needed = kernel_nb.EVENTS_PER_ORDER * live + 2 * sent + 1 + len(self._actions)
        while len(self._tape) - int(run["tape_tail"] - run["tape_head"]) < needed:
            self._grow_tape()
        if self.status is RunStatus.NO_ROOM:
            run["status"] = RunStatus.RUNNING

    def _grow_tape(self) -> None:
        run = self._run[0]
        waiting = np.arange(int(min(run["tape_head"], run["tape_drained"])), int(run["tape_tail"]))
        grown = np.zeros(2 * len(self._tape), EVENT)
        grown[waiting & (len(grown) - 1)] = self._tape[waiting & (len(self._tape) - 1)]
        self._tape = grown


def account_view_of(run: Records, slots: Records) -> AccountView:
    """Return what RUN (1,) and SLOT (N,) say of the local book, as copies."""
    return AccountView(
        equity=float(run[0]["equity"][LOCAL]),
        cash=float(run[0]["cash"][LOCAL]),
        position_qty=slots["qty"][:, LOCAL].copy(),
        average_price=slots["avg_price"][:, LOCAL].copy(),
        mark_price=slots["mark"].copy(),
        rate=slots["rate"].copy(),
        peak_equity=float(run[0]["peak_equity"]),
    )
