"""What /metrics says: the board's newest facts as Prometheus reads them, built anew for every scrape.

Units stand in the names, base units throughout (seconds, ratios); money is in the account's currency. A figure that is
not known is NaN, one that does not exist is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from keel.domain.live_status import LatencyStatus, LiveStatus
from keel.domain.orders import TradingState
from keel.domain.sessions import SessionState
from keel.live.board import StatusBoard

ORDER_STATES: Final = ("held", "waiting", "sent", "working", "partial", "cancelling", "unknown")
PHASES: Final = ("starting", "warming up", "reconciling", "trading", "stopping", "stopped")

_COUNTERS: Final = {
    "keel_decisions": ("Decisions taken.", "n_decisions"),
    "keel_orders_sent": ("Orders sent to the venue.", "n_orders_sent"),
    "keel_orders_filled": ("Orders filled whole.", "n_orders_filled"),
    "keel_orders_rejected": ("Orders the venue refused.", "n_orders_rejected"),
    "keel_orders_denied": ("Orders our own risk limits refused.", "n_denied"),
    "keel_fills": ("Trades of our orders.", "n_fills"),
    "keel_requests": ("Orders and cancels asked of the venue.", "n_requests"),
    "keel_request_errors": ("Orders and cancels that found no answer, or never left.", "n_request_errors"),
    "keel_stream_drops": ("Streams lost.", "n_stream_drops"),
    "keel_bad_messages": (
        "Messages that were not taken: not readable, a bar that cannot be, or one revised after its close.",
        "n_bad_messages",
    ),
}
_GAUGES: Final = {
    "keel_equity_account_currency": ("What the account is worth.", "equity"),
    "keel_cash_account_currency": ("Cash of the account.", "cash"),
    "keel_pnl_account_currency": ("Profit and loss of the whole run.", "pnl_total"),
    "keel_pnl_today_account_currency": ("Profit and loss of the day.", "pnl_today"),
    "keel_drawdown_ratio": ("Fall from the peak, part of the peak.", "drawdown"),
    "keel_gross_weight_ratio": ("Sum of absolute positions, part of equity.", "gross_weight"),
    "keel_orders_unknown": ("Orders of which it is not known whether they live.", "n_orders_unknown"),
    "keel_order_fill_ratio": ("Part of the orders sent that were filled whole.", "fill_rate"),
    "keel_request_error_ratio": ("Part of the requests that failed.", "error_rate"),
}
_POSITIONS: Final = {
    "keel_position_base_units": ("Quantity held.", "qty"),
    "keel_position_mark_quote_currency": ("Price it is valued at.", "mark_price"),
    "keel_position_value_account_currency": ("Value of the position.", "value"),
    "keel_position_weight_ratio": ("Value of the position, part of equity.", "weight"),
    "keel_position_unrealised_pnl_account_currency": ("Profit not yet taken.", "unrealised_pnl"),
}


@dataclass(frozen=True, slots=True)
class StatusCollector(Collector):
    """Give Prometheus the metrics of a board's newest status."""

    board: StatusBoard

    def collect(self) -> Iterator[Metric]:
        """Yield every family, all of one moment."""
        status, reasons = self.board.look()
        yield _gauge("keel_healthy", "Whether all is well: 1 or 0.", not reasons)
        yield _gauge("keel_unhealthy_reasons", "Reasons for which the run is not healthy.", len(reasons))
        yield _gauge("keel_loop_silence_seconds", "Time since the trading loop's last beat.", self.board.silence_s())
        if status is not None:
            yield _gauge("keel_status_age_seconds", "Time since the status came.", self.board.status_age_s())
            yield from _run_metrics(status)
            yield from _order_metrics(status)
            yield from _position_metrics(status)
            for name, latency in (("submit", status.submit_latency), ("decide", status.decide_latency)):
                yield from _latency_metrics(name, latency)


@dataclass(frozen=True, slots=True)
class Exposition:
    """Write the metrics in the format that the caller reads; an own registry, so nothing global is in it."""

    registry: CollectorRegistry

    @classmethod
    def of(cls, board: StatusBoard) -> Exposition:
        """Return the exposition of a board."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(StatusCollector(board))
        return cls(registry)

    def written(self, accept: str) -> tuple[bytes, str]:
        """Return text and content type for what a request accepts."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


def _run_metrics(status: LiveStatus) -> Iterator[Metric]:
    labels = {"run_id": status.run_id, "venue": status.venue, "environment": status.environment}
    about = {**labels, "dry_run": str(status.dry_run).lower()}
    run = GaugeMetricFamily("keel_run_info", "Which run this is; always 1.", labels=list(about))
    run.add_metric(list(about.values()), 1)
    yield run
    states = [state.name for state in TradingState]
    yield _states("keel_trading_state", "What the risk guard lets through.", "state", states, status.trading_state.name)
    yield _states("keel_phase", "What the run is doing.", "phase", PHASES, status.phase)
    if status.session is not None:
        days = [state.value for state in SessionState]
        yield _states("keel_session_state", "Where in its trading day the run is.", "state", days, status.session.value)
    for name, (words, field) in _GAUGES.items():
        yield _gauge(name, words, getattr(status, field))
    yield _gauge("keel_started_timestamp_seconds", "When the run started.", status.started_ms / 1000)
    for name, words, value, scale in (
        ("keel_last_bar_age_seconds", "Age of the last bar.", status.last_bar_age_s, 1),
        ("keel_last_bar_close_timestamp_seconds", "Close of the last bar.", status.last_bar_close_ms, 1000),
        ("keel_clock_offset_seconds", "Our clock against the venue's.", status.clock_offset_ms, 1000),
    ):
        if value is not None:
            yield _gauge(name, words, value / scale)
    used = GaugeMetricFamily("keel_risk_used_ratio", "Part of a risk limit that is used.", labels=["limit"])
    for limit, part in status.risk_used.items():
        used.add_metric([limit], part)
    yield used


def _order_metrics(status: LiveStatus) -> Iterator[Metric]:
    for name, (words, field) in _COUNTERS.items():
        yield CounterMetricFamily(name, words, value=getattr(status, field))
    states = [order.state for order in status.orders]
    live = GaugeMetricFamily("keel_live_orders", "Orders whose end is not known yet.", labels=["state"])
    for state in dict.fromkeys((*ORDER_STATES, *states)):
        live.add_metric([state], states.count(state))
    yield live
    if status.orders:
        oldest_s = max(order.age_s for order in status.orders)
        yield _gauge("keel_oldest_order_age_seconds", "Age of the oldest of them.", oldest_s)


def _position_metrics(status: LiveStatus) -> Iterator[Metric]:
    for name, (words, field) in _POSITIONS.items():
        family = GaugeMetricFamily(name, words, labels=["symbol"])
        for position in status.positions:
            family.add_metric([position.symbol], getattr(position, field))
        yield family


def _latency_metrics(name: str, latency: LatencyStatus) -> Iterator[Metric]:
    # No summary or histogram: these hold the last requests only, and their count may fall.
    words = f"Time to {name}, quantiles over the last requests."
    family = GaugeMetricFamily(f"keel_{name}_latency_seconds", words, labels=["quantile"])
    for quantile, value_ms in (("0.5", latency.p50_ms), ("0.9", latency.p90_ms), ("0.99", latency.p99_ms)):
        family.add_metric([quantile], value_ms / 1000)
    yield family
    yield _gauge(f"keel_{name}_latency_requests", "Requests the quantiles are of.", latency.n)


def _states(name: str, words: str, label: str, known: tuple[str, ...] | list[str], current: str) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for state in dict.fromkeys((*known, current)):
        family.add_metric([state], float(state == current))
    return family


def _gauge(name: str, words: str, value: float | None) -> Metric:
    return GaugeMetricFamily(name, words, value=float("nan") if value is None else float(value))
