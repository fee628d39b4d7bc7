"""Which of the environment's variables hold the keys to a venue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from keel.domain.errors import ConfigError

_OTHER_SECRET: Final = "ALPACA_SECRET_KEY"  # noqa: S105 - a variable's name
"""What Alpaca's own tools call ALPACA_API_SECRET."""
_NAMES: Final = {
    "binance": ("BINANCE_API_KEY", "BINANCE_API_SECRET"),
    "alpaca": ("ALPACA_API_KEY", "ALPACA_API_SECRET"),
}


@dataclass(frozen=True, slots=True, repr=False)
class VenueKeys:
    """Hold the names of the two variables, and what is in them: empty for nothing."""

    key_name: str
    secret_name: str
    key: str
    secret: str

    @property
    def are_set(self) -> bool:
        """Say whether both are there and whole."""
        return all(self.found.values())

    @property
    def found(self) -> dict[str, bool]:
        """Return the variables by name, each with whether it holds a key: something without blanks."""
        pairs = ((self.key_name, self.key), (self.secret_name, self.secret))
        return {name: bool(text) and not any(sign.isspace() for sign in text) for name, text in pairs}


def venue_keys(kind: str, environ: Mapping[str, str]) -> VenueKeys:
    """Return the keys to a venue. Raises ConfigError where its secret is given twice, and not the same."""
    key_name, secret_name = _NAMES[kind]
    secret = environ.get(secret_name, "")
    if kind == "alpaca":
        other = environ.get(_OTHER_SECRET, "")
        if secret and other and secret != other:
            raise ConfigError(
                f"{secret_name} and {_OTHER_SECRET} are both set in the environment, and differ: unset one of them"
            )
        secret = secret or other
    return VenueKeys(key_name, secret_name, environ.get(key_name, ""), secret)
