"""What the reference keeps between events: orders, two books, each instrument's market, latches, the tape."""

from __future__ import annotations

from dataclasses import dataclass, field

from keel.domain.orders import EventKind, OrderStatus, Reason, RunStatus, TradingState

from .case import Bar, Case, Row


@dataclass
class Event:
    """Record one thing that happened to an order; the fields are those of `keel.domain.layout.EVENT`.

    `delivered` is bookkeeping (rule 5) and not compared: a kernel may hand a record out before it is delivered.
    """

    kind: EventKind
    reason: Reason
    side: int
    instrument: int
    order_id: int
    row: int
    ts_ms: int
    response_ts_ms: int
    qty: float
    price: float = 0.0
    reference_price: float = 0.0
    fee: float = 0.0
    spread_cost: float = 0.0
    impact_cost: float = 0.0
    rounding_cost: float = 0.0
    delivered: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Mark:
    """Record the books at one decision time; the fields are those of `keel.domain.layout.MARK` (rule 14.8)."""

    ts_ms: int
    equity: float
    local_equity: float
    cash: float
    gross: float
    net: float


@dataclass
class Order:
    """Follow one order: what we asked for, where the venue has it, and what we know of that."""

    id: int
    instrument: int
    seq: int
    side: int
    qty: float
    opening_qty: float
    reserve_per_unit: float
    birth_ts_ms: int
    arrival_ts_ms: int
    last_response_ts_ms: int
    # the venue's side
    status: OrderStatus = OrderStatus.IN_FLIGHT
    filled: float = 0.0
    matched_row: int = -1
    cancel_ts_ms: int | None = None
    cancel_reason: Reason = Reason.NONE
    venue_events: int = 0
    rated: float = 0.0
    paid: float = 0.0
    # our side
    local_filled: float = 0.0
    local_final: bool = False

    @property
    def is_open(self) -> bool:
        """Say whether the order is not final at the venue."""
        return self.status in (OrderStatus.IN_FLIGHT, OrderStatus.WORKING)

    @property
    def is_filled(self) -> bool:
        """Say whether the venue has filled it (rule 14, last paragraph)."""
        return self.filled >= self.qty * (1 - 1e-12)


@dataclass
class Book:
    """Hold cash, positions and average prices as one side sees them (rule 5)."""

    cash: float
    qty: list[float]
    average: list[float]


@dataclass
class Memory:
    """Hold one side's metaorder: own fills and the volume they met, both fading, and when last seen (rule 11)."""

    qty: float = 0.0
    volume: float = 0.0
    seen: int = 0


@dataclass
class Market:
    """Hold what is known of one instrument: newest bar, mark, variances, metaorder, and our target on it."""

    bar: Bar | None = None
    bar_count: int = 0
    mark: float = 0.0
    var_short: float = 0.0
    var_long: float = 0.0
    bar_filled: float = 0.0
    memory: dict[int, Memory] = field(default_factory=lambda: {1: Memory(), -1: Memory()})
    last_weight: float = 0.0
    target_qty: float = 0.0
    pursue: bool = False
    suspended: bool = False


@dataclass
class State:
    """Hold the whole simulation between two events."""

    case: Case
    venue: Book
    local: Book
    markets: list[Market]
    day_start: float
    peak: float
    last_local_equity: float
    day: int | None = None
    row_index: int = -1
    trading_state: TradingState = TradingState.ACTIVE
    status: RunStatus = RunStatus.RUNNING
    tokens: float = 0.0
    last_refill_ts_ms: int = 0
    timeouts: int = 0
    orders: list[Order] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    @classmethod
    def start(cls, case: Case) -> State:
        n = len(case.instruments)
        cash = case.initial_cash
        return cls(
            case=case,
            venue=Book(cash, [0.0] * n, [0.0] * n),
            local=Book(cash, [0.0] * n, [0.0] * n),
            markets=[Market() for _ in range(n)],
            day_start=cash,
            peak=cash,
            last_local_equity=cash,
            tokens=case.max_orders_per_minute,
            last_refill_ts_ms=case.rows[0].close_ts_ms,
        )

    @property
    def row(self) -> Row:
        """Return the row being simulated."""
        return self.case.rows[self.row_index]

    def live_orders(self, instrument: int | None = None) -> list[Order]:
        """Return the orders not final to our knowledge, in id order; all, or one instrument's (rule 6)."""
        return [o for o in self.orders if not o.local_final and instrument in (None, o.instrument)]
