"""backtesting.py and Keel come to the same equity, bar by bar, and to the same fills."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keel.strategies.decisions import decide_all
from keel.strategies.port import VectorStrategy

from .keel_side import ASKED, LEVERED, SHORTING, Orders, Signals, Weights, new_targets, play, wired
from .markets import SHAPES, btc_hours, btc_perp_minutes, generated, held_weights, lean_daily, needs_real_bars, shipped

pytestmark = pytest.mark.peers
FEES = ("fees.taker_bps=0", "fees.taker_bps=10", "fees.taker_bps=50")
WHOLE = 'market.instrument.step_size="1"'
CODES = [0, 0, 0, 1, 1, -1, 2]
LEVERAGE = {"margin": 0.1}
generated_by_hypothesis = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def check_weights(backtesting, compare, inputs):
    strategy = inputs.strategy
    assert isinstance(strategy, VectorStrategy)
    weights = decide_all(strategy, inputs.panel)
    ours = play(inputs)
    assert len(ours.fills) > 0
    compare("backtesting.py", ours, backtesting.play("weights", inputs, targets=new_targets(inputs, weights)))
    return ours


def check_orders(backtesting, compare, inputs, asked, *, flat_only=False):
    ours = play(replace(inputs, strategy=Orders(asked, flat_only=flat_only)))
    theirs = backtesting.play("orders", inputs, asked=asked, flat_only=flat_only, options=LEVERAGE)
    compare("backtesting.py", ours, theirs)
    return ours


@pytest.mark.parametrize("fee", FEES)
@pytest.mark.parametrize("shape", SHAPES)
def test_weights_in_whole_units_come_to_the_same_equity(backtesting, compare, shape, fee):
    inputs = wired(generated(shape, seed=1), fee, WHOLE, "account.allocation=0.9")
    check_weights(backtesting, compare, replace(inputs, strategy=Weights(held_weights(2, 400))))


@pytest.mark.parametrize("fee", FEES)
@pytest.mark.parametrize("shape", SHAPES)
def test_weights_long_and_short_with_flips_come_to_the_same_equity(backtesting, compare, shape, fee):
    inputs = wired(generated(shape, seed=3), fee, WHOLE, *SHORTING, "account.allocation=0.5")
    weights = held_weights(4, 400, choices=(-0.9, 0.0, 0.4, 0.9))
    ours = check_weights(backtesting, compare, replace(inputs, strategy=Weights(weights)))
    assert np.any(ours.fills["qty"] < 0.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_rebalance_at_every_bar_comes_to_the_same_equity(backtesting, compare, shape):
    inputs = wired(generated(shape, seed=5), "fees.taker_bps=10", WHOLE, "execution.rebalance=every_bar")
    ours = check_weights(backtesting, compare, replace(inputs, strategy=Weights(np.full((400, 1), 0.6))))
    assert len(ours.fills) > 300


def test_all_there_is_by_both_sides_own_rule_is_the_same_where_bars_open_at_the_close_before(backtesting, compare):
    inputs = wired(generated("no gaps", seed=8), "fees.taker_bps=10", WHOLE)
    weights = held_weights(9, 400, choices=(0.0, 1.0))
    codes = np.where(weights[:, 0] > 0.0, 1, 2)
    ours = play(replace(inputs, strategy=Weights(weights)))
    compare("backtesting.py", ours, backtesting.play("signals", inputs, codes=codes))


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_signals_of_a_fixed_size_come_to_the_same_equity(backtesting, compare, shape, adds):
    inputs = wired(generated(shape, seed=10), "fees.taker_bps=10", WHOLE, *LEVERED)
    codes = np.random.default_rng(11).choice(CODES, 400)
    codes[0], codes[-1] = 1, -1
    ours = play(replace(inputs, strategy=Signals(codes, 250.0, adds=adds)))
    theirs = backtesting.play("signals", inputs, codes=codes, size=250.0, adds=adds, options=LEVERAGE)
    compare("backtesting.py", ours, theirs)


@generated_by_hypothesis
@given(
    seed=st.integers(0, 10_000),
    codes=st.lists(st.sampled_from(CODES), min_size=2, max_size=40),
    adds=st.booleans(),
    fee=st.sampled_from(FEES),
)
def test_any_signals_come_to_the_same_equity(backtesting, compare, seed, codes, adds, fee):
    inputs = wired(generated("gaps", seed, len(codes)), fee, WHOLE, *LEVERED)
    ours = play(replace(inputs, strategy=Signals(np.array(codes), 100.0, adds=adds)))
    theirs = backtesting.play("signals", inputs, codes=np.array(codes), size=100.0, adds=adds, options=LEVERAGE)
    compare("backtesting.py", ours, theirs)


def brackets(seed, bars, every=6):
    """Return a market order with a stop-loss and a take-profit at every few closes, long or short."""
    rng = np.random.default_rng(seed)
    asked = np.zeros(len(bars) // every, ASKED)
    asked["row"] = every * np.arange(len(asked))
    side = rng.choice([-1, 1], len(asked))
    close = bars["close"][asked["row"], 0]
    asked["qty"] = 100.0 * side
    asked["sl"] = close * (1.0 - side * rng.uniform(0.005, 0.04, len(asked)))
    asked["tp"] = close * (1.0 + side * rng.uniform(0.005, 0.06, len(asked)))
    return asked


@pytest.mark.parametrize("shape", SHAPES)
def test_brackets_come_to_the_same_equity(backtesting, compare, shape):
    bars = generated(shape, seed=14, rows=600)
    inputs = wired(bars, "fees.taker_bps=10", "fees.maker_bps=10", WHOLE, *LEVERED)
    ours = check_orders(backtesting, compare, inputs, brackets(15, bars), flat_only=True)
    assert len(ours.fills) > 40


def waiting(seed, bars, kind, every=6):
    """Return an order that waits for a price at every few closes, and an exit three closes later."""
    rng = np.random.default_rng(seed)
    asked = np.zeros(2 * (len(bars) // every), ASKED)
    asked["row"] = np.sort(np.concatenate([every * np.arange(len(asked) // 2) + shift for shift in (0, 3)]))
    asked["exit"][1::2] = True
    side = rng.choice([-1, 1], len(asked))
    away = side * rng.uniform(0.0, 0.03, len(asked)) * (-1.0 if kind == "limit" else 1.0)
    asked["qty"] = 100.0 * side
    asked[kind] = bars["close"][asked["row"], 0] * (1.0 + away)
    return asked


@pytest.mark.parametrize("kind", ["limit", "stop"])
@pytest.mark.parametrize("shape", SHAPES)
def test_orders_that_wait_for_a_price_come_to_the_same_equity(backtesting, compare, shape, kind):
    bars = generated(shape, seed=16, rows=600)
    inputs = wired(bars, "fees.taker_bps=10", "fees.maker_bps=10", WHOLE, *LEVERED)
    ours = check_orders(backtesting, compare, inputs, waiting(17, bars, kind))
    assert len(ours.fills) > 40


@generated_by_hypothesis
@given(
    seed=st.integers(0, 10_000),
    shape=st.sampled_from(sorted(SHAPES)),
    kinds=st.lists(st.sampled_from(["bracket", "limit", "stop"]), min_size=1, max_size=3),
    every=st.integers(4, 7),
)
def test_any_mixture_of_orders_one_after_another_comes_to_the_same_equity(
    backtesting, compare, seed, shape, kinds, every
):
    bars = generated(shape, seed, rows=60)
    inputs = wired(bars, "fees.taker_bps=10", "fees.maker_bps=10", WHOLE, *LEVERED)
    each = [brackets(seed, bars, every) if kind == "bracket" else waiting(seed, bars, kind, every) for kind in kinds]
    asked = np.concatenate(each)
    asked = asked[np.unique(asked["row"], return_index=True)[1]]
    check_orders(backtesting, compare, inputs, asked, flat_only=True)


@needs_real_bars
@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("name", ["moving_average:MovingAverageCrossover", "donchian:DonchianBreakout"])
def test_a_shipped_strategy_on_six_years_of_btc_hours_comes_to_the_same_equity(backtesting, compare, name, short):
    account = (*SHORTING, "strategy.params={allow_short: true}") if short else ()
    unit = 'market.instrument.step_size="0.0001"'
    inputs = wired(btc_hours(), "fees.taker_bps=10", "account.allocation=0.5", unit, shipped(name), *account)
    assert len(inputs.bars) == 58_419
    check_weights(backtesting, compare, inputs)


@needs_real_bars
@pytest.mark.parametrize("name", ["rsi:RelativeStrengthIndex", "mean_reversion:BollingerReversion"])
def test_a_shipped_strategy_on_perpetual_minutes_comes_to_the_same_equity(backtesting, compare, name):
    sets = ("data.timeframe=1m", "fees.taker_bps=4", "account.allocation=0.5", "strategy.params={allow_short: true}")
    unit = 'market.instrument.step_size="0.001"'
    check_weights(backtesting, compare, wired(btc_perp_minutes(), shipped(name), unit, *sets, *SHORTING))


@needs_real_bars
def test_signals_of_a_fixed_size_on_perpetual_minutes_come_to_the_same_equity(backtesting, compare):
    sets = ("data.timeframe=1m", "fees.taker_bps=4", "strategy.params={allow_short: true}", *LEVERED)
    inputs = wired(btc_perp_minutes(), shipped("moving_average:MovingAverageCrossover"), WHOLE, *sets)
    weights = decide_all(inputs.strategy, inputs.panel)[:, 0]
    codes = np.select([weights > 0.0, weights < 0.0], [1, -1], 2)
    ours = play(replace(inputs, strategy=Signals(codes, 2.0)))
    theirs = backtesting.play("signals", inputs, codes=codes, size=2.0, options=LEVERAGE)
    compare("backtesting.py", ours, theirs)
    assert len(ours.fills) > 500


@needs_real_bars
@pytest.mark.parametrize("ticker", ["spy", "aapl", "bac", "ibm"])
def test_a_shipped_strategy_on_daily_stocks_comes_to_the_same_equity(backtesting, compare, ticker):
    sets = ("data.timeframe=1d", "fees.taker_bps=1", "account.allocation=0.9", WHOLE)
    check_weights(backtesting, compare, wired(lean_daily(ticker), shipped("momentum:Momentum"), *sets))
