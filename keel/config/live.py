"""Sections of live trading: `live`, `clock_sync`, `throttle`, `health`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from keel.config.section import FilePath, Section, broken_rule
from keel.config.venue import LOOPBACK
from keel.domain.timeframe import MS_PER_DAY


class ClockSyncSection(Section):
    """Hold how far our clock may be from the exchange's."""

    refresh_sec: float = Field(60.0, ge=1, le=3600, description="Time between two comparisons, seconds; 1 to 3600.")
    warn_threshold_ms: float = Field(
        200.0, ge=1, le=60_000, description="Difference that is warned of, milliseconds; 1 to 60000."
    )
    kill_threshold_ms: float = Field(
        1000.0, ge=1, le=60_000, description="Difference that stops trading, milliseconds; 1 to 60000."
    )

    @model_validator(mode="after")
    def _warns_first(self) -> Self:
        if self.warn_threshold_ms >= self.kill_threshold_ms:
            raise broken_rule("warn_threshold_ms", f"must be below kill_threshold_ms ({self.kill_threshold_ms:g})")
        return self


class ThrottleSection(Section):
    """Hold how fast we may ask, and how we wait after a fault."""

    max_signals_per_sec: float = Field(
        2.0, gt=0, le=1000, description="Decisions that lead to orders, a second; above 0, to 1000."
    )
    backoff_base_s: float = Field(
        5.0, ge=0.01, le=600, description="First wait after a fault, seconds, doubled each time; 0.01 to 600."
    )
    max_backoff_s: float = Field(120.0, ge=0.01, le=3600, description="Longest such wait, seconds; 0.01 to 3600.")
    cancel_share: float = Field(
        0.2, ge=0.05, le=0.9, description="Part of the exchange's request limits kept for cancels; 0.05 to 0.9."
    )

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.backoff_base_s > self.max_backoff_s:
            raise broken_rule("backoff_base_s", f"must not be above max_backoff_s ({self.max_backoff_s:g})")
        return self


class HealthSection(Section):
    """Hold where the health page listens."""

    enabled: bool = Field(default=True, description="Whether there is a health page; true or false.")
    host: str = Field("127.0.0.1", description="Address it listens on; beyond this machine it needs a token.")
    port: int = Field(8080, ge=0, le=65_535, description="Port it listens on; 0 to 65535, 0 = any free one.")
    loop_bound_s: float = Field(
        2.0, ge=0.1, le=600, description="Silence of the trading loop that is unhealthy, seconds; 0.1 to 600."
    )

    @property
    def is_loopback(self) -> bool:
        """Say whether only this machine can reach it."""
        return self.host in LOOPBACK


class LiveSection(Section):
    """Hold what live trading needs beyond a backtest's settings."""

    history_bars: int = Field(
        1000,
        ge=10,
        le=100_000,
        description="Bars before now that decisions look back on, fetched at the start; 10 to 100000.",
    )
    bar_wait_ms: int = Field(
        2000,
        ge=0,
        le=600_000,
        description="Wait for the other symbols' bars after the first has closed, milliseconds; 0 to 600000.",
    )
    stale_after_ms: int = Field(
        15_000,
        ge=100,
        le=MS_PER_DAY,
        description="Time past a bar's expected close after which its data are stale and nothing is opened, "
        "milliseconds; 100 to 86400000.",
    )
    max_price_jump: float = Field(
        0.5,
        gt=0,
        le=100,
        description="Change from close to close, as a fraction, at which a bar is not believed; above 0, to 100.",
    )
    stream_idle_ms: int = Field(
        60_000,
        ge=100,
        le=3_600_000,
        description="Silence of a stream after which it is taken for dead, milliseconds; 100 to 3600000.",
    )
    poll_ms: int = Field(
        30_000,
        ge=100,
        le=3_600_000,
        description="Time between two looks at all orders and fills by query, milliseconds; 100 to 3600000.",
    )
    unknown_grace_ms: int = Field(
        15_000,
        ge=1000,
        le=600_000,
        description="Time an order must stay unknown to the exchange before it counts as never sent, milliseconds; "
        "1000 to 600000, at least 10000, and venue.recv_window_ms more on Binance.",
    )
    decide_timeout_ms: int = Field(
        5000,
        ge=10,
        le=600_000,
        description="Time the strategy may take for a decision; there is none at that close where it takes longer, "
        "milliseconds; 10 to 600000.",
    )
    strategy_failures: int = Field(
        3, ge=1, le=1000, description="Closes in a row without a decision after which the run stops; 1 to 1000."
    )
    kill_policy: Literal["cancel", "flatten"] = Field(
        "cancel",
        description="What the kill switch does: cancel (stop and cancel open orders) or flatten (and close positions).",
    )
    external: Literal["block", "adopt"] = Field(
        "block",
        description="Orders or positions at the exchange that are not ours: block (nothing is opened until they are "
        "gone) or adopt (positions become ours; orders are left alone).",
    )
    filters: FilePath = Field(
        "data/binance_filters.json",
        description="File of the exchange's trading rules, made by scripts/fetch_binance_filters.py, or of Alpaca by "
        "scripts/fetch_alpaca_universe.py.",
    )
    max_filters_age_days: float = Field(
        30.0, gt=0, le=365, description="Age above which that file is refused, days; above 0, to 365."
    )
    max_round_trip_ms: float = Field(
        500.0,
        gt=0,
        le=60_000,
        description="Round trip to the exchange that the doctor allows, milliseconds; above 0, to 60000.",
    )
