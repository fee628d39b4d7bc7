"""The folder of a run that is worth having before it ends: models appear in it one by one, each whole.

Unlike `RunFolder` it is in sight from the start and survives a kill. Its manifest says `running` until the run has
ended; one process at a time may write to it.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from keel.domain.errors import GateRefusedError, UsageError
from keel.runs.disk import disk_errors_named, make_folder
from keel.runs.folder import json_tree
from keel.runs.manifest import RunManifest

MANIFEST: Final = "manifest.json"
CONFIG: Final = "config.yaml"
_LOCK: Final = ".lock"
_NEEDED: Final = frozenset({"run_id", "started", "command", "config_hash", "data", "code", "status"})


class GrowingFolder:
    """Write a run's files where they stay. Raises UsageError, naming path and mend, where the disk refuses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_id = path.name

    @classmethod
    def create(cls, artifacts_dir: Path, run_id: str) -> GrowingFolder:
        """Claim a run id below `artifacts_dir`; a taken one gets `-2`, `-3`, …, so none is shared."""
        make_folder(artifacts_dir)
        attempt = 1
        while True:
            path = artifacts_dir / (run_id if attempt == 1 else f"{run_id}-{attempt}")
            with disk_errors_named(path):
                try:
                    path.mkdir()
                except FileExistsError:
                    attempt += 1
                    continue
            return cls(path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out. Raises GateRefusedError where one is in."""
        path = self.path / _LOCK
        with disk_errors_named(path), path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise GateRefusedError(
                    f"{self.path}: another process is training this run: wait for it, or stop it"
                ) from None
            yield

    def write_text(self, name: str, content: str) -> None:
        """Write one text file, as UTF-8, whole or not at all."""
        beside = self.path / f".{name}.partial"
        with disk_errors_named(self.path / name):
            try:
                beside.write_text(content, encoding="utf-8")
                beside.replace(self.path / name)
            finally:
                beside.unlink(missing_ok=True)

    def write_manifest(self, manifest: RunManifest) -> None:
        """Write the manifest as it is now."""
        tree = json_tree(manifest.as_json())
        self.write_text(MANIFEST, json.dumps(tree, indent=2, allow_nan=False, ensure_ascii=False) + "\n")

    def read_manifest(self) -> dict[str, Any]:
        """Return the tree of the manifest. Raises UsageError where the folder has none that can be read."""
        path = self.path / MANIFEST
        try:
            tree = json.loads(path.read_bytes())
        except (OSError, ValueError):
            raise UsageError(
                f"{path}: is no manifest of a run: give the id of a training run under artifacts"
            ) from None
        if not isinstance(tree, dict) or not tree.keys() >= _NEEDED:
            raise UsageError(f"{path}: is no manifest of a run: give the id of a training run under artifacts")
        return tree
