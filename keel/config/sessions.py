"""Section `sessions`: the windows of a trading day beside the calendar's own, and what may be done in each."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from keel.config.section import Section, broken_rule
from keel.domain.sessions import Activity, Window

ActivityName = Literal["trade", "reduce", "watch"]
"""What may be done in a window, as the config writes it."""

_MINUTES_PER_DAY: Final = 1440


class SessionsSection(Section):
    """Hold what may be done when (docs/execution.md, rule 28): trade, reduce (only what closes leaves) or watch.

    With watch, bars are taken into account and nothing is decided.
    """

    pre_market_minutes: int = Field(
        330,
        ge=0,
        le=_MINUTES_PER_DAY,
        description="Length of the pre-market before the open, minutes; 0 to 1440. 330 is from 04:00 in New York.",
    )
    after_hours_minutes: int = Field(
        240,
        ge=0,
        le=_MINUTES_PER_DAY,
        description="Length of the after-hours window from the close on, an early one too, minutes; 0 to 1440. 240 is "
        "to 20:00 in New York, to 17:00 on half days.",
    )
    pre_market: ActivityName = Field("watch", description="What may be done before the open: trade, reduce or watch.")
    regular: ActivityName = Field(
        "trade", description="What may be done from the open to the close: trade, reduce or watch."
    )
    at_close: ActivityName = Field(
        "trade",
        description="What may be done at the close of a session's last bar: trade (orders wait for the next open), "
        "reduce or watch. Bars of a day and longer are decided on here.",
    )
    after_hours: ActivityName = Field("watch", description="What may be done after that: trade, reduce or watch.")
    closed: ActivityName = Field(
        "watch", description="What may be done at night, on weekends and holidays: trade, reduce or watch."
    )

    @property
    def activities(self) -> tuple[Activity, ...]:
        """Return what may be done in each window, in the order of Window."""
        return tuple(Activity[getattr(self, window.name.lower()).upper()] for window in Window)

    @model_validator(mode="after")
    def _something_may_be_opened(self) -> Self:
        if Activity.TRADE not in self.activities:
            raise broken_rule("regular", "no window has trade, so nothing could ever be opened: set one to trade")
        return self
