"""An episode is a backtest: the simulator alone plays it again with the same fills and the same equity, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_worlds import world_of

from keel.domain.layout import LOCAL
from keel.domain.orders import EventKind
from keel.rl.core import EnvCore
from keel.sim.engine import Simulator
from keel.sim.stress_nb import scale_costs_nb

Steps = list[dict[str, Any]]


def play(core: EnvCore, steps: int, seed: int = 3) -> list[list[Steps]]:
    """Step by random weights; return each environment's episodes as lists of what was decided and what came of it."""
    n = core.world.slots.shape[1]
    rng = np.random.default_rng(seed)
    core.begin()
    episodes: list[list[Steps]] = [[[]] for _ in range(core.n_envs)]
    for _ in range(steps):
        weights = rng.choice([-0.5, 0.0, 0.3, 0.9], (core.n_envs, n)) / n
        before = core.envs.copy()
        core.step(weights)
        for e in range(core.n_envs):
            over = bool(core.envs[e]["terminated"] or core.envs[e]["truncated"])
            after = core.ended[e].copy() if over else core.envs[e].copy()
            episodes[e][-1].append({"weights": weights[e].copy(), "env": after, "start": int(before[e]["start_row"])})
            if over:
                episodes[e].append([])
    return episodes


def replay(core: EnvCore, e: int, steps: Steps) -> Simulator:
    """Simulate an episode with the stream and the costs that its environment drew."""
    world, last = core.world, steps[-1]["env"]
    run, slots = world.run.copy(), world.slots[last["patch"]].copy()
    run["stream"] += e
    scale_costs_nb(run[0], slots, last["multipliers"].copy())
    first = int(last["start_row"])
    stop = first + len(steps) + 1
    simulator = Simulator(world.bars[:stop], run, slots, world.fine, world.actions, world.rates[:stop], first_row=first)
    targets = np.full((stop, len(slots)), np.nan)
    for k, step in enumerate(steps):
        targets[first + k] = step["weights"]
    simulator.run(targets)
    return simulator


SLOW = {"entry_ms": 9_000_000.0, "response_ms": 20_000_000.0, "max_participation": 0.001}
"""Orders take hours and fill in small parts, so that many are live at once."""
WORLDS: dict[str, dict[str, Any]] = {
    "one instrument": {},
    "three instruments": {"n": 3},
    "costs drawn for each episode": {"task": {"least": 0.5, "most": 3.0}},
    "orders that take hours": {"n": 2, "run": SLOW, "task": {"episode_bars": 90}},
    "a daily loss ends it": {"run": {"max_daily_loss": 0.003}},
    "prices in another currency": {"n": 2, "rates": (0.5, 0.8)},
}


@pytest.mark.parametrize("name", WORLDS)
def test_episode_replayed_by_the_simulator_has_the_same_equity_and_fills_to_the_bit(name):
    core = EnvCore(world_of(**WORLDS[name]), 6)
    fills = 0
    for e, episodes in enumerate(play(core, 130)):
        for steps in filter(None, episodes):
            simulator, end = replay(core, e, steps), steps[-1]["env"]
            equity = simulator.marks["equity"][1:]
            assert equity.tobytes() == np.array([step["env"]["equity"] for step in steps]).tobytes()
            filled = simulator.events[simulator.events["kind"] == EventKind.FILLED]
            assert len(filled) == end["fills"]
            fees = 0.0
            for event in filled:
                fees += event["fee"]
            assert fees == end["fees"]
            traded = np.sum(filled["qty"] * filled["price"] * filled["rate"])
            assert end["notional"] == pytest.approx(traded, rel=1e-12)
            fills += len(filled)
    assert fills > 100


def test_what_an_environment_does_does_not_depend_on_threads_or_on_how_many_others_there_are():
    world = world_of(task={"episode_bars": 25})
    alone, many, shared = EnvCore(world, 130), EnvCore(world, 300), EnvCore(world, 300, threads=2)
    weights = np.random.default_rng(1).choice([0.0, 0.5, 1.0], (60, 300, 1))
    for core in (alone, many, shared):
        core.begin()
    for step in weights:
        alone.step(np.ascontiguousarray(step[:130]))
        many.step(step)
        shared.step(step)
        assert many.envs.tobytes() == shared.envs.tobytes()
        assert many.observations.tobytes() == shared.observations.tobytes()
        assert alone.envs.tobytes() == many.envs[:130].tobytes()
    shared.close()


def test_costs_are_drawn_within_their_ranges_and_anew_for_each_episode():
    core = EnvCore(world_of(task={"least": (0.5, 1.0, 2.0, 0.0), "most": (1.5, 1.0, 3.0, 4.0)}), 50)
    core.begin()
    first = core.envs["multipliers"].copy()
    core.begin()
    second = core.envs["multipliers"].copy()
    drawn = np.vstack([first, second])
    assert np.all(drawn >= (0.5, 1.0, 2.0, 0.0))
    assert np.all(drawn <= (1.5, 1.0, 3.0, 4.0))
    assert np.all(drawn[:, 1] == 1.0)
    assert np.unique(drawn[:, 3]).size == 100
    assert abs(float(np.mean(drawn[:, 3])) - 2.0) < 0.4


def test_episodes_begin_all_over_their_patches_as_often_as_these_weigh():
    world = world_of(rows=1000)
    patches = np.repeat(world.patches, 2)
    patches["first"], patches["last"], patches["end"], patches["up_to"] = (10, 600), (300, 700), (400, 800), (0.75, 1.0)
    core = EnvCore(world._replace(patches=patches, slots=np.repeat(world.slots, 2, axis=0)), 800)
    core.begin()
    rows, second = core.envs["start_row"], core.envs["patch"] == 1
    assert 0.19 < float(np.mean(second)) < 0.31
    assert rows[second].min() in range(600, 610)
    assert rows[second].max() in range(690, 700)
    assert rows[~second].min() in range(10, 20)
    assert rows[~second].max() in range(290, 300)


def test_rewards_of_log_growth_sum_to_the_growth_of_the_venues_equity():
    core = EnvCore(world_of(task={"begins_anew": 0}), 3)
    core.begin()
    rng = np.random.default_rng(2)
    for _ in range(40):
        core.step(rng.uniform(-1.0, 1.0, (3, 1)))
    assert np.all(core.envs["truncated"])
    grown = np.log(core.envs["equity"] / core.envs["start_equity"])
    np.testing.assert_allclose(core.envs["rewards"], grown, rtol=1e-9)
    assert np.all(core.envs["fees"] > 0.0)


def seen_of(simulator: Simulator, held: np.ndarray) -> np.ndarray:
    """Return the account part of an observation, worked out from what the simulator tells of its local book."""
    view, live = simulator.account_view(), simulator.live_orders()
    numbers: list[float] = []
    for i in range(len(view.position_qty)):
        own = live[(live["instrument"] == i) & (live["reduce_only"] == 0)]
        in_flight = float(np.sum(own["side"] * (own["qty"] - own["local_filled_qty"])))
        gain = view.position_qty[i] * (view.mark_price[i] - view.average_price[i])
        time = np.log(1.0 + held[i]) / np.log(1000.0)
        numbers += [
            float(view.weight[i]),
            10.0 * gain / view.equity,
            float(time),
            in_flight * view.mark_price[i] / view.equity,
        ]
    return np.array([*numbers, 10.0 * max(0.0, 1.0 - view.equity / float(simulator.run_record["peak_equity"]))])


def test_environment_sees_the_local_book_of_the_simulators_run_and_nothing_of_the_venues():
    """Answers take more than an hour, exits rest at the venue, and some positions are of less than one unit."""
    run = {"response_ms": 5_000_000.0, "max_participation": 0.0005, "stop_kind": 1, "stop_distance": 0.02}
    core = EnvCore(world_of(n=2, run=run, task={"begins_anew": 0, "episode_bars": 80}), 1)
    core.begin()
    start = int(core.envs[0]["start_row"])
    simulator = Simulator(core.world.bars, core.world.run, core.world.slots[0], first_row=start)
    simulator.advance()
    held, side, apart = np.zeros(2), np.zeros(2), 0
    for weights in np.random.default_rng(4).choice([-0.4, 0.0, 0.0005, 0.4], (80, 2)):
        core.step(weights[None])
        assert simulator.advance(weights)
        position = simulator.account_view().position_qty
        held = np.where(position == 0.0, 0.0, np.where(np.sign(position) == side, held + 1.0, 1.0))
        side = np.sign(position)
        np.testing.assert_allclose(core.observations[0, -9:], seen_of(simulator, held), rtol=1e-5, atol=1e-7)
        apart += int(simulator.run_record["equity"][0] != simulator.run_record["equity"][LOCAL])
    assert apart > 20
