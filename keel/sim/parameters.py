"""From configuration to the records the kernel reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.config.exits import ExitsSection, TakeProfit
from keel.config.modes import RunConfig
from keel.domain.instrument import Instrument
from keel.domain.layout import EXIT_FRACTION, EXIT_NONE, EXIT_TRUE_RANGE, RUN, SLOT
from keel.domain.orders import PriceModel, TimeInForce
from keel.sim.stress_nb import scale_costs_nb

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
    _set_exits(run, config.exits)
    _set_costs(run, config)
    _set_latency(run, config)
    _set_risk(run, config)
    _stress(run, np.zeros(0, SLOT), config)
    return records


def _set_account(run: np.void, config: RunConfig) -> None:
    run["cash"][:] = config.account.initial_cash
    run["margin_account"] = config.account.type == "margin"
    run["initial_margin"] = config.account.initial_margin
    run["maintenance_margin"] = config.account.liquidates_below
    run["liquidation_fee_rate"] = config.account.liquidation_fee_bps / _BPS
    run["interest_rate"] = config.account.interest_rate
    run["allocation"] = config.account.allocation
    run["every_bar"] = config.execution.rebalance == "every_bar"
    run["time_in_force"] = TimeInForce[config.execution.time_in_force.upper()]
    run["limit_touch"] = config.execution.limit_fill == "touch"
    run["price_model"] = PriceModel[config.execution.price_model.upper()]
    run["reserve_rate"] = config.execution.reserve_bps / _BPS
    run["max_participation"] = config.execution.max_participation or 0.0


def _set_exits(run: np.void, exits: ExitsSection) -> None:
    run["stop_kind"], run["stop_distance"] = _distance(exits.stop_loss)
    run["stop_trails"] = exits.stop_loss is not None and exits.stop_loss.trailing
    run["take_kind"], run["take_distance"] = _distance(exits.take_profit)
    run["atr_bars"] = exits.atr_bars if EXIT_TRUE_RANGE in (run["stop_kind"], run["take_kind"]) else 0


def _distance(exit_: TakeProfit | None) -> tuple[int, float]:
    if exit_ is None:
        return EXIT_NONE, 0.0
    return (EXIT_FRACTION, exit_.fraction) if exit_.fraction is not None else (EXIT_TRUE_RANGE, exit_.atr or 0.0)


def _set_costs(run: np.void, config: RunConfig) -> None:
    tiers = [(tier.volume_30d, tier.taker_bps, tier.maker_bps) for tier in config.fees.tiers]
    run["n_tiers"] = len(tiers)
    for at, (volume, taker_bps, maker_bps) in enumerate(tiers):
        run["tier_volume"][at] = volume
        run["tier_taker_rate"][at] = _fee_rate(config, taker_bps)
        run["tier_maker_rate"][at] = _fee_rate(config, maker_bps)
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


def _fee_rate(config: RunConfig, fee_bps: float) -> float:
    return fee_bps / _BPS * (1.0 - config.fees.discount)


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
    fees = config.fees
    first = fees.tiers[0] if fees.tiers else fees
    slots = np.zeros(len(instruments), SLOT)
    slots["fee_rate"], slots["maker_rate"] = _fee_rate(config, first.taker_bps), _fee_rate(config, first.maker_bps)
    slots["min_fee"] = fees.minimum
    slots["sell_fee_rate"] = fees.sell_fee_bps / _BPS
    slots["sell_fee_per_unit"], slots["sell_fee_per_unit_max"] = fees.sell_fee_per_unit, fees.sell_fee_per_unit_max
    for slot, instrument in zip(slots, instruments, strict=True):
        slot["hash"] = instrument.id.stable_hash
        slot["tick_mantissa"], slot["tick_scale"] = instrument.tick.mantissa, instrument.tick.scale
        slot["step_mantissa"], slot["step_scale"] = instrument.step.mantissa, instrument.step.scale
        slot["min_qty"], slot["min_notional"] = instrument.min_qty, instrument.min_notional
        slot["shortable"], slot["can_flip"] = instrument.shortable, instrument.can_flip
        slot["fee_in_base"], slot["borrow_rate"] = instrument.fee_in_base, instrument.borrow_rate
        if instrument.auctions is not None:
            slot["has_auctions"] = True
            slot["open_cutoff_ms"] = instrument.auctions.open_cutoff_ms
            slot["close_cutoff_ms"] = instrument.auctions.close_cutoff_ms
    _stress(np.zeros(1, RUN)[0], slots, config)
    return slots


def _stress(run: np.void, slots: NDArray[np.void], config: RunConfig) -> None:
    if any(multiplier != 1.0 for multiplier in config.stress.multipliers):
        scale_costs_nb(run, slots, np.array(config.stress.multipliers))
