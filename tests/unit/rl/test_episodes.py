"""What an episode shows, counts and ends by, row for row."""

from __future__ import annotations

import numpy as np
import pytest
from made_worlds import FEATURES, world_of

from keel.domain.layout import LOCAL
from keel.rl.core import EnvCore
from keel.rl.episodes import episode_figures, episode_setup
from keel.rl.layout import DIFFERENTIAL_SHARPE

AT_ONCE = {"entry_ms": 0.0, "response_ms": 0.0, "jitter_ms": 0.0, "max_participation": 0.0}
"""Orders arrive and are answered in no time and filled whole."""
BEGINS_AT_0 = (
    *("steps", "rewards", "fills", "notional", "fees", "spread_costs", "impact_costs"),
    *("drawdown", "max_drawdown", "turnover", "mean", "square", "quantile"),
)
"""What an episode adds up or remembers."""


def test_bars_part_of_an_observation_is_the_window_up_to_the_row_just_closed():
    core = EnvCore(world_of(n=2, task={"window": 3, "begins_anew": 0}), 2)
    core.begin()
    for step in range(6):
        for e in range(2):
            row = int(core.envs[e]["start_row"]) + step
            expected = core.world.features[row - 2 : row + 1].ravel()
            assert np.array_equal(core.observations[e, : 3 * 2 * FEATURES], expected)
        core.step(np.zeros((2, 2)))


@pytest.mark.parametrize("anew", [0, 1])
def test_episode_has_its_bars_ends_cut_off_and_shows_what_it_saw_last(anew):
    core = EnvCore(world_of(task={"episode_bars": 5, "begins_anew": anew}), 1)
    core.begin()
    start = int(core.envs[0]["start_row"])
    for step in range(1, 6):
        core.step(np.full((1, 1), 0.3))
        env = core.envs[0]
        assert (bool(env["truncated"]), bool(env["terminated"])) == (step == 5, False)
    ended = core.ended[0]
    assert (ended["steps"], ended["start_row"], ended["stop_row"]) == (5, start, start + 5)
    assert np.array_equal(core.terminal[0, :FEATURES], core.world.features[start + 5])
    shown = int(core.envs[0]["start_row"]) if anew else start + 5
    assert np.array_equal(core.observations[0, :FEATURES], core.world.features[shown])
    assert episode_setup(ended)["episode"] == 0
    assert int(core.envs[0]["episode"]) == 1 + anew


def test_figures_of_an_episode_are_those_of_its_equity_and_fills():
    core = EnvCore(world_of(task={"begins_anew": 0}, run={"max_participation": 0.0}), 1)
    core.begin()
    equity, notional = [float(core.envs[0]["equity"])], 0.0
    for weight in np.random.default_rng(3).choice([-0.8, 0.0, 0.9], 40):
        core.step(np.full((1, 1), weight))
        env = core.envs[0]
        equity.append(float(env["equity"]))
        assert env["turnover"] * equity[-2] == pytest.approx(float(env["notional"]) - notional, rel=1e-9, abs=1e-6)
        notional = float(env["notional"])
    figures, env = episode_figures(core.envs[0]), core.envs[0]
    peak = np.maximum.accumulate(equity)
    assert figures["return"] == pytest.approx(equity[-1] / equity[0] - 1.0)
    assert figures["max_drawdown"] == pytest.approx(float(np.min(np.array(equity) / peak - 1.0)))
    assert figures["bars"] == 40
    assert figures["turnover"] == pytest.approx(notional / equity[0])
    costs = env["fees"] + env["spread_costs"] + env["impact_costs"]
    assert figures["cost_share"] == pytest.approx(costs / equity[0])
    assert env["fees"] == pytest.approx(0.0005 * notional, rel=1e-9)
    assert 10 < figures["fills"] <= 40
    assert min(env["spread_costs"], env["impact_costs"]) > 0.0


def test_bars_held_count_from_the_fill_and_begin_again_on_the_other_side():
    core = EnvCore(world_of(run=AT_ONCE, task={"begins_anew": 0, "episode_bars": 12}), 1)
    core.begin()
    held = [0]
    for weight in (0.5, 0.5, 0.5, -0.5, -0.5, 0.0, 0.0, 0.5):
        core.step(np.full((1, 1), weight))
        held.append(int(core._state.held[0, 0]))
    assert held == [0, 1, 2, 3, -1, -2, 0, 0, 1]
    assert core.observations[0, FEATURES + 2] == pytest.approx(np.log(2.0) / np.log(1000.0))


def test_order_on_its_way_is_seen_by_its_weight_until_it_is_known_to_be_filled():
    core = EnvCore(world_of(run=AT_ONCE | {"response_ms": 5.5 * 3_600_000.0}, task={"begins_anew": 0}), 1)
    core.begin()
    seen = []
    for _ in range(8):
        core.step(np.full((1, 1), 0.5))
        seen.append(core.observations[0, [FEATURES, FEATURES + 3]].tolist())
    for weight, in_flight in seen[:5]:
        assert (weight, in_flight) == (0.0, pytest.approx(0.5, rel=0.05))
    for weight, in_flight in seen[6:]:
        assert (weight, in_flight) == (pytest.approx(0.5, rel=0.05), 0.0)


def test_next_episode_knows_nothing_of_the_one_before():
    task = {"episode_bars": 7, "reward": DIFFERENTIAL_SHARPE, "cvar_penalty": 1.0}
    core = EnvCore(world_of(run=AT_ONCE, task=task), 1)
    core.begin()
    for weight in (0.9, -0.9, 0.9, -0.9, 0.9, -0.9, 0.9):
        core.step(np.full((1, 1), weight))
    env, run = core.envs[0], core._state.runs[0]
    for name in BEGINS_AT_0:
        assert core.ended[0][name] != 0.0
        assert env[name] == 0.0
    assert core.observations[0, FEATURES:].tolist() == [0.0] * 5
    assert core._state.held[0, 0] == 0
    assert env["equity"] == env["start_equity"] == run["equity"][LOCAL] == 100_000.0
    assert run["row"] == env["start_row"] + 1


def test_daily_loss_latch_ends_an_episode_as_its_own_doing_not_as_times():
    core = EnvCore(world_of(run={"max_daily_loss": 0.002}, task={"begins_anew": 0, "episode_bars": 300}), 6)
    core.begin()
    ended = np.zeros(6, bool)
    for _ in range(200):
        core.step(np.full((6, 1), 2.0))
        ended |= core.envs["terminated"] != 0
        assert not np.any(core.envs["truncated"][ended])
        if ended.all():
            break
    assert ended.any()
