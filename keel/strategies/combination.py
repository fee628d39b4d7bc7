"""Strategies made of strategies: named members, combined by weights or by votes, in YAML alone.

    strategy:
      class: keel.strategies.combination:Weighted
      params:
        members:
          - { name: trend, class: "keel.strategies.donchian:DonchianBreakout", params: { entry: 55 }, weight: 0.6 }
          - { name: dip, class: "keel.strategies.mean_reversion:BollingerReversion", weight: 0.4 }

Members are vectorised strategies, a user's own and other combinations among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from keel.config.section import ClassPath, broken_rule
from keel.strategies.panel import BarPanel
from keel.strategies.port import StrategyParams, VectorStrategy


class Member(StrategyParams):
    """Name a member's class and give its parameters, which the class itself checks."""

    name: str | None = Field(None, min_length=1, max_length=64, description="what reports call it; null = its class")
    class_path: ClassPath = Field(alias="class", description="a vectorised strategy, module:Class")
    params: dict[str, Any] = Field({}, description="the member's own parameters")

    @property
    def label(self) -> str:
        """Return the name, or that of the class."""
        return self.name or self.class_path.rpartition(":")[2]


class WeightedMember(Member):
    """Add the part of equity that the member manages."""

    weight: float | None = Field(
        None, gt=0.0, le=100.0, description="fraction of equity that the member manages; null = 1/number of members"
    )


class Members(StrategyParams):
    """Set the members of a combination."""

    members: tuple[Member, ...] = Field(min_length=1, description="the strategies to combine")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        labels = [member.label for member in self.members]
        if twice := next((label for label in labels if labels.count(label) > 1), None):
            message = f"{labels.count(twice)} members are called {twice}: give each a name of its own"
            raise broken_rule("members", message)
        return self


class Combination(VectorStrategy):
    """Be a strategy of strategies: `members` holds them by name, in the configured order."""

    Params: ClassVar[type[Members]] = Members
    params: Members

    def __init__(self, params: Members, members: Sequence[VectorStrategy]) -> None:
        super().__init__(params)
        self.members = dict(zip((given.label for given in params.members), members, strict=True))

    def member_weights(self, bars: BarPanel) -> dict[str, NDArray[np.float64]]:
        """Return each member's own target weights, shape (rows, N), by its name."""
        return {name: _checked(name, member.target_weights(bars), bars) for name, member in self.members.items()}


def _checked(name: str, weights: NDArray[np.float64], bars: BarPanel) -> NDArray[np.float64]:
    # What only the combination's sum or vote would hide: a shape that spreads over all instruments, NaN as no vote.
    if np.shape(weights) != (len(bars), bars.n):
        raise ValueError(f"member {name} returned shape {np.shape(weights)}, not ({len(bars)}, {bars.n})")
    if not np.isfinite(weights).all():
        raise ValueError(f"member {name} returned NaN or inf: give 0 to be flat, or repeat the last weight to hold")
    return weights


class Weighted(Combination):
    """Hold the weighted sum of what the members hold: each manages its fraction of equity.

    Fractions need not sum to 1: below it the rest stays in cash, above it the members together use leverage.
    """

    class Params(Members):
        """Set the members and the fraction of equity each manages."""

        members: tuple[WeightedMember, ...] = Field(min_length=1, description="the strategies to combine")

    params: Params

    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:
        """Return the sum of the members' weights, each times its fraction."""
        total = np.zeros((len(bars), bars.n))
        for member, weights in zip(self.params.members, self.member_weights(bars).values(), strict=True):
            total += weights * (1.0 / len(self.members) if member.weight is None else member.weight)
        return total


class Vote(Combination):
    """Hold an equal share of what enough members agree on, whatever the size of their own weights.

    A member votes for an instrument by a weight above 0 and against it by one below. An instrument gets 1/N with at
    least `needed` votes for it and more for than against, -1/N the other way round, else 0.
    """

    class Params(Members):
        """Set the members and how many must agree."""

        needed: int | None = Field(None, ge=1, description="votes needed; null = more than half")

        @model_validator(mode="after")
        def _can_be_reached(self) -> Vote.Params:
            if self.needed is not None and self.needed > len(self.members):
                raise broken_rule("needed", f"{self.needed} votes of {len(self.members)} members cannot be reached")
            return self

    params: Params

    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:
        """Return 1/N, 0 or -1/N by the members' votes."""
        needed = len(self.members) // 2 + 1 if self.params.needed is None else self.params.needed
        ayes, noes = np.zeros((len(bars), bars.n)), np.zeros((len(bars), bars.n))
        for weights in self.member_weights(bars).values():
            ayes += weights > 0.0
            noes += weights < 0.0
        long, short = (ayes >= needed) & (ayes > noes), (noes >= needed) & (noes > ayes)
        return (long * 1.0 - short * 1.0) / bars.n
