"""Every reward is its formula over the venue's equity, worked out a second time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from made_worlds import world_of

from keel.rl.core import EnvCore
from keel.rl.layout import DIFFERENTIAL_SHARPE, LOG_GROWTH, MEAN_VARIANCE


def played(cash: float = 100_000.0, **task: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return equity (steps + 1,), traded notional and rewards (steps,) of one episode of random weights."""
    world = world_of(rows=300, run={"cash": cash}, task={"begins_anew": 0, "episode_bars": 150, **task})
    core = EnvCore(world, 1)
    core.begin()
    equity, notional, rewards = [float(core.envs[0]["equity"])], [0.0], []
    for weight in np.random.default_rng(6).choice([-0.9, 0.0, 0.4, 1.0], (150, 1, 1)):
        core.step(weight)
        env = core.envs[0]
        equity.append(float(env["equity"]))
        notional.append(float(env["notional"]))
        rewards.append(float(env["reward"]))
    assert core.envs[0]["truncated"]
    return np.array(equity), np.diff(notional), np.array(rewards)


def test_log_growth_is_scaled():
    equity, _, rewards = played(reward=LOG_GROWTH, reward_scale=100.0)
    np.testing.assert_allclose(rewards, 100.0 * np.log(equity[1:] / equity[:-1]), rtol=1e-12)


def test_mean_variance_is_profit_less_half_its_square_in_parts_of_the_starting_equity():
    equity, _, rewards = played(reward=MEAN_VARIANCE, risk_aversion=40.0)
    profit = np.diff(equity) / equity[0]
    np.testing.assert_allclose(rewards, profit - 20.0 * profit**2, rtol=1e-12, atol=1e-15)


def test_differential_sharpe_is_what_the_step_adds_to_a_running_sharpe_ratio():
    """The derivative of A / √(B − A²) by the rate at 0 (Moody and Saffell 2001), taken here by a small rate."""
    rate = 0.05
    equity, _, rewards = played(reward=DIFFERENTIAL_SHARPE, sharpe_rate=rate)
    mean = square = 0.0
    compared = 0
    for grown, reward in zip(np.diff(np.log(equity)), rewards, strict=True):
        if square - mean**2 > 1e-7:  # well above the least that is taken to be there
            small = 1e-7
            after = mean + small * (grown - mean), square + small * (grown**2 - square)
            slope = (after[0] / math.sqrt(after[1] - after[0] ** 2) - mean / math.sqrt(square - mean**2)) / small
            assert reward == pytest.approx(slope, rel=1e-4, abs=1e-5)
            compared += 1
        assert abs(reward) < 1e3
        mean, square = mean + rate * (grown - mean), square + rate * (grown**2 - square)
    assert compared > 100


def test_drawdown_penalty_is_paid_for_what_the_drawdown_deepens():
    equity, _, rewards = played(drawdown_penalty=0.5)
    fall = 1.0 - equity / np.maximum.accumulate(equity)
    deeper = np.maximum(np.diff(fall), 0.0)
    np.testing.assert_allclose(rewards, np.diff(np.log(equity)) - 0.5 * deeper, rtol=1e-9, atol=1e-15)
    assert np.count_nonzero(deeper) > 20


@pytest.mark.parametrize("cash", [100_000.0, 0.75])
def test_turnover_penalty_is_paid_on_traded_notional_over_equity_before(cash):
    """Also where the account is less than one unit of its currency."""
    equity, traded, rewards = played(cash, turnover_penalty=0.5)
    np.testing.assert_allclose(rewards, np.diff(np.log(equity)) - 0.5 * traded / equity[:-1], rtol=1e-9, atol=1e-12)
    assert np.count_nonzero(traded) > 50


def test_cvar_penalty_is_paid_on_what_a_loss_is_beyond_its_running_quantile():
    tail = 0.2
    equity, _, rewards = played(cvar_penalty=2.0, cvar_tail=tail)
    quantile, paid = 0.0, []
    for grown in np.diff(np.log(equity)):
        loss = -grown
        paid.append(max(loss - quantile, 0.0) / tail)
        quantile += 0.01 * max(abs(loss), abs(quantile)) * ((loss > quantile) - tail)
    np.testing.assert_allclose(rewards, np.diff(np.log(equity)) - 2.0 * np.array(paid), rtol=1e-9, atol=1e-15)


def test_account_that_is_lost_ends_the_episode_with_the_ruins_reward():
    world = world_of(rows=300, run={"initial_margin": 0.01}, task={"begins_anew": 0, "episode_bars": 200})
    world.bars["close"][150:] *= 4.0
    for name in ("open", "high", "low"):
        world.bars[name][151:] *= 4.0
    world.bars["high"][150] *= 4.0
    core = EnvCore(world, 8)
    core.begin()
    while not np.any(core.envs["terminated"]) and not np.all(core.envs["truncated"]):
        core.step(np.full((8, 1), -5.0))
    ruined = core.envs[core.envs["terminated"] != 0]
    assert len(ruined) > 0
    assert np.all(ruined["reward"] == -20.0)
    assert not np.any(ruined["truncated"])


def test_account_of_nothing_is_ruined_and_turns_nothing_over():
    core = EnvCore(world_of(run={"cash": 0.0}, task={"begins_anew": 0}), 1)
    core.begin()
    core.step(np.full((1, 1), 0.5))
    env = core.envs[0]
    assert (env["reward"], env["turnover"], bool(env["terminated"])) == (-20.0, 0.0, True)
