"""A live run's status made up without a run: a plausible one, of which a test changes what it is about."""

from __future__ import annotations

from typing import Any

from keel.domain.live_status import DecisionLine, LatencyStatus, LiveStatus, OrderLine, PositionStatus
from keel.domain.orders import TradingState

NOW_MS = 1_764_379_513_000
NAN = float("nan")
NO_LATENCY = LatencyStatus(NAN, NAN, NAN, 0)
_COINS = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "AVAX", "DOT", "LINK", "SHIB")


def made_status(n_positions: int = 3, n_orders: int = 2, n_decisions: int = 5, **changes: Any) -> LiveStatus:
    facts: dict[str, Any] = {
        "run_id": "donchian-binance-20251129T012503Z-7f3a",
        "venue": "binance",
        "environment": "practice",
        "dry_run": False,
        "phase": "trading",
        "trading_state": TradingState.ACTIVE,
        "reasons": (),
        "ts_ms": NOW_MS,
        "started_ms": NOW_MS - 273_912_000,
        "last_bar_close_ms": NOW_MS - 13_000,
        "last_bar_age_s": 13.0,
        "equity": 104_231.57,
        "cash": 41_003.12,
        "pnl_total": 4_231.57,
        "pnl_today": -312.44,
        "drawdown": 0.0213,
        "gross_weight": 0.6066,
        "positions": tuple(made_position(i) for i in range(n_positions)),
        "orders": tuple(made_order(i) for i in range(n_orders)),
        "decisions": tuple(made_decision(i) for i in range(n_decisions)),
        "n_decisions": 4_566,
        "n_orders_sent": 214,
        "n_orders_filled": 201,
        "n_orders_rejected": 2,
        "n_orders_unknown": 0,
        "n_fills": 377,
        "n_denied": 9,
        "n_request_errors": 6,
        "n_requests": 18_232,
        "n_stream_drops": 4,
        "n_bad_messages": 1,
        "clock_offset_ms": -12.4,
        "submit_latency": LatencyStatus(83.2, 121.0, 304.6, 214),
        "decide_latency": LatencyStatus(2.31, 3.9, 9.42, 500),
        "risk_used": {
            "risk.max_order_weight": 0.31,
            "risk.max_position_weight": 0.62,
            "risk.max_gross_weight": 0.607,
            "risk.daily_loss": 0.15,
            "risk.max_drawdown": 0.79,
            "risk.max_orders_per_min": 0.03,
        },
    }
    return LiveStatus(**(facts | changes))


def made_position(i: int) -> PositionStatus:
    price = (91_250.15, 3_014.2, 137.04, 2.1534, 0.00001234)[i % 5]
    value = 31_600.0 / (i + 1) * (-1 if i == 3 else 1)
    name = _COINS[i % len(_COINS)] + ("" if i < len(_COINS) else str(i // len(_COINS)))
    return PositionStatus(
        symbol=f"{name}USDT",
        qty=round(value / price, 5),
        average_price=price * 0.98,
        mark_price=price,
        value=value,
        weight=value / 104_231.57,
        unrealised_pnl=value * 0.02 * (-1 if i % 2 else 1),
    )


def made_order(i: int) -> OrderLine:
    return OrderLine(
        client_order_id=f"k7fK2q1xYz0900wUtjsW03{i:06d}",
        symbol=f"{_COINS[i % len(_COINS)]}USDT",
        side=("buy", "sell")[i % 2],
        type=("limit", "stop", "market")[i % 3],
        state=("working", "partial", "cancelling", "sent", "unknown")[i % 5],
        qty=0.25 * (i + 1),
        filled_qty=0.1 * (i % 2),
        price=NAN if i % 3 == 2 else 90_500.5 - 100 * i,
        age_s=3.2 * 7**i if i < 6 else 12.0,
    )


def made_decision(i: int) -> DecisionLine:
    what = (
        "buy 0.12 at market",
        "no change: within the band",
        "denied: More than the account could pay for.",
        "entries paused: the stream of fills is down",
    )
    return DecisionLine(NOW_MS - 60_000 * (i + 1), f"{_COINS[i % len(_COINS)]}USDT", 0.2 * (i % 4), what[i % 4])
