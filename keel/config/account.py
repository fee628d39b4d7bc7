"""Section `account`: the money a run starts with and how it may be borrowed against."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from keel.config.section import Currency, Section, broken_rule


class AccountSection(Section):
    """Hold the account's terms (docs/execution.md, rule 7)."""

    initial_cash: float = Field(
        100_000.0, gt=0, le=1e12, description="Cash at the start, account currency; above 0, to 1e12."
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
    allocation: float = Field(
        1.0, gt=0, le=1, description="Part of the account's equity that may be used, fraction; above 0, to 1."
    )

    @model_validator(mode="after")
    def _cash_is_not_borrowed(self) -> Self:
        if self.type == "cash" and self.initial_margin != 1:
            raise broken_rule(
                "initial_margin",
                f"a cash account needs 1, got {self.initial_margin:g}: set account.type to margin to borrow",
            )
        return self
