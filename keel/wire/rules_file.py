"""The file of a venue's trading rules: which of its worlds they are of, and when they were fetched."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from keel.domain.errors import DataError
from keel.wire.alpaca_assets import AlpacaAsset
from keel.wire.binance_rules import BinanceRules
from keel.wire.venue_rules import VenueRules

FORMAT: Final = 1
"""What this version writes and reads, in the file's `format`."""
VENUE: Final = "binance"
_READERS: Final[dict[str, Callable[[Mapping[str, Any]], VenueRules]]] = {
    VENUE: BinanceRules.from_json,
    "alpaca": AlpacaAsset.from_json,
}


@dataclass(frozen=True, slots=True)
class RulesFile:
    """Hold a venue's rules by our symbol, the environment they are of, the host asked, and when (UTC milliseconds)."""

    environment: str
    source: str
    fetched_ms: int
    rules: Mapping[str, VenueRules]
    venue: str = VENUE

    def of(self, symbols: Iterable[str]) -> dict[str, VenueRules]:
        """Return the rules of those symbols that there are."""
        return {symbol: self.rules[symbol] for symbol in symbols if symbol in self.rules}


def write_rules(path: Path, filters: RulesFile) -> None:
    """Write the file whole or not at all. Raises DataError where the disk refuses."""
    tree = {
        "format": FORMAT,
        "venue": filters.venue,
        "environment": filters.environment,
        "source": filters.source,
        "fetched_ms": filters.fetched_ms,
        "rules": [rules.as_json() for _, rules in sorted(filters.rules.items())],
    }
    write_whole(path, json.dumps(tree, indent=1) + "\n")


def read_rules(path: Path, venue: str = VENUE) -> RulesFile:
    """Read the file of a venue. Raises DataError, one line, where it is missing, damaged or not of this kind."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError:
        raise DataError(f"{path}: is damaged: it is no JSON") from None
    try:
        return _from_tree(tree, venue)
    except (KeyError, TypeError, ValueError):
        whose = venue.capitalize()
        raise DataError(f"{path}: is damaged, or no file of {whose}'s trading rules of format {FORMAT}") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def write_whole(path: Path, text: str) -> None:
    """Put a text in place of a file, whole or not at all. Raises DataError where the disk refuses."""
    partial = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):  # its folder may be no folder
            partial.unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written: {error.strerror}; make room or choose another place") from error


def _from_tree(tree: Mapping[str, Any], venue: str) -> RulesFile:
    if (tree["format"], tree["venue"]) != (FORMAT, venue):
        raise ValueError("another kind of file")
    rules = map(_READERS[venue], tree["rules"])
    return RulesFile(
        environment=_text(tree["environment"]),
        source=_text(tree["source"]),
        fetched_ms=int(tree["fetched_ms"]),
        rules={one.symbol: one for one in rules},
        venue=venue,
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("no text")
    return value
