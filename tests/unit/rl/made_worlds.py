"""Made-up worlds: a random walk of hourly bars, every cost and latency on, and features that say which row it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from keel.domain.layout import ACTION, BAR, BAR_PRESENT, RUN, SLOT
from keel.domain.orders import PriceModel
from keel.rl.arrays import World
from keel.rl.layout import PATCH, TASK

HOUR_MS = 3_600_000
FEATURES = 3


def bars_of(rows: int, n: int, seed: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    bars = np.zeros((rows, n), BAR)
    steps = rng.normal(0.0, 0.004, (rows, n))
    close = 100.0 * np.exp(np.cumsum(steps, axis=0))
    opening = np.vstack([np.full((1, n), 100.0), close[:-1]])
    wick = np.abs(rng.normal(0.0, 0.002, (2, rows, n))) * close
    bars["open"], bars["close"] = opening, close
    bars["high"], bars["low"] = np.maximum(opening, close) + wick[0], np.minimum(opening, close) - wick[1]
    bars["volume"] = rng.uniform(500.0, 1500.0, (rows, n))
    opens = (np.arange(rows, dtype=np.int64) * HOUR_MS)[:, None]
    bars["open_ts_ms"], bars["close_ts_ms"] = opens, opens + HOUR_MS
    bars["day"], bars["minute_of_week"] = opens // 86_400_000, opens // 60_000 % 10_080
    bars["flags"] = BAR_PRESENT
    return bars


def run_of(**fields: Any) -> np.ndarray:
    run = np.zeros(1, RUN)
    values = {
        "seed": 9,
        "cash": 100_000.0,
        "allocation": 1.0,
        "initial_margin": 0.5,
        "margin_account": 1,
        "price_model": PriceModel.BRIDGE,
        "half_spread_bps": 2.0,
        "impact_coefficient": 0.5,
        "impact_exponent": 0.5,
        "impact_decay": 0.1,
        "max_participation": 0.2,
        "vol_short_alpha": 0.1,
        "vol_long_alpha": 0.01,
        "entry_ms": 200_000.0,
        "response_ms": 150_000.0,
        "jitter_ms": 50_000.0,
        "jitter_sigma": 0.5,
        "spike_multiplier": 5.0,
        "spike_probability": 0.05,
        "spread_by_hour": 1.0,
        "latency_by_hour": 1.0,
        "reserve_rate": 0.01,
    }
    for name, value in (values | fields).items():
        run[name] = value
    return run


def slots_of(n: int, patches: int = 1) -> np.ndarray:
    slots = np.zeros((patches, n), SLOT)
    slots["hash"] = np.arange(1, n + 1) * 7919
    slots["shortable"] = slots["can_flip"] = 1
    slots["tick_mantissa"], slots["tick_scale"] = 1.0, 100.0
    slots["step_mantissa"], slots["step_scale"] = 1.0, 1000.0
    slots["fee_rate"], slots["maker_rate"] = 0.0005, 0.0002
    return slots


def task_of(**fields: Any) -> np.ndarray:
    task = np.zeros(1, TASK)
    values = {
        "window": 1,
        "begins_anew": 1,
        "ends_at_latch": 1,
        "episode_bars": 40,
        "seed": 9,
        "least": 1.0,
        "most": 1.0,
    }
    values |= {"reward_scale": 1.0, "sharpe_rate": 0.05, "risk_aversion": 1.0, "cvar_tail": 0.2}
    for name, value in (values | fields).items():
        task[name] = value
    return task


def world_of(
    rows: int = 400,
    n: int = 1,
    run: dict[str, Any] | None = None,
    task: dict[str, Any] | None = None,
    rates: tuple[float, float] | None = None,
) -> World:
    """Build a world; feature j of instrument i at a row is 1000 × row + 10 i + j, rates are drawn from a range."""
    asked = task_of(**(task or {}))
    features = int(asked["window"][0]) * n * FEATURES
    asked["places"], asked["stride"], asked["size"] = range(4), 4, features + 4 * n + 1
    asked["bound"], asked["drawdown_place"] = 1e9, features + 4 * n
    patches = np.zeros(1, PATCH)
    patches["first"], patches["end"], patches["up_to"] = 10, rows - 1, 1.0
    patches["last"] = max(11, rows - 1 - int(asked["episode_bars"][0]))
    names = np.concatenate([10 * i + np.arange(FEATURES) for i in range(n)])
    return World(
        bars=bars_of(rows, n),
        fine=np.zeros(0, BAR),
        actions=np.zeros(0, ACTION),
        rates=np.zeros((0, n)) if rates is None else np.random.default_rng(7).uniform(*rates, (rows, n)),
        features=(1000 * np.arange(rows)[:, None] + names[None, :]).astype(np.float32),
        task=asked,
        patches=patches,
        run=run_of(**(run or {})),
        slots=slots_of(n),
    )
