"""A room whose bars come one row at a time, for ever: what is long past makes way, and memory stays what it is."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.layout import BAR
from keel.sim.room import Records, Room

_ROWS: Final = 4096
"""Rows there is room for before the oldest make way."""


class LiveRoom(Room):
    """Hold a run of N instruments without an end. `run` is RUN (1,), `slots` SLOT (N,), with cash and parameters set.

    `rates` says whether rows come with the rates of their quote currencies; `fine` and `actions` are as a Simulator's.
    """

    def __init__(
        self,
        run: Records,
        slots: Records,
        *,
        rates: bool = False,
        fine: Records | None = None,
        actions: Records | None = None,
        rows: int = _ROWS,
        order_room: int = 64,
        tape_room: int = 1024,
    ) -> None:
        n = len(slots)
        super().__init__(
            np.zeros((rows, n), BAR),
            run,
            slots,
            fine=fine,
            actions=actions,
            rates=np.ones((rows, n)) if rates else None,
            order_room=order_room,
            tape_room=tape_room,
        )
        self._begun = False

    def _append(self, bars: Records, rates: NDArray[np.float64] | None) -> int:
        """Put the next row, BAR (N,), where `row` points and return that; rates are (N,), if there are any."""
        if self.row == len(self._bars):
            self._forget_rows(len(self._bars) // 2)
        row = self.row
        self._bars[row] = bars
        if len(self._rates):
            self._rates[row] = 1.0 if rates is None else rates
        if not self._begun:
            self._begun = True
            self._run[0]["last_close_ts_ms"] = int(bars[0]["open_ts_ms"])
            self._run[0]["rate_ts_ms"] = int(bars[0]["close_ts_ms"])
            if len(self._rates):
                self._slots["rate"] = self._rates[row]
        return row

    def _forget_rows(self, n: int) -> None:
        """Let the oldest `n` rows go; an instrument whose newest bar is among them keeps that in the first row left."""
        for i, slot in enumerate(self._slots):
            if slot["bar_row"] < n:
                self._bars[n, i] = self._bars[slot["bar_row"], i]
                slot["bar_row"] = n
        kept = len(self._bars) - n
        self._bars[:kept] = self._bars[n:].copy()
        if len(self._rates):
            self._rates[:kept] = self._rates[n:].copy()
        run = self._run[0]
        run["row"] -= n
        run["first_row"] = max(-1, int(run["first_row"]) - n)
        self._slots["bar_row"] -= n
        self._orders["look_row"] -= n
        self._tape["row"] -= n
        known = self._tape["known_row"] >= 0
        self._tape["known_row"][known] = np.maximum(self._tape["known_row"][known] - n, 0)
