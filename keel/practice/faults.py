"""Which faults have begun, and whom they happen to next.

A fault begins by its trigger and then happens `count` times: to the requests, reports or bars that come. Acts are done
once, by whoever does them. The vocabulary is `keel.config.faults`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from keel.config.faults import ACT_KINDS, KLINE_KINDS, REPORT_KINDS, REQUEST_KINDS, Fault, RandomFaults

Note = Callable[[Fault], None]
_ORDER_REQUESTS: Final = (
    "POST /api/v3/order",
    "DELETE /api/v3/order",
    "POST /v2/orders",
    "DELETE /v2/orders/{order_id}",
)


@dataclass(slots=True)
class _Pending:
    """Hold a fault that has not begun: how many matching requests are still to pass."""

    fault: Fault
    to_pass: int


@dataclass(slots=True)
class _Active:
    """Hold a fault that has begun: how often it is still to happen."""

    fault: Fault
    left: int


class FaultDesk:
    """Hold the faults. `act` does acts, `note` is told of everything that happens."""

    def __init__(self, faults: tuple[Fault, ...], drawn: RandomFaults | None, act: Note, note: Note) -> None:
        self._pending: list[_Pending] = []
        self._active: list[_Active] = []
        self._drawn, self._act, self._note = drawn, act, note
        self._random = random.Random(0 if drawn is None else drawn.seed)  # noqa: S311 - faults, not secrets
        self._faults = faults

    def begin(self) -> None:
        """Begin: faults of the configuration that wait for nothing happen now."""
        for fault in self._faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Add a fault; one without a trigger begins at once."""
        if fault.request is None and fault.row is None and fault.market_ms is None:
            self._start(fault)
        else:
            self._pending.append(_Pending(fault, fault.nth - 1))

    def on_request(self, what: str, *, detail: str = "", signed: bool = False) -> list[Fault]:
        """Return the faults that happen to a request such as `POST /api/v3/order`; others may begin by it.

        `detail` is the request with the type of its order behind it, such as `POST /api/v3/order STOP_LOSS`.
        """
        names, started = (what, detail or what), []
        for pending in [one for one in self._pending if one.fault.request in names]:
            if pending.to_pass > 0:
                pending.to_pass -= 1
            else:
                self._pending.remove(pending)
                started.append(pending.fault)
        for fault in started:
            self._start(fault)
        if signed:
            self._draw_for_request(what)
        return self._take(REQUEST_KINDS, lambda fault: fault.request in (None, *names))

    def on_row(self, row: int, now_ms: int) -> list[Fault]:
        """Return the faults that happen to the bar that closes now; others may begin by it."""
        for pending in list(self._pending):
            fault = pending.fault
            if (fault.row is not None and fault.row <= row) or (
                fault.market_ms is not None and fault.market_ms <= now_ms
            ):
                self._pending.remove(pending)
                self._start(fault)
        if self._drawn is not None and self._random.random() < self._drawn.per_bar:
            self._start_drawn((*KLINE_KINDS, *ACT_KINDS))
        return self._take(KLINE_KINDS, lambda _fault: True)

    def on_report(self, kind: str, symbol: str) -> bool:
        """Say whether a fault of a kind happens to this report; it is used up by that."""
        return bool(self._take((kind,), lambda fault: fault.symbol in (None, symbol), most=1))

    def _start(self, fault: Fault) -> None:
        if fault.kind in ACT_KINDS:
            self._note(fault)
            self._act(fault)
        else:
            self._active.append(_Active(fault, fault.count))

    def _take(self, kinds: tuple[str, ...], fits: Callable[[Fault], bool], most: int = 1_000) -> list[Fault]:
        taken = []
        for active in [one for one in self._active if one.fault.kind in kinds and fits(one.fault)][:most]:
            active.left -= 1
            if active.left <= 0:
                self._active.remove(active)
            self._note(active.fault)
            taken.append(active.fault)
        return taken

    def _draw_for_request(self, what: str) -> None:
        if self._drawn is not None and self._random.random() < self._drawn.per_request:
            kinds = (*REQUEST_KINDS, *REPORT_KINDS, *ACT_KINDS)
            self._start_drawn(kinds if what in _ORDER_REQUESTS else ("drop_request", "drop_response", "slow"))

    def _start_drawn(self, kinds: tuple[str, ...]) -> None:
        if self._drawn is None:
            return
        wanted = [kind for kind in self._drawn.kinds if kind in kinds and kind not in _NEED_MORE]
        if wanted:
            self._start(Fault(kind=self._random.choice(wanted), seconds=self._drawn.seconds))


_NEED_MORE: Final = ("change_filter", "balance_change", "clock_shift")
"""Kinds that mean nothing without values: they are never drawn."""
