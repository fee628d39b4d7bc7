"""The best policy for W2 in closed form, and twice more by other ways.

Gârleanu and Pedersen, Dynamic Trading with Predictable Returns and Transaction Costs, J. Finance 68(6), 2013: trade the
fraction a / λ of the way to the aim portfolio (proposition 2), in which signals that last weigh more (proposition 4),
with their discount rate ρ at 0, Σ = 1 and Φ = 1 − φ:

    a    = (−γ + √(γ² + 4 γ λ)) / 2
    aim  = Σ_k  b f_k / (γ + a (1 − φ_k))
    x    = (1 − a / λ) x_before + (a / λ) aim
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_discrete_are, solve_discrete_lyapunov

from .worlds import Floats, GarleanuPedersen


@dataclass(frozen=True)
class LinearPolicy:
    """Hold x = keep × x_before + Σ_k weights_k × f_k, and the mean reward a bar it is said to earn."""

    keep: float
    weights: Floats
    mean_reward: float

    def position(self, signals: Floats, held: Floats) -> Floats:
        """Return the position for `signals` of shape (..., K) and `held` of shape (...)."""
        chosen: Floats = self.keep * held + signals @ self.weights
        return chosen


def closed_form(world: GarleanuPedersen) -> LinearPolicy:
    """Return the paper's policy, and ½ Σ_k A_ff,kk (1 − φ_k²), what the signals' noise adds to the value each bar.

    The value is −½ a x² + x A_xf f + ½ f A_ff f (proposition 1). Maximising it with the reward of one bar gives
    A_xf = a × aim weights and, with J = γ + λ + a and m = b + φ A_xf, A_ff,ij = m_i m_j / (J (1 − φ_i φ_j)).
    """
    phi, gamma, cost = np.array(world.phi), world.risk_aversion, world.cost
    a = (-gamma + np.sqrt(gamma**2 + 4.0 * gamma * cost)) / 2.0
    aim = world.loading / (gamma + a * (1.0 - phi))
    marginal = world.loading + phi * a * aim
    signal_value = marginal**2 / ((gamma + cost + a) * (1.0 - phi**2))
    mean_reward = 0.5 * float(signal_value @ (1.0 - phi**2))
    return LinearPolicy(float(1.0 - a / cost), a / cost * aim, mean_reward)


def riccati(world: GarleanuPedersen) -> LinearPolicy:
    """Return the best policy by the algebraic Riccati equation of the state (x_before, f) and the control Δx."""
    n = len(world.phi)
    toward = -np.full(n, world.loading)
    state = np.diag([1.0, *world.phi])
    control = np.eye(n + 1)[:, :1]
    state_cost = np.zeros((n + 1, n + 1))
    state_cost[0, 0] = world.risk_aversion
    state_cost[0, 1:] = state_cost[1:, 0] = toward
    control_cost = np.array([[world.risk_aversion + world.cost]])
    cross_cost = np.concatenate([[world.risk_aversion], toward])[:, None]
    value = solve_discrete_are(state, control, state_cost, control_cost, s=cross_cost)
    pull = control.T @ value
    gain = np.linalg.solve(control_cost + pull @ control, pull @ state + cross_cost.T)[0]
    noise = np.diag([0.0, *(1.0 - np.square(world.phi))])
    return LinearPolicy(float(1.0 - gain[0]), -gain[1:], -0.5 * float(np.trace(value @ noise)))


def evaluate(world: GarleanuPedersen, policy: LinearPolicy) -> float:
    """Return the mean reward a bar that a linear policy earns, from the stationary covariance of (x_before, f)."""
    covariance = stationary_covariance(world, policy)
    position = np.concatenate([[policy.keep], policy.weights])
    change = position - np.eye(len(position))[0]
    drift = np.concatenate([[0.0], np.full(len(world.phi), world.loading)])
    gain = position @ covariance @ drift
    penalty = 0.5 * world.risk_aversion * (position @ covariance @ position)
    return float(gain - penalty - 0.5 * world.cost * (change @ covariance @ change))


def stationary_covariance(world: GarleanuPedersen, policy: LinearPolicy) -> Floats:
    """Return the covariance (1 + K, 1 + K) of the position before a decision and the signals at it."""
    n = len(world.phi)
    step = np.zeros((n + 1, n + 1))
    step[0] = [policy.keep, *policy.weights]
    step[1:, 1:] = np.diag(world.phi)
    covariance: Floats = solve_discrete_lyapunov(step, np.diag([0.0, *(1.0 - np.square(world.phi))]))
    return covariance
