"""How a live run stands, as its health page, its metrics and its terminal view show it: facts, made anew each time."""

from __future__ import annotations

from dataclasses import dataclass, field

from keel.domain.orders import TradingState
from keel.domain.sessions import SessionState


@dataclass(frozen=True, slots=True)
class PositionStatus:
    """Show one position; quantities base units, prices quote currency, the rest account currency."""

    symbol: str
    qty: float
    average_price: float
    mark_price: float
    value: float
    weight: float
    unrealised_pnl: float


@dataclass(frozen=True, slots=True)
class OrderLine:
    """Show one order whose end is not known yet."""

    client_order_id: str
    symbol: str
    side: str
    type: str
    state: str
    """held (it waits with us), waiting (for its coins), sent, working, partial, cancelling or unknown."""
    qty: float
    filled_qty: float
    price: float
    age_s: float


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """Show one decision: what was wanted and why that became of it."""

    ts_ms: int
    symbol: str
    weight: float
    what: str


@dataclass(frozen=True, slots=True)
class LatencyStatus:
    """Show a distribution of milliseconds over the last requests; NaN where there were none."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    n: int


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """Show a whole run at one moment. `reasons` are why it is not healthy, empty if it is."""

    run_id: str
    venue: str
    environment: str
    dry_run: bool
    phase: str
    """starting, warming up, reconciling, trading, stopping or stopped."""
    trading_state: TradingState
    reasons: tuple[str, ...]
    ts_ms: int
    started_ms: int
    last_bar_close_ms: int | None
    last_bar_age_s: float | None
    equity: float
    cash: float
    pnl_total: float
    pnl_today: float
    drawdown: float
    gross_weight: float
    positions: tuple[PositionStatus, ...]
    orders: tuple[OrderLine, ...]
    decisions: tuple[DecisionLine, ...]
    n_decisions: int
    n_orders_sent: int
    n_orders_filled: int
    n_orders_rejected: int
    n_orders_unknown: int
    n_fills: int
    n_denied: int
    n_request_errors: int
    n_requests: int
    n_stream_drops: int
    n_bad_messages: int
    clock_offset_ms: float | None
    submit_latency: LatencyStatus
    decide_latency: LatencyStatus
    risk_used: dict[str, float] = field(default_factory=dict)
    """Part of each limit that is used, by its config key: 1.0 is at the limit."""
    session: SessionState | None = None
    """State of the trading day, None in a market that trades round the clock."""
    session_change_ms: int | None = None
    """When the market's next window begins."""

    @property
    def fill_rate(self) -> float:
        """Return the part of the orders sent that were filled whole, NaN before the first."""
        return self.n_orders_filled / self.n_orders_sent if self.n_orders_sent else float("nan")

    @property
    def error_rate(self) -> float:
        """Return the part of the requests that failed, NaN before the first."""
        return self.n_request_errors / self.n_requests if self.n_requests else float("nan")
