"""Inputs that broke a promise, one of each kind, kept with what happened."""

from __future__ import annotations

import hashlib
import traceback
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Findings:
    """Keep inputs under `folder`: `<room>-<kind>.bin`, and what happened in a `.txt` beside it."""

    folder: Path
    room: str

    def note(self, error: BaseException, data: bytes) -> None:
        """Keep an input unless another one has failed at the same place, or this one is shorter."""
        kept = self.folder / f"{self.room}-{_kind(error)}.bin"
        if kept.exists() and kept.stat().st_size <= len(data):
            return
        kept.write_bytes(data)
        told = "".join(traceback.format_exception(error))
        kept.with_suffix(".txt").write_text(f"{data!r}\n\n{told}", encoding="utf-8", errors="backslashreplace")

    def all(self) -> list[Path]:
        """Return the inputs kept, those of crashes and hangs that ended the process included."""
        return sorted(one for one in self.folder.glob(f"{self.room}-*") if one.suffix != ".txt")


def _kind(error: BaseException) -> str:
    """Name where an error came from: its type and the innermost lines of Keel or of these tests."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f"{Path(frame.filename).name}:{frame.name}" for frame in frames if "site-packages" not in frame.filename]
    digest = hashlib.sha256(" ".join(own[-3:]).encode()).hexdigest()[:8]
    return f"{type(error).__name__}-{digest}"
