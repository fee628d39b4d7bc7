"""vectorbt and Keel come to the same equity, bar by bar, and to the same fills."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keel.strategies.decisions import decide_all
from keel.strategies.port import VectorStrategy

from .keel_side import LEVERED, SHORTING, Signals, Weights, new_targets, play, wired
from .markets import (
    SHAPES,
    btc_hours,
    btc_perp_minutes,
    generated,
    held_weights,
    lean_daily,
    needs_real_bars,
    shipped,
    yahoo_daily,
)

pytestmark = pytest.mark.peers
FEES = ("fees.taker_bps=0", "fees.taker_bps=10", "fees.taker_bps=50")
WEIGHTS = [-0.9, -0.4, 0.0, 0.3, 0.5, 0.9]
generated_by_hypothesis = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def check_weights(vectorbt, compare, inputs):
    strategy = inputs.strategy
    assert isinstance(strategy, VectorStrategy)
    weights = decide_all(strategy, inputs.panel)
    ours = play(inputs)
    assert len(ours.fills) > 0
    compare("vectorbt", ours, vectorbt.play("weights", inputs, targets=new_targets(inputs, weights)))
    return ours


def check_signals(vectorbt, compare, inputs, codes, size, *, adds=False):
    ours = play(replace(inputs, strategy=Signals(codes, size, adds=adds)))
    compare("vectorbt", ours, vectorbt.play("signals", inputs, codes=codes, size=size, adds=adds))
    return ours


@pytest.mark.parametrize("fee", FEES)
@pytest.mark.parametrize("shape", SHAPES)
def test_weights_of_a_cash_account_come_to_the_same_equity(vectorbt, compare, shape, fee):
    inputs = wired(generated(shape, seed=1), fee)
    check_weights(vectorbt, compare, replace(inputs, strategy=Weights(held_weights(2, 400))))


@pytest.mark.parametrize("fee", FEES)
@pytest.mark.parametrize("shape", SHAPES)
def test_weights_long_and_short_with_flips_come_to_the_same_equity(vectorbt, compare, shape, fee):
    inputs = wired(generated(shape, seed=3), fee, *SHORTING, "account.allocation=0.5")
    weights = held_weights(4, 400, choices=(-0.9, 0.0, 0.4, 0.9))
    ours = check_weights(vectorbt, compare, replace(inputs, strategy=Weights(weights)))
    assert np.any(ours.fills["qty"] < 0.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_rebalance_at_every_bar_comes_to_the_same_equity(vectorbt, compare, shape):
    inputs = wired(generated(shape, seed=5), "fees.taker_bps=10", "execution.rebalance=every_bar")
    ours = check_weights(vectorbt, compare, replace(inputs, strategy=Weights(np.full((400, 1), 0.6))))
    assert len(ours.fills) == 399


def test_the_last_cent_is_spent_alike_when_the_price_gaps_up_past_the_cash(vectorbt, compare):
    inputs = wired(generated("gaps", seed=6), "fees.taker_bps=10")
    weights = held_weights(7, 400, choices=(0.0, 0.99), every=3)
    check_weights(vectorbt, compare, replace(inputs, strategy=Weights(weights)))


def test_all_there_is_by_both_sides_own_rule_is_the_same_where_bars_open_at_the_close_before(vectorbt, compare):
    inputs = wired(generated("no gaps", seed=8), "fees.taker_bps=10")
    weights = held_weights(9, 400, choices=(0.0, 1.0))
    codes = np.where(weights[:, 0] > 0.0, 1, 2)
    ours = play(replace(inputs, strategy=Weights(weights)))
    compare("vectorbt", ours, vectorbt.play("signals", inputs, codes=codes))


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_signals_of_a_fixed_size_come_to_the_same_equity(vectorbt, compare, shape, adds):
    inputs = wired(generated(shape, seed=10), "fees.taker_bps=10", *LEVERED)
    codes = np.random.default_rng(11).choice([0, 0, 0, 1, 1, -1, 2], 400)
    codes[0], codes[-1] = 1, -1
    check_signals(vectorbt, compare, inputs, codes, 250.0, adds=adds)


@generated_by_hypothesis
@given(
    seed=st.integers(0, 10_000),
    codes=st.lists(st.sampled_from([0, 1, -1, 2]), min_size=2, max_size=40),
    adds=st.booleans(),
    fee=st.sampled_from(FEES),
)
def test_any_signals_come_to_the_same_equity(vectorbt, compare, seed, codes, adds, fee):
    inputs = wired(generated("gaps", seed, len(codes)), fee, *LEVERED)
    check_signals(vectorbt, compare, inputs, np.array(codes), 100.0, adds=adds)


@generated_by_hypothesis
@given(
    seed=st.integers(0, 10_000),
    weights=st.lists(st.sampled_from(WEIGHTS), min_size=2, max_size=40),
    fee=st.sampled_from(FEES),
    every_bar=st.booleans(),
)
def test_any_weights_come_to_the_same_equity(vectorbt, compare, seed, weights, fee, every_bar):
    rebalance = f"execution.rebalance={'every_bar' if every_bar else 'on_change'}"
    inputs = wired(generated("gaps", seed, len(weights)), fee, rebalance, *SHORTING, "account.allocation=0.5")
    strategy = Weights(np.array(weights)[:, None])
    ours = play(replace(inputs, strategy=strategy))
    targets = new_targets(inputs, strategy.weights)
    compare("vectorbt", ours, vectorbt.play("weights", inputs, targets=targets))


@pytest.mark.parametrize("step", ["0", "1"])
def test_a_portfolio_rebalanced_weekly_comes_to_the_same_equity(vectorbt, compare, step):
    symbols = ("A", "B", "C", "D", "E")
    sets = ("fees.taker_bps=5", f'market.instrument.step_size="{step}"', *LEVERED)
    inputs = wired(generated("gaps", 12, 1500, 5), *sets, symbols=symbols)
    rng = np.random.default_rng(13)
    weekly = rng.dirichlet(np.ones(5), 1 + 1500 // 168) * 0.9
    ours = check_weights(
        vectorbt, compare, replace(inputs, strategy=Weights(np.repeat(weekly, 168, axis=0)[:1500].copy()))
    )
    assert set(ours.fills["instrument"]) == set(range(5))


SHIPPED = (
    "moving_average:MovingAverageCrossover",
    "rsi:RelativeStrengthIndex",
    "momentum:Momentum",
    "donchian:DonchianBreakout",
    "mean_reversion:BollingerReversion",
)


@needs_real_bars
@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_strategy_on_six_years_of_btc_hours_comes_to_the_same_equity(vectorbt, compare, name, short):
    account = (*SHORTING, "strategy.params={allow_short: true}") if short else ()
    inputs = wired(btc_hours(), "fees.taker_bps=10", "account.allocation=0.5", shipped(name), *account)
    assert len(inputs.bars) == 58_419
    ours = check_weights(vectorbt, compare, inputs)
    assert np.any(ours.fills["qty"] < 0.0)


@needs_real_bars
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_strategy_on_perpetual_minutes_comes_to_the_same_equity(vectorbt, compare, name):
    sets = ("data.timeframe=1m", "fees.taker_bps=4", "account.allocation=0.5", "strategy.params={allow_short: true}")
    check_weights(vectorbt, compare, wired(btc_perp_minutes(), shipped(name), *sets, *SHORTING))


@needs_real_bars
def test_signals_of_a_fixed_size_on_perpetual_minutes_come_to_the_same_equity(vectorbt, compare):
    sets = ("data.timeframe=1m", "fees.taker_bps=4", "strategy.params={allow_short: true}", *LEVERED)
    inputs = wired(btc_perp_minutes(), shipped("moving_average:MovingAverageCrossover"), *sets)
    weights = decide_all(inputs.strategy, inputs.panel)[:, 0]
    codes = np.select([weights > 0.0, weights < 0.0], [1, -1], 2)
    ours = check_signals(vectorbt, compare, inputs, codes, 2.0)
    assert len(ours.fills) > 500


@needs_real_bars
@pytest.mark.parametrize("ticker", ["spy", "aapl", "bac", "ibm"])
def test_a_shipped_strategy_on_daily_stocks_comes_to_the_same_equity(vectorbt, compare, ticker):
    sets = ("data.timeframe=1d", "fees.taker_bps=1", "account.allocation=0.9")
    check_weights(vectorbt, compare, wired(lean_daily(ticker), shipped(SHIPPED[0]), *sets))


@needs_real_bars
def test_a_shipped_portfolio_of_real_stocks_comes_to_the_same_equity(vectorbt, compare):
    symbols = ("AAPL", "CAT", "CSCO", "DIS", "HD", "JNJ", "KO", "MSFT", "WMT", "VZ")
    params = "strategy.params={lookback: 60, skip: 5, rebalance: week}"
    sets = ("data.timeframe=1d", "fees.taker_bps=1", "account.allocation=0.9", *LEVERED, params)
    inputs = wired(yahoo_daily(*symbols), shipped("cross_section:CrossSectionalMomentum"), *sets, symbols=symbols)
    ours = check_weights(vectorbt, compare, inputs)
    assert len(set(ours.fills["instrument"])) == len(symbols)
