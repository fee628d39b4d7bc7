"""Section `venue`: which exchange a live run trades on, and whether its money is real."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

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


class VenueSection(Section):
    """Hold the exchange and which of its worlds is meant; keys come from the environment only."""

    kind: Literal["binance"] = Field("binance", description="Exchange: binance (spot).")
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

    @model_validator(mode="after")
    def _address_fits(self) -> Self:
        if self.environment == "practice" and self.address is None:
            raise broken_rule("address", "environment practice needs it: http://127.0.0.1:8900 is where it listens")
        if self.environment != "practice" and self.address is not None:
            message = f"environment {self.environment} has its own: set it to null, or environment to practice"
            raise broken_rule("address", message)
        return self
