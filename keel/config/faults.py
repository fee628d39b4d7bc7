"""What may go wrong at the practice venue, and when: one vocabulary for YAML and for POST /practice/faults."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self, get_args

from pydantic import Field, Strict, model_validator

from keel.config.run import Seed
from keel.config.section import Section, broken_rule
from keel.domain.timeframe import MS_PER_DAY

RequestKind = Literal["drop_response", "drop_request", "error_after", "error_instead", "slow", "late", "hide_order"]
"""What happens to a request: its answer is lost, it never arrives, it fails, it takes long."""
ReportKind = Literal["duplicate_report", "fill_before_ack", "cancel_before_fill", "drop_fill"]
"""What happens to reports of orders on the user stream."""
KlineKind = Literal["kline_gap", "kline_duplicate", "kline_out_of_order", "kline_revised", "bad_price", "stale"]
"""What happens to bars on the market streams; REST keeps the right ones."""
ActKind = Literal[
    "drop_user_stream",
    "drop_market_stream",
    "terminate_user_stream",
    "mute",
    "outage",
    "burst",
    "malformed",
    "truncated",
    "clock_shift",
    "rate_limit",
    "ban",
    "reject_keys",
    "forbid_trading",
    "halt_symbol",
    "resume_symbol",
    "change_filter",
    "balance_change",
    "server_shutdown",
    "cut",
    "connection_limit",
]
"""What is done once, when it is triggered; `seconds` says how long those last that end."""
FaultKind = Literal[RequestKind, ReportKind, KlineKind, ActKind]
REQUEST_KINDS: Final[tuple[str, ...]] = get_args(RequestKind)
REPORT_KINDS: Final[tuple[str, ...]] = get_args(ReportKind)
KLINE_KINDS: Final[tuple[str, ...]] = get_args(KlineKind)
ACT_KINDS: Final[tuple[str, ...]] = get_args(ActKind)
Wire = Literal["binance", "alpaca"]
"""Whose interface a venue speaks."""
MEANINGLESS: Final[dict[str, tuple[str, ...]]] = {
    "binance": ("connection_limit",),
    "alpaca": ("terminate_user_stream", "clock_shift", "ban", "change_filter", "server_shutdown"),
}
"""Kinds that mean nothing to a venue, by whose wire it speaks."""
Sockets = Literal["user", "market", "all"]


class Fault(Section):
    """Hold one fault: its kind, when it begins, how often it happens, and what the kind needs.

    It begins at the `nth` request that `request` matches, at the close of live bar `row` (0 is the first), at the first
    close from `market_ms` on, or at once where none is given.
    """

    kind: FaultKind = Field(description="What goes wrong.")
    request: str | None = Field(
        None,
        min_length=1,
        description='Request that begins it, such as "POST /api/v3/order", "POST /api/v3/order STOP_LOSS" or '
        '"WS userDataStream.subscribe.signature"; null = see row.',
    )
    nth: int = Field(1, ge=1, le=1_000_000, description="Which such request, counted from 1.")
    row: int | None = Field(None, ge=0, description="Live bar at whose close it begins; null = see market_ms.")
    market_ms: int | None = Field(None, description="Market time from which on it begins, at a close; null = at once.")
    count: int = Field(1, ge=1, le=1_000_000, description="How many requests, reports or bars it happens to.")
    seconds: float = Field(5.0, ge=0, le=86_400, description="How long it lasts or delays, seconds of real time.")
    status: int = Field(503, ge=400, le=599, description="HTTP status of an error.")
    code: int = Field(-1007, description="The exchange's code of an error.")
    message: str = Field(
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        description="The exchange's words of an error.",
    )
    sockets: Sockets = Field("all", description="Which sockets: user, market or all.")
    symbol: str | None = Field(None, description="The exchange's name of the symbol, such as BTCUSDT; null = any.")
    price: Literal["nan", "zero", "negative", "thousandfold"] = Field(
        "nan", description="What a bad price is: nan, zero, negative or thousandfold."
    )
    shift_ms: int = Field(0, ge=-MS_PER_DAY, le=MS_PER_DAY, description="How far the venue's clock jumps.")
    filter: str | None = Field(None, description="Filter that changes, such as LOT_SIZE.")
    values: dict[str, str] = Field({}, description="New values of that filter.")
    asset: str | None = Field(None, description="Asset whose balance changes.")
    amount: str | None = Field(None, pattern=r"^-?\d+(\.\d+)?$", description="By how much that balance changes.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = [name for name in ("request", "row", "market_ms") if getattr(self, name) is not None]
        if len(given) > 1:
            raise broken_rule(given[1], f"a fault begins in one way: remove it or {given[0]}")
        if self.kind == "change_filter" and (self.filter is None or not self.values):
            raise broken_rule("filter", "change_filter needs filter and values")
        if self.kind == "balance_change" and (self.asset is None or self.amount is None):
            raise broken_rule("asset", "balance_change needs asset and amount")
        if self.kind == "clock_shift" and self.shift_ms == 0:
            raise broken_rule("shift_ms", "clock_shift needs it, in milliseconds")
        return self


class RandomFaults(Section):
    """Hold faults that are drawn: one draw a request and one a bar, the same for the same seed and order."""

    seed: Seed = Field(1, description="Seed of the draws; whole number, 0 to 4294967295.")
    per_request: float = Field(0.01, ge=0, le=1, description="Chance that a signed request meets a fault.")
    per_bar: float = Field(0.01, ge=0, le=1, description="Chance that a bar brings a fault.")
    kinds: Annotated[tuple[FaultKind, ...], Strict(strict=False)] = Field(
        ("drop_response", "drop_request", "error_after", "slow", "duplicate_report", "drop_fill", "drop_user_stream"),
        min_length=1,
        description="Kinds to draw from; a list.",
    )
    seconds: float = Field(1.0, gt=0, le=3600, description="How long those last that last, seconds.")
