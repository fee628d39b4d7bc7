"""Section `risk`: the limits that the risk guard holds every order to; the guard itself is always on."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from keel.config.section import FilePath, Section, broken_rule, expected


class RiskSection(Section):
    """Hold the limits, as fractions of equity and in account currency; null = off (docs/execution.md, rule 17).

    Where a limit has both forms, the tighter one holds.
    """

    enabled: Literal[True] = Field(default=True, description="Always true: single limits are turned off by null.")

    max_order_weight: float | None = Field(
        1.0, gt=0, le=100, description="Largest order, fraction of equity; above 0, to 100; null = off."
    )
    max_order_notional: float | None = Field(
        None, gt=0, description="Largest order, account currency; above 0; null = off."
    )
    max_position_weight: float | None = Field(
        1.0, gt=0, le=100, description="Largest position, fraction of equity; above 0, to 100; null = off."
    )
    max_abs_position_notional: float | None = Field(
        None, gt=0, description="Largest position, long or short, account currency; above 0; null = off."
    )
    max_gross_weight: float | None = Field(
        1.0,
        gt=0,
        le=100,
        description="Largest sum of absolute positions, fraction of equity; above 0, to 100; null = off.",
    )
    sectors: FilePath | None = Field(
        None, description="CSV file of the columns symbol and sector, for the two keys below; null = no sectors."
    )
    max_sector_weight: float | None = Field(
        None,
        gt=0,
        le=100,
        description="Most that the targets of one sector may come to, sum of |weight|, fraction of equity; above 0, "
        "to 100; null = off.",
    )
    sector_weights: dict[str, Annotated[float, Field(gt=0, le=100)]] = Field(
        {}, description="The same of single sectors, by name; each above 0, to 100."
    )
    daily_loss: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Loss of a day after which only closing orders pass until it ends, fraction of equity; "
        "above 0, to 1; null = off.",
    )
    daily_loss_limit: float | None = Field(
        None,
        gt=0,
        description="Loss of a day after which only closing orders pass until it ends, account currency; "
        "above 0; null = off.",
    )
    max_drawdown: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Fall from the peak that halts the run, fraction of the peak; above 0, to 1; null = off.",
    )
    max_orders_per_min: int | None = Field(
        None, ge=1, le=1_000_000, description="Orders a minute; whole number, 1 to 1000000; null = off."
    )
    close_order_reserve: int = Field(
        5,
        ge=0,
        le=1_000_000,
        description="Part of max_orders_per_min that only closing orders may use, below it; whole number, "
        "0 to 1000000.",
    )

    @field_validator("enabled", mode="before")
    @classmethod
    def _is_always_on(cls, value: object) -> object:
        if value is False:
            raise broken_rule("", "risk is always on: set single limits to null instead")
        if value is not True:
            raise expected("true")
        return value

    @model_validator(mode="after")
    def _rate_leaves_room_to_open(self) -> Self:
        rate = self.max_orders_per_min
        if rate is not None and rate <= self.close_order_reserve:
            message = f"must be above close_order_reserve ({self.close_order_reserve}), or no position could be opened"
            raise broken_rule("max_orders_per_min", message)
        return self
