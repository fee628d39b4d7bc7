"""How the run stands, put together for those who look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from keel.config.modes import LiveRun
from keel.domain.account import AccountView
from keel.domain.clock import Clock
from keel.domain.live_status import DecisionLine, LiveStatus, OrderLine, PositionStatus
from keel.domain.orders import TradingState
from keel.live.blocks import Blocks
from keel.live.counts import Counts
from keel.live.orders import OrderTracker, Phase
from keel.live.session_watch import SessionWatch
from keel.sim.local import LocalDesk

_MS_PER_S: Final = 1000.0


@dataclass
class StatusMaker:
    """Make a LiveStatus of a run's parts."""

    config: LiveRun
    run_id: str
    venue: str
    clock: Clock
    desk: LocalDesk
    tracker: OrderTracker
    blocks: Blocks
    counts: Counts
    lines: Sequence[DecisionLine]
    started_ms: int
    start_equity: float
    phase: str = "starting"
    last_close_ms: int | None = None
    clock_offset_ms: float | None = None
    sessions: SessionWatch | None = None
    """Those of a market that closes."""

    def make(self) -> LiveStatus:
        """Return the status as of now."""
        view, run, counts = self.desk.account_now(), self.desk.run_record, self.counts
        now_ms = self.clock.now_ms()
        state = self.desk.trading_state
        equity, peak = view.equity, max(view.peak_equity, 1e-12)
        age_s = None if self.last_close_ms is None else (now_ms - self.last_close_ms) / _MS_PER_S
        return LiveStatus(
            run_id=self.run_id,
            venue=self.venue,
            environment=self.config.venue.environment,
            dry_run=self.config.dry_run,
            phase=self.phase,
            trading_state=state,
            reasons=self._reasons(state),
            ts_ms=now_ms,
            started_ms=self.started_ms,
            last_bar_close_ms=self.last_close_ms,
            last_bar_age_s=age_s,
            equity=equity,
            cash=view.cash,
            pnl_total=equity - self.start_equity,
            pnl_today=equity - float(run["day_start_equity"]),
            drawdown=1.0 - equity / peak,
            gross_weight=float(np.abs(view.weight).sum()),
            positions=self._positions(view),
            orders=self._orders(self.clock.wall_ms()),
            decisions=tuple(self.lines),
            n_decisions=counts.decisions,
            n_orders_sent=counts.orders_sent,
            n_orders_filled=counts.orders_filled,
            n_orders_rejected=counts.orders_rejected,
            n_orders_unknown=len(self.tracker.unknown()),
            n_fills=counts.fills,
            n_denied=counts.denied,
            n_request_errors=counts.request_errors,
            n_requests=counts.requests,
            n_stream_drops=counts.stream_drops,
            n_bad_messages=counts.bad_messages,
            clock_offset_ms=self.clock_offset_ms,
            submit_latency=counts.submit.status(),
            decide_latency=counts.decide.status(),
            risk_used=self._risk_used(view),
            session=None if self.sessions is None else self.sessions.state,
            session_change_ms=None if self.sessions is None else self.sessions.next_change_ms,
        )

    def _reasons(self, state: TradingState) -> tuple[str, ...]:
        narrowed = () if state is TradingState.ACTIVE else (f"the risk guard is {state.name}",)
        return (*narrowed, *self.blocks.faults)

    def _positions(self, view: AccountView) -> tuple[PositionStatus, ...]:
        weights, found = view.weight, []
        for i, symbol in enumerate(self.config.data.symbols):
            qty, price, mark = (float(part[i]) for part in (view.position_qty, view.average_price, view.mark_price))
            if qty != 0.0:
                rate = float(view.rate[i])
                value, gain = qty * mark * rate, qty * (mark - price) * rate
                found.append(PositionStatus(symbol, qty, price, mark, value, float(weights[i]), gain))
        return tuple(found)

    def _orders(self, wall_ms: int) -> tuple[OrderLine, ...]:
        return tuple(
            OrderLine(
                client_order_id=order.name,
                symbol=order.ticket.symbol,
                side=order.ticket.side.name.lower(),
                type=order.ticket.type.name.lower(),
                state=_state_words(
                    order.phase, filled=bool(order.filled), cancelling=order.cancel_asked_ms is not None
                ),
                qty=float(order.ticket.qty),
                filled_qty=float(order.filled),
                price=float(order.ticket.limit_price or order.ticket.trigger_price or 0),
                age_s=(wall_ms - order.sent_ms) / _MS_PER_S,
            )
            for order in self.tracker.live()
        ) + self._waiting_orders(wall_ms)

    def _waiting_orders(self, wall_ms: int) -> tuple[OrderLine, ...]:
        """Return the orders that wait with us, nothing of them at the venue."""
        placed = {order.order_id for order in self.tracker.live()}
        return tuple(
            OrderLine(
                client_order_id=kept.ticket.client_order_id,
                symbol=kept.ticket.symbol,
                side=kept.ticket.side.name.lower(),
                type=kept.ticket.type.name.lower(),
                state="held",
                qty=float(kept.ticket.qty),
                filled_qty=float(kept.filled),
                price=float(kept.ticket.limit_price or kept.ticket.trigger_price or 0),
                age_s=(wall_ms - kept.placed_ms) / _MS_PER_S,
            )
            for kept in self.tracker.kept.values()
            if kept.order_id not in placed
        )

    def _risk_used(self, view: AccountView) -> dict[str, float]:
        run, risk, equity = self.desk.run_record, self.config.risk, max(view.equity, 1e-12)
        largest = float(np.abs(view.weight).max(initial=0.0))
        lost = max(float(run["day_start_equity"]) - view.equity, 0.0)
        fallen = max(1.0 - view.equity / max(view.peak_equity, 1e-12), 0.0)
        used = {
            "max_position_weight": (largest, risk.max_position_weight),
            "max_abs_position_notional": (largest * equity, risk.max_abs_position_notional),
            "max_gross_weight": (float(np.abs(view.weight).sum()), risk.max_gross_weight),
            "daily_loss": (lost / max(float(run["day_start_equity"]), 1e-12), risk.daily_loss),
            "daily_loss_limit": (lost, risk.daily_loss_limit),
            "max_drawdown": (fallen, risk.max_drawdown),
        }
        return {name: value / limit for name, (value, limit) in used.items() if limit is not None}


def _state_words(phase: Phase, *, filled: bool, cancelling: bool) -> str:
    if phase is Phase.WAITING:
        return "waiting"
    if phase is Phase.UNKNOWN:
        return "unknown"
    if cancelling:
        return "cancelling"
    if phase is Phase.SENT:
        return "sent"
    return "partial" if filled else "working"
