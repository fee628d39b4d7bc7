"""Section `risk`: the limits that the risk guard holds every order to."""

from __future__ import annotations

from pydantic import Field

from keel.config.section import Section


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
        description="Orders a minute kept for closing positions when the rate is used up; 0 to 1000000.",
    )
