"""Section `account`: the money a run starts with and how it may be borrowed against."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from keel.config.section import Currency, Section, broken_rule


class AccountSection(Section):
    """Hold the account's terms (docs/execution.md, rule 7)."""

    initial_cash: float = Field(
        100_000.0,
        gt=0,
        le=1e12,
        description="Cash at the start, live what the run may trade with of what the account holds, account currency; "
        "above 0, to 1e12.",
    )
    currency: Currency = Field("USDT", description="Account currency, such as USDT or USD.")
    type: Literal["cash", "margin"] = Field(
        "cash",
        description="cash (no borrowing, no shorts) or margin (buying power = equity / initial_margin).",
    )
    initial_margin: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Own money a position needs, fraction of its value; above 0, to 1; cash needs 1.",
    )
    maintenance_margin: float | None = Field(
        None,
        ge=0,
        description="Own money below which the venue liquidates, fraction of the positions' value; 0 (never, until "
        "nothing is left) to below initial_margin; null = half of it in a margin account. A cash account needs none.",
    )
    liquidation_fee_bps: float = Field(
        100.0, ge=0, le=1000, description="What a liquidation costs above the taker fee, bps of its value; 0 to 1000."
    )
    interest_rate: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Interest on borrowed cash, fraction a year of 365 days, charged at each day's end; 0 to 1. "
        "Leave it 0 for perpetuals: their cost of carry is the funding.",
    )
    allocation: float = Field(
        1.0, gt=0, le=1, description="Part of the account's equity that may be used, fraction; above 0, to 1."
    )

    @model_validator(mode="after")
    def _maintenance_is_below_initial(self) -> Self:
        if self.maintenance_margin is None:
            return self
        if self.type == "cash":
            raise broken_rule("maintenance_margin", "a cash account cannot be liquidated: remove it")
        if self.maintenance_margin >= self.initial_margin:
            message = f"must be below initial_margin ({self.initial_margin:g}), or any position is liquidated"
            raise broken_rule("maintenance_margin", message)
        return self

    @property
    def liquidates_below(self) -> float:
        """Return the maintenance margin in force, fraction of the positions' value; 0 in a cash account."""
        if self.type == "cash":
            return 0.0
        return self.initial_margin / 2 if self.maintenance_margin is None else self.maintenance_margin

    @model_validator(mode="after")
    def _interest_is_on_borrowed_cash(self) -> Self:
        if self.type == "cash" and self.interest_rate > 0:
            raise broken_rule("interest_rate", "a cash account borrows nothing: set it to 0, or account.type to margin")
        return self

    @model_validator(mode="after")
    def _cash_is_not_borrowed(self) -> Self:
        if self.type == "cash" and self.initial_margin != 1:
            raise broken_rule(
                "initial_margin",
                f"a cash account needs 1, got {self.initial_margin:g}: set account.type to margin to borrow",
            )
        return self
