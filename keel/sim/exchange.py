"""The venue's half of the simulator by itself: orders come from outside, and what they lead to is told.

A row begins with its bars, which say what the market will do until they close. Whoever learns what happens bar by bar
plays it whole (`play_row`); whoever has to tell it as time goes by asks for the events up to now (`events_until`).
What arrives in the middle of a row has it played again from its beginning, so that the end is that of a backtest in
which the same orders arrived at the same moments.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.grid_nb import grid_floor_nb
from keel.domain.layout import EVENT, ORDER, VENUE
from keel.domain.orders import EventKind, Reason, RunStatus
from keel.portfolio.books_nb import apply_fill_nb, equity_nb
from keel.sim.event_log import ring_part
from keel.sim.fees_nb import charge_match_nb
from keel.sim.halves_nb import take_cancel_nb, take_order_nb, watch_row_nb
from keel.sim.live_room import LiveRoom
from keel.sim.room import Records

_STATE: Final = ("_run", "_slots", "_orders", "_tape")
"""What playing a row changes, besides the row's mark."""
_OURS: Final = (EventKind.SUBMITTED, EventKind.DENIED)
_CANCEL: Final = ("cancel_requested", "cancel_reason", "cancel_ts_ms")
_AMEND: Final = (
    *("amend_requested", "n_amends", "amend_ts_ms", "amend_qty", "amend_limit_price", "amend_trigger_price"),
)
"""Fields of an order that its owner changes after it was sent."""
_NO_EVENTS: Final = np.zeros(0, EVENT)


class Exchange(LiveRoom):
    """Match orders on the bars of N instruments for one account, which has a book of its own.

    `run` is RUN (1,) and `slots` SLOT (N,) as `keel.sim.parameters` makes them: costs, latencies, seed, cash, rules.
    """

    def __init__(
        self,
        run: Records,
        slots: Records,
        *,
        rates: bool = False,
        fine: Records | None = None,
        actions: Records | None = None,
    ) -> None:
        super().__init__(run, slots, rates=rates, fine=fine, actions=actions)
        self._before: dict[str, Records] | None = None
        self._played = _NO_EVENTS
        self._told = 0
        self._started = 0

    def watch_row(self, bars: Records, rates: NDArray[np.float64] | None = None) -> None:
        """Let a row, BAR (N,), pass before trading begins: volatility and marks move."""
        row = self._append(bars, rates)
        watch_row_nb(self._bars, self._rates, self._run, self._slots, row)

    def begin_row(self, bars: Records, rates: NDArray[np.float64] | None = None) -> None:
        """Begin the next row, BAR (N,); a row still open ends first. Raises ValueError for an earlier one."""
        if self._before is not None:
            self.end_row()
        if self.row and bars[0]["close_ts_ms"] <= self.run_record["last_close_ts_ms"]:
            raise ValueError("rows come in the order of their closes")
        self._append(bars, rates)
        self._make_room()
        self._before = {name: getattr(self, name).copy() for name in _STATE}
        self._started = self._told = int(self._run[0]["tape_tail"])
        self._play()

    def submit(self, order: Records, now_ms: int = 0) -> None:
        """Take an order, ORDER (1,), decided at its `submit_ts_ms`; it arrives after `now_ms`.

        With `arrival_ts_ms` below 0 its way is drawn by its key: `birth_ts_ms`, `seq` and its instrument. Raises
        ValueError for an id that is taken.
        """
        self._rewind()
        if self._place(int(order[0]["id"])) is not None:
            raise ValueError(f"order {order[0]['id']} is here already")
        self._make_room()
        take_order_nb(self._bars, self._run, self._slots, self._orders, order.copy(), now_ms)
        self._replay()

    def cancel(
        self, order_id: int, decided_ts_ms: int, now_ms: int = 0, reason: Reason = Reason.CLIENT_REQUEST
    ) -> bool:
        """Take a cancel of an order, which arrives after `now_ms`; False where there is no such order alive."""
        self._rewind()
        place = self._place(order_id)
        if place is not None:
            state = (self._bars, self._run, self._slots, self._orders)
            take_cancel_nb(*state, place, int(reason), decided_ts_ms, now_ms)
        self._replay()
        return place is not None

    def take_back(self, order: Records) -> None:
        """Take the cancel that an order's own record, ORDER (1,), has on its way; of one that is gone, nothing."""
        self._change(order, _CANCEL)

    def amend(self, order: Records) -> None:
        """Take the amend that an order's own record, ORDER (1,), has on its way; of one that is gone, nothing."""
        self._change(order, _AMEND)

    def _change(self, order: Records, fields: tuple[str, ...]) -> None:
        self._rewind()
        place = self._place(int(order[0]["id"]))
        if place is not None:
            for name in fields:
                self._orders[place][name] = order[0][name]
        self._replay()

    def book(self, instrument: int, side: int, qty: float, price: float, fee: float, fee_qty: float) -> None:
        """Book a trade that was made without an order of here, between two rows; equity is that of after it.

        `fee` is account currency; where `fee_qty` (base units) is kept from what is bought, no cash is paid for it.
        """
        run, slot = self._run[0], self._slots[instrument]
        apply_fill_nb(run, slot, VENUE, side, qty, price, fee, fee_qty, slot["rate"])
        run["equity"][VENUE] = equity_nb(run, self._slots, VENUE)

    def fee_of(self, instrument: int, side: int, qty: float, price: float) -> float:
        """Return what the parameters charge a taker for one trade, account currency."""
        order = np.zeros(1, ORDER)[0]
        order["side"], order["match_qty"], order["match_price"] = side, qty, price
        charge_match_nb(self._slots[instrument], order)
        return float(order["match_fee"])

    def closable(self, instrument: int) -> float:
        """Return the whole steps of a position in the venue's book, base units, below 0 of a short."""
        slot = self._slots[instrument]
        held = float(slot["qty"][VENUE])
        steps = float(grid_floor_nb(abs(held), slot["step_mantissa"], slot["step_scale"]))
        return steps if held > 0.0 else -steps

    def play_row(self, bars: Records, rates: NDArray[np.float64] | None = None) -> Records:
        """Play a row whole; return the EVENT records whose responses are known at its close, in their order."""
        self.begin_row(bars, rates)
        self.end_row()
        return self.heard()

    def heard(self) -> Records:
        """Return the EVENT records whose responses became known at the close of the row that ended last, in order."""
        return self._heard_at(self.row - 1)

    def events_until(self, ts_ms: int) -> Records:
        """Return the EVENT records up to a moment of the open row that have not been told yet, in their order."""
        if self._before is None:
            return _NO_EVENTS
        fresh = self._row_events(self._told)
        n = int(np.searchsorted(fresh["ts_ms"], ts_ms, "right"))
        self._told += n
        return _venue_s_own(fresh[:n])

    def next_event_ts_ms(self) -> int | None:
        """Return when the next event of the open row is that has not been told yet."""
        fresh = _NO_EVENTS if self._before is None else self._row_events(self._told)
        return int(fresh["ts_ms"][0]) if len(fresh) else None

    def end_row(self) -> Records:
        """End the open row; return its EVENT records that have not been told yet, in their order."""
        if self._before is None:
            return _NO_EVENTS
        fresh = self._row_events(self._told).copy()
        self._before = None
        return _venue_s_own(fresh)

    def order(self, order_id: int) -> Records | None:
        """Return a copy of an order as the end of the open row leaves it, ORDER (1,), or None once it is forgotten."""
        place = self._place(order_id)
        return None if place is None else self._orders[place : place + 1].copy()

    @property
    def venue_cash(self) -> float:
        """Return the cash of the venue's book as the end of the open row leaves it."""
        return float(self._run[0]["cash"][VENUE])

    @property
    def venue_qty(self) -> NDArray[np.float64]:
        """Return the positions of the venue's book, base units (N,), as the end of the open row leaves them."""
        qty: NDArray[np.float64] = self._slots["qty"][:, VENUE].copy()
        return qty

    @property
    def venue_equity(self) -> float:
        """Return the equity of the venue's book at the last close."""
        return float(self._run[0]["equity"][VENUE])

    def _row_events(self, first: int) -> Records:
        return ring_part(self._tape, first, int(self._run[0]["tape_tail"]))

    def _place(self, order_id: int) -> int | None:
        ids = self._orders["id"][: int(self._run[0]["n_orders"])]
        place = int(np.searchsorted(ids, order_id))
        return place if place < len(ids) and ids[place] == order_id else None

    def _rewind(self) -> None:
        """Go back to the beginning of the row that is open."""
        if self._before is not None:
            self._played = self._row_events(self._started)[: self._told - self._started].copy()
            for name, state in self._before.items():
                setattr(self, name, state.copy())

    def _replay(self) -> None:
        """Play the open row again. What has been told of it must come out the same."""
        if self._before is None:
            return
        self._before = {name: getattr(self, name).copy() for name in _STATE}
        self._play()
        again = self._row_events(self._started)[: len(self._played)]
        if not _alike(again, self._played):
            raise RuntimeError("what arrived in a row has changed what was told of it before")

    def _play(self) -> None:
        while not self._play_room(self.row + 1, self._no_weights, self._no_targets):
            if self.status is not RunStatus.NO_ROOM:
                return
            self._make_room()
            self._before = {name: getattr(self, name).copy() for name in _STATE}


def _venue_s_own(events: Records) -> Records:
    """Leave out what is our own doing."""
    own: Records = events[~np.isin(events["kind"], _OURS)]
    return own


def _alike(events: Records, others: Records) -> bool:
    """Say whether events are the same to the bit; what lies between their fields says nothing."""
    names = events.dtype.names or ()
    return len(events) == len(others) and all(events[name].tobytes() == others[name].tobytes() for name in names)
