"""Section `risk`: the limits that the risk guard holds every order to."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from keel.config.section import Section, broken_rule


class RiskSection(Section):
    """Hold the limits, as fractions of equity; null = off (docs/execution.md, rule 17)."""

    max_order_weight: float | None = Field(
        1.0, gt=0, le=100, description="Largest order, fraction of equity; above 0, to 100; null = off."
    )
    max_position_weight: float | None = Field(
        1.0, gt=0, le=100, description="Largest position, fraction of equity; above 0, to 100; null = off."
    )
    max_gross_weight: float | None = Field(
        1.0,
        gt=0,
        le=100,
        description="Largest sum of absolute positions, fraction of equity; above 0, to 100; null = off.",
    )
    daily_loss: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Loss of a day after which only closing orders pass until it ends, fraction of equity; "
        "above 0, to 1; null = off.",
    )
    max_drawdown: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Fall from the peak that halts the run, fraction of the peak; above 0, to 1; null = off.",
    )
    max_orders_per_minute: int | None = Field(
        None, ge=1, le=1_000_000, description="Orders a minute; whole number, 1 to 1000000; null = off."
    )
    close_order_reserve: int = Field(
        5,
        ge=0,
        le=1_000_000,
        description="Part of max_orders_per_minute that only closing orders may use, below it; whole number, "
        "0 to 1000000.",
    )

    @model_validator(mode="after")
    def _rate_leaves_room_to_open(self) -> Self:
        rate = self.max_orders_per_minute
        if rate is not None and rate <= self.close_order_reserve:
            message = f"must be above close_order_reserve ({self.close_order_reserve}), or no position could be opened"
            raise broken_rule("max_orders_per_minute", message)
        return self
