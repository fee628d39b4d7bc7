"""Random markets and settings, as the arrays that the simulator reads."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from keel.domain.layout import BAR, BAR_ENDS_DAY, BAR_PRESENT, RUN, SLOT
from keel.domain.orders import AUCTIONS, PriceModel, TimeInForce
from keel.sim.engine import Simulator

ROW_MS = 60_000
CASH = 10_000.0


@dataclass(frozen=True)
class Market:
    """Hold what a simulation reads: BAR (rows, N), weights (rows, N), RUN (1,), SLOT (N,)."""

    bars: np.ndarray
    targets: np.ndarray
    run: np.ndarray
    slots: np.ndarray

    def simulator(self, **rooms: int) -> Simulator:
        return Simulator(self.bars, self.run, self.slots, **rooms)

    def played(self) -> Simulator:
        simulator = self.simulator()
        simulator.run(self.targets)
        simulator.finish()
        return simulator


def make_bars(rng: np.random.Generator, rows: int, n: int, missing: float = 0.0) -> np.ndarray:
    """Return random walks around 100 with volumes of 0 to 100; a part of the bars is missing."""
    bars = np.zeros((rows, n), BAR)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, (rows, n)), axis=0))
    bars["open"] = close * np.exp(rng.normal(0, 0.01, (rows, n)))
    bars["close"] = close
    bars["high"] = np.maximum(bars["open"], close) * np.exp(np.abs(rng.normal(0, 0.01, (rows, n))))
    bars["low"] = np.minimum(bars["open"], close) * np.exp(-np.abs(rng.normal(0, 0.01, (rows, n))))
    bars["volume"] = rng.integers(0, 100, (rows, n))
    bars["open_ts_ms"] = np.arange(rows)[:, None] * ROW_MS
    bars["close_ts_ms"] = bars["open_ts_ms"] + ROW_MS
    bars["day"] = np.arange(rows)[:, None] // 10
    bars["minute_of_week"] = np.arange(rows)[:, None] % 10_080
    bars["flags"] = BAR_PRESENT
    gone = rng.random((rows, n)) < missing
    for name in ("open", "high", "low", "close"):
        bars[name][gone] = np.nan
    bars["volume"][gone] = 0.0
    bars["flags"][gone] = 0
    bars["flags"][9::10] |= BAR_ENDS_DAY
    return bars


def make_targets(rng: np.random.Generator, rows: int, n: int) -> np.ndarray:
    """Return a weight for every other row and instrument, NaN for the rest."""
    weights = rng.choice([-0.8, -0.3, 0.0, 0.2, 0.5, 0.9], (rows, n))
    weights[rng.random((rows, n)) < 0.5] = np.nan
    return weights


def make_run(**fields: object) -> np.ndarray:
    """Return a RUN array without costs, latency or limits, but for the fields given."""
    run = np.zeros(1, RUN)
    run["cash"] = CASH
    run["allocation"] = run["initial_margin"] = run["spike_multiplier"] = 1.0
    run["spread_by_hour"] = run["latency_by_hour"] = 1.0
    run["impact_exponent"] = run["vol_short_alpha"] = 0.5
    run["vol_long_alpha"] = 0.1
    for name, value in fields.items():
        run[name] = value
    return run


def make_slots(n: int, **fields: object) -> np.ndarray:
    """Return SLOTs on no grid and without rules, but for the fields given."""
    slots = np.zeros(n, SLOT)
    slots["hash"] = np.arange(n) + 1
    slots["tick_scale"] = slots["step_scale"] = 1.0
    for name, value in fields.items():
        slots[name] = value
    return slots


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """Draw up to 60 rows of up to 3 instruments with costs, latency, limits and missing bars."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, n = draw(st.integers(2, 60)), draw(st.integers(1, 3))
    margin = draw(st.booleans())
    run = make_run(
        seed=draw(st.integers(0, 1000)),
        margin_account=margin,
        initial_margin=draw(st.sampled_from([0.25, 1.0])) if margin else 1.0,
        every_bar=draw(st.booleans()),
        time_in_force=draw(st.sampled_from([life for life in TimeInForce if life not in AUCTIONS])),
        price_model=draw(st.sampled_from([model for model in PriceModel if model is not PriceModel.REFERENCE])),
        reserve_rate=draw(st.sampled_from([0.0, 0.01])),
        half_spread_bps=draw(st.sampled_from([0.0, 5.0])),
        impact_coefficient=draw(st.sampled_from([0.0, 1.0])),
        impact_decay=math.log(2) / 5,
        max_participation=draw(st.sampled_from([0.05, 0.5])),
        entry_ms=draw(st.sampled_from([0.0, 250.0, 70_000.0])),
        response_ms=draw(st.sampled_from([0.0, 50.0, 90_000.0])),
        jitter_ms=draw(st.sampled_from([0.0, 20_000.0])),
        jitter_sigma=1.0,
        timeout_ms=draw(st.sampled_from([0, 30_000])),
        retries=2,
        max_drawdown=draw(st.sampled_from([0.0, 0.2])),
    )
    slots = make_slots(n, shortable=margin, can_flip=draw(st.booleans()), fee_rate=0.001)
    slots["min_fee"] = draw(st.sampled_from([0.0, 1.0]))
    if draw(st.booleans()):
        slots["tick_mantissa"], slots["tick_scale"], slots["step_mantissa"], slots["step_scale"] = 5, 100, 1, 1000
    missing = draw(st.sampled_from([0.0, 0.2]))
    return Market(make_bars(rng, rows, n, missing), make_targets(rng, rows, n), run, slots)
