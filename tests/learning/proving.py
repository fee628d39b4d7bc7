"""The proof of each world: the best policy is replayed first, then what a seed has learned is scored beside it.

All on fresh shocks that no training and no normaliser has seen, the same for every seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from .checks import (
    Finding,
    Rollout,
    accounts_add_up,
    earns_nothing_from_noise,
    earns_the_optimum,
    holds_what_was_asked,
    is_good_and_possible,
    keeps_still,
    knows_no_shock,
    plays_as_in_clean,
    shows_the_past,
)
from .clean import Policy, draw, play, ratio_to_best
from .noise import cost_share, random_trader_cost
from .optimum import optimum_of
from .ou_optimum import DISCRETE
from .rolling import roll_through
from .stage import Stage, scoring_env, stage_of
from .training import Trained
from .worlds import MOST_COSTS, NOISE_WORLDS, TASKS, Floats

PATHS: Final = 1024
WARM_UP: Final = 300
"""Bars until it is forgotten that all began without holdings; they are not scored."""
_STEPS: Final = {"ou_slow_dear": 8192}
_USUAL_STEPS: Final = 1024
"""Scored bars of each path: a million in all, and eight where a position lasts so long that a million tell little."""
_FRESH: Final = 1_000_003
"""Seed of the shocks that policies are scored on; training takes small ones."""
_TOLERANCE: Final = 3e-5
"""Of positions, moves and rewards, in units: what float32 and the drift of price and equity leave."""


@dataclass(frozen=True)
class Scored:
    """Hold what a trained policy came to: how the table tells it, its figures, and what the checks found."""

    told: str
    figures: dict[str, float]
    findings: tuple[Finding, ...]


class Proof(Protocol):
    """Prove that an agent learns in one world."""

    stage: Stage
    goal: str

    def replay(self) -> tuple[Finding, ...]:
        """Play a known policy through the environment and return what the checks find."""

    def score(self, trained: Trained) -> Scored:
        """Score what was learned."""


def proof_of(name: str) -> Proof:
    """Return the proof of a world by its name in TASKS or NOISE_WORLDS."""
    return LearningProof(name) if name in TASKS else NoiseProof(name)


class LearningProof:
    """Prove that an agent comes to a share of the optimum, and no further than can be."""

    def __init__(self, name: str) -> None:
        task = TASKS[name]
        self.stage, self.goal = stage_of(task.world, task.positions), f"≥ {task.goal:.0%} of the optimum"
        self._least, self._optimum = task.goal, optimum_of(task.world)
        self._steps = WARM_UP + _STEPS.get(name, _USUAL_STEPS)
        self._market = draw(task.world, _FRESH, self._steps + 2, PATHS)
        self._best: Floats = np.empty(0)

    def replay(self) -> tuple[Finding, ...]:
        rollout = self._roll(self._optimum.policy)
        self._best = rollout.rewards
        return (*_soundness(self.stage, rollout), earns_the_optimum(rollout, self._optimum.mean_reward))

    def score(self, trained: Trained) -> Scored:
        policy, optimum = trained.policy(deterministic=True), self._optimum.mean_reward
        rollout = self._roll(policy)
        clean = play(self.stage.world, self._market, policy).rewards[WARM_UP : self._steps]
        ideal = play(self.stage.world, self._market, self._optimum.policy).rewards[WARM_UP : self._steps]
        ratio, clean_ratio = (ratio_to_best(*pair, optimum) for pair in ((rollout.rewards, self._best), (clean, ideal)))
        findings = (
            is_good_and_possible(ratio, self._least),
            plays_as_in_clean(rollout.rewards, clean, optimum),
            *_soundness(self.stage, rollout),
        )
        figures = {"share": ratio.value, "low": ratio.low, "high": ratio.high, "clean_share": clean_ratio.value}
        told = f"{ratio.value:.2%} (≥ {ratio.low:.2%}), clean {clean_ratio.value:.2%}"
        return Scored(told, figures | {"clean_low": clean_ratio.low, "shocks": float(clean.size)}, findings)

    def _roll(self, policy: Policy) -> Rollout:
        return roll_through(self.stage, scoring_env(self.stage, self._market), policy, self._steps).after(WARM_UP)


class NoiseProof:
    """Prove that an agent learns to keep still where nothing is to be earned."""

    def __init__(self, name: str) -> None:
        world = self._world = NOISE_WORLDS[name]
        self._most = dict(zip(("deterministic", "sampled"), MOST_COSTS[name], strict=True))
        self.stage = stage_of(world, "discrete")
        self.goal = "costs " + ", ".join(f"{kind} ≤ {most:.1%}" for kind, most in self._most.items())
        self._steps = WARM_UP + _USUAL_STEPS
        self._market = draw(world, _FRESH, self._steps + 2, PATHS)

    def replay(self) -> tuple[Finding, ...]:
        """Play a random trader: the accounts of who keeps still would show nothing."""
        rng = np.random.default_rng(1)
        rollout = self._roll(lambda seen: rng.choice(DISCRETE, len(seen)))
        return (*_soundness(self.stage, rollout), earns_nothing_from_noise(rollout))

    def score(self, trained: Trained) -> Scored:
        figures, findings = {}, []
        for kind, most in self._most.items():
            policy = trained.policy(deterministic=kind == "deterministic")
            rollout = self._roll(policy)
            figures[kind] = cost_share(self._world, rollout.costs, DISCRETE)
            findings += [keeps_still(kind, figures[kind], most), earns_nothing_from_noise(rollout)]
            findings += _soundness(self.stage, rollout)
            if kind == "deterministic":
                clean = play(self._world, self._market, policy).rewards[WARM_UP : self._steps]
                findings.append(plays_as_in_clean(rollout.rewards, clean, random_trader_cost(self._world, DISCRETE)))
        told = ", ".join(f"{kind} {share:.3%}" for kind, share in figures.items())
        return Scored(told, figures | {"shocks": float(rollout.rewards.size)}, tuple(findings))

    def _roll(self, policy: Policy) -> Rollout:
        return roll_through(self.stage, scoring_env(self.stage, self._market), policy, self._steps).after(WARM_UP)


def _soundness(stage: Stage, rollout: Rollout) -> tuple[Finding, ...]:
    """Return what the checks find that hold for any policy."""
    return (
        accounts_add_up(stage.world, rollout, _TOLERANCE),
        holds_what_was_asked(rollout, _TOLERANCE),
        shows_the_past(rollout, _TOLERANCE),
        knows_no_shock(stage.world, rollout),
    )
