"""The optimum of W2: the paper's formulas, a Riccati equation and simulation say the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from .clean import draw, estimate, play
from .garleanu_pedersen import LinearPolicy, closed_form, evaluate, riccati, stationary_covariance
from .optimum import optimum_of
from .worlds import TASKS, GarleanuPedersen

WORLDS = [TASKS["signals"].world, TASKS["signals_hard"].world, GarleanuPedersen((0.9, 0.0, 0.3), 0.1, 0.7, 3.0)]


@pytest.mark.parametrize("world", WORLDS)
def test_closed_form_is_the_solution_of_the_riccati_equation(world):
    paper, solved = closed_form(world), riccati(world)
    assert paper.keep == pytest.approx(solved.keep, abs=1e-10)
    assert paper.weights == pytest.approx(solved.weights, abs=1e-10)
    assert paper.mean_reward == pytest.approx(solved.mean_reward, abs=1e-10)


@pytest.mark.parametrize("world", WORLDS)
def test_mean_reward_is_what_the_policy_earns_in_the_stationary_law(world):
    assert evaluate(world, closed_form(world)) == pytest.approx(closed_form(world).mean_reward, abs=1e-10)


@pytest.mark.parametrize(("world", "known"), list(zip(WORLDS[:2], (0.1120636, 0.0280159), strict=True)))
def test_known_mean_rewards_stay(world, known):
    assert closed_form(world).mean_reward == pytest.approx(known, abs=1e-7)


@pytest.mark.parametrize("world", WORLDS)
def test_any_other_linear_policy_earns_less(world):
    best = closed_form(world)
    others = [replace(best, keep=best.keep + shift) for shift in (-0.01, 0.01)]
    for at in range(len(world.phi)):
        nudge = 0.01 * np.eye(len(world.phi))[at]
        others += [replace(best, weights=best.weights + nudge), replace(best, weights=best.weights - nudge)]
    assert all(evaluate(world, other) < best.mean_reward for other in others)


def test_free_trading_holds_the_markowitz_portfolio():
    policy = closed_form(GarleanuPedersen((0.5, 0.95), 0.2, 0.4, 1e-9))
    assert policy.keep == pytest.approx(0.0, abs=1e-6)
    assert policy.weights == pytest.approx([0.5, 0.5], rel=1e-6)


def test_signal_that_lasts_weighs_more():
    fast, slow = closed_form(WORLDS[0]).weights
    assert slow > 1.5 * fast


@pytest.mark.parametrize("world", WORLDS)
def test_policy_earns_its_mean_reward_on_a_million_fresh_shocks(world):
    best = optimum_of(world)
    market = draw(world, 31, 1324, 1024)
    played = play(world, market, best.policy)
    # A position cannot know the shock: their product has mean 0 and is left out as noise.
    earned = estimate((played.rewards - played.positions * market.shocks)[300:])
    assert abs(earned.mean - best.mean_reward) < 3.0 * earned.error
    assert earned.error < 0.01 * best.mean_reward


def test_stationary_covariance_is_that_of_simulated_positions():
    world = WORLDS[0]
    market = draw(world, 32, 1100, 1024)
    positions = play(world, market, optimum_of(world).policy).positions[100:]
    policy: LinearPolicy = closed_form(world)
    assert positions.std() == pytest.approx(np.sqrt(stationary_covariance(world, policy)[0, 0]), rel=0.02)
