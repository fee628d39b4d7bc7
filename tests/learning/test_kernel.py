"""Keel's simulator plays the worlds: the same rewards bar for bar, and the best policy earns what it should."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from keel.domain.layout import BAR

from .bars import PRICE, WARM_UP_ROWS, bars_of, columns_of, config_of, records_of, weights_of
from .checks import Rollout, accounts_add_up, earns_the_optimum, holds_what_was_asked, knows_no_shock, shows_the_past
from .clean import Market, Played, draw, play
from .kernel import roll_on_kernel
from .optimum import optimum_of
from .ou_optimum import DISCRETE
from .worlds import NOISE_WORLDS, TASKS

WORLDS = {**{name: task.world for name, task in TASKS.items()}, **NOISE_WORLDS}
LEARNABLE = ["ou_fast_cheap", "ou_fast_dear", "ou_slow_dear", "signals", "signals_hard"]


def drawn(name: str, steps: int, paths: int) -> tuple[Market, Played]:
    """Draw a market and let the best policy trade it, or in noise a random one."""
    world, rng = WORLDS[name], np.random.default_rng(72)
    policy = (lambda seen: rng.choice(DISCRETE, len(seen))) if name in NOISE_WORLDS else optimum_of(world).policy
    market = draw(world, 71, steps, paths)
    return market, play(world, market, policy)


@cache
def rolled(name: str) -> tuple[Played, Rollout]:
    market, played = drawn(name, 5000, 2)
    return played, roll_on_kernel(WORLDS[name], market, played)


@pytest.mark.parametrize("name", WORLDS)
def test_kernel_pays_the_clean_simulators_reward_at_every_bar(name):
    played, rollout = rolled(name)
    assert np.abs(rollout.rewards - played.rewards).max() < 1e-4
    assert abs(rollout.rewards.mean() - played.rewards.mean()) < 2e-6
    assert np.abs(rollout.costs - played.costs).max() < 2e-5
    assert played.costs.any()


@pytest.mark.parametrize("name", WORLDS)
def test_kernel_passes_every_check_of_an_environment(name):
    _, rollout = rolled(name)
    findings = [
        accounts_add_up(WORLDS[name], rollout, tolerance=3e-6),
        holds_what_was_asked(rollout, tolerance=3e-5),
        shows_the_past(rollout, tolerance=1e-7),
        knows_no_shock(WORLDS[name], rollout),
    ]
    assert [each for each in findings if not each.holds] == []


@pytest.mark.parametrize("name", LEARNABLE)
def test_best_policy_replayed_through_the_kernel_earns_the_optimum(name):
    world = WORLDS[name]
    market, played = drawn(name, 2348, 512)
    rollout = roll_on_kernel(world, market, played).after(300)
    assert rollout.rewards.size >= 1_000_000
    finding = earns_the_optimum(rollout, optimum_of(world).mean_reward)
    assert finding.holds, finding


@pytest.mark.parametrize("name", ["signals", "signals_hard"])
def test_volatility_of_the_configuration_moves_quadratic_costs_by_less_than_2_percent(name):
    market, played = drawn(name, 5000, 2)
    rollout = roll_on_kernel(WORLDS[name], market, played, holds_volatility=False)
    assert rollout.costs.sum() == pytest.approx(played.costs.sum(), rel=0.01)
    large = played.costs > played.costs.mean()
    assert rollout.costs[large] == pytest.approx(played.costs[large], rel=0.02)
    assert rollout.costs[large] != pytest.approx(played.costs[large], rel=1e-4)


@pytest.mark.parametrize("name", WORLDS)
def test_bars_open_where_the_one_before_closed_and_tell_the_markets_moves(name):
    market, _ = drawn(name, 100, 3)
    bars = bars_of(WORLDS[name], market)
    assert bars.dtype == BAR
    assert bars.shape == (WARM_UP_ROWS + 100 + 1, 3)
    assert np.array_equal(bars["open"][1:], bars["close"][:-1])
    assert np.array_equal(bars["open_ts_ms"][1:], bars["close_ts_ms"][:-1])
    told = np.diff(bars["close"], axis=0)
    assert told[0] == pytest.approx([1.0, 1.0, 1.0])
    assert told[1] == pytest.approx(market.last_moves[0], abs=1e-7)
    assert told[WARM_UP_ROWS:] == pytest.approx(market.moves, abs=1e-7)


def test_level_of_the_bars_is_the_signal():
    market, _ = drawn("ou_fast_cheap", 100, 3)
    bars = bars_of(WORLDS["ou_fast_cheap"], market)
    assert bars["close"][WARM_UP_ROWS:-1] - PRICE == pytest.approx(market.signals[..., 0], abs=1e-7)


def test_columns_stand_at_the_rows_of_their_decisions():
    market, played = drawn("signals", 100, 3)
    columns, weights = columns_of(market), weights_of(played.positions)
    assert columns.shape == (WARM_UP_ROWS + 100 + 1, 3, 2)
    assert np.array_equal(columns[WARM_UP_ROWS:-1], market.signals)
    assert np.array_equal(weights[WARM_UP_ROWS:-1], played.positions)
    assert np.isnan(weights[[0, 1, -1]]).all()


@pytest.mark.parametrize("name", WORLDS)
def test_fee_of_the_configuration_is_the_worlds_cost(name):
    run, slots = records_of(WORLDS[name])
    fee = 0.0 if name.startswith("signals") else WORLDS[name].cost / PRICE
    assert float(slots["fee_rate"][0]) == pytest.approx(fee, rel=1e-6)
    assert float(run["cash"][0, 0]) == PRICE
    assert config_of(WORLDS[name])["latency"]
