"""Section `execution`: how decisions become orders and how orders find a price."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from keel.config.section import Section


class ExecutionSection(Section):
    """Hold the terms of execution (docs/execution.md, rules 6 to 12)."""

    mode: Literal["bar"] = Field("bar", description="How the market is simulated: bar (from stored bars).")
    enabled: bool = Field(
        default=True, description="true: send orders; false: decide and report signals, send no order."
    )
    price_model: Literal["open", "bridge", "path", "worst", "reference"] = Field(
        "open",
        description="Price at an order's moment: open (next open), bridge (Brownian bridge kept within low "
        "and high), path (open, nearer extreme, other extreme, close), worst (adverse extreme of the rest of "
        "the bar) or reference (finer bars, data.reference_timeframe).",
    )
    limit_fill: Literal["through", "touch"] = Field(
        "through",
        description="When a resting limit order is filled: through (the price went a tick beyond its limit) or touch "
        "(the price came to its limit, as if it were first in the queue).",
    )
    time_in_force: Literal["gtc", "ioc", "day", "fok", "at_open", "at_close"] = Field(
        "gtc",
        description="Life of what is left of a target's order: gtc (until filled), ioc (one try), day (session), fok "
        "(whole at once or not at all), at_open or at_close (in that auction only; not for symbols that trade 24/7).",
    )
    rebalance: Literal["on_change", "every_bar"] = Field(
        "on_change",
        description="When a position is brought to its target: on_change (the weight changed; an order that the venue "
        "rejected or that expired is not tried again until it does) or every_bar.",
    )
    reserve_bps: float = Field(
        100.0,
        ge=0,
        le=1000,
        description="Buying power an entry holds back above its value until final, bps; 0 to 1000.",
    )
    max_participation: float | None = Field(
        0.1,
        gt=0,
        le=1,
        description="Most of a bar's volume that own fills may take, fraction; above 0, to 1; "
        "null = no limit (then impact.coefficient must be 0).",
    )
