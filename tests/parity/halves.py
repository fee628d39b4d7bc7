"""Play a case by the simulator's two halves, each with arrays of its own, as a dry run does."""

from __future__ import annotations

import numpy as np

from keel.domain.layout import EVENT, LOCAL
from keel.domain.orders import EventKind
from keel.sim.engine import Simulator
from keel.sim.event_log import EventLog
from keel.sim.exchange import Exchange
from keel.sim.local import LocalDesk

from .kernel_adapter import Arrays, run_in_steps

OURS = (EventKind.SUBMITTED, EventKind.DENIED)
LATER = ("known_row",)
"""What the two forms may note differently: a run that ends tells nobody any more."""


class KeptExchange(Exchange):
    """Keep every event, as a Simulator does."""

    def keep_events(self) -> None:
        self._log = EventLog()

    def _drain(self) -> None:
        run = self._run[0]
        first, last = int(run["tape_drained"]), int(run["tape_head"])
        if last > first and self._before is None:
            self._log.append(self._tape, first, last, 0.5)
            run["tape_drained"] = last

    @property
    def events(self) -> np.ndarray:
        self._drain()
        run = self._run[0]
        return self._log.followed_by(self._tape, int(run["tape_drained"]), int(run["tape_tail"])).copy()


class Halves:
    """Hold both halves after they have played a case, and our half's own events."""

    def __init__(self, arrays: Arrays) -> None:
        bars, run, slots, fine, actions, rates = arrays.inputs
        more = {"rates": len(rates) > 0, "fine": fine, "actions": actions}
        self.exchange = KeptExchange(run, slots, **more)
        self.exchange.keep_events()
        self.desk = LocalDesk(run, slots, rates=len(rates) > 0)
        self.ours = [np.zeros(0, EVENT)]
        self.marks: list[np.ndarray] = []
        self.rows = 0
        for k in range(len(bars)):
            if not self._play(bars[k], rates[k] if len(rates) else None):
                break
            self._decide(arrays.targets[k], arrays.requests[k])

    def _play(self, bars: np.ndarray, rates: np.ndarray | None) -> bool:
        heard = self.exchange.play_row(bars, rates)
        for event in heard:
            self.desk.hear(np.array([event], EVENT))
        for order in self.desk.live_orders():
            there = self.exchange.order(int(order["id"]))
            if there is not None:
                self.desk.follow(there)
        self.desk.follow_fees(self.exchange._slots["fee_rate"], self.exchange._slots["maker_rate"])
        self.rows += 1
        self.desk.close_row(bars, int(bars[0]["close_ts_ms"]), rates)
        self.marks.append(self.exchange._marks[0].copy())
        return self.exchange.status == 0

    def _decide(self, weights: np.ndarray, requests: np.ndarray) -> None:
        tail = int(self.desk._run[0]["tape_tail"])
        sent = self.desk.decide(weights, requests)
        at = np.arange(tail, int(self.desk._run[0]["tape_tail"])) & (len(self.desk._tape) - 1)
        self.ours.append(self.desk._tape[at].copy())
        for order in sent.orders:
            self.exchange.submit(np.array([order], order.dtype))
        for order in sent.cancels:
            self.exchange.take_back(np.array([order], order.dtype))
        for order in sent.amends:
            self.exchange.amend(np.array([order], order.dtype))


def halves_differ(arrays: Arrays) -> str:
    """Say in what the halves differ from the whole; an empty text if they do not."""
    whole, halves = run_in_steps(arrays), Halves(arrays)
    events = whole.events
    ended = np.isin(events["reason"], [17]) & ~np.isin(events["kind"], OURS)
    theirs = events[~np.isin(events["kind"], OURS) & ~ended]
    ours = events[np.isin(events["kind"], OURS)]
    mine = halves.exchange.events
    mine = mine[~np.isin(mine["kind"], OURS)]
    return (
        _first("venue event", theirs, mine, LATER)
        or _first("own event", ours, np.concatenate(halves.ours), LATER)
        or _first("mark", whole.marks, np.array(halves.marks, whole.marks.dtype), ())
        or _books(whole, halves)
    )


def _first(kind: str, expected: np.ndarray, found: np.ndarray, left_out: tuple[str, ...]) -> str:
    names = [name for name in expected.dtype.names or () if name not in left_out]
    for n, (a, b) in enumerate(zip(expected, found, strict=False)):
        for name in names:
            if a[name].tobytes() != b[name].tobytes():
                return f"{kind} {n}: {name} is {a[name]} in the whole, {b[name]} in the halves\n  {a}\n  {b}"
    if len(expected) == len(found):
        return ""
    more = expected[len(found) :] if len(expected) > len(found) else found[len(expected) :]
    return f"{len(expected)} {kind}s in the whole, {len(found)} in the halves; the first of the rest: {more[0]}"


def _books(whole: Simulator, halves: Halves) -> str:
    if whole.run_record["cash"][LOCAL] != halves.desk.run_record["cash"][LOCAL]:
        return "local cash differs"
    if whole.run_record["trading_state"] != halves.desk.run_record["trading_state"]:
        return "trading state differs"
    a, b = whole.account_view(), halves.desk.account_view()
    for name in ("position_qty", "average_price"):
        if getattr(a, name).tobytes() != getattr(b, name).tobytes():
            return f"{name}: {getattr(a, name)} in the whole, {getattr(b, name)} in the halves"
    return ""
