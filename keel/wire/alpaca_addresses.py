"""Where Alpaca listens in each of its worlds, and the refusal of any other place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from keel.config.venue import LOOPBACK
from keel.domain.errors import GateRefusedError

AlpacaEnvironment: TypeAlias = Literal["practice", "paper", "real"]
Feed: TypeAlias = Literal["iex", "sip"]

_DATA_HOSTS: Final = frozenset({"data.alpaca.markets", "stream.data.alpaca.markets"})
_HOSTS: Final[dict[AlpacaEnvironment, frozenset[str]]] = {
    "practice": frozenset(LOOPBACK),
    "paper": _DATA_HOSTS | {"paper-api.alpaca.markets"},
    "real": _DATA_HOSTS | {"api.alpaca.markets"},
}
_SCHEMES: Final[dict[AlpacaEnvironment, tuple[str, ...]]] = {
    "practice": ("http", "ws"),
    "paper": ("https", "wss"),
    "real": ("https", "wss"),
}


@dataclass(frozen=True, slots=True)
class AlpacaAddresses:
    """Hold an environment's addresses as the SDK takes them: REST without its version, streams whole."""

    environment: AlpacaEnvironment
    trading: str
    data: str
    trade_updates: str
    stock_stream: str
    crypto_stream: str


def alpaca_addresses(environment: AlpacaEnvironment, feed: Feed, practice: str | None = None) -> AlpacaAddresses:
    """Return the addresses of an environment; `practice` is where the practice venue listens (http://HOST:PORT).

    Raises GateRefusedError where one of them is not on the environment's list. Source: Alpaca's pages on
    authentication, its WebSocket stream of market data, and its trading stream.
    """
    found = _of(environment, feed, practice)
    refuse_beyond(
        environment, (found.trading, found.data, found.trade_updates, found.stock_stream, found.crypto_stream)
    )
    return found


def refuse_beyond(environment: AlpacaEnvironment, urls: Iterable[str]) -> None:
    """Raise GateRefusedError for an address that is not on the environment's list of hosts, or not encrypted there."""
    for url in urls:
        parts = urlsplit(url)
        if parts.hostname not in _HOSTS[environment] or parts.scheme not in _SCHEMES[environment]:
            place = f"{parts.scheme}://{parts.hostname}"
            raise GateRefusedError(f"venue of alpaca, {environment}: {place} is no address of it; nothing was sent")


def _of(environment: AlpacaEnvironment, feed: Feed, practice: str | None) -> AlpacaAddresses:
    if environment == "practice":
        base = (practice or "").rstrip("/")
        socket = "ws" + base.removeprefix("http")
        trading, data, trades = base, base, f"{socket}/stream"
    else:
        host = "api.alpaca.markets" if environment == "real" else "paper-api.alpaca.markets"
        trading, data, trades = f"https://{host}", "https://data.alpaca.markets", f"wss://{host}/stream"
        socket = "wss://stream.data.alpaca.markets"
    return AlpacaAddresses(environment, trading, data, trades, f"{socket}/v2/{feed}", f"{socket}/v1beta3/crypto/us")
