"""Which local files a job has brought in already, kept beside the bars they went to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keel.data.store import BarStore
from keel.domain.errors import DataError
from keel.domain.instrument import InstrumentId


@dataclass
class SeenFiles:
    """Remember files by size and time of change, in `<store>/.updates/<job>.json`.

    A file counts as seen while the bars it went to are stored: whoever deletes them gets them back.
    """

    store: BarStore
    job: str
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, store: BarStore, job: str) -> SeenFiles:
        """Read what is remembered of a job; what cannot be read counts as nothing seen, which only costs time."""
        seen = cls(store, job)
        try:
            files = json.loads(seen._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return seen
        seen.files = files if isinstance(files, dict) else {}
        return seen

    def holds(self, path: Path) -> bool:
        """Say whether this very file was brought in, and its bars are still there."""
        entry = self.files.get(str(path))
        if entry is None or not (self.store.root / str(entry["bars"])).is_file():
            return False
        found = path.stat()
        return [entry["size"], entry["changed_ns"]] == [found.st_size, found.st_mtime_ns]

    def add(self, path: Path, instrument_id: InstrumentId, timeframe: str) -> None:
        """Remember a file whose bars are stored."""
        found = path.stat()
        bars = self.store.path(instrument_id, timeframe).relative_to(self.store.root)
        self.files[str(path)] = {"size": found.st_size, "changed_ns": found.st_mtime_ns, "bars": bars.as_posix()}

    def save(self) -> None:
        """Write what is remembered, whole or not at all. Raises DataError if the disk refuses."""
        partial = self._path.with_name(self._path.name + ".part")
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(self.files, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            partial.replace(self._path)
        except OSError as error:
            raise DataError(f"{self._path}: cannot be written: {error.strerror}; the bars are stored") from error

    @property
    def _path(self) -> Path:
        return self.store.root / ".updates" / f"{self.job}.json"
