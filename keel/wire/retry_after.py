"""The time until which the exchange wants no request: kept in a file, so that a restart does not ask too early."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Final

from keel.domain.errors import GateRefusedError, HaltTradingError

_LOG: Final = logging.getLogger(__name__)


class BannedError(HaltTradingError):
    """Report that the exchange takes nothing from our address for a time."""


class RetryAfter:
    """Hold until when nothing may be asked, and whether our address is banned meanwhile.

    Times are our own, UTC epoch milliseconds. Without a folder it is kept in memory only.
    """

    def __init__(self, folder: Path | None, venue: str = "binance") -> None:
        self._path = folder / f"{venue}_retry_after.json" if folder else None
        self._until_ms, self._banned = self._read()

    @property
    def until_ms(self) -> int:
        """Return the end of the window, 0 if there never was one."""
        return self._until_ms

    def left_s(self, now_ms: int) -> float:
        """Return how much of the window is left, seconds; 0 outside it."""
        return max(0.0, (self._until_ms - now_ms) / 1000)

    def is_ban(self, now_ms: int) -> bool:
        """Say whether our address is banned now."""
        return self._banned and now_ms < self._until_ms

    def hold(self, until_ms: int, *, banned: bool) -> None:
        """Ask nothing before a time. A window only grows: a shorter one changes nothing.

        It holds here even where it cannot be written; a restart would not know of it, so that is logged as an error.
        """
        if until_ms <= self._until_ms:
            return
        self._until_ms, self._banned = until_ms, banned
        if self._path is not None:
            try:
                _write(self._path, {"until_ms": until_ms, "banned": banned})
            except OSError as error:
                _LOG.error("%s: cannot be written: %s", self._path, error.strerror)

    def _read(self) -> tuple[int, bool]:
        if self._path is None:
            return 0, False
        try:
            tree = json.loads(self._path.read_text(encoding="utf-8"))
            return int(tree["until_ms"]), bool(tree["banned"])
        except FileNotFoundError:
            return 0, False
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GateRefusedError(
                f"{self._path}: cannot be read ({type(error).__name__}): it says until when the exchange wants no "
                "request; wait as long as its last answer asked, then remove it"
            ) from None


def _write(path: Path, tree: dict[str, object]) -> None:
    partial = path.with_suffix(".part")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(tree, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
