"""One simulation, written down: bars, targets, venue rules and parameters, free of arrays.

A `Case` is what both sides of the parity test read. `case_strategies.py` draws cases, `reference.py` simulates
them in plain Python, `kernel_adapter.py` turns them into the arrays of the compiled simulator.
"""

from __future__ import annotations

from dataclasses import dataclass

from keel.domain.layout import EXIT_NONE, HOURS_PER_WEEK
from keel.domain.orders import ActionKind, OrderType, PriceModel, RequestKind, TimeInForce


@dataclass(frozen=True)
class Bar:
    """Hold one bar [open_ts_ms, close_ts_ms) of one instrument; `minute_of_week` is of its opening (rules 1, 4)."""

    open_ts_ms: int
    close_ts_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    minute_of_week: int


@dataclass(frozen=True)
class Request:
    """Hold what an event-driven strategy asks for at a decision; the fields are those of `REQUEST` (rule 23)."""

    kind: RequestKind
    instrument: int
    tag: int
    side: int = 1
    qty: float = 0.0
    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.GTC
    limit_price: float = 0.0
    trigger_price: float = 0.0
    trail: float = 0.0
    trail_rate: float = 0.0
    expire_ts_ms: int = 0
    reduce_only: bool = False
    pair: int = -1
    stop_loss: float = 0.0
    stop_trail: float = 0.0
    stop_trail_rate: float = 0.0
    take_profit: float = 0.0


@dataclass(frozen=True)
class Row:
    """Hold one decision time: a bar or None, a target weight or None, and a rate for each instrument (rules 2, 27).

    `rates` may be left out: quote and account currency are the same then. Of a market with sessions the row may lie
    outside of them (`extended`) or end one, and `until_minutes` is how long from its close its session goes on, or the
    next one is away (rule 29).
    """

    close_ts_ms: int
    day: int
    ends_day: bool
    bars: tuple[Bar | None, ...]
    targets: tuple[float | None, ...]
    requests: tuple[Request, ...] = ()
    rates: tuple[float, ...] = ()
    extended: bool = False
    closes_session: bool = False
    until_minutes: int = 0


@dataclass(frozen=True)
class Action:
    """Hold a split, dividend or funding of one instrument (rule 25)."""

    ts_ms: int
    kind: ActionKind
    value: float


@dataclass(frozen=True)
class Tier:
    """Hold one fee tier: the 30-day volume from which it holds, and its fees (rule 15)."""

    volume: float
    taker_bps: float
    maker_bps: float
    discount: float = 0.0

    @property
    def taker_rate(self) -> float:
        return self.taker_bps / 10000 * (1 - self.discount)

    @property
    def maker_rate(self) -> float:
        return self.maker_bps / 10000 * (1 - self.discount)


@dataclass(frozen=True)
class Step:
    """Hold a price or quantity grid (n × mantissa) / scale; mantissa 0 means no grid (rule 19)."""

    mantissa: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class Rules:
    """Hold one instrument: its venue rules and fees (rules 8, 15), finer bars (rule 9) and actions (rule 25)."""

    stable_hash: int
    tick: Step = Step()
    step: Step = Step()
    min_qty: float = 0.0
    min_notional: float = 0.0
    shortable: bool = False
    can_flip: bool = False
    taker_bps: float = 0.0
    maker_bps: float = 0.0
    discount: float = 0.0
    min_fee: float = 0.0
    fee_in_base: bool = False
    sell_fee_rate: float = 0.0
    sell_fee_per_unit: float = 0.0
    sell_fee_per_unit_max: float = 0.0
    borrow_rate: float = 0.0
    has_auctions: bool = False
    open_cutoff_ms: int = 0
    close_cutoff_ms: int = 0
    fine: tuple[Bar, ...] = ()
    actions: tuple[Action, ...] = ()

    @property
    def first_tier(self) -> Tier:
        """Return the fees that hold while the run has no tiers of its own."""
        return Tier(0.0, self.taker_bps, self.maker_bps, self.discount)


@dataclass(frozen=True)
class Seasonality:
    """Hold 168 hour-of-week multipliers in two small numbers, so that a failing case prints on one page."""

    depth: int = 0
    stride: int = 1

    def at(self, hour: int) -> float:
        return (100 + self.depth * (hour * self.stride % 5 - 2)) / 100

    def by_hour(self) -> tuple[float, ...]:
        return tuple(self.at(hour) for hour in range(HOURS_PER_WEEK))


@dataclass(frozen=True)
class Case:
    """Hold everything a simulation depends on; a limit, a participation or a timeout of 0 is off.

    Where there are tiers, they are every instrument's fees: its own taker and maker fee are not looked at.
    """

    rows: tuple[Row, ...]
    instruments: tuple[Rules, ...]
    initial_cash: float = 10_000.0
    seed: int = 0
    stream: int = 0
    # account and sizing (rules 6, 7)
    margin_account: bool = False
    initial_margin: float = 1.0
    allocation: float = 1.0
    reserve_rate: float = 0.0
    every_bar: bool = False
    time_in_force: TimeInForce = TimeInForce.GTC
    # legs of targets' orders (rule 24): an EXIT_ kind, and a fraction of the mark or a multiple of the true range
    stop_kind: int = EXIT_NONE
    stop_trails: bool = False
    take_kind: int = EXIT_NONE
    stop_distance: float = 0.0
    take_distance: float = 0.0
    atr_bars: int = 14
    # money (rules 15, 25, 26)
    tiers: tuple[Tier, ...] = ()
    interest_rate: float = 0.0
    maintenance_margin: float = 0.0
    liquidation_fee_rate: float = 0.0
    # price and cost (rules 9, 10, 11, 12)
    price_model: PriceModel = PriceModel.OPEN
    limit_touch: bool = False
    half_spread_bps: float = 0.0
    spread_seasonality: Seasonality = Seasonality()
    impact_coefficient: float = 0.0
    impact_exponent: float = 0.5
    impact_half_life_bars: float = 5.0
    max_participation: float = 0.0
    vol_short_bars: int = 3
    vol_long_bars: int = 8
    # latency (rule 13)
    entry_ms: float = 0.0
    response_ms: float = 0.0
    jitter_ms: float = 0.0
    jitter_sigma: float = 0.5
    spike_probability: float = 0.0
    spike_multiplier: float = 1.0
    timeout_ms: int = 0
    retries: int = 0
    latency_seasonality: Seasonality = Seasonality()
    # risk (rule 17)
    kill_switch: bool = False
    max_order_weight: float = 0.0
    max_order_notional: float = 0.0
    max_position_notional: float = 0.0
    max_daily_loss_notional: float = 0.0
    max_position_weight: float = 0.0
    max_gross_weight: float = 0.0
    max_daily_loss: float = 0.0
    max_drawdown: float = 0.0
    max_orders_per_minute: float = 0.0
    close_order_reserve: float = 0.0
