"""From configuration to the records the kernel reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.config.modes import RunConfig
from keel.domain.instrument import Instrument
from keel.domain.layout import RUN, SLOT
from keel.domain.orders import PriceModel, TimeInForce

_BPS: Final = 10_000.0

LIMITS: Final = (
    "max_order_weight",
    "max_order_notional",
    "max_position_weight",
    "max_position_notional",
    "max_gross_weight",
    "max_daily_loss",
    "max_daily_loss_notional",
    "max_drawdown",
    "max_orders_per_minute",
)
"""Fields of RUN that are a limit: 0 turns it off."""


def run_records(config: RunConfig) -> NDArray[np.void]:
    """Return the RUN array, shape (1,), of a configuration: parameters and starting cash, state still zero."""
    records = np.zeros(1, RUN)
    run = records[0]
    run["seed"], run["stream"] = config.run.seed, config.run.stream
    _set_account(run, config)
    _set_costs(run, config)
    _set_latency(run, config)
    _set_risk(run, config)
    return records


def _set_account(run: np.void, config: RunConfig) -> None:
    run["cash"][:] = config.account.initial_cash
    run["margin_account"] = config.account.type == "margin"
    run["initial_margin"] = config.account.initial_margin
    run["allocation"] = config.account.allocation
    run["every_bar"] = config.execution.rebalance == "every_bar"
    run["time_in_force"] = TimeInForce[config.execution.time_in_force.upper()]
    run["price_model"] = PriceModel[config.execution.price_model.upper()]
    run["reserve_rate"] = config.execution.reserve_bps / _BPS
    run["max_participation"] = config.execution.max_participation or 0.0


def _set_costs(run: np.void, config: RunConfig) -> None:
    run["half_spread_bps"] = config.spread.half_spread_bps
    run["impact_coefficient"] = config.impact.coefficient
    run["impact_exponent"] = config.impact.exponent
    run["impact_decay"] = math.log(2.0) / config.impact.half_life_bars
    run["vol_short_alpha"] = 2.0 / (config.volatility.short_bars + 1)
    run["vol_long_alpha"] = 2.0 / (config.volatility.long_bars + 1)
    run["spread_by_hour"] = _table(config.seasonality.spread, used=config.use_seasonality)


def _set_latency(run: np.void, config: RunConfig) -> None:
    latency = config.latency
    run["entry_ms"], run["response_ms"] = latency.base_ms, latency.response_ms
    for field in ("jitter_ms", "jitter_sigma", "spike_probability", "spike_multiplier", "timeout_ms", "retries"):
        run[field] = getattr(latency, field)
    run["latency_by_hour"] = _table(config.seasonality.latency, used=latency.use_seasonality)


def _table(multipliers: Sequence[float] | None, *, used: bool) -> Sequence[float] | float:
    return multipliers if used and multipliers is not None else 1.0


def _set_risk(run: np.void, config: RunConfig) -> None:
    risk = config.risk
    for field in ("max_order_weight", "max_position_weight", "max_gross_weight", "max_drawdown"):
        run[field] = getattr(risk, field) or 0.0
    run["max_order_notional"] = risk.max_order_notional or 0.0
    run["max_position_notional"] = risk.max_abs_position_notional or 0.0
    run["max_daily_loss"] = risk.daily_loss or 0.0
    run["max_daily_loss_notional"] = risk.daily_loss_limit or 0.0
    run["max_orders_per_minute"] = risk.max_orders_per_min or 0.0
    run["close_order_reserve"] = risk.close_order_reserve


def slot_records(config: RunConfig, instruments: Sequence[Instrument]) -> NDArray[np.void]:
    """Return the SLOT array, shape (N,): each instrument's venue rules and fees, state still zero."""
    slots = np.zeros(len(instruments), SLOT)
    for slot, instrument in zip(slots, instruments, strict=True):
        slot["hash"] = instrument.id.stable_hash
        slot["tick_mantissa"], slot["tick_scale"] = instrument.tick.mantissa, instrument.tick.scale
        slot["step_mantissa"], slot["step_scale"] = instrument.step.mantissa, instrument.step.scale
        slot["min_qty"], slot["min_notional"] = instrument.min_qty, instrument.min_notional
        slot["shortable"], slot["can_flip"] = instrument.shortable, instrument.can_flip
        slot["fee_rate"] = config.fees.taker_bps / _BPS * (1.0 - config.fees.discount)
        slot["min_fee"] = config.fees.minimum
    return slots
