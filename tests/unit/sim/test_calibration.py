"""Known parameters, played by the kernel, come back from its fills (docs/execution.md, rules 11, 13)."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from made_fills import HALF_LIFE_BARS, LAWS, TRUE, hourly_bars, recording, simulated_tables

from keel.domain.orders import PriceModel
from keel.sim.calibration.calibrate import Calibration, Recording, calibrate
from keel.sim.calibration.market import metaorder_growth
from keel.sim.calibration.samples import slippages
from keel.sim.calibration.slippage import SlippageSample, fit_slippage

CONFIDENCE = 0.95
NOISE_BPS = 3.0


def played(seed: int, orders: int = 150, **fields: object) -> tuple[np.ndarray, pl.DataFrame, pl.DataFrame]:
    bars = hourly_bars(np.random.default_rng(1000 + seed), 2500)
    return bars, *simulated_tables(bars, orders, seed, **fields)


def noisy(fills: pl.DataFrame, seed: int, bps: float = NOISE_BPS) -> pl.DataFrame:
    """Return the fills as a desk records them: the reference it saw is not the one it met; errors have fat tails."""
    error = np.random.default_rng(10_000 + seed).standard_t(4, fills.height) * bps / 1e4
    return fills.with_columns(reference_price=fills["reference_price"] * (1 + error))


def fitted(bars, fills, orders, *, confidence=CONFIDENCE, seasonality=False, laws=LAWS, tick=0.01) -> Calibration:
    return calibrate(recording(bars, fills, orders, tick), laws, confidence, seasonality=seasonality)


def costs(bars, fills, orders, **given) -> Calibration:
    """Fit what a desk can tell that recorded no times but the fills'."""
    return fitted(bars, fills.with_columns(response_ts_ms=pl.lit(None, pl.Int64)), orders.head(0), **given)


def hits(found: Calibration) -> dict[str, bool]:
    return {name: each.low <= TRUE[name] <= each.high for name, each in found.parameters.items()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_known_parameters_lie_in_the_intervals_of_simulated_fills(seed):
    bars, fills, orders = played(seed)
    found = fitted(bars, noisy(fills, seed), orders, confidence=0.999)
    assert set(found.parameters) >= set(TRUE) - {"latency.spike_multiplier"}
    assert all(hits(found).values()), found.parameters
    for name, each in found.parameters.items():
        assert abs(each.value - TRUE[name]) < each.high - each.low


def test_without_noise_costs_come_back_to_a_part_of_a_tick():
    found = costs(*played(4))
    assert found.slippage is not None
    assert found.latency is None
    assert found.parameters["spread.half_spread_bps"].value == pytest.approx(2.0, abs=0.15)
    assert found.parameters["impact.coefficient"].value == pytest.approx(0.8, abs=0.02)
    assert found.slippage.r_squared > 0.999


def test_half_tick_of_rounding_is_not_taken_for_spread():
    bars, fills, orders = played(4)
    blind = costs(bars, fills, orders, tick=0.0)
    half_tick_bps = 0.005 / fills["price"].mean() * 1e4
    told = costs(bars, fills, orders).parameters["spread.half_spread_bps"].value
    assert blind.parameters["spread.half_spread_bps"].value == pytest.approx(told + half_tick_bps, rel=0.05)


def test_impact_shape_is_what_the_kernel_charged():
    bars, fills, orders = played(5, max_participation=0.05)
    around = recording(bars, fills, orders).around(fills, "ts_ms")
    side = fills["side"].replace_strict({"BUY": 1, "SELL": -1}).to_numpy()
    growth = metaorder_growth(side, fills["qty"].to_numpy(), around, 0.5, HALF_LIFE_BARS)
    charged = (fills["impact_cost"] / fills["qty"] / fills["reference_price"]).to_numpy() * 1e4
    np.testing.assert_allclose(TRUE["impact.coefficient"] * around.sigma_bps * growth, charged, rtol=1e-9)
    spread = (fills["spread_cost"] / fills["qty"] / fills["reference_price"]).to_numpy() * 1e4
    np.testing.assert_allclose(TRUE["spread.half_spread_bps"] * around.factor, spread, rtol=1e-9)
    assert fills.height > orders.height  # orders cut by participation: the memory is tried


def test_split_changes_nothing():
    bars, fills, orders = played(5)
    split_ts_ms = int(fills["ts_ms"].median())
    factors = np.where(bars["open_ts_ms"][:, 0] > split_ts_ms, 4.0, 1.0)
    # bars come adjusted, fills as they were: four new units of each old one
    after = pl.when(pl.col("ts_ms") > bars["open_ts_ms"][np.argmax(factors > 1), 0])
    new_units = fills.with_columns(qty=after.then(pl.col("qty") * 4).otherwise("qty"))
    plain = slippages_of(recording(bars, fills, orders))
    np.testing.assert_allclose(slippages_of(recording(bars, new_units, orders, factors=factors)), plain, rtol=1e-12)


def slippages_of(given: Recording) -> np.ndarray:
    around = given.around(given.fills, "ts_ms")
    return slippages(given.fills, around, given.ticks, LAWS).sample.impact_shape_bps


def test_outliers_are_pulled_in():
    bars, fills, orders = played(6)
    wrong = fills["reference_price"].to_numpy().copy()
    wrong[::20] *= 0.9
    found = costs(bars, fills.with_columns(reference_price=pl.Series(wrong)), orders)
    assert found.slippage is not None
    assert found.slippage.outliers >= len(wrong[::20]) * 0.9
    assert found.parameters["spread.half_spread_bps"].value == pytest.approx(2.0, abs=0.5)


def test_orders_all_alike_leave_impact_out():
    rng = np.random.default_rng(7)
    found = fit_slippage(made_sample(impact_shape_bps=30 + rng.normal(0, 0.1, 100)), CONFIDENCE)
    assert found.impact is None
    assert any("participation is nearly alike" in line for line in found.warnings)


def test_impact_known_by_volatility_alone_is_told():
    sigma_bps = np.random.default_rng(7).uniform(20, 80, 100)
    found = fit_slippage(made_sample(impact_shape_bps=sigma_bps * 0.3, growth=np.full(100, 0.3)), CONFIDENCE)
    assert found.impact is not None
    assert any("rests on volatility alone" in line for line in found.warnings)


def test_impact_that_is_not_there_is_zero_and_told():
    shape = np.random.default_rng(7).uniform(0, 80, 100)
    found = fit_slippage(made_sample(impact_shape_bps=shape, paid_bps=5 - 0.02 * shape), CONFIDENCE)
    assert found.impact is not None
    assert found.impact.value == 0
    assert any("no impact is seen" in line for line in found.warnings)


def made_sample(impact_shape_bps, paid_bps=None, growth=None) -> SlippageSample:
    """Return 100 fills without tick at a half-spread of 2 bps and a coefficient of 0.8, a little noise on them."""
    noise = np.random.default_rng(0).normal(0, 0.1, 100)
    return SlippageSample(
        paid_bps=2 + 0.8 * impact_shape_bps + noise if paid_bps is None else paid_bps + noise,
        spread_shape=np.ones(100),
        impact_shape_bps=impact_shape_bps,
        growth=np.geomspace(0.01, 0.3, 100) if growth is None else growth,
        tick_bps=np.zeros(100),
        on_grid=np.zeros(100, np.bool_),
        cluster=np.arange(100),
    )


def test_too_few_fills_are_left_out_with_their_number():
    bars, fills, orders = played(8)
    found = fitted(bars, fills.head(29), orders.head(29))
    assert not found.parameters
    assert [line.partition(":")[0] for line in found.warnings] == ["spread and impact", "latency"]
    assert all("at least 30 are needed" in line for line in found.warnings)


def test_rounding_that_is_always_alike_widens_the_interval_of_the_spread():
    bars, fills, orders = played(9, price_model=PriceModel.OPEN, impact_coefficient=0.0, half_spread_bps=0.3)
    whole = fills.with_columns(reference_price=(fills["reference_price"] * 100).round() / 100)
    price = whole["reference_price"] + whole["side"].replace_strict({"BUY": 0.01, "SELL": -0.01})
    found = costs(bars, whole.with_columns(price=price), orders)
    spread = found.parameters["spread.half_spread_bps"]
    assert any("rounding hides" in line for line in found.warnings)
    assert spread.low <= 0.3 <= spread.high
    assert spread.high - spread.low > 0.8


def test_resting_limit_orders_are_no_part_of_the_slippage():
    bars, fills, orders = played(10)
    resting = fills.with_columns(maker=pl.row_index() % 2 == 0)
    found = costs(bars, resting, orders)
    assert found.slippages is not None
    assert found.slippages.left_out["resting limit orders"] == (fills.height + 1) // 2


def test_constant_latency_has_no_jitter():
    found = fitted(*played(11, jitter_ms=0.0, spike_probability=0.0))
    assert found.parameters["latency.jitter_ms"].value == 0
    base = found.parameters["latency.base_ms"]
    assert base.low <= 250 <= base.high
    assert base.high - base.low <= 1


def test_few_spikes_tell_their_chance_but_not_their_factor():
    bars, fills, orders = played(12, spike_probability=0.005)
    found = fitted(bars, fills, orders)
    chance = found.parameters["latency.spike_probability"]
    assert chance.low <= 0.005 <= chance.high
    assert "latency.spike_multiplier" not in found.parameters
    assert any(line.startswith("latency.spike_multiplier: left out") for line in found.warnings)


def test_hours_of_the_week_are_found_and_shrunk():
    bars = hourly_bars(np.random.default_rng(13), 12_000)
    by_hour = np.where(np.arange(168) % 24 < 12, 0.5, 1.5)
    fills, orders = simulated_tables(bars, 4_000, 13, spread_by_hour=by_hour, latency_by_hour=by_hour)
    found = fitted(bars, noisy(fills, 13, 1.0), orders, seasonality=True)
    for name in ("spread", "latency"):
        table = found.hours[name]
        assert table.multipliers.mean() == pytest.approx(1.0)
        assert np.abs(table.multipliers - by_hour).mean() < 0.15
    assert found.parameters["spread.half_spread_bps"].value == pytest.approx(2.0, abs=0.3)
    assert found.parameters["latency.base_ms"].value == pytest.approx(250.0, rel=0.05)


def test_without_fills_enough_there_is_no_hour_table():
    found = costs(*played(14), seasonality=True)
    assert not found.hours
    assert sum("seasonality" in line and "left out" in line for line in found.warnings) == 2


@pytest.mark.soak
def test_intervals_cover_at_their_nominal_rate():
    hit: dict[str, list[bool]] = {name: [] for name in TRUE}
    for seed in range(40):
        bars, fills, orders = played(100 + seed, orders=200)
        for name, inside in hits(fitted(bars, noisy(fills, seed), orders)).items():
            hit[name].append(inside)
    for name, inside in hit.items():
        assert len(inside) >= 30, name
        assert np.mean(inside) >= 0.85, (name, np.mean(inside))
