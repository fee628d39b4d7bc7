"""Find a finished run by its id, a part of it or its folder, and read what it left."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from keel.domain.errors import UsageError, reason_of

if TYPE_CHECKING:
    import polars as pl

MANIFEST: Final = "manifest.json"
METRICS: Final = "metrics.json"
PARTIAL: Final = ("interrupted", "kill_switch")
"""Statuses of runs that somebody stopped before their last bar."""

_MEND: Final = "restore the folder from a copy, or run again"
_MANIFEST_KEYS: Final = ("run_id", "config", "config_hash", "data", "code", "versions", "status", "result_hash")
_METRICS_KEYS: Final = ("status", "period", "strategy")
_LISTED: Final = 5


@dataclass(frozen=True)
class FinishedRun:
    """Hold a run's manifest and metrics as written; its tables are read when asked for."""

    folder: Path
    manifest: Mapping[str, Any]
    metrics: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        """Return the id the run was given, whatever its folder is called now."""
        return str(self.manifest["run_id"])

    @property
    def status(self) -> str:
        """Return how the run ended."""
        return str(self.manifest["status"])

    @property
    def is_partial(self) -> bool:
        """Say whether somebody stopped the run before its last bar."""
        return self.status in PARTIAL

    def table(self, name: str, *columns: str) -> pl.DataFrame:
        """Return a Parquet file of the run, or some of its columns. Raises UsageError naming a damaged file."""
        import polars as pl

        path = self.folder / name
        try:
            return pl.read_parquet(path, columns=list(columns) or None)
        except FileNotFoundError:
            raise UsageError(f"{path} is missing: {_MEND}") from None
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise UsageError(f"{path} is damaged ({reason_of(error)}): {_MEND}") from error


def find_run(name: str, artifacts_dir: Path) -> Path:
    """Return the folder of a run named by its folder, its id, or the first letters of only one id.

    Raises UsageError for a name that no run has, with the nearest ones, and for one that several begin with.
    """
    for folder in (Path(name), artifacts_dir / name):
        if (folder / MANIFEST).is_file():
            return folder
    finished, unfinished = _names(artifacts_dir)
    begun = [each for each in finished if each.startswith(name)]
    if len(begun) == 1:
        return artifacts_dir / begun[0]
    if begun:
        raise UsageError(f"{name}: {len(begun)} runs begin so: {_listed(begun)}: write more of the id")
    for folder in (Path(name), artifacts_dir / name):
        if folder.is_dir():
            raise UsageError(f"{folder / MANIFEST} is missing: {folder} is no run's folder, or a damaged one: {_MEND}")
    if any(each.startswith(name) for each in unfinished):
        raise UsageError(f"{name}: not finished: it is still running, or it was killed and left nothing to read")
    raise UsageError(f"{name}: no such run in {artifacts_dir}: {_nearest(name, finished)}")


def read_run(folder: Path) -> FinishedRun:
    """Read a run's manifest and metrics. Raises UsageError naming the file that is missing or damaged."""
    manifest = _read_json(folder / MANIFEST, _MANIFEST_KEYS)
    return FinishedRun(folder, manifest, _read_json(folder / METRICS, _METRICS_KEYS))


def _names(artifacts_dir: Path) -> tuple[list[str], list[str]]:
    folders = sorted(each.name for each in artifacts_dir.glob("*") if each.is_dir())
    finished = [name for name in folders if not name.startswith(".")]
    partial = [name[1:] for name in folders if name.startswith(".") and name.endswith(".partial")]
    return finished, partial


def _nearest(name: str, finished: list[str]) -> str:
    near = difflib.get_close_matches(name, finished, _LISTED, cutoff=0.4) or finished[-_LISTED:]
    return f"did you mean {_listed(near)}?" if near else "there is none yet"


def _listed(names: list[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _read_json(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path} is missing: {path.parent} is no backtest's folder, or a damaged one") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} is damaged ({reason_of(error)}): {_MEND}") from error
    missing = [key for key in keys if key not in tree] if isinstance(tree, dict) else list(keys)
    if missing:
        raise UsageError(f"{path} is damaged (it has no {missing[0]}): {_MEND}")
    return dict(tree)
