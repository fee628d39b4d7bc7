"""Faults put into an environment, and which of the checks sees each of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from .checks import (
    Finding,
    accounts_add_up,
    agrees_with_clean,
    earns_nothing_from_noise,
    earns_the_optimum,
    holds_what_was_asked,
    is_good_and_possible,
    knows_no_shock,
    shows_the_past,
)
from .clean import draw, estimate, play, ratio_to_best
from .optimum import optimum_of
from .ou_optimum import DISCRETE
from .planted import Bug, follow_last_move, roll
from .worlds import NOISE_WORLDS, TASKS

WARM_UP, STEPS, PATHS = 200, 1024, 512
WORLDS = {name: TASKS[name].world for name in ("ou_fast_cheap", "ou_slow_dear", "signals")}


@cache
def replayed(name: str, bug: Bug) -> dict[str, Finding]:
    """Return the findings on the best policy's rollout."""
    world, best = WORLDS[name], optimum_of(WORLDS[name])
    rollout = roll(world, best.policy, bug, seed=61, steps=WARM_UP + STEPS, paths=PATHS).after(WARM_UP)
    return _by_name(
        accounts_add_up(world, rollout),
        holds_what_was_asked(rollout),
        shows_the_past(rollout),
        knows_no_shock(world, rollout),
        earns_the_optimum(rollout, best.mean_reward),
    )


@cache
def exploited(name: str, bug: Bug) -> dict[str, Finding]:
    """Return the findings on a policy that has learned to follow the move it is shown, where that can be exploited."""
    world, best = WORLDS[name], optimum_of(WORLDS[name])
    learned = follow_last_move(world) if bug in (Bug.PEEKING_REWARD, Bug.LEAKING_OBSERVATION) else best.policy
    rollout, ideal = (roll(world, each, bug, seed=62, steps=STEPS, paths=PATHS) for each in (learned, best.policy))
    clean = estimate(play(world, draw(world, 63, STEPS, PATHS), learned).rewards)
    ratio = ratio_to_best(rollout.rewards, ideal.rewards, best.mean_reward)
    return _by_name(agrees_with_clean(rollout, clean), is_good_and_possible(ratio, 0.95))


def _by_name(*findings: Finding) -> dict[str, Finding]:
    return {each.check: each for each in findings}


def seen_by(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if not finding.holds}


@pytest.mark.parametrize("name", WORLDS)
def test_sound_environment_passes_every_check(name):
    assert seen_by(replayed(name, Bug.NONE)) == set()
    assert seen_by(exploited(name, Bug.NONE)) == set()


@pytest.mark.parametrize("name", WORLDS)
def test_late_position_is_seen_by_what_was_asked_and_by_the_replay(name):
    assert seen_by(replayed(name, Bug.LATE_POSITION)) == {"holds_what_was_asked", "earns_the_optimum"}
    assert "agrees_with_clean" in seen_by(exploited(name, Bug.LATE_POSITION))


@pytest.mark.parametrize("name", WORLDS)
def test_peeking_reward_is_seen_by_the_accounts_and_by_who_exploits_it(name):
    assert "accounts_add_up" in seen_by(replayed(name, Bug.PEEKING_REWARD))
    assert seen_by(exploited(name, Bug.PEEKING_REWARD)) == {"agrees_with_clean", "is_good_and_possible"}


@pytest.mark.parametrize("name", WORLDS)
def test_leaking_observation_is_seen_by_the_past_the_shocks_and_who_exploits_it(name):
    assert seen_by(replayed(name, Bug.LEAKING_OBSERVATION)) == {"shows_the_past", "knows_no_shock"}
    assert seen_by(exploited(name, Bug.LEAKING_OBSERVATION)) == {"agrees_with_clean", "is_good_and_possible"}


@pytest.mark.parametrize("name", WORLDS)
def test_late_reward_is_seen_by_the_accounts_alone(name):
    assert seen_by(replayed(name, Bug.LATE_REWARD)) == {"accounts_add_up"}
    assert seen_by(exploited(name, Bug.LATE_REWARD)) == set()


@pytest.mark.parametrize("world", NOISE_WORLDS.values())
@pytest.mark.parametrize("bug", Bug)
def test_gain_from_noise_is_seen_where_the_agent_can_know_what_it_is_paid_for(world, bug):
    rollout = roll(world, follow_last_move(world), bug, seed=64, steps=STEPS, paths=PATHS)
    assert earns_nothing_from_noise(rollout).holds == (bug not in (Bug.PEEKING_REWARD, Bug.LEAKING_OBSERVATION))


def test_accounts_of_a_random_trader_in_noise_show_what_keeping_still_hides():
    world, rng = NOISE_WORLDS["noise"], np.random.default_rng(65)
    still = roll(world, optimum_of(world).policy, Bug.LATE_REWARD, seed=66, steps=50, paths=20)
    random = roll(world, lambda seen: rng.choice(DISCRETE, len(seen)), Bug.LATE_REWARD, seed=66, steps=50, paths=20)
    assert accounts_add_up(world, still).holds
    assert not accounts_add_up(world, random).holds


def test_two_sided_test_refuses_too_little_too_much_and_what_is_not_sure():
    best = np.random.default_rng(67).normal(1.0, 0.1, (1, 1000))
    shares = {0.9: False, 0.98: False, 1.0: True, 1.2: False}
    for share, good in shares.items():
        assert is_good_and_possible(ratio_to_best(share * best, best, 1.0), 0.98).holds == good, share


def test_cost_that_is_told_wrong_is_seen_by_the_accounts_though_the_reward_is_right():
    world = WORLDS["ou_fast_cheap"]
    rollout = roll(world, optimum_of(world).policy, Bug.NONE, seed=68, steps=50, paths=20)
    assert accounts_add_up(world, rollout).holds
    assert not accounts_add_up(world, replace(rollout, costs=1.01 * rollout.costs)).holds


def test_position_that_is_shown_wrong_is_no_view_of_the_past():
    world = WORLDS["ou_fast_cheap"]
    rollout = roll(world, optimum_of(world).policy, Bug.NONE, seed=69, steps=50, paths=20)
    wrong = rollout.observations.copy()
    wrong[..., -1] = rollout.positions
    assert shows_the_past(rollout).holds
    assert not shows_the_past(replace(rollout, observations=wrong)).holds
