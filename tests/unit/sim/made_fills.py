"""Fills of the real kernel at known costs, recorded as a run's tables are, and what a calibration reads of them."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from made_markets import make_run, make_slots

from keel.domain.layout import BAR, BAR_PRESENT
from keel.domain.orders import PriceModel
from keel.runs.frames import fills_frame, orders_frame
from keel.sim.calibration.calibrate import Recording
from keel.sim.calibration.market import BarHistory, Surroundings
from keel.sim.calibration.samples import Laws
from keel.sim.engine import Simulator

HOUR_MS = 3_600_000
START_MS = 1_609_718_400_000  # Monday 2021-01-04
SHORT_BARS, LONG_BARS, HALF_LIFE_BARS, TICK = 20, 200, 5.0, 0.01
TRUE = {
    "spread.half_spread_bps": 2.0,
    "impact.coefficient": 0.8,
    "latency.base_ms": 250.0,
    "latency.response_ms": 50.0,
    "latency.jitter_ms": 20.0,
    "latency.jitter_sigma": 0.5,
    "latency.spike_probability": 0.02,
    "latency.spike_multiplier": 8.0,
}


def hourly_bars(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Return (rows, 1) hourly bars around 100 whose volatility comes and goes, with volumes around 1000."""
    sigma = 0.005 * np.exp(0.6 * np.sin(np.arange(rows) / 150.0))
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, sigma)))
    bars = np.zeros((rows, 1), BAR)
    opens = np.append(100.0, close[:-1])
    bars["open"][:, 0], bars["close"][:, 0] = opens, close
    bars["high"][:, 0] = np.maximum(opens, close) * (1 + np.abs(rng.normal(0, sigma / 2)))
    bars["low"][:, 0] = np.minimum(opens, close) * (1 - np.abs(rng.normal(0, sigma / 2)))
    bars["volume"][:, 0] = np.round(1000 * rng.lognormal(0, 0.5, rows))
    bars["open_ts_ms"] = START_MS + HOUR_MS * np.arange(rows)[:, None]
    bars["close_ts_ms"] = bars["open_ts_ms"] + HOUR_MS
    bars["day"] = bars["open_ts_ms"] // 86_400_000
    bars["minute_of_week"] = np.arange(rows)[:, None] * 60 % 10_080
    bars["flags"] = BAR_PRESENT
    return bars


def simulated_tables(bars: np.ndarray, orders: int, seed: int, **fields: object) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Trade to random weights, small and large; return the run's fills and orders as its folder would hold them."""
    rng = np.random.default_rng(seed)
    targets = np.full((len(bars), 1), np.nan)
    rows = np.sort(rng.choice(np.arange(250, len(bars) - 5), orders, replace=False))
    targets[rows, 0] = rng.choice([-1, 1], orders) * 10 ** rng.uniform(-2.5, -0.5, orders)
    run = make_run(**(_costs(seed) | fields))
    slots = make_slots(
        1, shortable=True, can_flip=True, step_mantissa=1, step_scale=100, tick_mantissa=1, tick_scale=100
    )
    simulator = Simulator(bars, run, slots)
    simulator.run(targets)
    simulator.finish()
    return fills_frame(simulator.events, ["ACME/USDT"]), orders_frame(simulator.events, ["ACME/USDT"])


def _costs(seed: int) -> dict[str, object]:
    return {
        "seed": seed,
        "cash": 100_000.0,
        "margin_account": True,
        "initial_margin": 0.2,
        "price_model": PriceModel.BRIDGE,
        "half_spread_bps": TRUE["spread.half_spread_bps"],
        "impact_coefficient": TRUE["impact.coefficient"],
        "impact_decay": math.log(2) / HALF_LIFE_BARS,
        "max_participation": 0.3,
        "vol_short_alpha": 2 / (SHORT_BARS + 1),
        "vol_long_alpha": 2 / (LONG_BARS + 1),
        "entry_ms": TRUE["latency.base_ms"],
        "response_ms": TRUE["latency.response_ms"],
        "jitter_ms": TRUE["latency.jitter_ms"],
        "jitter_sigma": TRUE["latency.jitter_sigma"],
        "spike_probability": TRUE["latency.spike_probability"],
        "spike_multiplier": TRUE["latency.spike_multiplier"],
    }


def recording(
    bars: np.ndarray,
    fills: pl.DataFrame,
    orders: pl.DataFrame,
    tick: float = TICK,
    factors: np.ndarray | None = None,
) -> Recording:
    """Return what the command makes of a run's tables; the simulator's own split of the costs is not in it."""
    history = BarHistory(bars[:, 0], np.ones(len(bars)) if factors is None else factors, SHORT_BARS, LONG_BARS)
    times = orders.select("order_id", "submitted_ts_ms", "accepted_ts_ms", "triggered_ts_ms")
    table = fills.select(
        "symbol", "order_id", "type", "maker", "qty", "price", "reference_price", "ts_ms", "response_ts_ms",
        pl.col("side").replace_strict({"BUY": 1, "SELL": -1}), pl.col("order_id").alias("order"),
    ).join(times, on="order_id", how="left", maintain_order="left")  # fmt: skip

    def around(frame: pl.DataFrame, moment: str) -> Surroundings:
        return history.around(frame[moment].to_numpy())

    known = orders.drop_nulls("accepted_ts_ms").with_columns(order=pl.col("order_id"))
    return Recording(table, known, {"ACME/USDT": tick}, around)


LAWS = Laws(exponent=0.5, half_life_bars=HALF_LIFE_BARS)
