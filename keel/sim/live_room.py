"""A room whose bars come one row at a time, for ever: what is long past makes way, and memory stays what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.layout import BAR, EVENT, ORDER
from keel.sim.halves_nb import relink_nb
from keel.sim.room import Records, Room
from keel.sim.splitting import split_instrument

_ROWS: Final = 4096
"""Rows there is room for before the oldest make way."""
_LONG_AGO: Final = -1
"""The first row of a run that began on bars which are not here."""

RUN_STATE: Final = (
    *("status", "trading_state", "kill_switch", "day", "next_order_id", "cash", "equity", "last_local_equity"),
    *("day_start_equity", "peak_equity", "last_close_ts_ms", "rate_ts_ms", "rate_tokens", "has_linked"),
    *("halted_ts_ms", "timeouts", "volume_today", "volume_by_day"),
)
"""Fields of RUN that a run changes and its next decisions go by."""
SLOT_STATE: Final = (
    *("fee_rate", "maker_rate", "qty", "avg_price", "mark", "rate", "value", "atr", "bar_count", "var_short"),
    *("var_long", "match_ts_ms", "meta_qty", "meta_volume", "meta_bar", "last_weight", "target_qty", "pursue"),
    "session_day",
)
"""Fields of SLOT likewise."""


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

    def capture(self) -> dict[str, Any]:
        """Return what the run has come to, as values that JSON can hold: no parameters, and of bars the last."""
        run, tape = self._run[0], self._tape
        waiting = np.arange(int(run["tape_head"]), int(run["tape_tail"])) & (len(tape) - 1)
        orders = self._orders[: int(run["n_orders"])].copy()
        orders["look_row"] -= self.row
        return {
            "run": _values(run, RUN_STATE),
            "slots": [_values(slot, SLOT_STATE) for slot in self._slots],
            "bars": [_values(self._bars[slot["bar_row"], i], BAR.names or ()) for i, slot in enumerate(self._slots)],
            "orders": [_values(order, ORDER.names or ()) for order in orders],
            "waiting": [_values(event, EVENT.names or ()) for event in tape[waiting] if event["known_row"] < 0],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where a captured run stood, before any row is taken. Raises ValueError for another run's."""
        if len(state["slots"]) != len(self._slots):
            raise ValueError(f"it is of {len(state['slots'])} instruments, there are {len(self._slots)}")
        run, n = self._run[0], len(state["orders"])
        for record, values in zip(self._bars[0], state["bars"], strict=True):
            _fill(record, values)
        run["row"] = 1
        self._orders = np.zeros(max(len(self._orders), 2 * n), ORDER)
        _fill(self._run[0], state["run"])
        for record, values in zip(self._slots, state["slots"], strict=True):
            _fill(record, values)
        for record, values in zip(self._orders[:n], state["orders"], strict=True):
            _fill(record, values)
        self._orders["look_row"][:n] += self.row
        run["n_orders"], run["first_row"] = n, _LONG_AGO
        relink_nb(self._run, self._slots, self._orders)
        while len(self._tape) < 2 * len(state["waiting"]):
            self._grow_tape()
        for values in state["waiting"]:
            event = self._tape[int(run["tape_tail"]) & (len(self._tape) - 1)]
            _fill(event, values)
            event["row"] = self.row
            run["tape_tail"] += 1
        self._begun = True

    def split(self, instrument: int, ratio: float) -> None:
        """Turn one unit of an instrument into `ratio` new ones, between two rows: book, marks, orders, what was heard.

        It is no gain and no loss. `bars` that come are in new units.
        """
        run, tape = self._run[0], self._tape
        waiting = np.arange(int(run["tape_head"]), int(run["tape_tail"])) & (len(tape) - 1)
        heard = (tape[place] for place in waiting if tape[place]["known_row"] < 0)
        orders = self._orders[: int(run["n_orders"])]
        split_instrument(self._slots[instrument], orders, heard, instrument, ratio)

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


def _values(record: np.void, names: Iterable[str]) -> dict[str, Any]:
    return {name: record[name].tolist() for name in names}


def _fill(record: np.void, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        record[name] = value
