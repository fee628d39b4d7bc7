"""Section `exits`: the stop-loss and take-profit that every entry takes along to the venue."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from keel.config.section import Section, broken_rule

_FRACTION = "Distance from the close at the decision, fraction of it; above 0, below 1; or give atr."
_ATR = "Distance from the close at the decision, multiple of the average true range; above 0, to 100; or give fraction."


class TakeProfit(Section):
    """Hold how far away the profit is taken: a fraction of the price, or a multiple of the average true range."""

    fraction: float | None = Field(None, gt=0, lt=1, description=_FRACTION)
    atr: float | None = Field(None, gt=0, le=100, description=_ATR)

    @model_validator(mode="after")
    def _one_distance(self) -> Self:
        if (self.fraction is None) == (self.atr is None):
            raise broken_rule("fraction", "give one of fraction and atr")
        return self


class StopLoss(TakeProfit):
    """Hold how far away the loss is cut, and whether the stop follows the best price."""

    trailing: bool = Field(
        default=False, description="Whether the stop follows the best price at its distance; true or false."
    )


class ExitsSection(Section):
    """Hold the exits of targets' positions (docs/execution.md, rule 24)."""

    atr_bars: int = Field(14, ge=1, le=100_000, description="Bars of the average true range (Wilder); 1 to 100000.")
    stop_loss: StopLoss | None = Field(
        None,
        description="Stop that closes the position after a loss; effective from the entry's first fill; null = none.",
    )
    take_profit: TakeProfit | None = Field(
        None, description="Limit order that closes the position after a gain, the stop's partner; null = none."
    )
