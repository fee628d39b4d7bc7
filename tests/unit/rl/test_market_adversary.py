"""The market adversary keeps its budget, finds what hurts, and goes on where it stood."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from made_worlds import task_of

from keel.config.robustness import MarketAdversary
from keel.rl.adversarial.market import Market
from keel.rl.layout import MULTIPLIED

SECTION = MarketAdversary(budget=1.5, most=3.0, episodes=40, rate=1.0)


def infos(
    market: Market, task: np.ndarray, hurt: dict[str, float], rng: np.random.Generator, noise: float
) -> list[dict[str, Any]]:
    """Return what 40 episodes tell whose growth a unit of each log-multiplier lowers by `hurt`."""
    told = []
    for _ in range(40):
        drawn = rng.uniform(task["least"][0], task["most"][0])
        growth = rng.normal(0.0, noise) - sum(
            hurt.get(name, 0.0) * math.log(one) for name, one in zip(MULTIPLIED, drawn, strict=True)
        )
        trading = {"return": math.expm1(growth * 50), "bars": 50}
        told.append({"setup": {"multipliers": dict(zip(MULTIPLIED, drawn.tolist(), strict=True))}, "trading": trading})
    return told


@pytest.mark.parametrize(("budget", "most"), [*product([0.1, 1.5, 20.0], [1.5, 4.0])])
def test_no_episode_can_be_drawn_beyond_the_budget_or_the_most(budget: float, most: float):
    task = task_of()
    market = Market(MarketAdversary(budget=budget, most=most, episodes=40, rate=10.0), task)
    rng = np.random.default_rng(1)
    for hurt in ({"fee": 1.0}, {"latency": 1.0, "impact": 0.5}, {}, {"spread": -1.0}):
        for _ in range(5):
            assert np.log(task["most"][0]).sum() <= budget + 1e-9
            assert np.all(task["most"][0] <= most + 1e-9)
            assert np.all((task["least"][0] >= 1.0) & (task["least"][0] <= task["most"][0]))
            market.take(infos(market, task, hurt, rng, 0.001))
            market.act()
    assert np.isclose(np.log(task["most"][0]).sum(), min(budget, 4 * math.log(most)))


@pytest.mark.parametrize("worst", MULTIPLIED)
def test_it_spends_its_budget_on_what_hurts_most(worst: str):
    task = task_of()
    market = Market(SECTION, task)
    rng = np.random.default_rng(2)
    for _ in range(12):
        market.take(infos(market, task, {worst: 0.01}, rng, 0.001))
        market.act()
    figures = market.figures()
    assert max(figures, key=figures.__getitem__) == worst
    assert figures[worst] > 1.15 * max(figures[name] for name in MULTIPLIED if name != worst)


def test_what_chance_alone_tells_moves_it_little():
    task = task_of()
    market = Market(SECTION, task)
    rng = np.random.default_rng(3)
    for _ in range(12):
        market.take(infos(market, task, {}, rng, 0.01))
        market.act()
    assert min(market.figures().values()) > 1.0 + 0.2 * (SECTION.budget / 4)


def test_it_comes_on_top_of_what_the_config_draws():
    task = task_of(least=0.5, most=2.0)
    Market(SECTION, task)
    assert np.allclose(task["most"][0], 2.0 * math.exp(1.5 / 4))
    assert np.allclose(task["least"][0], 0.5 * math.exp(1.5 / 8))


def test_it_waits_for_episodes_enough():
    task = task_of()
    market = Market(SECTION, task)
    before = task.copy()
    market.take(infos(market, task, {"fee": 1.0}, np.random.default_rng(4), 0.001)[:39])
    market.act()
    assert np.array_equal(task, before)


def test_a_market_that_was_saved_goes_on_as_the_one_that_was_not():
    task, other = task_of(), task_of()
    market, again = Market(SECTION, task), Market(SECTION, other)
    told = [infos(market, task, {"impact": 0.01}, np.random.default_rng(seed), 0.001) for seed in range(3)]
    market.take(told[0])
    market.act()
    market.take(told[1][:20])
    again.restore(market.state())
    assert np.array_equal(task, other)
    for one in (market, again):
        one.take(told[1][20:])
        one.act()
    assert np.array_equal(task, other)
    with pytest.raises(ValueError, match="another shape"):
        again.restore({"weights": [1.0], "seen": []})
