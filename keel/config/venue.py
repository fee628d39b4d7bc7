"""Section `venue`: which exchange a live run trades on, and whether its money is real; one model an exchange."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from keel.config.section import Section, broken_rule, expected

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
"""Hosts on which a practice venue may be: never one beyond this machine."""


def _loopback_address(value: str) -> str:
    parts = urlsplit(value)
    try:
        port = parts.port
    except ValueError:
        port = None
    plain = parts.path in ("", "/") and not parts.query and not parts.fragment and parts.username is None
    if parts.scheme != "http" or parts.hostname not in LOOPBACK or port is None or not plain:
        raise expected("an address of this machine with its port, such as http://127.0.0.1:8900")
    return value.rstrip("/")


class BinanceSection(Section):
    """Hold which of Binance's worlds is meant; keys come from the environment only."""

    kind: Literal["binance"] = Field(
        "binance", description="Exchange: binance (spot), or alpaca (US stocks and crypto)."
    )
    environment: Literal["practice", "testnet", "real"] = Field(
        "practice",
        description="Whose money: practice (python -m services.practice_venue on this machine), testnet (the "
        "exchange's own, play money) or real.",
    )
    address: Annotated[str, AfterValidator(_loopback_address)] | None = Field(
        None,
        description="Address of the practice venue, on this machine, such as http://127.0.0.1:8900; null = the "
        "exchange's own, which testnet and real need.",
    )
    recv_window_ms: int = Field(
        5000,
        ge=1000,
        le=60_000,
        description="How long after its stamp the exchange may take a request, milliseconds; 1000 to 60000.",
    )

    @property
    def settles_within_ms(self) -> int:
        """Return how long after it was sent a request may still be taken, milliseconds."""
        return self.recv_window_ms

    @model_validator(mode="after")
    def _address_fits(self) -> Self:
        if self.environment == "practice" and self.address is None:
            raise broken_rule("address", "environment practice needs it: http://127.0.0.1:8900 is where it listens")
        if self.environment != "practice" and self.address is not None:
            message = f"environment {self.environment} has its own: set it to null, or environment to practice"
            raise broken_rule("address", message)
        return self


class AlpacaSection(Section):
    """Hold which of Alpaca's worlds is meant; keys come from the environment only."""

    kind: Literal["alpaca"] = Field("alpaca", description="Exchange: binance (spot), or alpaca (US stocks and crypto).")
    paper: bool = Field(
        default=True,
        description="Whose money: true is the paper account (play money), or the practice venue where address is set; "
        "false is real money.",
    )
    address: Annotated[str, AfterValidator(_loopback_address)] | None = Field(
        None,
        description="Address of the practice venue, on this machine, such as http://127.0.0.1:8901; null = Alpaca's "
        "own, paper or real.",
    )
    feed: Literal["iex", "sip"] = Field(
        "iex",
        description="Whose trades the bars of stocks are made of: iex (one exchange's, free) or sip (all exchanges', "
        "which the account must have subscribed to).",
    )

    @property
    def environment(self) -> Literal["practice", "paper", "real"]:
        """Say which world is meant, in one word."""
        if self.address is not None:
            return "practice"
        return "paper" if self.paper else "real"

    @property
    def settles_within_ms(self) -> int:
        """Return how long after it was sent a request may still be taken, milliseconds: Alpaca's carry no stamp."""
        return 0

    @model_validator(mode="after")
    def _practice_is_play_money(self) -> Self:
        if self.address is not None and not self.paper:
            message = "paper is false, which is real money: set it to null, or paper to true to rehearse"
            raise broken_rule("address", message)
        return self


def _binance_unless_said(value: object) -> object:
    return {"kind": "binance", **value} if isinstance(value, dict) else value


VenueSection: TypeAlias = Annotated[
    BinanceSection | AlpacaSection, Field(discriminator="kind"), BeforeValidator(_binance_unless_said)
]
"""The exchange of a live run, told apart by `kind`; binance where that is not said."""
