"""Section `market`: the calendar, the zone of the trading day and the venue's rules for each instrument."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from keel.config.section import Calendar, Currency, ExactDecimal, Section, Symbol, broken_rule, expected
from keel.domain.timeframe import ROUND_THE_CLOCK

_TICK = 'Smallest price step, quote currency; a decimal such as "0.01", 0 = no grid.'
_STEP = 'Smallest quantity step, base units; a decimal such as "0.00001", 0 = no grid.'
_MIN_QTY = "Smallest quantity of an order, base units; 0 or more."
_MIN_NOTIONAL = "Smallest value of an order, quote currency; 0 or more."
_SHORTABLE = "Whether a position may go below zero; true or false, false in a cash account."
_CAN_FLIP = "Whether one order may cross zero; true or false."
_QUOTE = "Currency of the prices, such as USDT or EUR; null = account.currency. Another one needs data.rates."
_FEE_CURRENCY = "Where a buy's fee is taken: quote (from cash) or base (kept from what is bought, as in spot trading)."
_OPEN_CUTOFF = "How long before the open no more orders for its auction are taken, seconds; 0 to 7200; not in 24/7."
_CLOSE_CUTOFF = "How long before the close no more orders for its auction are taken, seconds; 0 to 7200; not in 24/7."
_MOST_CUTOFF = 7200
_BORROW = "Cost of a short position, fraction of its value a year of 365 days, charged at each day's end; 0 to 10."

FeeCurrency = Literal["quote", "base"]
"""Where the fee of a buy is taken from."""


class InstrumentRules(Section):
    """Hold a venue's rules for an instrument (docs/execution.md, rule 8)."""

    tick_size: ExactDecimal = Field(Decimal("0.01"), description=_TICK)
    step_size: ExactDecimal = Field(Decimal("0.00001"), description=_STEP)
    min_qty: ExactDecimal = Field(Decimal(0), description=_MIN_QTY)
    min_notional: ExactDecimal = Field(Decimal(5), description=_MIN_NOTIONAL)
    shortable: bool = Field(default=False, description=_SHORTABLE)
    can_flip: bool = Field(default=False, description=_CAN_FLIP)
    quote_currency: Currency | None = Field(None, description=_QUOTE)
    fee_currency: FeeCurrency = Field("quote", description=_FEE_CURRENCY)
    borrow_rate: float = Field(0.0, ge=0, le=10, description=_BORROW)
    open_cutoff_s: int = Field(120, ge=0, le=_MOST_CUTOFF, description=_OPEN_CUTOFF)
    close_cutoff_s: int = Field(600, ge=0, le=_MOST_CUTOFF, description=_CLOSE_CUTOFF)


class InstrumentOverride(Section):
    """Hold what differs for one symbol; null = as in `market.instrument`."""

    tick_size: ExactDecimal | None = Field(None, description=_TICK)
    step_size: ExactDecimal | None = Field(None, description=_STEP)
    min_qty: ExactDecimal | None = Field(None, description=_MIN_QTY)
    min_notional: ExactDecimal | None = Field(None, description=_MIN_NOTIONAL)
    shortable: bool | None = Field(None, description=_SHORTABLE)
    can_flip: bool | None = Field(None, description=_CAN_FLIP)
    quote_currency: Currency | None = Field(None, description=_QUOTE)
    fee_currency: FeeCurrency | None = Field(None, description=_FEE_CURRENCY)
    borrow_rate: float | None = Field(None, ge=0, le=10, description=_BORROW)
    open_cutoff_s: int | None = Field(None, ge=0, le=_MOST_CUTOFF, description=_OPEN_CUTOFF)
    close_cutoff_s: int | None = Field(None, ge=0, le=_MOST_CUTOFF, description=_CLOSE_CUTOFF)


class MarketSection(Section):
    """Hold when the market trades and by which rules."""

    calendar: Calendar = Field(
        ROUND_THE_CLOCK,
        description="Trading calendar: 24/7 (a year has 365 daily returns) or a name of exchange_calendars such as "
        "XNYS (252); with bars longer than a day, 365.25 days. For symbols without a calendar in data.sources.",
    )
    timezone: str = Field(
        "UTC",
        description="Zone of the trading day and the hour of the week, a tz database name; 24/7 needs UTC. For symbols "
        "without a calendar in data.sources.",
    )
    instrument: InstrumentRules = Field(InstrumentRules(), description="The venue's rules for every symbol.")
    overrides: dict[Symbol, InstrumentOverride] = Field(
        {}, description="Rules that differ for one symbol, by symbol; each must be in data.symbols."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise expected("a zone of the tz database such as America/New_York") from None
        return value

    @model_validator(mode="after")
    def _round_the_clock_is_utc(self) -> Self:
        if self.calendar == ROUND_THE_CLOCK and self.timezone != "UTC":
            raise broken_rule("timezone", f"a {ROUND_THE_CLOCK} market needs timezone UTC, got {self.timezone}")
        return self

    def rules_for(self, symbol: str) -> InstrumentRules:
        """Return the rules of one symbol: the shared ones with its overrides."""
        override = self.overrides.get(symbol)
        return self.instrument if override is None else self.instrument.model_copy(update=_given(override))


def _given(override: InstrumentOverride) -> dict[str, Any]:
    return {key: value for key, value in override if value is not None}
