"""What shows that an environment pays for what an agent did, no more and no earlier: checks over recorded rollouts.

No single check sees every fault: a reward paid one bar late leaves every mean as it was, and an agent that trades
poorly on leaked knowledge stays below the optimum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .clean import Estimate, Ratio, estimate
from .worlds import Floats, World


@dataclass(frozen=True)
class Rollout:
    """Hold what an environment did in T bars of B independent environments, in units of position and of price.

    `observations` (T, B, K + 2) holds the signals, the last move and the position held, as in the clean simulator;
    `asked` (T, B) the position that the action asks for; `positions`, `costs` and `rewards` (T, B) what it led to;
    `prices` (T + 1, B) begins with the price at the first decision; `start` (B,) is held before it.
    """

    observations: Floats
    asked: Floats
    positions: Floats
    prices: Floats
    costs: Floats
    rewards: Floats
    start: Floats

    @property
    def moves(self) -> Floats:
        """Return how far the price went after each decision, (T, B)."""
        return np.diff(self.prices, axis=0)

    @property
    def held(self) -> Floats:
        """Return the position before each decision, (T, B)."""
        return np.concatenate([self.start[None], self.positions[:-1]])

    def after(self, bars: int) -> Rollout:
        """Return what came after the first `bars`, at least 1: by then it is forgotten that all began without holdings.

        That costs the best policy up to 0.6 once, which is 1% of what it earns in 1,000 bars of the slow W1.
        """
        told = (self.observations, self.asked, self.positions, self.prices, self.costs, self.rewards)
        return Rollout(*(each[bars:] for each in told), self.positions[bars - 1])


@dataclass(frozen=True)
class Finding:
    """Say whether a check holds, and by what figures."""

    check: str
    holds: bool
    figures: str


def accounts_add_up(world: World, rollout: Rollout, tolerance: float = 1e-9) -> Finding:
    """Compare each bar's reward with position × move − cost − penalty, and each cost with what the world asks."""
    costs = world.trading_cost(rollout.positions - rollout.held)
    due = rollout.positions * rollout.moves - costs - world.risk_penalty(rollout.positions)
    return _equal("accounts_add_up", {"reward": rollout.rewards - due, "cost": rollout.costs - costs}, tolerance)


def holds_what_was_asked(rollout: Rollout, tolerance: float = 1e-9) -> Finding:
    """Compare the position after each decision with the one asked for."""
    return _equal("holds_what_was_asked", {"position": rollout.positions - rollout.asked}, tolerance)


def shows_the_past(rollout: Rollout, tolerance: float = 1e-9) -> Finding:
    """Compare what each observation shows with what had happened by then: the last move and the position held."""
    last_moves = rollout.observations[1:, :, -2] - rollout.moves[:-1]
    return _equal(
        "shows_the_past", {"move": last_moves, "held": rollout.observations[:, :, -1] - rollout.held}, tolerance
    )


def knows_no_shock(world: World, rollout: Rollout, limit: float = 4.0) -> Finding:
    """Test that nothing observed is correlated with the part of the next move that nobody can know.

    The shocks are standard normal and independent of all that was known, so each correlation has the standard error
    1/√(T × B); `limit` is in standard errors.
    """
    shocks = (rollout.moves - world.drift(rollout.observations[..., :-2])).ravel()
    seen = rollout.observations.reshape(len(shocks), -1)
    scale = seen.std(axis=0)
    products = ((seen - seen.mean(axis=0)) * shocks[:, None]).mean(axis=0)
    errors = np.abs(products) / np.where(scale > 0.0, scale, 1.0) * np.sqrt(len(shocks))
    return Finding("knows_no_shock", bool(errors.max() <= limit), f"{errors.max():.1f} standard errors")


def earns_the_optimum(rollout: Rollout, optimum: float, limit: float = 3.0) -> Finding:
    """Test that the best policy, replayed, earns its mean reward to within `limit` standard errors."""
    earned = estimate(rollout.rewards)
    away = earned.mean - optimum
    return Finding("earns_the_optimum", abs(away) <= limit * earned.error, f"{away:+.5f} ± {earned.error:.5f} a bar")


def earns_nothing_from_noise(rollout: Rollout, limit: float = 3.0) -> Finding:
    """Test that a policy in pure noise earns no more than `limit` standard errors above 0."""
    earned = estimate(rollout.rewards)
    holds = earned.mean <= limit * earned.error
    return Finding("earns_nothing_from_noise", holds, f"{earned.mean:+.5f} ± {earned.error:.5f} a bar")


def is_good_and_possible(ratio: Ratio, goal: float, most: float = 1.01) -> Finding:
    """Test a paired score on both sides: its lower bound reaches the goal, and not what nobody can earn."""
    figures = f"{ratio.value:.2%} ({ratio.low:.2%} to {ratio.high:.2%}) of the optimum"
    return Finding("is_good_and_possible", goal <= ratio.low <= most, figures)


def agrees_with_clean(rollout: Rollout, clean: Estimate, limit: float = 3.0) -> Finding:
    """Test that a policy earns in the environment what it earns in the clean simulator."""
    earned = estimate(rollout.rewards)
    away, error = earned.mean - clean.mean, float(np.hypot(earned.error, clean.error))
    return Finding("agrees_with_clean", abs(away) <= limit * error, f"{away:+.5f} ± {error:.5f} a bar")


def plays_as_in_clean(rewards: Floats, clean_rewards: Floats, scale: float, limit: float = 1e-3) -> Finding:
    """Test that a policy earns on the same shocks what it earns in the clean simulator, to `limit` × `scale` a bar.

    Rounding may tip a decision here and there, never the mean; what an environment gives beyond its world shows.
    """
    away = float((rewards - clean_rewards).mean()) / scale
    return Finding("plays_as_in_clean", abs(away) <= limit, f"{away:+.5%} of {scale:.5g} a bar")


def keeps_still(check: str, share: float, most: float) -> Finding:
    """Test that a policy pays at most a share of a random trader's costs."""
    return Finding(check, share <= most, f"{share:.3%} of a random trader's costs")


def _equal(check: str, differences: dict[str, Floats], tolerance: float) -> Finding:
    most = {name: float(np.abs(values).max(initial=0.0)) for name, values in differences.items()}
    figures = ", ".join(f"{name} off by at most {value:.3g}" for name, value in most.items())
    return Finding(check, all(value <= tolerance for value in most.values()), figures)
