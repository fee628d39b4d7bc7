"""One simulation, written down: bars, targets, venue rules and parameters, free of arrays.

A `Case` is what both sides of the parity test read. `case_strategies.py` draws cases, `reference.py` simulates
them in plain Python, `kernel_adapter.py` turns them into the arrays of the compiled simulator.
"""

from __future__ import annotations

from dataclasses import dataclass

from keel.domain.layout import HOURS_PER_WEEK
from keel.domain.orders import PriceModel, TimeInForce


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
class Row:
    """Hold one decision time: a bar or None, and a target weight or None, for each instrument (rule 2)."""

    close_ts_ms: int
    day: int
    ends_day: bool
    bars: tuple[Bar | None, ...]
    targets: tuple[float | None, ...]


@dataclass(frozen=True)
class Step:
    """Hold a price or quantity grid (n × mantissa) / scale; mantissa 0 means no grid (rule 19)."""

    mantissa: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class Rules:
    """Hold the venue's rules and fees for one instrument (rules 8, 15) and its finer bars (rule 9)."""

    stable_hash: int
    tick: Step = Step()
    step: Step = Step()
    min_qty: float = 0.0
    min_notional: float = 0.0
    shortable: bool = False
    can_flip: bool = False
    taker_bps: float = 0.0
    discount: float = 0.0
    min_fee: float = 0.0
    fine: tuple[Bar, ...] = ()


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
    """Hold everything a simulation depends on; a limit, a participation or a timeout of 0 is off."""

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
    # price and cost (rules 9, 11, 12)
    price_model: PriceModel = PriceModel.OPEN
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
