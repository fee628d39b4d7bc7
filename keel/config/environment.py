"""Section `environment`: what an agent may do, what it is paid for, and how its episodes differ."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, Strict, model_validator

from keel.config.section import Section, Symbol, broken_rule

_MOST_BINS = 101
_SymbolWeight = Annotated[float, Field(gt=0, le=1e9)]
_Multiplier = Annotated[float, Field(ge=0, le=100)]
Range = Annotated[tuple[_Multiplier, _Multiplier], Strict(strict=False)]
"""The least and the most of a multiplier; equal ones switch the draw off."""


class WeightAction(Section):
    """Let the agent name each instrument's weight."""

    kind: Literal["weight"] = Field(description="weight: a number per symbol, the part of equity to hold.")
    least: float = Field(0.0, ge=-10, le=0, description="Lowest weight of a symbol; below 0 the agent may go short.")
    most: float = Field(1.0, gt=0, le=10, description="Highest weight of a symbol.")


class BinsAction(Section):
    """Let the agent choose each instrument's weight from a list."""

    kind: Literal["bins"] = Field(description="bins: one of a few weights per symbol.")
    weights: Annotated[tuple[Annotated[float, Field(ge=-10, le=10)], ...], Strict(strict=False)] = Field(
        (0.0, 0.5, 1.0), min_length=2, max_length=_MOST_BINS, description="The weights to choose from, rising."
    )

    @model_validator(mode="after")
    def _weights_rise(self) -> Self:
        if any(a >= b for a, b in zip(self.weights, self.weights[1:], strict=False)):
            raise broken_rule("weights", "must rise from one to the next: sort them and remove what is there twice")
        return self


class PortfolioAction(Section):
    """Let the agent share equity out between the instruments and cash."""

    kind: Literal["portfolio"] = Field(
        description="portfolio: shares of equity, never negative, that sum to 1 with that of cash."
    )
    sharpness: float = Field(
        5.0, gt=0, le=50, description="Shares are exp(sharpness × action) over their sum; actions lie in -1 … 1."
    )


Action = Annotated[WeightAction | BinsAction | PortfolioAction, Field(discriminator="kind")]


class RewardSection(Section):
    """Say what a step is worth; equity is the venue's, after all costs."""

    kind: Literal["log_growth", "differential_sharpe", "mean_variance"] = Field(
        "log_growth",
        description="log_growth: log of equity after over before; differential_sharpe: what the step adds to a running "
        "Sharpe ratio; mean_variance: profit less risk_aversion / 2 × its square, in parts of the starting equity.",
    )
    scale: float = Field(1.0, gt=0, le=1e9, description="What every reward is multiplied by.")
    risk_aversion: float = Field(1.0, ge=0, le=1e9, description="Of mean_variance.")
    sharpe_rate: float = Field(
        0.01, gt=0, le=1, description="Of differential_sharpe: the weight of the newest return in its running moments."
    )
    drawdown_penalty: float = Field(0.0, ge=0, le=1e6, description="Paid per unit by which the drawdown deepens.")
    turnover_penalty: float = Field(0.0, ge=0, le=1e6, description="Paid per traded notional / equity, beside costs.")
    cvar_penalty: float = Field(0.0, ge=0, le=1e6, description="Paid per unit of loss in the tail, over cvar_tail.")
    cvar_tail: float = Field(0.05, gt=0, lt=1, description="The part of all steps that is the tail.")


class RandomizeSection(Section):
    """Draw each episode's execution: multipliers of the config's own values, uniform between least and most."""

    fee: Range = Field((1.0, 1.0), description="Multiplier of all fees, [least, most].")
    spread: Range = Field((1.0, 1.0), description="Multiplier of the half-spread, [least, most].")
    impact: Range = Field((1.0, 1.0), description="Multiplier of the impact coefficient, [least, most].")
    latency: Range = Field((1.0, 1.0), description="Multiplier of latency and its jitter, [least, most].")

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for name in type(self).model_fields:
            least, most = getattr(self, name)
            if least > most:
                raise broken_rule(name, f"must be [least, most], got [{least}, {most}]: exchange them")
        return self


class EnvironmentSection(Section):
    """Set an agent's task."""

    symbols: Literal["together", "apart"] = Field(
        "together",
        description="together: one agent decides all symbols of one account; apart: it learns on one symbol at a time, "
        "all of them in turn, and decides each by itself.",
    )
    symbol_weights: dict[Symbol, _SymbolWeight] = Field(
        {}, description="How often episodes come from a symbol, beside others, with symbols: apart; 1 if not given."
    )
    action: Action = Field(WeightAction(kind="weight"), description="What the agent decides.")
    reward: RewardSection = Field(RewardSection(), description="What it is paid.")
    randomize: RandomizeSection = Field(RandomizeSection(), description="Execution drawn anew for each episode.")
    episode_bars: int = Field(1000, ge=1, le=100_000_000, description="Bars of an episode; time then cuts it off.")

    @model_validator(mode="after")
    def _fits_symbols(self) -> Self:
        if self.symbols == "together" and self.symbol_weights:
            raise broken_rule("symbol_weights", "symbols that are traded together come together: set symbols to apart")
        if self.symbols == "apart" and isinstance(self.action, PortfolioAction):
            message = "portfolio shares equity out between symbols: set symbols to together, or action.kind to weight"
            raise broken_rule("action", message)
        return self
