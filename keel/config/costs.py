"""Sections of what trading costs: `fees`, `spread`, `impact`, `volatility`, `latency`, `seasonality`."""

from __future__ import annotations

import itertools
import math
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from keel.config.section import Section, broken_rule, expected
from keel.domain.orders import MOST_FEE_TIERS

HOURS: Final = 168
"""Hours of a week: the length of a seasonality table."""
_MAX_TAKER_BPS: Final = 50
_LEAST_TAKER_BPS: Final = 0.05
_MEAN_TOLERANCE: Final = 1e-6


def _fee_in_bps(value: float) -> float:
    if value > _MAX_TAKER_BPS:
        likely = value / 10 ** math.ceil(math.log10(value / _MAX_TAKER_BPS))
        much = f"{value:g} bps is {value / 100:g}% a side, above the limit of {_MAX_TAKER_BPS} bps"
        message = f"{much}: did you mean {likely:g} ({likely / 100:g}%)?"
        raise broken_rule("", message)
    if 0 < value < _LEAST_TAKER_BPS:
        message = f"{value:g} looks like a fraction, bps are meant: 0.001 = 10 bps, so write {value * 10_000:g}"
        raise broken_rule("", message)
    return value


FeeBps = Annotated[float, Field(ge=0, json_schema_extra={"maximum": _MAX_TAKER_BPS}), AfterValidator(_fee_in_bps)]
"""A fee of one side of a trade, bps of its value."""


class FeeTier(Section):
    """Hold the fees from a traded volume on."""

    volume_30d: float = Field(
        ge=0, description="Value traded in the 30 days before, account currency; 0 or more, the first tier has 0."
    )
    taker_bps: FeeBps = Field(description="Fee of a fill that takes, bps of its value; 0 to 50.")
    maker_bps: FeeBps = Field(description="Fee of a resting limit order's fill, bps of its value; 0 to 50.")


class FeesSection(Section):
    """Hold the venue's fees (docs/execution.md, rule 15)."""

    taker_bps: FeeBps = Field(
        10.0, description="Fee of a market order, bps of its value a side (10 bps = 0.1%); 0 to 50."
    )
    maker_bps: FeeBps = Field(
        10.0, description="Fee of a limit order that has rested before it was filled, bps of its value; 0 to 50."
    )
    tiers: Annotated[tuple[FeeTier, ...], Strict(strict=False)] = Field(
        (),
        max_length=MOST_FEE_TIERS,
        description="Fees by the volume of the last 30 days, lowest first, set anew each day; replaces taker_bps and "
        "maker_bps; a list of 2 to 16, or [] = the same fees always.",
    )
    sell_fee_bps: float = Field(
        0.0, ge=0, le=50, description="Regulatory fee of sales by value, bps (the SEC's for US stocks); 0 to 50."
    )
    sell_fee_per_unit: float = Field(
        0.0, ge=0, le=1, description="Regulatory fee of sales by unit, account currency (FINRA's TAF); 0 to 1."
    )
    sell_fee_per_unit_max: float = Field(
        1e6, ge=0, le=1e6, description="Most an order pays of the fee by unit, account currency; 0 to 1e6."
    )
    discount: float = Field(0.0, ge=0, lt=1, description="Part of the fee forgiven, fraction; 0 to below 1.")
    minimum: float = Field(0.0, ge=0, le=1e6, description="Least fee of an order, account currency; 0 to 1e6.")

    @model_validator(mode="after")
    def _tiers_rise(self) -> Self:
        volumes = [tier.volume_30d for tier in self.tiers]
        if len(volumes) == 1:
            raise broken_rule("tiers", "one tier is no choice: give taker_bps and maker_bps instead, or more tiers")
        if volumes and volumes[0] != 0:
            raise broken_rule("tiers", f"the first tier begins at volume_30d 0, got {volumes[0]:g}")
        for lower, higher in itertools.pairwise(volumes):
            if lower >= higher:
                raise broken_rule("tiers", f"volume_30d must rise from tier to tier: {higher:g} follows {lower:g}")
        return self


class SpreadSection(Section):
    """Hold the quoted spread (docs/execution.md, rule 11)."""

    half_spread_bps: float = Field(
        1.0, ge=0, le=100, description="Half of the bid-ask spread, bps of the price; 0 to 100."
    )


class ImpactSection(Section):
    """Hold the price impact of own orders (docs/execution.md, rule 11)."""

    coefficient: float = Field(
        0.7,
        ge=0,
        le=10,
        description="Impact in bar volatilities of an order as large as the volume; 0 to 10, 0 = none.",
    )
    exponent: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Power of (own quantity / volume); above 0, to 1; 0.5 is the square-root law.",
    )
    half_life_bars: float = Field(
        5.0,
        ge=0.001,
        le=1e6,
        description="Time after which half of the own quantity is forgotten, bars; 0.001 to 1e6.",
    )


class VolatilitySection(Section):
    """Hold the two averages whose ratio widens spread and latency (docs/execution.md, rule 11)."""

    short_bars: int = Field(20, ge=2, le=100_000, description="Span of the short average, bars; 2 to 100000.")
    long_bars: int = Field(200, ge=3, le=100_000, description="Span of the long average, bars; 3 to 100000.")

    @model_validator(mode="after")
    def _short_is_shorter(self) -> Self:
        if self.short_bars >= self.long_bars:
            message = f"must be above short_bars ({self.short_bars}), got {self.long_bars}"
            raise broken_rule("long_bars", message)
        return self


class LatencySection(Section):
    """Hold the way to the venue and back (docs/execution.md, rule 13)."""

    base_ms: float = Field(250.0, ge=0, le=60_000, description="Way to the venue, milliseconds; 0 to 60000.")
    response_ms: float = Field(50.0, ge=0, le=60_000, description="Way back, milliseconds; 0 to 60000.")
    jitter_ms: float = Field(
        20.0, ge=0, le=60_000, description="Median of the random part of each way, milliseconds; 0 to 60000."
    )
    jitter_sigma: float = Field(0.5, ge=0, le=3, description="Spread of the random part, log units; 0 to 3.")
    spike_probability: float = Field(0.001, ge=0, le=1, description="Chance of a spike each way; 0 to 1.")
    spike_multiplier: float = Field(10.0, ge=1, le=1000, description="Factor on the latency in a spike; 1 to 1000.")
    timeout_ms: int = Field(
        5000,
        ge=0,
        le=600_000,
        description="Wait for a response before asking, milliseconds; 0 to 600000, 0 = none.",
    )
    retries: int = Field(3, ge=0, le=10, description="Queries after a timeout; whole number, 0 to 10.")
    use_seasonality: bool = Field(
        default=True, description="Whether seasonality.latency multiplies the latency; true or false."
    )


def _mean_one(table: tuple[float, ...]) -> tuple[float, ...]:
    if len(table) != HOURS:
        message = f"expected {HOURS} numbers, one an hour of the week from Monday 00:00, got {len(table)}"
        raise PydanticCustomError("rule", "{message}", {"at": "", "message": message})
    mean = math.fsum(table) / HOURS
    if abs(mean - 1) > _MEAN_TOLERANCE:
        raise broken_rule("", f"the mean must be 1, it is {mean:.6g}: divide every number by {mean:.9g}")
    return table


def _multiplier(value: float) -> float:
    if value <= 0:
        raise expected("a multiplier above 0")
    return value


HourTable = Annotated[
    tuple[Annotated[float, AfterValidator(_multiplier)], ...], Strict(strict=False), AfterValidator(_mean_one)
]
"""Multipliers of the 168 hours of a week, Monday 00:00 first, mean 1."""

_TABLE = (
    "168 multipliers of {}, one an hour of the week from Monday 00:00 in the instrument's zone; "
    "each above 0, mean 1; null = all 1."
)


class SeasonalitySection(Section):
    """Hold the hour-of-week multipliers (docs/execution.md, rule 4)."""

    spread: HourTable | None = Field(None, description=_TABLE.format("the half-spread"))
    latency: HourTable | None = Field(None, description=_TABLE.format("the latency"))
