"""Every configuration key lands in the right field of the records the kernel reads, and in no other."""

from __future__ import annotations

import copy
import math
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pytest
from pydantic import BaseModel

from keel.app.wiring import instruments_of, wire_backtest
from keel.config.modes import SimRun
from keel.data.bars import StoredBars
from keel.data.store import BarStore
from keel.domain.instrument import InstrumentId
from keel.domain.layout import EXIT_FRACTION, EXIT_TRUE_RANGE
from keel.domain.orders import PriceModel, TimeInForce
from keel.sim.parameters import run_records, slot_records

SYMBOL = "ACME/USDT"
HOURLY = [0.5] * 84 + [1.5] * 84
OTHER_HOURLY = [1.5] * 84 + [0.5] * 84
BASE: dict[str, Any] = {
    "mode": "sim",
    "data": {"venue": "testing", "symbols": (SYMBOL,), "timeframe": "1h"},
    "strategy": {"class": "keel.strategies.buy_and_hold:BuyAndHold"},
    "account": {"type": "margin", "initial_margin": 0.5},
    "seasonality": {"spread": HOURLY, "latency": HOURLY},
    "risk": {
        "max_order_weight": 0.9,
        "max_position_weight": 0.9,
        "max_gross_weight": 0.9,
        "daily_loss": 0.9,
        "max_drawdown": 0.9,
        "max_orders_per_min": 9,
    },
}
Fields = dict[str, Any]

RUN_KEYS: dict[str, tuple[Any, Fields]] = {
    "run.seed": (8, {"seed": 8}),
    "run.stream": (3, {"stream": 3}),
    "account.initial_cash": (5000.0, {"cash": [5000.0, 5000.0]}),
    "account.initial_margin": (0.25, {"initial_margin": 0.25, "maintenance_margin": 0.125}),
    "account.maintenance_margin": (0.1, {"maintenance_margin": 0.1}),
    "account.liquidation_fee_bps": (50.0, {"liquidation_fee_rate": 0.005}),
    "account.interest_rate": (0.06, {"interest_rate": 0.06}),
    "account.allocation": (0.5, {"allocation": 0.5}),
    "execution.price_model": ("worst", {"price_model": PriceModel.WORST}),
    "execution.limit_fill": ("touch", {"limit_touch": 1}),
    "execution.time_in_force": ("day", {"time_in_force": TimeInForce.DAY}),
    "execution.rebalance": ("every_bar", {"every_bar": 1}),
    "execution.reserve_bps": (250.0, {"reserve_rate": 0.025}),
    "execution.max_participation": (0.2, {"max_participation": 0.2}),
    "exits.stop_loss": (
        {"fraction": 0.05, "trailing": True},
        {"stop_kind": EXIT_FRACTION, "stop_distance": 0.05, "stop_trails": 1},
    ),
    "exits.take_profit": ({"atr": 3.0}, {"take_kind": EXIT_TRUE_RANGE, "take_distance": 3.0, "atr_bars": 14}),
    "spread.half_spread_bps": (3.0, {"half_spread_bps": 3.0}),
    "impact.coefficient": (2.0, {"impact_coefficient": 2.0}),
    "impact.exponent": (0.6, {"impact_exponent": 0.6}),
    "impact.half_life_bars": (2.0, {"impact_decay": math.log(2) / 2}),
    "volatility.short_bars": (9, {"vol_short_alpha": 0.2}),
    "volatility.long_bars": (399, {"vol_long_alpha": 0.005}),
    "latency.base_ms": (11.0, {"entry_ms": 11.0}),
    "latency.response_ms": (12.0, {"response_ms": 12.0}),
    "latency.jitter_ms": (13.0, {"jitter_ms": 13.0}),
    "latency.jitter_sigma": (1.4, {"jitter_sigma": 1.4}),
    "latency.spike_probability": (0.15, {"spike_probability": 0.15}),
    "latency.spike_multiplier": (16.0, {"spike_multiplier": 16.0}),
    "latency.timeout_ms": (17, {"timeout_ms": 17}),
    "latency.retries": (8, {"retries": 8}),
    "latency.use_seasonality": (False, {"latency_by_hour": [1.0] * 168}),
    "use_seasonality": (False, {"spread_by_hour": [1.0] * 168}),
    "seasonality.spread": (OTHER_HOURLY, {"spread_by_hour": OTHER_HOURLY}),
    "seasonality.latency": (OTHER_HOURLY, {"latency_by_hour": OTHER_HOURLY}),
    "stress.spread": (3.0, {"half_spread_bps": 3.0}),
    "stress.impact": (2.0, {"impact_coefficient": 1.4}),
    "stress.latency": (3.0, {"entry_ms": 750.0, "response_ms": 150.0, "jitter_ms": 60.0}),
    "risk.max_order_weight": (0.11, {"max_order_weight": 0.11}),
    "risk.max_position_weight": (0.12, {"max_position_weight": 0.12}),
    "risk.max_gross_weight": (0.13, {"max_gross_weight": 0.13}),
    "risk.daily_loss": (0.14, {"max_daily_loss": 0.14}),
    "risk.max_drawdown": (0.15, {"max_drawdown": 0.15}),
    "risk.max_orders_per_min": (16, {"max_orders_per_minute": 16}),
    "risk.max_order_notional": (17.0, {"max_order_notional": 17.0}),
    "risk.max_abs_position_notional": (18.0, {"max_position_notional": 18.0}),
    "risk.daily_loss_limit": (19.0, {"max_daily_loss_notional": 19.0}),
    "risk.close_order_reserve": (7, {"close_order_reserve": 7}),
}
"""Key → (another value, the fields of RUN that it changes and their values)."""

SLOT_KEYS: dict[str, tuple[Any, Fields]] = {
    "market.instrument.tick_size": ("0.05", {"tick_mantissa": 5.0}),
    "market.instrument.step_size": ("0.00025", {"step_mantissa": 25.0}),
    "market.instrument.min_qty": ("0.5", {"min_qty": 0.5}),
    "market.instrument.min_notional": (25, {"min_notional": 25.0}),
    "market.instrument.shortable": (True, {"shortable": 1}),
    "market.instrument.can_flip": (True, {"can_flip": 1}),
    "market.instrument.fee_currency": ("base", {"fee_in_base": 1}),
    "market.instrument.borrow_rate": (0.3, {"borrow_rate": 0.3}),
    "market.overrides": ({SYMBOL: {"tick_size": "0.02"}}, {"tick_mantissa": 2.0}),
    "fees.taker_bps": (25.0, {"fee_rate": 0.0025}),
    "fees.maker_bps": (2.0, {"maker_rate": 0.0002}),
    "fees.discount": (0.25, {"fee_rate": 0.00075, "maker_rate": 0.00075}),
    "fees.sell_fee_bps": (0.2, {"sell_fee_rate": 0.00002}),
    "fees.sell_fee_per_unit": (0.000166, {"sell_fee_per_unit": 0.000166}),
    "fees.sell_fee_per_unit_max": (8.3, {"sell_fee_per_unit_max": 8.3}),
    "stress.fee": (3.0, {"fee_rate": 0.003, "maker_rate": 0.003}),
    "fees.minimum": (1.5, {"min_fee": 1.5}),
}
"""Key → (another value, the fields of SLOT that it changes and their values)."""

STOCKS = {"calendar": "XNYS", "timezone": "America/New_York"}
CUTOFFS = {"market.instrument.open_cutoff_s", "market.instrument.close_cutoff_s"}
TESTED_APART = {"account.type", "data.venue", "data.symbols", "fees.tiers", "exits.atr_bars", *CUTOFFS}
NOT_THE_SIMULATORS = {
    "risk.sectors",
    "risk.max_sector_weight",
    "risk.sector_weights",
    "mode",
    "run.name",
    "run.artifacts_dir",
    "run.logs_dir",
    "run.state_dir",
    "data.store",
    "data.timeframe",
    "data.start",
    "data.end",
    "data.reference_timeframe",
    "data.sources",
    "data.actions",
    "data.rates",
    "data.provider",
    "market.calendar",
    "market.timezone",
    "market.instrument.quote_currency",
    "strategy.class",
    "strategy.params",
    "account.currency",
    "execution.mode",
    "execution.enabled",
    "risk.enabled",
}
"""Keys that choose bars, rates, strategy, folders and checks: the kernel's records do not hold them."""
NOT_THE_SIMULATORS_SECTIONS = {"quality", "doctor", "ray", "sessions"}

Records = tuple[Fields, Fields]
Read = Callable[[dict[str, Any]], Records]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Return a function from a configuration to the fields of its RUN and first SLOT, through the app's wiring."""
    root = tmp_path_factory.mktemp("store")
    prices = {name: [100.0] for name in ("open", "high", "low", "close", "volume")}
    table = pl.DataFrame({"open_ts_ms": [0], "close_ts_ms": [3_600_000]} | prices)
    for venue in ("testing", "elsewhere"):
        BarStore(root).write(StoredBars(InstrumentId(venue, SYMBOL), "1h", "made up", "raw", "24/7", "UTC", table))

    def read_records(tree: dict[str, Any]) -> Records:
        tree = copy.deepcopy(tree)
        tree["data"]["store"] = str(root)
        config = SimRun.model_validate(tree)
        inputs, _ = wire_backtest(config)
        run, slot = run_records(config)[0], slot_records(config, inputs.instruments)[0]
        return tuple({name: record[name].tolist() for name in record.dtype.names} for record in (run, slot))

    return read_records


def with_key(key: str, value: Any) -> dict[str, Any]:
    tree = copy.deepcopy(BASE)
    *path, last = key.split(".")
    at = tree
    for part in path:
        at = at.setdefault(part, {})
    at[last] = value
    return tree


def changes(before: Fields, after: Fields) -> Fields:
    return {name: value for name, value in after.items() if value != before[name]}


def assert_fields(found: Fields, expected: Fields) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-15)


def leaf_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaf_keys(field.annotation, f"{key}.")
        else:
            yield key


def test_every_key_of_the_configuration_is_accounted_for():
    accounted = [*RUN_KEYS, *SLOT_KEYS, *TESTED_APART, *NOT_THE_SIMULATORS]
    assert len(accounted) == len(set(accounted))
    keys = {key for key in leaf_keys(SimRun) if key.partition(".")[0] not in NOT_THE_SIMULATORS_SECTIONS}
    assert set(accounted) == keys


@pytest.mark.parametrize("key", RUN_KEYS)
def test_key_changes_its_fields_of_the_run_and_nothing_else(read: Read, key: str):
    value, fields = RUN_KEYS[key]
    (run, slot), (changed_run, changed_slot) = read(BASE), read(with_key(key, value))
    assert_fields(changes(run, changed_run), fields)
    assert changes(slot, changed_slot) == {}


@pytest.mark.parametrize("key", SLOT_KEYS)
def test_key_changes_its_fields_of_the_slot_and_nothing_else(read: Read, key: str):
    value, fields = SLOT_KEYS[key]
    (run, slot), (changed_run, changed_slot) = read(BASE), read(with_key(key, value))
    found = changes(slot, changed_slot)
    assert_fields({name: found[name] for name in found if not name.endswith("_scale")}, fields)
    assert changes(run, changed_run) == {}


def test_grids_are_whole_numbers_over_powers_of_ten(read: Read):
    _, slot = read(with_key("market.instrument.step_size", "0.00025"))
    assert (slot["step_mantissa"], slot["step_scale"]) == (25, 100_000)
    _, slot = read(with_key("market.instrument.tick_size", "0"))
    assert slot["tick_mantissa"] == 0


def test_account_type_chooses_cash_or_margin(read: Read):
    cash = with_key("account", {"type": "cash"})
    assert read(BASE)[0]["margin_account"] == 1
    assert read(cash)[0]["margin_account"] == 0


def test_margin_account_liquidates_at_half_its_initial_margin_unless_told(read: Read):
    assert read(BASE)[0]["maintenance_margin"] == 0.25
    assert read(with_key("account", {"type": "cash"}))[0]["maintenance_margin"] == 0


def test_fee_tiers_carry_the_discount_and_the_first_of_them_is_where_a_run_starts(read: Read):
    first = {"volume_30d": 0.0, "taker_bps": 8.0, "maker_bps": 6.0}
    second = {"volume_30d": 1e6, "taker_bps": 4.0, "maker_bps": 0.0}
    run, slot = read(with_key("fees", {"tiers": [first, second], "discount": 0.25, "taker_bps": 50.0}))
    assert run["n_tiers"] == 2
    assert run["tier_volume"][:3] == [0, 1e6, 0]
    assert run["tier_taker_rate"][:3] == pytest.approx([0.0006, 0.0003, 0], rel=1e-15)
    assert run["tier_maker_rate"][:3] == pytest.approx([0.00045, 0, 0], rel=1e-15)
    assert (slot["fee_rate"], slot["maker_rate"]) == (run["tier_taker_rate"][0], run["tier_maker_rate"][0])


def test_run_without_tiers_keeps_its_fees(read: Read):
    assert read(BASE)[0]["n_tiers"] == 0


@pytest.mark.parametrize(
    ("exits", "bars"),
    [
        ({"atr_bars": 20, "stop_loss": {"atr": 2.0}}, 20),
        ({"atr_bars": 20, "take_profit": {"atr": 2.0}}, 20),
        ({"atr_bars": 20, "stop_loss": {"fraction": 0.1}}, 0),
        ({"atr_bars": 20}, 0),
    ],
)
def test_true_range_is_kept_only_where_an_exit_needs_it(read: Read, exits: dict[str, Any], bars: int):
    assert read(with_key("exits", exits))[0]["atr_bars"] == bars


def test_stop_loss_stands_still_unless_it_trails(read: Read):
    run, _ = read(with_key("exits.stop_loss", {"atr": 2.0}))
    assert (run["stop_kind"], run["stop_distance"], run["stop_trails"]) == (EXIT_TRUE_RANGE, 2, 0)


def test_instrument_is_hashed_by_venue_and_symbol(read: Read):
    assert read(BASE)[1]["hash"] == zlib.crc32(b"testing:ACME/USDT")
    assert read(with_key("data.venue", "elsewhere"))[1]["hash"] == zlib.crc32(b"elsewhere:ACME/USDT")


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("risk.max_order_weight", "max_order_weight"),
        ("risk.max_position_weight", "max_position_weight"),
        ("risk.max_gross_weight", "max_gross_weight"),
        ("risk.daily_loss", "max_daily_loss"),
        ("risk.max_drawdown", "max_drawdown"),
        ("risk.max_orders_per_min", "max_orders_per_minute"),
        ("risk.max_order_notional", "max_order_notional"),
        ("risk.max_abs_position_notional", "max_position_notional"),
        ("risk.daily_loss_limit", "max_daily_loss_notional"),
    ],
)
def test_limit_that_is_null_is_off(read: Read, key: str, field: str):
    assert read(with_key(key, None))[0][field] == 0


def test_participation_that_is_null_is_off(read: Read):
    tree = with_key("execution.max_participation", None) | {"impact": {"coefficient": 0}}
    assert read(tree)[0]["max_participation"] == 0


def test_seasonality_that_is_null_is_all_ones(read: Read):
    run, _ = read(with_key("seasonality", {}))
    assert run["spread_by_hour"] == run["latency_by_hour"] == [1.0] * 168


@pytest.mark.parametrize("model", [model for model in PriceModel if model is not PriceModel.REFERENCE])
def test_price_model_is_found_by_its_name(read: Read, model: PriceModel):
    assert read(with_key("execution.price_model", model.name.lower()))[0]["price_model"] == model


@pytest.mark.parametrize("lifetime", [lifetime for lifetime in TimeInForce if lifetime is not TimeInForce.GTD])
def test_time_in_force_is_found_by_its_name(lifetime: TimeInForce):
    tree = with_key("execution.time_in_force", lifetime.name.lower()) | {"market": STOCKS}
    assert run_records(SimRun.model_validate(tree))[0]["time_in_force"] == lifetime


def test_auctions_are_those_of_a_market_that_closes():
    cutoffs = {"instrument": {"open_cutoff_s": 60, "close_cutoff_s": 900}}
    config = SimRun.model_validate(with_key("market", STOCKS | cutoffs))
    slot = slot_records(config, instruments_of(config))[0]
    assert (slot["has_auctions"], slot["open_cutoff_ms"], slot["close_cutoff_ms"]) == (1, 60_000, 900_000)
    coins = SimRun.model_validate(with_key("market", cutoffs))
    assert slot_records(coins, instruments_of(coins))[0]["has_auctions"] == 0
