"""Run a `Case` on the compiled simulator: its arrays in, an `Outcome` out.

Derived parameters (fee rates, variance weights, impact decay) are worked out here a second time, from rules 11 and 15.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from keel.domain.layout import (
    ACTION,
    BAR,
    BAR_CLOSES_SESSION,
    BAR_ENDS_DAY,
    BAR_EXTENDED,
    BAR_PRESENT,
    BAR_UNTIL_SHIFT,
    EVENT,
    MARK,
    REQUEST,
    RUN,
    SLOT,
    VENUE,
)
from keel.domain.orders import EventKind, OrderType, Reason, TradingState
from keel.sim.engine import Simulator

from .case import Bar, Case, Row
from .reference import Outcome
from .reference_state import Book, Event, Mark

SAME_NAME = (
    *("seed", "stream", "every_bar", "margin_account", "time_in_force", "price_model", "allocation"),
    *("initial_margin", "reserve_rate", "half_spread_bps", "impact_coefficient", "impact_exponent"),
    *("max_participation", "entry_ms", "response_ms", "jitter_ms", "jitter_sigma", "spike_probability"),
    *("spike_multiplier", "timeout_ms", "retries", "kill_switch", "max_order_weight", "max_position_weight"),
    *("max_gross_weight", "max_daily_loss", "max_drawdown", "max_orders_per_minute", "close_order_reserve"),
    *("max_order_notional", "max_position_notional", "max_daily_loss_notional"),
    *("limit_touch", "stop_kind", "stop_trails", "take_kind", "stop_distance", "take_distance", "atr_bars"),
    *("maintenance_margin", "liquidation_fee_rate", "interest_rate"),
)
"""Fields that a Case and the RUN record both have."""

WHOLE = ("side", "instrument", "order_id", "row", "ts_ms", "response_ts_ms")
FIGURES = (
    *("qty", "price", "reference_price", "fee", "spread_cost", "impact_cost", "rounding_cost"),
    *("cash", "fee_qty", "rate"),
)
SLOT_SAME_NAME = (
    *("shortable", "can_flip", "min_qty", "min_notional", "min_fee", "fee_in_base", "sell_fee_rate"),
    *("sell_fee_per_unit", "sell_fee_per_unit_max", "borrow_rate"),
    *("has_auctions", "open_cutoff_ms", "close_cutoff_ms"),
)
EVENT_FIELDS = EVENT.names or ()
MARK_FIELDS = MARK.names or ()
REQUEST_FIELDS = [name for name in REQUEST.names or () if name]


@dataclass(frozen=True)
class Arrays:
    """Hold a case as the compiled simulator reads it, and what is decided at each row."""

    inputs: tuple[np.ndarray, ...]
    targets: np.ndarray
    requests: list[np.ndarray]

    @classmethod
    def of(cls, case: Case) -> Arrays:
        inputs = (_bars(case), _run(case), _slots(case), _fine(case), _actions(case), _rates(case))
        return cls(inputs, _targets(case), [_requests(row) for row in case.rows])

    @property
    def asks(self) -> bool:
        """Say whether a strategy asks for more than targets; only the step form can take that."""
        return any(len(asked) for asked in self.requests)


def run_at_once(arrays: Arrays) -> Simulator:
    """Simulate in the long form: one call for all rows."""
    return _played(arrays, Simulator(*arrays.inputs))


def run_in_steps(arrays: Arrays) -> Simulator:
    """Simulate in the step form: the venue's side of a row, then a decision."""
    return _stepped(arrays, Simulator(*arrays.inputs))


def run_in_a_small_room(arrays: Arrays) -> Simulator:
    """Simulate with hardly any memory to begin with, so that every array has to grow."""
    simulator = Simulator(*arrays.inputs, order_room=2, tape_room=16)
    return _stepped(arrays, simulator) if arrays.asks else _played(arrays, simulator)


def forms_of(arrays: Arrays) -> list[Callable[[Arrays], Simulator]]:
    """Return every form of the kernel that can play a case."""
    return [run_in_steps, run_in_a_small_room] if arrays.asks else [run_at_once, run_in_steps, run_in_a_small_room]


def _played(arrays: Arrays, simulator: Simulator) -> Simulator:
    simulator.run(arrays.targets)
    simulator.finish()
    return simulator


def run_in_soiled_memory(arrays: Arrays) -> Simulator:
    """Simulate where orders and events lay before, with something in every field that they left."""
    simulator = Simulator(*arrays.inputs, order_room=1024)
    for left in (simulator._orders, simulator._tape):
        left.view(np.uint8)[:] = 1
    return _stepped(arrays, simulator) if arrays.asks else _played(arrays, simulator)


def _stepped(arrays: Arrays, simulator: Simulator) -> Simulator:
    for weights, asked in zip(arrays.targets, arrays.requests, strict=True):
        if not simulator.advance():
            break
        simulator.decide(weights, asked)
    simulator.finish()
    return simulator


def _requests(row: Row) -> np.ndarray:
    requests = np.zeros(len(row.requests), dtype=REQUEST)
    for record, request in zip(requests, row.requests, strict=True):
        for name in REQUEST_FIELDS:
            record[name] = getattr(request, name)
    return requests


def _actions(case: Case) -> np.ndarray:
    every = [(i, action) for i, rules in enumerate(case.instruments) for action in rules.actions]
    actions = np.zeros(len(every), dtype=ACTION)
    for record, (i, action) in zip(actions, every, strict=True):
        record["instrument"], record["ts_ms"] = i, action.ts_ms
        record["kind"], record["value"] = action.kind, action.value
    return actions


def _rates(case: Case) -> np.ndarray:
    if not any(row.rates for row in case.rows):
        return np.zeros((0, len(case.instruments)))
    return np.array([row.rates for row in case.rows], dtype=np.float64)


def _fill_bar(record: np.void, bar: Bar) -> None:
    for name in ("open", "high", "low", "close", "volume", "open_ts_ms", "close_ts_ms", "minute_of_week"):
        record[name] = getattr(bar, name)
    record["flags"] |= BAR_PRESENT


def _bars(case: Case) -> np.ndarray:
    bars = np.zeros((len(case.rows), len(case.instruments)), dtype=BAR)
    for name in ("open", "high", "low", "close"):
        bars[name] = np.nan
    for k, row in enumerate(case.rows):
        bars[k]["close_ts_ms"], bars[k]["day"] = row.close_ts_ms, row.day
        bars[k]["flags"] = _row_flags(row)
        for i, bar in enumerate(row.bars):
            if bar is not None:
                _fill_bar(bars[k, i], bar)
    return bars


def _row_flags(row: Row) -> int:
    flags = row.until_minutes << BAR_UNTIL_SHIFT
    for flag, is_set in (
        (BAR_ENDS_DAY, row.ends_day),
        (BAR_EXTENDED, row.extended),
        (BAR_CLOSES_SESSION, row.closes_session),
    ):
        flags |= flag if is_set else 0
    return flags


def _fine(case: Case) -> np.ndarray:
    every = [bar for rules in case.instruments for bar in rules.fine]
    fine = np.zeros(len(every), dtype=BAR)
    for record, bar in zip(fine, every, strict=True):
        _fill_bar(record, bar)
    return fine


def _run(case: Case) -> np.ndarray:
    run = np.zeros(1, dtype=RUN)
    for name in SAME_NAME:
        run[name] = getattr(case, name)
    run["impact_decay"] = math.log(2) / case.impact_half_life_bars
    run["vol_short_alpha"] = 2 / (case.vol_short_bars + 1)
    run["vol_long_alpha"] = 2 / (case.vol_long_bars + 1)
    run["spread_by_hour"][0, :] = case.spread_seasonality.by_hour()
    run["latency_by_hour"][0, :] = case.latency_seasonality.by_hour()
    run["cash"][0, :] = case.initial_cash
    run["n_tiers"] = len(case.tiers)
    for n, tier in enumerate(case.tiers):
        run["tier_volume"][0, n] = tier.volume
        run["tier_taker_rate"][0, n], run["tier_maker_rate"][0, n] = tier.taker_rate, tier.maker_rate
    return run


def _slots(case: Case) -> np.ndarray:
    slots = np.zeros(len(case.instruments), dtype=SLOT)
    fine_start = action_start = 0
    for slot, rules in zip(slots, case.instruments, strict=True):
        slot["hash"] = rules.stable_hash
        slot["tick_mantissa"], slot["tick_scale"] = rules.tick.mantissa, rules.tick.scale
        slot["step_mantissa"], slot["step_scale"] = rules.step.mantissa, rules.step.scale
        fees = case.tiers[0] if case.tiers else rules.first_tier
        slot["fee_rate"], slot["maker_rate"] = fees.taker_rate, fees.maker_rate
        for name in SLOT_SAME_NAME:
            slot[name] = getattr(rules, name)
        slot["fine_start"], slot["fine_end"] = fine_start, fine_start + len(rules.fine)
        fine_start += len(rules.fine)
        slot["action_start"], slot["action_end"] = action_start, action_start + len(rules.actions)
        action_start += len(rules.actions)
    return slots


def _targets(case: Case) -> np.ndarray:
    return np.array([[np.nan if w is None else w for w in row.targets] for row in case.rows], dtype=np.float64)


def outcome_of(simulator: Simulator) -> Outcome:
    """Return what a simulation left behind, in the terms of the reference."""
    run, view = simulator.run_record, simulator.account_view()
    return Outcome(
        events=list(_events(simulator.events)),
        marks=[Mark(*mark.tolist()) for mark in simulator.marks],
        status=simulator.status,
        timeouts=int(run["timeouts"]),
        trading_state=TradingState(int(run["trading_state"])),
        venue_cash=float(run["cash"][VENUE]),
        local=Book(view.cash, view.position_qty.tolist(), view.average_price.tolist()),
    )


def bytes_of(simulator: Simulator) -> list[bytes]:
    """Return all that an `Outcome` holds, byte for byte: what two forms of the kernel have to agree in."""
    run, view, tape = simulator.run_record, simulator.account_view(), simulator.events
    columns = [tape[name] for name in EVENT_FIELDS] + [simulator.marks[name] for name in MARK_FIELDS]
    ends = [run[name] for name in ("status", "timeouts", "trading_state", "cash")]
    books = [view.position_qty, view.average_price]
    return [column.tobytes() for column in (*columns, *ends, *books)]


def _events(tape: np.ndarray) -> Iterator[Event]:
    for record in tape:
        yield Event(
            kind=EventKind(int(record["kind"])),
            reason=Reason(int(record["reason"])),
            **{name: int(record[name]) for name in WHOLE},
            **{name: float(record[name]) for name in FIGURES},
            type=OrderType(int(record["type"])),
            maker=bool(record["maker"]),
            final=bool(record["final"]),
        )
