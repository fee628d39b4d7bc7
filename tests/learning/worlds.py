"""Worlds whose best policy is known: their laws, their settings and what an agent must reach in them.

In all of them the price moves by a drift the agent can learn plus a standard normal shock a bar, so the unit of price
is one bar's noise. A bar's order of events is the simulator's: the agent holds `held` units, sees the signals, chooses
`position`, trades the change at the price it sees, pays for the change, and then the price moves:

    reward = position × move − trading_cost(position − held) − risk_penalty(position)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Positions = Literal["discrete", "continuous", "any"]
"""Which positions an agent may take: −1, 0 and 1; from −1 to 1; any."""


class World(Protocol):
    """State the law of a price and of what trading it costs; arrays of any one shape, elementwise."""

    @property
    def signal_names(self) -> tuple[str, ...]:
        """Name what the agent sees besides the last move and its position."""

    def trading_cost(self, change: Floats) -> Floats:
        """Return what changing the position by `change` units costs."""

    def risk_penalty(self, position: Floats) -> Floats:
        """Return what the reward charges for holding `position`; it is no money."""

    def drift(self, signals: Floats) -> Floats:
        """Return the expected move after `signals` of shape (..., K)."""


@dataclass(frozen=True)
class OrnsteinUhlenbeck:
    """W1: the price is x itself, x′ = (1 − κ) x + ε, and a change of position costs c × |change|."""

    kappa: float
    cost: float
    signal_names: tuple[str, ...] = ("level",)

    def trading_cost(self, change: Floats) -> Floats:
        return self.cost * np.abs(change)

    def risk_penalty(self, position: Floats) -> Floats:
        return np.zeros_like(position)

    def drift(self, signals: Floats) -> Floats:
        return -self.kappa * signals[..., 0]

    @property
    def deviation(self) -> float:
        """Return the stationary standard deviation of x."""
        return float(1.0 / np.sqrt(1.0 - (1.0 - self.kappa) ** 2))


@dataclass(frozen=True)
class GarleanuPedersen:
    """W2: two signals that fade, quadratic costs, and a penalty on variance (J. Finance 68(6), 2013, sections I-II).

    move = b × (f1 + f2) + ε,   f_k′ = φ_k f_k + √(1 − φ_k²) η_k,   ε and η independent standard normals

    so each signal has variance 1. A change costs ½ λ change²; a position is charged ½ γ position² (Σ = 1). The paper's
    mean-reversion speeds Φ are 1 − φ, its Λ is λ (with Σ = 1 its scalar λ too), its discount rate ρ goes to 0.
    """

    phi: tuple[float, ...]
    loading: float
    risk_aversion: float
    cost: float

    @property
    def signal_names(self) -> tuple[str, ...]:
        return tuple(f"signal_{at + 1}" for at in range(len(self.phi)))

    def trading_cost(self, change: Floats) -> Floats:
        return 0.5 * self.cost * change**2

    def risk_penalty(self, position: Floats) -> Floats:
        return 0.5 * self.risk_aversion * position**2

    def drift(self, signals: Floats) -> Floats:
        return self.loading * signals.sum(axis=-1)


@dataclass(frozen=True)
class PureNoise:
    """W3: every move is a shock, and a change of position costs c × |change|."""

    cost: float
    signal_names: tuple[str, ...] = ()

    def trading_cost(self, change: Floats) -> Floats:
        return self.cost * np.abs(change)

    def risk_penalty(self, position: Floats) -> Floats:
        return np.zeros_like(position)

    def drift(self, signals: Floats) -> Floats:
        return np.zeros(signals.shape[:-1])


@dataclass(frozen=True)
class Task:
    """Hold a world, the positions an agent may take in it, and the share of the optimum to reach."""

    world: OrnsteinUhlenbeck | GarleanuPedersen
    positions: Positions
    goal: float


TASKS: Final = {
    "ou_fast_cheap": Task(OrnsteinUhlenbeck(0.1, 0.5), "discrete", 0.98),
    "ou_fast_dear": Task(OrnsteinUhlenbeck(0.1, 1.0), "discrete", 0.98),
    "ou_slow_dear": Task(OrnsteinUhlenbeck(0.02, 1.0), "discrete", 0.98),
    "ou_continuous": Task(OrnsteinUhlenbeck(0.1, 0.5), "continuous", 0.95),
    "signals": Task(GarleanuPedersen((0.5, 0.95), 0.2, 0.2, 1.0), "any", 0.98),
    "signals_hard": Task(GarleanuPedersen((0.5, 0.95), 0.05, 0.05, 0.25), "any", 0.95),
}
"""The worlds with something to learn; discrete positions are −1, 0 and 1, continuous ones from −1 to 1."""

NOISE_WORLDS: Final = {"noise": PureNoise(0.05), "noise_cheap": PureNoise(0.01)}
"""The worlds with nothing to learn but to keep still."""

MOST_COSTS: Final = {"noise": (0.005, 0.02), "noise_cheap": (0.005, 0.05)}
"""Most that the deterministic and the sampled policy may pay there, as shares of a random trader's costs."""
