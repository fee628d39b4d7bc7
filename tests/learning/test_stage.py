"""The worlds through `TradingVecEnv`: sound for any policy, and each planted fault is seen there as well."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from .checks import (
    Finding,
    Rollout,
    accounts_add_up,
    earns_nothing_from_noise,
    earns_the_optimum,
    holds_what_was_asked,
    is_good_and_possible,
    knows_no_shock,
    plays_as_in_clean,
    shows_the_past,
)
from .clean import Market, Policy, draw, play, ratio_to_best
from .optimum import optimum_of
from .planted import Bug, follow_last_move
from .rolling import roll_through
from .stage import scoring_env, stage_of
from .worlds import NOISE_WORLDS, TASKS

WARM_UP, STEPS, PATHS = 200, 1024, 256
NAMES = ["ou_fast_cheap", "ou_continuous", "signals"]
EXPLOITED = (Bug.PEEKING_REWARD, Bug.LEAKING_OBSERVATION)
TOLERANCE = 3e-5


@cache
def market_of(name: str) -> Market:
    return draw((TASKS[name].world if name in TASKS else NOISE_WORLDS[name]), 81, WARM_UP + STEPS + 2, PATHS)


def rolled(name: str, policy: Policy, bug: Bug) -> Rollout:
    stage = (
        stage_of(TASKS[name].world, TASKS[name].positions)
        if name in TASKS
        else stage_of(NOISE_WORLDS[name], "discrete")
    )
    env = scoring_env(stage, market_of(name), bug=bug)
    return roll_through(stage, env, policy, WARM_UP + STEPS).after(WARM_UP)


@cache
def replayed(name: str, bug: Bug) -> tuple[Rollout, dict[str, Finding]]:
    """Return the best policy's rollout and what the checks find on it."""
    world, best = TASKS[name].world, optimum_of(TASKS[name].world)
    rollout = rolled(name, best.policy, bug)
    found = (
        accounts_add_up(world, rollout, TOLERANCE),
        holds_what_was_asked(rollout, TOLERANCE),
        shows_the_past(rollout, TOLERANCE),
        knows_no_shock(world, rollout),
        earns_the_optimum(rollout, best.mean_reward),
    )
    return rollout, {each.check: each for each in found}


@cache
def exploited(name: str, bug: Bug) -> dict[str, Finding]:
    """Return the findings on who has learned to follow the move that is shown, where that can be exploited."""
    world, best = TASKS[name].world, optimum_of(TASKS[name].world)
    learned = follow_last_move(world) if bug in EXPLOITED else best.policy
    rollout = rolled(name, learned, bug) if bug in EXPLOITED else replayed(name, bug)[0]
    clean = play(world, market_of(name), learned).rewards[WARM_UP : WARM_UP + STEPS]
    found = (
        plays_as_in_clean(rollout.rewards, clean, best.mean_reward),
        is_good_and_possible(
            ratio_to_best(rollout.rewards, replayed(name, bug)[0].rewards, best.mean_reward), TASKS[name].goal
        ),
    )
    return {each.check: each for each in found}


def seen_by(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if not finding.holds}


@pytest.mark.parametrize("name", NAMES)
def test_best_policy_earns_the_optimum_through_sound_environments(name):
    rollout, findings = replayed(name, Bug.NONE)
    assert seen_by(findings) == set()
    assert seen_by(exploited(name, Bug.NONE)) == set()
    assert rollout.costs.mean() > 0.0


@pytest.mark.parametrize("name", NAMES)
def test_late_position_is_seen_by_what_was_asked_the_replay_and_the_clean_simulator(name):
    assert seen_by(replayed(name, Bug.LATE_POSITION)[1]) == {"holds_what_was_asked", "earns_the_optimum"}
    assert "plays_as_in_clean" in seen_by(exploited(name, Bug.LATE_POSITION))


@pytest.mark.parametrize("name", NAMES)
def test_peeking_reward_is_seen_by_the_accounts_and_by_who_exploits_it(name):
    assert "accounts_add_up" in seen_by(replayed(name, Bug.PEEKING_REWARD)[1])
    assert seen_by(exploited(name, Bug.PEEKING_REWARD)) == {"plays_as_in_clean", "is_good_and_possible"}


@pytest.mark.parametrize("name", NAMES)
def test_leaking_observation_is_seen_by_the_past_the_shocks_and_who_exploits_it(name):
    assert seen_by(replayed(name, Bug.LEAKING_OBSERVATION)[1]) == {"shows_the_past", "knows_no_shock"}
    assert seen_by(exploited(name, Bug.LEAKING_OBSERVATION)) == {"plays_as_in_clean", "is_good_and_possible"}


@pytest.mark.parametrize("name", NAMES)
def test_late_reward_is_seen_by_the_accounts_alone_of_all_checks_on_the_best_policy(name):
    assert seen_by(replayed(name, Bug.LATE_REWARD)[1]) == {"accounts_add_up"}


@pytest.mark.parametrize("bug", Bug)
def test_gain_from_noise_is_seen_where_the_agent_can_know_what_it_is_paid_for(bug):
    rollout = rolled("noise", follow_last_move(NOISE_WORLDS["noise"]), bug)
    assert earns_nothing_from_noise(rollout).holds == (bug not in EXPLOITED)


@pytest.mark.parametrize("name", NAMES)
def test_observations_and_actions_say_the_same_both_ways(name):
    stage, rng = stage_of(TASKS[name].world, TASKS[name].positions), np.random.default_rng(82)
    signals = len(TASKS[name].world.signal_names)
    held, wanted = rng.choice([-1.0, 0.0, 1.0], (2, 50))
    seen = np.column_stack([rng.standard_normal((50, signals + 1)), held])
    assert stage.seen(stage.shown(seen)) == pytest.approx(seen, abs=2e-6)
    assert stage.asked(stage.actions(wanted, held), held) == pytest.approx(wanted, abs=1e-6)


def test_path_that_is_played_twice_or_ends_too_early_is_refused():
    stage, market = stage_of(TASKS["ou_fast_cheap"].world, "discrete"), draw(TASKS["ou_fast_cheap"].world, 83, 12, 4)
    policy = optimum_of(stage.world).policy
    assert roll_through(stage, scoring_env(stage, market), policy, 10).rewards.shape == (10, 4)
    with pytest.raises(ValueError, match="an episode ended at step 11 of 11"):
        roll_through(stage, scoring_env(stage, market), policy, 11)
    again = scoring_env(stage, market)
    again.seed(7)
    with pytest.raises(ValueError, match="each path is to be played once"):
        roll_through(stage, again, policy, 10)
