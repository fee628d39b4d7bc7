"""The clean simulator: its shocks, its books, and intervals that hold what they promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from .clean import draw, estimate, play, ratio_to_best, score
from .garleanu_pedersen import closed_form, evaluate
from .noise import OPTIMUM, cost_share, keep_still, random_trader_cost
from .optimum import optimum_of
from .ou_optimum import DISCRETE
from .worlds import NOISE_WORLDS, TASKS, OrnsteinUhlenbeck, PureNoise

WORLDS = [*(task.world for task in TASKS.values()), *NOISE_WORLDS.values()]


@pytest.mark.parametrize("world", WORLDS)
def test_moves_are_the_drift_and_a_standard_normal_shock(world):
    market = draw(world, 41, 500, 400)
    assert np.array_equal(market.moves, world.drift(market.signals) + market.shocks)
    assert np.array_equal(market.last_moves[1:], market.moves[:-1])
    assert market.shocks.std() == pytest.approx(1.0, abs=0.01)
    assert np.array_equal(draw(world, 41, 500, 400).moves, market.moves)
    assert not np.array_equal(draw(world, 42, 500, 400).moves, market.moves)


def test_level_is_moved_by_what_the_price_moves_by():
    world = OrnsteinUhlenbeck(0.1, 1.0)
    market = draw(world, 43, 500, 400)
    assert market.signals[1:, :, 0] == pytest.approx(market.signals[:-1, :, 0] + market.moves[:-1], abs=1e-12)
    assert market.signals.std() == pytest.approx(world.deviation, rel=0.02)


@pytest.mark.parametrize("name", ["signals", "signals_hard"])
def test_signals_have_variance_1_and_their_own_persistence(name):
    signals = draw(TASKS[name].world, 44, 2000, 400).signals
    assert signals.std(axis=(0, 1)) == pytest.approx([1.0, 1.0], abs=0.02)
    kept = (signals[1:] * signals[:-1]).mean(axis=(0, 1))
    assert kept == pytest.approx(TASKS[name].world.phi, abs=0.03)
    assert (signals[..., 0] * signals[..., 1]).mean() == pytest.approx(0.0, abs=0.02)


def test_books_of_a_short_run_worked_by_hand():
    world = OrnsteinUhlenbeck(0.1, 0.5)
    market = draw(world, 45, 3, 2)
    wanted = iter([np.array([1.0, 0.0]), np.array([1.0, -1.0]), np.array([-1.0, 0.0])])
    played = play(world, market, lambda seen: next(wanted))
    assert played.costs.tolist() == [[0.5, 0.0], [0.0, 0.5], [1.0, 0.5]]
    first = [market.moves[0, 0] - 0.5, market.moves[1, 0], -market.moves[2, 0] - 1.0]
    assert played.rewards[:, 0].tolist() == first


def test_policy_sees_signals_then_the_last_move_then_its_position():
    market, seen = draw(TASKS["signals"].world, 46, 2, 3), []
    play(TASKS["signals"].world, market, lambda each: seen.append(each) or np.full(3, 2.0))
    assert np.array_equal(seen[1][:, :2], market.signals[1])
    assert np.array_equal(seen[1][:, 2], market.moves[0])
    assert seen[1][:, 3].tolist() == [2.0, 2.0, 2.0]


def test_best_policy_scores_1_against_itself():
    best = optimum_of(TASKS["ou_fast_dear"].world)
    scored = score(TASKS["ou_fast_dear"].world, best.policy, best.policy, best.mean_reward, seed=47)
    assert (scored.ratio.value, scored.ratio.low, scored.ratio.high) == (1.0, 1.0, 1.0)
    assert scored.n_shocks >= 1_000_000


def test_interval_of_the_ratio_covers_the_true_one():
    world = TASKS["signals"].world
    best, other = closed_form(world), replace(closed_form(world), keep=0.5)
    true = evaluate(world, other) / best.mean_reward
    covered = 0
    for seed in range(200):
        market = draw(world, 1000 + seed, 264, 64)
        pair = [play(world, market, lambda seen, by=by: by.position(seen[:, :2], seen[:, 3])) for by in (other, best)]
        ratio = ratio_to_best(*(played.rewards[64:] for played in pair), best.mean_reward, confidence=0.9)
        covered += ratio.low <= true <= ratio.high
    # 180 of 200 are expected, with a standard deviation of 4.2.
    assert 166 <= covered <= 194


def test_pairing_makes_the_interval_far_narrower():
    world = TASKS["signals"].world
    best, other = optimum_of(world), replace(closed_form(world), keep=0.6)
    scored = score(world, lambda seen: other.position(seen[:, :2], seen[:, 3]), best.policy, best.mean_reward, seed=48)
    assert scored.ratio.high - scored.ratio.value < 0.3 * 2.576 * scored.reward.error / best.mean_reward


@pytest.mark.parametrize("world", NOISE_WORLDS.values())
def test_nothing_is_earned_from_noise_and_a_random_trader_pays_for_each_change(world: PureNoise):
    market, rng = draw(world, 49, 1000, 1000), np.random.default_rng(50)
    for positions, choose in (
        (DISCRETE, lambda seen: rng.choice(DISCRETE, len(seen))),
        (None, lambda seen: rng.uniform(-1.0, 1.0, len(seen))),
    ):
        played = play(world, market, choose)
        assert cost_share(world, played.costs, positions) == pytest.approx(1.0, rel=0.01)
        earned = estimate(played.rewards + played.costs)
        assert abs(earned.mean - OPTIMUM) < 3.0 * earned.error
    assert random_trader_cost(world, DISCRETE) == pytest.approx(world.cost * 8.0 / 9.0)
    still = play(world, market, keep_still)
    assert cost_share(world, still.costs) == 0.0
    assert not still.rewards.any()
