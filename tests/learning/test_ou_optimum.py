"""The optimum of W1: settled on the grid, the same for discrete and continuous positions, and earned by its policy."""

from __future__ import annotations

import numpy as np
import pytest

from . import ou_optimum
from .clean import draw, estimate, play, ratio_to_best
from .optimum import optimum_of
from .ou_optimum import CONTINUOUS, solve
from .worlds import OrnsteinUhlenbeck

WORLDS = [OrnsteinUhlenbeck(0.1, 0.5), OrnsteinUhlenbeck(0.1, 1.0), OrnsteinUhlenbeck(0.02, 1.0)]


@pytest.mark.parametrize(("world", "known"), list(zip(WORLDS, (0.12223, 0.09042, 0.05436), strict=True)))
def test_finer_grid_changes_the_mean_reward_by_less_than_a_ten_thousandth(world, known):
    coarse, fine = solve(world, spacing=0.1).mean_reward, optimum_of(world).mean_reward
    assert coarse == pytest.approx(fine, rel=1e-4)
    assert fine == pytest.approx(known, rel=1e-4)


def test_without_costs_the_best_position_is_the_sign_of_what_is_to_come():
    world = OrnsteinUhlenbeck(0.1, 0.0)
    solved = solve(world)
    assert solved.mean_reward == pytest.approx(world.kappa * world.deviation * np.sqrt(2.0 / np.pi), rel=1e-3)
    levels = np.array([-2.0, -0.1, 0.1, 2.0])
    assert solved.position(levels, np.zeros(4)).tolist() == [1.0, 1.0, -1.0, -1.0]


@pytest.mark.parametrize("world", WORLDS[:2])
def test_continuous_positions_earn_no_more_than_the_two_ends(world):
    discrete, continuous = solve(world, spacing=0.1), solve(world, CONTINUOUS, spacing=0.1)
    assert continuous.mean_reward == pytest.approx(discrete.mean_reward, rel=1e-9)
    assert np.array_equal(continuous.high, discrete.high)
    assert set(continuous.low) == {-1.0, 1.0}


@pytest.mark.parametrize("world", WORLDS)
def test_policy_is_symmetric_and_waits_longer_the_dearer_trading_is(world):
    solved = solve(world, spacing=0.1)
    assert np.array_equal(solved.low, -solved.high[::-1])
    dearer = solve(OrnsteinUhlenbeck(world.kappa, 2.0 * world.cost), spacing=0.1)
    assert 0.0 < solved.threshold < dearer.threshold


@pytest.mark.parametrize("world", WORLDS)
def test_policy_earns_its_mean_reward_on_a_million_fresh_shocks(world):
    best = optimum_of(world)
    market = draw(world, 21, 1324, 1024)
    played = play(world, market, best.policy)
    # A position cannot know the shock: their product has mean 0 and is left out as noise.
    earned = estimate((played.rewards - played.positions * market.shocks)[300:])
    assert abs(earned.mean - best.mean_reward) < 3.0 * earned.error
    assert earned.error < 0.01 * best.mean_reward


@pytest.mark.parametrize("shift", [-0.5, 0.5])
def test_policy_with_another_threshold_earns_less(shift):
    world = WORLDS[0]
    best, edge = optimum_of(world), solve(world).threshold + shift

    def other(seen):
        return np.where(np.abs(seen[:, 0]) < edge, seen[:, -1], -np.sign(seen[:, 0]))

    market = draw(world, 22, 2048, 1024)
    rewards = [play(world, market, policy).rewards for policy in (other, best.policy)]
    assert ratio_to_best(*rewards, best.mean_reward).high < 1.0


def test_iteration_that_does_not_settle_says_so(monkeypatch):
    monkeypatch.setattr(ou_optimum, "_MOST_ITERATIONS", 3)
    with pytest.raises(ArithmeticError, match=r"OrnsteinUhlenbeck\(kappa=0.1.* did not settle"):
        solve(WORLDS[0], spacing=0.5)
