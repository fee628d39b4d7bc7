"""What the risk guard lets through, its latches worked out from the marks (rule 17)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from parity.case import Case
from parity.reference_state import Event

from keel.domain.orders import EventKind, Reason, TradingState

from .played import ROUND_OFF, Played


@dataclass
class Guard:
    """Hold the latches between two rows."""

    day_start: float
    peak: float
    last: float
    day: int | None = None
    state: TradingState = TradingState.ACTIVE

    def close_row(self, case: Case, day: int, equity: float) -> None:
        """Roll the day, then test the losses."""
        if day != self.day:
            self.day, self.day_start = day, self.last
            self.state = TradingState.ACTIVE if self.state == TradingState.REDUCING else self.state
        self.peak, self.last = max(self.peak, equity), equity
        lost = case.max_daily_loss > 0 and self.day_start > 0 and equity <= self.day_start * (1 - case.max_daily_loss)
        limit = case.max_daily_loss_notional
        lost = lost or (limit > 0 and equity <= self.day_start - limit)
        if lost and self.state == TradingState.ACTIVE:
            self.state = TradingState.REDUCING
        if case.max_drawdown > 0 and self.peak > 0 and equity <= self.peak * (1 - case.max_drawdown):
            self.state = TradingState.HALTED


def a_guard_lets_nothing_through_that_it_should_hold(played: Played) -> Iterator[str]:
    """Killed or halted, nothing is sent; while reducing, nothing that opens by the local book."""
    case, cash = played.case, played.case.initial_cash
    guard = Guard(cash, cash, cash)
    for k, mark in enumerate(played.marks):
        guard.close_row(case, case.rows[k].day, mark.local_equity)
        for e in played.by_row[k]:
            if e.kind == EventKind.DENIED and e.reason == Reason.ORDER_RATE and guard.state == TradingState.ACTIVE:
                guard.state = TradingState.REDUCING
            elif e.kind == EventKind.SUBMITTED:
                yield from _sent(played, guard, k, e)
    if guard.state != played.outcome.trading_state:
        yield f"the run ends {played.outcome.trading_state.name}, its marks say {guard.state.name}"


def _sent(played: Played, guard: Guard, k: int, e: Event) -> Iterator[str]:
    if played.case.kill_switch or guard.state == TradingState.HALTED:
        yield f"order {e.order_id} is sent in row {k}, killed or {guard.state.name}"
    if k in played.unclear_rows:
        return
    held = played.local[k].held[e.instrument]
    opens = held * e.side >= 0 or e.qty > abs(held) + ROUND_OFF * played.moved[e.instrument]
    if guard.state == TradingState.REDUCING and opens and not played.stories[e.order_id].reduce_only:
        yield f"order {e.order_id} of {e.side * e.qty!r} on {held!r} is sent while REDUCING"


CHECKS = (a_guard_lets_nothing_through_that_it_should_hold,)
