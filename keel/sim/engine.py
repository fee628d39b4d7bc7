"""The simulator as Python sees it: arrays in, marks and events out. Every mode drives this one class."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.orders import RunStatus
from keel.domain.sessions import Activity
from keel.sim import kernel_nb
from keel.sim.event_log import EventLog
from keel.sim.room import Records, Room

_FIRST_CHUNK: Final = 4_000
"""Bars played before the first look at the kill switch; every trade of a bar costs about a microsecond."""
_CHUNK_S: Final = 0.003
"""Wall time to play between two looks; where trading sets in, the same bars may take twenty times as long (rule 18)."""
_MOST_GROWTH: Final = 8.0
"""Times the bars of one chunk that the next one may have."""
_MOST_BARS: Final = 30_000
"""Bars of one chunk at most: where every one of them trades they take less than half of what rule 18 grants."""


class Simulator(Room):
    """Hold one run's bars, state and results, and play it: whole (`run`) or a row at a time (`advance`, `decide`).

    `bars` is BAR of shape (rows, N); `run` is RUN of shape (1,) with parameters and starting cash set; `slots` is SLOT
    of shape (N,); `fine` is BAR of shape (M,) for the reference price model; `actions` is ACTION of shape (A,), by
    instrument and time, with each instrument's range in its slot; `rates` is float64 of shape (rows, N), account
    currency per unit of quote currency, or (0, N) where both are the same; `activities` is Activity, (rows,), what may
    be done at the close of each row, or None for everything at all of them. State is set up here; the arrays given are
    copied, except bars, actions, rates and activities. Raises ValueError for arrays that do not fit each other.
    """

    def __init__(
        self,
        bars: Records,
        run: Records,
        slots: Records,
        fine: Records | None = None,
        actions: Records | None = None,
        rates: NDArray[np.float64] | None = None,
        activities: NDArray[np.uint8] | None = None,
        *,
        first_row: int = 0,
        order_room: int = 64,
        tape_room: int = 4096,
    ) -> None:
        if bars.ndim != 2 or bars.shape[1] != len(slots) or not 0 <= first_row < len(bars):
            raise ValueError(f"bars of shape {bars.shape} do not fit {len(slots)} instruments from row {first_row}")
        if rates is not None and len(rates) and rates.shape != bars.shape:
            raise ValueError(f"rates of shape {rates.shape} do not fit bars of shape {bars.shape}")
        if activities is not None and activities.shape != bars.shape[:1]:
            raise ValueError(f"activities of shape {activities.shape} do not fit {len(bars)} rows")
        super().__init__(
            bars,
            run,
            slots,
            fine=fine,
            actions=actions,
            rates=rates,
            marks=len(bars),
            first_row=first_row,
            order_room=order_room,
            tape_room=tape_room,
        )
        self._activities = activities
        self._log = EventLog()
        self._decided = True
        self._next = first_row

    def run(self, targets: NDArray[np.float64], pause: Callable[[int], bool] | None = None) -> None:
        """Play all rows with target weights of shape (rows, N), NaN for no new target.

        `pause` is called with the number of rows played every few milliseconds of work; it returns False to stop there.
        Raises ValueError for targets of another shape or type.
        """
        if targets.shape != self._bars.shape or targets.dtype != np.float64:
            raise ValueError(f"targets are float64 of shape {self._bars.shape}, got {targets.dtype} {targets.shape}")
        for row in self._chunks(targets):
            if pause is not None and not pause(row):
                return

    def _chunks(self, targets: NDArray[np.float64]) -> Iterator[int]:
        rows = max(1, _FIRST_CHUNK // len(self._slots))
        while self.status is RunStatus.RUNNING and self.row < len(self._bars):
            started_s = time.perf_counter()
            stop = min(len(self._bars), self.row + rows)
            self._make_room()
            self._play_until(stop, targets, self._no_weights)
            yield self._next
            # A busier stretch may follow a quiet one: a chunk grows by steps, and shrinks at once.
            share = _CHUNK_S / max(time.perf_counter() - started_s, 1e-9)
            rows = max(1, min(int(rows * min(share, _MOST_GROWTH)), _MOST_BARS // len(self._slots)))

    def advance(self, weights: NDArray[np.float64] | None = None) -> bool:
        """Decide by `weights`, if they are given, as `decide` does, then play the venue's side of the next row.

        False at the end of the bars or once the run has stopped: there is no decision to take then. Raises ValueError
        for weights where there is no row to decide on.
        """
        decided = self._no_weights
        if weights is not None and self.activity(self._next - 1) is Activity.TRADE:
            self._take_turn()
            decided = weights
        elif weights is not None:
            self.decide(weights)
        while True:
            if self._play_room(min(self._next + 1, len(self._bars)), decided, self._no_targets):
                self._decided = False
                self._next += 1
                return True
            if self.status is not RunStatus.NO_ROOM:
                return False
            self._make_room()
            decided = self._no_weights

    @property
    def awaits_decision(self) -> bool:
        """Say whether nothing has been decided yet on the row last played."""
        return not self._decided

    def catch_up(self, targets: NDArray[np.float64], row: int) -> bool:
        """Play up to the close of `row`, deciding by `targets` (rows, N) at each row before it that is undecided.

        False once the run has stopped. A row that has been played already is no error.
        """
        if self._next > row:
            return self.status is RunStatus.RUNNING
        undecided = None if self._decided else targets[self._next - 1]
        if undecided is not None and self.activity(self._next - 1) is not Activity.TRADE:
            self.decide(undecided)
            undecided = None
        if self._next < row:
            self._decided = True
            self._play_until(row, targets, self._no_weights if undecided is None else undecided)
            undecided = None
        return self.advance(undecided)

    def activity(self, row: int) -> Activity:
        """Return what may be done at the close of a row: nothing is decided there with WATCH, whatever is given."""
        return Activity.TRADE if self._activities is None else Activity(int(self._activities[row]))

    def _play_until(self, stop: int, targets: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        """Decide by `weights` on the row played last, unless there are none; play up to `stop`, deciding by targets."""
        for until, activity in self._stretches(stop):
            decides = activity is Activity.TRADE
            self._play_stretch(until, targets if decides else self._no_targets, weights)
            weights = self._no_weights
            if self.status is not RunStatus.RUNNING or self.row < until:
                break
            if activity is Activity.REDUCE:
                self._decide_row(targets[until - 1], self._no_requests, entries=False)
        self._next = self.row

    def _play_stretch(self, stop: int, targets: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        self._play_room(stop, weights, targets)
        while self.status is RunStatus.NO_ROOM:
            self._make_room()
            self._play_room(stop, self._no_weights, targets)

    def _stretches(self, stop: int) -> Iterator[tuple[int, Activity]]:
        """Yield where the next rows of one activity end, up to `stop`; each row of REDUCE by itself."""
        first = self.row
        if self._activities is None or first >= stop:
            yield stop, Activity.TRADE
            return
        ahead = self._activities[first:stop]
        ends = np.flatnonzero((ahead[1:] != ahead[:-1]) | (ahead[:-1] == Activity.REDUCE)) + 1
        for end in (*ends.tolist(), len(ahead)):
            yield first + end, Activity(int(ahead[end - 1]))

    def _take_turn(self) -> None:
        if self._decided:
            raise ValueError("one decision a row: advance first")
        self._decided = True

    def decide(self, weights: NDArray[np.float64], requests: Records | None = None) -> None:
        """Take what was decided at the close of the row last played and send the orders it needs.

        `weights` is float64 (N,), NaN for no new target; `requests` is REQUEST (R,), what is asked for besides. What
        `activity` does not allow there is left out.
        Raises ValueError where there is no row to decide on: before the first, or a second time.
        """
        self._take_turn()
        activity = self.activity(self._next - 1)
        if activity is Activity.WATCH:
            return
        asked = self._no_requests if requests is None else requests
        if len(asked):
            self._make_room(len(asked))
        self._decide_row(weights, asked, entries=activity is Activity.TRADE)

    def finish(self) -> None:
        """End the run: what is still open is cancelled, positions stay. Nothing can be played afterwards."""
        while len(self._tape) < int(self._run[0]["tape_tail"] - self._run[0]["tape_head"]) + len(self._orders):
            self._grow_tape()
        self._drain()
        kernel_nb.finish_nb(self._bars, self._run, self._slots, self._orders, self._tape)
        self._drain()
        if self.status is RunStatus.RUNNING:
            self._run[0]["status"] = RunStatus.DONE

    def trip_kill_switch(self) -> None:
        """Deny every order from here on (rule 17)."""
        self._run[0]["kill_switch"] = 1

    def heard(self) -> Records:
        """Return the EVENT records that became known at the row last played, in the order they happened."""
        return self._heard_at(self._next - 1)

    @property
    def marks(self) -> Records:
        """Return the MARK records of the rows played."""
        return self._marks[int(self._run[0]["first_row"]) : self.row]

    @property
    def events(self) -> Records:
        """Return all EVENT records so far, in the order they happened."""
        self._drain()
        run = self._run[0]
        return self._log.followed_by(self._tape, int(run["tape_drained"]), int(run["tape_tail"]))

    def _drain(self) -> None:
        """Take off the ring what is delivered; a split may still hurry the responses of the rest."""
        run = self._run[0]
        first, last = int(run["tape_drained"]), int(run["tape_head"])
        if last > first:
            self._log.append(self._tape, first, last, int(run["row"]) / len(self._bars))
            run["tape_drained"] = last
