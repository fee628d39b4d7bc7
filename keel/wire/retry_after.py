"""The time until which an exchange wants no request: kept in a file by its address.

A restart does not ask too early, and what one run is told, every other of this state folder at the same address heeds:
the exchange counts by where a request comes from, not by who sends it.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from keel.domain.errors import GateRefusedError, HaltTradingError

_ENDING: Final = ".retry_after.json"
_NEVER: Final = (0, 0)
_PLAIN: Final = str.maketrans(dict.fromkeys(":[]", "_"))
"""What a file's name does without."""
_LOG: Final = logging.getLogger(__name__)


class BannedError(HaltTradingError):
    """Report that the exchange takes nothing from our address for a time."""


class RetryAfter:
    """Hold until when nothing may be asked at an address (a URL), and whether our own is banned there meanwhile.

    Times are our own, UTC epoch milliseconds. Without a folder it is kept in memory only.
    """

    def __init__(self, folder: Path | None, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._path = folder / f"{self._host.translate(_PLAIN)}{_ENDING}" if folder else None
        self._until_ms, self._banned = 0, False
        self._known = _NEVER
        try:
            self._look()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GateRefusedError(
                f"{self._path}: cannot be read ({type(error).__name__}): it says until when {self._host} wants no "
                "request; wait as long as its last answer asked, then remove it"
            ) from None

    @property
    def until_ms(self) -> int:
        """Return the end of the window, 0 if there never was one."""
        self._heed_others()
        return self._until_ms

    def left_s(self, now_ms: int) -> float:
        """Return how much of the window is left, seconds; 0 outside it."""
        return max(0.0, (self.until_ms - now_ms) / 1000)

    def is_ban(self, now_ms: int) -> bool:
        """Say whether our address is banned now."""
        return now_ms < self.until_ms and self._banned

    def hold(self, until_ms: int, *, banned: bool) -> None:
        """Ask nothing before a time. A window only grows: a shorter one changes nothing.

        It holds here even where it cannot be written; a restart would not know of it, so that is logged as an error.
        """
        if until_ms <= self.until_ms:
            return
        self._until_ms, self._banned = until_ms, banned
        if self._path is not None:
            try:
                self._keep(self._path)
            except OSError as error:
                _LOG.error("%s: cannot be written: %s", self._path, error.strerror)

    def _keep(self, path: Path) -> None:
        """Write the window down, unless another run has just written a longer one."""
        with _alone_in(path.parent):
            self._heed_others()
            _write(path, {"until_ms": self._until_ms, "banned": self._banned})

    def _heed_others(self) -> None:
        """Take what another run was told since the last look; what cannot be read changes nothing of what is known."""
        try:
            self._look()
        except (OSError, ValueError, KeyError, TypeError) as error:
            _LOG.error("%s: cannot be read: %s", self._path, type(error).__name__)

    def _look(self) -> None:
        found = self._stamp()
        if self._path is None or found == self._known:
            return
        self._known = found
        if found == _NEVER:
            return
        tree = json.loads(self._path.read_text(encoding="utf-8"))
        until_ms, banned = int(tree["until_ms"]), bool(tree["banned"])
        if until_ms > self._until_ms:
            self._until_ms, self._banned = until_ms, banned

    def _stamp(self) -> tuple[int, int]:
        """Return what tells one writing of the file from the next: each is a new file."""
        if self._path is None:
            return _NEVER
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return _NEVER
        return there.st_ino, there.st_mtime_ns


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, tree: dict[str, object]) -> None:
    partial = path.with_suffix(f".{os.getpid()}.part")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(tree, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
