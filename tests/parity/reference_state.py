"""What the reference keeps between events: orders, two books, each instrument's market, latches, the tape."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from keel.domain.orders import (
    ActionKind,
    EventKind,
    OrderStatus,
    OrderType,
    Reason,
    RunStatus,
    TimeInForce,
    TradingState,
)

from .case import Action, Bar, Case, Row, Tier

FINAL = (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED)
STOPS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)


@dataclass
class Event:
    """Record one thing that happened to an order or the account; the fields are those of `layout.EVENT`.

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
    cash: float = 0.0
    fee_qty: float = 0.0
    rate: float = 0.0
    type: OrderType = OrderType.MARKET
    maker: bool = False
    final: bool = False
    delivered: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Mark:
    """Record the books at one decision time; the fields are those of `keel.domain.layout.MARK` (rule 14.9)."""

    ts_ms: int
    equity: float
    local_equity: float
    cash: float
    gross: float
    net: float


@dataclass
class Amend:
    """Hold an amend on its way to the venue; 0 leaves a value as it is (rule 23)."""

    ts_ms: int
    qty: float
    limit_price: float
    trigger_price: float


@dataclass
class Reach:
    """Hold when the rest of the bar of row `row` brings an order its price, and that price (rule 10)."""

    row: int
    ts_ms: int
    price: float
    distance: float


@dataclass
class Order:
    """Follow one order: what we asked for, where the venue has it, and what we know of that."""

    instrument: int
    side: int
    qty: float = 0.0
    opening_qty: float = 0.0
    id: int = -1
    seq: int = 0
    submitted_row: int = -1
    birth_ts_ms: int = 0
    arrival_ts_ms: int = 0
    last_response_ts_ms: int = 0
    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.GTC
    limit_price: float = 0.0
    trigger_price: float = 0.0
    trail: float = 0.0
    trail_rate: float = 0.0
    expire_ts_ms: int = 0
    reduce_only: bool = False
    extended_hours: bool = False
    reserve_per_unit: float = 0.0
    tag: int = -1
    for_target: bool = False
    # who it belongs to (rule 24)
    pair: int = -1
    partner: Order | None = field(default=None, repr=False)
    parent: Order | None = field(default=None, repr=False)
    covers: bool = False
    # the venue's side
    status: OrderStatus = OrderStatus.IN_FLIGHT
    filled: float = 0.0
    triggered: bool = False
    active_ts_ms: int = 0
    looked_row: int = -1
    look_again_ts_ms: int | None = None
    look_waits: bool = False
    reach: Reach | None = None
    best_price: float | None = None
    best_price_at_close: float = 0.0
    cancel_ts_ms: int | None = None
    cancel_reason: Reason = Reason.NONE
    amend: Amend | None = None
    venue_events: int = 0
    rated: float = 0.0
    regulated: float = 0.0
    by_unit: float = 0.0
    paid: float = 0.0
    # our side
    local_filled: float = 0.0
    local_final: bool = False
    amend_on_its_way: bool = False
    amends_requested: int = 0

    @property
    def is_open(self) -> bool:
        """Say whether the order is not final at the venue."""
        return self.status not in FINAL

    @property
    def is_filled(self) -> bool:
        """Say whether the venue has filled it (rule 14, last paragraph)."""
        return self.filled >= self.qty * (1 - 1e-12)

    @property
    def for_auction(self) -> bool:
        """Say whether it trades in an auction or not at all (rule 29)."""
        return self.time_in_force in (TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE)

    @property
    def has_limit(self) -> bool:
        """Say whether the order trades at a limit price now (rule 10)."""
        return self.type == OrderType.LIMIT or (self.type == OrderType.STOP_LIMIT and self.triggered)

    @property
    def waits_for_trigger(self) -> bool:
        """Say whether the order has a trigger that the price has not met yet (rule 10)."""
        return self.type in (*STOPS, OrderType.TAKE_PROFIT) and not self.triggered


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
    """Hold what is known of one instrument: newest bar, prices, fees, variances, metaorder, and our target on it."""

    fees: Tier
    rate: float
    corporate: list[Action]
    funding: list[Action]
    bar: Bar | None = None
    bar_count: int = 0
    session_day: int | None = None
    opens_session: bool = False
    mark: float = 0.0
    value: float = 0.0
    average_true_range: float = 0.0
    var_short: float = 0.0
    var_long: float = 0.0
    bar_filled: float = 0.0
    last_match_ts_ms: int = 0
    memory: dict[int, Memory] = field(default_factory=lambda: {1: Memory(), -1: Memory()})
    last_weight: float = 0.0
    target_qty: float = 0.0
    pursue: bool = False
    suspended: bool = False

    @classmethod
    def at_start(cls, case: Case, instrument: int) -> Market:
        """Start in the first tier, with what is to come: actions from the first row's close on (rules 15, 25)."""
        rules, first = case.instruments[instrument], case.rows[0]
        actions = [a for a in sorted(rules.actions, key=_by_time) if a.ts_ms >= first.close_ts_ms]
        return cls(
            fees=case.tiers[0] if case.tiers else rules.first_tier,
            rate=first.rates[instrument] if first.rates else 1.0,
            corporate=[a for a in actions if a.kind != ActionKind.FUNDING],
            funding=[a for a in actions if a.kind == ActionKind.FUNDING],
        )


def _by_time(action: Action) -> tuple[int, ActionKind]:
    return action.ts_ms, action.kind


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
    net: float = 0.0
    gross: float = 0.0
    volume_by_day: dict[int, float] = field(default_factory=lambda: defaultdict(float))
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
            markets=[Market.at_start(case, i) for i in range(n)],
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

    @property
    def row_before(self) -> Row | None:
        """Return the row before the one being simulated."""
        return self.case.rows[self.row_index - 1] if self.row_index > 0 else None

    def rates(self, row_index: int) -> tuple[float, ...]:
        """Return each instrument's rate of a row (rule 27)."""
        return self.case.rows[row_index].rates or (1.0,) * len(self.markets)

    def bar_now(self, instrument: int) -> Bar | None:
        """Return the instrument's bar in the row being simulated."""
        return self.row.bars[instrument]

    def live_orders(self, instrument: int | None = None) -> list[Order]:
        """Return the orders not final to our knowledge, in id order; all, or one instrument's (rule 6)."""
        return [o for o in self.orders if not o.local_final and instrument in (None, o.instrument)]

    def orders_for_targets(self, instrument: int) -> list[Order]:
        """Return one instrument's live orders that may open a position (rule 6)."""
        return [o for o in self.live_orders(instrument) if not o.reduce_only]
