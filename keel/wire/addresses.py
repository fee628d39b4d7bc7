"""Where Binance listens in each of its worlds, and the refusal of any other place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from keel.config.venue import LOOPBACK
from keel.domain.errors import GateRefusedError

Environment: TypeAlias = Literal["practice", "testnet", "real"]

_HOSTS: Final[dict[Environment, frozenset[str]]] = {
    "practice": frozenset(LOOPBACK),
    "testnet": frozenset({"testnet.binance.vision", "stream.testnet.binance.vision", "ws-api.testnet.binance.vision"}),
    "real": frozenset({"api.binance.com", "stream.binance.com", "ws-api.binance.com"}),
}
_SCHEMES: Final[dict[Environment, tuple[str, ...]]] = {
    "practice": ("http", "ws"),
    "testnet": ("https", "wss"),
    "real": ("https", "wss"),
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Hold an environment's addresses as the SDK writes them; `account` is where a key's permissions are told."""

    environment: Environment
    rest: str
    account: str | None
    ws_api: str
    streams: str


def binance_addresses(environment: Environment, practice: str | None = None) -> Addresses:
    """Return the addresses of an environment; `practice` is where the practice venue listens (http://HOST:PORT).

    Raises GateRefusedError where one of them is not on the environment's list. Source: the general information pages
    of Binance's spot documentation, and of its testnet, which has no endpoint for a key's permissions.
    """
    found = _of(environment, practice)
    refuse_elsewhere(
        environment, (found.rest, found.ws_api, found.streams, *([found.account] if found.account else []))
    )
    return found


def refuse_elsewhere(environment: Environment, urls: Iterable[str]) -> None:
    """Raise GateRefusedError for an address that is not on the environment's list of hosts, or not encrypted there."""
    for url in urls:
        parts = urlsplit(url)
        if parts.hostname not in _HOSTS[environment] or parts.scheme not in _SCHEMES[environment]:
            place = f"{parts.scheme}://{parts.hostname}"
            raise GateRefusedError(f"venue.environment {environment}: {place} is no address of it; nothing was sent")


def _of(environment: Environment, practice: str | None) -> Addresses:
    if environment == "real":
        return Addresses(
            "real",
            "https://api.binance.com/api",
            "https://api.binance.com/sapi",
            "wss://ws-api.binance.com:443/ws-api/v3",
            "wss://stream.binance.com:9443/",
        )
    if environment == "testnet":
        return Addresses(
            "testnet",
            "https://testnet.binance.vision/api",
            None,
            "wss://ws-api.testnet.binance.vision/ws-api/v3",
            "wss://stream.testnet.binance.vision/",
        )
    base = (practice or "").rstrip("/")
    socket = "ws" + base.removeprefix("http")
    return Addresses("practice", f"{base}/api", f"{base}/sapi", f"{socket}/ws-api/v3", f"{socket}/")
