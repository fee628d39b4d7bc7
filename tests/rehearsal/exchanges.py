"""The exchanges that a rehearsal can be played on: their markets, their words, and what they tell of an account."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final


@dataclass(frozen=True)
class OrderThere:
    """Hold an order as the venue has it, in words that do for all venues."""

    name: str
    type: str
    side: str
    status: str
    """NEW, PARTIALLY_FILLED, FILLED, CANCELED, EXPIRED or REJECTED."""
    qty: Decimal
    filled: Decimal
    number: str
    prices: tuple[Decimal, ...]

    @property
    def is_open(self) -> bool:
        return self.status in ("NEW", "PARTIALLY_FILLED")


@dataclass(frozen=True)
class TradeThere:
    """Hold a trade as the venue has it; `id` is what we know it by."""

    id: str
    symbol: str
    """Without its slash."""
    order: str
    qty: Decimal
    fee: Decimal
    fee_currency: str


@dataclass(frozen=True)
class There:
    """Hold an account as the venue has told it so far."""

    balances: Mapping[str, Decimal]
    orders: Sequence[OrderThere]
    trades: Sequence[TradeThere]

    def balance(self, asset: str) -> Decimal:
        return self.balances.get(asset, Decimal(0))


Read = Callable[[Mapping[str, Any], Sequence[str]], There]


@dataclass(frozen=True, kw_only=True, eq=False)
class Exchange:
    """Hold what a rehearsal on one exchange needs; requests are named as the practice venue's log names them."""

    word: str
    kind: str
    """Of the config's venue section."""
    symbols: tuple[str, ...]
    """The first one is what is traded where a test does not say."""
    quote: str
    price: float
    unit: int = 1
    """Base units that cost as much as a bitcoin of the made-up market."""
    step: Decimal
    base: str
    world: str
    days: tuple[str, str]
    market: str
    venue_more: str
    live_more: str = ""
    thin: str
    """Override of the venue: a market so thin that an order is filled in parts, over many bars."""
    plenty: tuple[str, ...] = ()
    """Overrides of the venue: requests without end."""
    environ: tuple[str, str]
    post: str
    query: str
    delete: str
    open_orders: str
    fills: str
    bars: str
    stop: str
    """How the venue calls a stop in the name of a request."""
    refusal: Mapping[str, Any] = field(default_factory=dict)
    """A refusal of a stop for good."""
    duplicate: Mapping[str, Any] = field(default_factory=dict)
    """The answer to an order under a name that was used before."""
    stamps_of_a_second: tuple[str, ...] = ()
    """Override of the run: a request is taken within a second of its stamp."""
    against_rules: int
    """Code of the refusal of an order that is against the rules of its symbol."""
    longest_pause_s: int
    """How long a 429 that is meant for three seconds may have us wait."""
    unknown_order: int
    """Code of the answer about an order that is not known."""
    read: Read

    @property
    def one(self) -> str:
        """Return the symbols of a config that has one."""
        return f"[{self.symbols[0]}]"

    @property
    def two(self) -> str:
        """Return the symbols of a config that has two."""
        return f"[{', '.join(self.symbols)}]"

    @property
    def asset(self) -> str:
        """Return what is held after a purchase of the first symbol."""
        return self.symbols[0].partition("/")[0]

    def is_trading(self, request: str) -> bool:
        """Say whether a request of the log counts against the limits of trading."""
        path = request.partition(" ")[2]
        data = path.startswith(("/v1beta3/", "/v2/stocks/"))
        return path.startswith("/api" if self.kind == "binance" else "/v") and not data

    def qty(self, bitcoins: float) -> float:
        """Return a quantity that costs as much as so many bitcoins."""
        return bitcoins * self.unit

    def __str__(self) -> str:
        return self.word


def _binance(account: Mapping[str, Any], _symbols: Sequence[str]) -> There:
    types = {"STOP_LOSS": "STOP", "STOP_LOSS_LIMIT": "STOP_LIMIT", "LIMIT_MAKER": "LIMIT"}
    return There(
        {one["asset"]: Decimal(one["free"]) + Decimal(one["locked"]) for one in account["balances"]},
        [
            OrderThere(
                name=str(one["clientOrderId"]),
                type=types.get(one["type"], one["type"]),
                side=one["side"],
                status=one["status"],
                qty=Decimal(one["origQty"]),
                filled=Decimal(one["executedQty"]),
                number=str(one["orderId"]),
                prices=(Decimal(one["price"]),),
            )
            for one in account["orders"]
        ],
        [
            TradeThere(
                id=str(one["id"]),
                symbol=one["symbol"],
                order=str(one["orderId"]),
                qty=Decimal(one["qty"]),
                fee=Decimal(one["commission"]),
                fee_currency=one["commissionAsset"],
            )
            for one in account["trades"]
        ],
    )


_STATES: Final = {
    "partially_filled": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "canceled": "CANCELED",
    "replaced": "CANCELED",
    "expired": "EXPIRED",
    "rejected": "REJECTED",
}


def _alpaca(account: Mapping[str, Any], symbols: Sequence[str]) -> There:
    assets = (symbol.partition("/")[0] for symbol in symbols)
    held = {name: Decimal(qty) for name, qty in zip(assets, account["positions"], strict=True)}
    return There(
        held | {"USD": Decimal(account["cash"])},
        [
            OrderThere(
                name=str(one["client_order_id"]),
                type=one["type"].upper(),
                side=one["side"].upper(),
                status=_state(one),
                qty=Decimal(one["qty"]),
                filled=Decimal(one["filled_qty"]),
                number=str(one["id"]),
                prices=tuple(Decimal(one[name]) for name in ("limit_price", "stop_price") if one[name] is not None),
            )
            for one in account["orders"]
        ],
        [
            TradeThere(
                id=f"{one['order_id']}:{Decimal(one['cum_qty']).normalize():f}",
                symbol=one["symbol"].replace("/", ""),
                order=str(one["order_id"]),
                qty=Decimal(one["qty"]),
                fee=Decimal(0),
                fee_currency="USD",
            )
            for one in account["fills"]
        ],
    )


def _state(order: Mapping[str, Any]) -> str:
    is_part = Decimal(order["filled_qty"]) > 0
    return _STATES.get(order["status"], "PARTIALLY_FILLED" if is_part else "NEW")


_COIN: Final = 'instrument: { tick_size: "0.01", step_size: "0.00001", min_qty: "0.00001", min_notional: 5 }'
BINANCE: Final = Exchange(
    word="binance",
    kind="binance",
    symbols=("SYNBTC/USDT", "SYNETH/USDT"),
    quote="USDT",
    price=30_000,
    step=Decimal("0.00001"),
    base="crypto",
    world="environment: practice",
    days=("2024-01-01", "2024-01-03"),
    market=_COIN,
    venue_more="execution: { time_in_force: gtc }",
    live_more="execution: { time_in_force: gtc }",
    plenty=("limits.weight_1m=1000000", "limits.orders_10s=100000", "limits.orders_1d=1000000"),
    thin="execution.max_participation=0.00002",
    environ=("BINANCE_API_KEY", "BINANCE_API_SECRET"),
    post="POST /api/v3/order",
    query="GET /api/v3/order",
    delete="DELETE /api/v3/order",
    open_orders="GET /api/v3/openOrders",
    fills="GET /api/v3/myTrades",
    bars="GET /api/v3/klines",
    stop="STOP_LOSS",
    refusal={"status": 400, "code": -2010, "message": "Stop price would trigger immediately."},
    duplicate={"status": 400, "code": -2010, "message": "Duplicate order sent."},
    stamps_of_a_second=("venue.recv_window_ms=1000",),
    against_rules=-1013,
    longest_pause_s=3,
    unknown_order=-2013,
    read=_binance,
)

_ALPACA: Final[dict[str, Any]] = {
    "kind": "alpaca",
    "world": "paper: true",
    "quote": "USD",
    "plenty": ("alpaca.requests_1m=1000000",),
    "environ": ("ALPACA_API_KEY", "ALPACA_API_SECRET"),
    "post": "POST /v2/orders",
    "query": "GET /v2/orders:by_client_order_id",
    "delete": "DELETE /v2/orders/{order_id}",
    "open_orders": "GET /v2/orders",
    "fills": "GET /v2/account/activities/{kind}",
    "stop": "stop",
    "refusal": {"status": 422, "code": 40010001, "message": "stop price must be below the market"},
    "duplicate": {"status": 422, "code": 40010001, "message": "client_order_id must be unique"},
    "against_rules": 42210000,
    "longest_pause_s": 60,
    "unknown_order": 40410000,
    "read": _alpaca,
}
_NO_FEES: Final = """
fees: { taker_bps: 0, maker_bps: 0, sell_fee_bps: 0, sell_fee_per_unit: 0 }
execution: { time_in_force: gtc, reserve_bps: 400 }
"""
"""A trade is told without its fee there: of the day's fees another place is told."""

STOCKS: Final = Exchange(
    word="stocks",
    symbols=("SYNA", "SYNB"),
    unit=300,
    thin="execution.max_participation=0.001",
    price=100,
    step=Decimal(1),
    base="us_stocks",
    days=("2024-07-02", "2024-07-06"),
    market='instrument: { tick_size: "0.01", step_size: 1, min_qty: 1, min_notional: 1 }',
    venue_more=f"speaks: alpaca\nalpaca: {{ requests_1m: 100000 }}\n{_NO_FEES}",
    live_more=_NO_FEES,
    bars="GET /v2/stocks/bars",
    **_ALPACA,
)
"""From a Tuesday on; the day after closes at 13:00, the next is a holiday."""
ON_MARGIN: Final = ("market.instrument.shortable=true", "account.type=margin", "account.initial_margin=0.5")
"""Overrides of both sides: stocks may be sold short."""
COINS: Final = Exchange(
    word="coins",
    thin=BINANCE.thin,
    symbols=("SYNBTC/USD", "SYNETH/USD"),
    price=30_000,
    step=Decimal("0.00001"),
    base="crypto",
    days=("2024-01-01", "2024-01-03"),
    market=f"{_COIN[:-2]}, fee_currency: quote }}",
    venue_more=f"speaks: alpaca\nalpaca: {{ requests_1m: 100000 }}\naccount: {{ currency: USD }}\n{_NO_FEES}",
    live_more=_NO_FEES,
    bars="GET /v1beta3/crypto/{loc}/bars",
    **_ALPACA,
)
EVERY: Final = (BINANCE, STOCKS, COINS)
