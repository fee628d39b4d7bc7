"""A short training comes most of the way; `make proofs` trains to the end, in every world, five times."""

from __future__ import annotations

from dataclasses import replace

import pytest

from . import __main__ as command
from .clean import draw, play, ratio_to_best
from .optimum import optimum_of
from .proving import proof_of
from .rolling import roll_through
from .stage import scoring_env, stage_of
from .training import RECIPES, train
from .worlds import MOST_COSTS, NOISE_WORLDS, TASKS

WARM_UP, STEPS, PATHS = 200, 800, 256


def test_ten_seconds_of_training_through_the_kernel_reach_nine_tenths_of_the_optimum():
    task = TASKS["ou_fast_cheap"]
    stage, best = stage_of(task.world, task.positions), optimum_of(task.world)
    trained = train(stage, replace(RECIPES["ou_fast_cheap"], rollouts=60), seed=1)
    market = draw(task.world, 91, WARM_UP + STEPS + 2, PATHS)
    policy = trained.policy(deterministic=True)
    rewards, ideal = (
        roll_through(stage, scoring_env(stage, market), each, WARM_UP + STEPS).after(WARM_UP).rewards
        for each in (policy, best.policy)
    )
    ratio = ratio_to_best(rewards, ideal, best.mean_reward)
    assert 0.9 <= ratio.low <= 1.01, ratio
    clean = play(task.world, market, policy).rewards[WARM_UP : WARM_UP + STEPS]
    assert abs(float((rewards - clean).mean())) < 1e-3 * best.mean_reward


def test_same_seed_learns_the_same_and_another_something_else():
    stage, short = stage_of(NOISE_WORLDS["noise"], "discrete"), replace(RECIPES["noise"], rollouts=2)
    weights = [
        [each.detach().numpy().tobytes() for each in train(stage, short, seed).model.policy.parameters()]
        for seed in (3, 3, 4)
    ]
    assert weights[0] == weights[1] != weights[2]


def test_every_world_has_a_recipe_and_a_goal():
    assert set(RECIPES) == {*TASKS, *NOISE_WORLDS}
    assert set(MOST_COSTS) == set(NOISE_WORLDS)


@pytest.mark.parametrize("name", ["ou_fast_cheap", "noise"])
def test_command_says_that_a_policy_that_learned_nothing_does_not_hold(name, monkeypatch, capsys):
    monkeypatch.setitem(command.RECIPES, name, replace(RECIPES[name], rollouts=1))
    monkeypatch.setattr("sys.argv", ["learning", "--worlds", name, "--seeds", "1"])
    assert command.main() == 1
    told = capsys.readouterr().out
    assert "DOES NOT HOLD" in told
    assert f"does not hold: {'sampled' if name == 'noise' else 'is_good_and_possible'}" in told


def test_known_policy_passes_every_check_before_anyone_trains():
    assert [each for each in proof_of("noise").replay() if not each.holds] == []
