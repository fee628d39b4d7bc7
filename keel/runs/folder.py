"""One folder per run, complete or absent: artifacts/<run_id>/.

A run writes into a hidden folder beside its final place and is renamed when all is there, so a name without a
leading dot is always a whole result. A finished run is never rewritten.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from keel.domain.errors import UsageError
from keel.runs.disk import disk_errors_named, make_folder
from keel.runs.manifest import RunManifest

_DIGITS_OF_HASH: Final = 8
_OS_ERROR: Final = re.compile(r"\(os error (\d+)\)")


def new_run_id(name: str, config_hash: str, started: datetime) -> str:
    """Return `<name>-<UTC yyyymmdd-HHMMSS>-<8 hex of the config hash>`; `started` carries its zone."""
    return f"{name}-{started.astimezone(UTC):%Y%m%d-%H%M%S}-{config_hash[:_DIGITS_OF_HASH]}"


class RunFolder:
    """Collect a run's files out of sight and show them all at once.

    Use as a context: leaving it without `finish` removes what was written. Every write raises UsageError
    (exit 2) naming the path and the mend when the disk refuses, and when the run is finished already.
    """

    def __init__(self, run_id: str, final: Path, hidden: Path) -> None:
        self.run_id = run_id
        self._final = final
        self._hidden = hidden
        self._finished = False

    @classmethod
    def create(cls, artifacts_dir: Path, run_id: str) -> Self:
        """Claim a run id below `artifacts_dir`; a taken one gets `-2`, `-3`, …, so none is shared."""
        make_folder(artifacts_dir)
        attempt = 1
        while True:
            claimed = run_id if attempt == 1 else f"{run_id}-{attempt}"
            final, hidden = artifacts_dir / claimed, artifacts_dir / f".{claimed}.partial"
            if _claim(final, hidden):
                return cls(claimed, final, hidden)
            attempt += 1

    @property
    def path(self) -> Path:
        """Return where the files are now: the hidden folder, and the final one once the run is finished."""
        return self._final if self._finished else self._hidden

    @property
    def final_path(self) -> Path:
        """Return where the run will stand when it is finished."""
        return self._final

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write one file of the run."""
        with self._writing(name) as path:
            path.write_bytes(content)

    def write_text(self, name: str, content: str) -> None:
        """Write one text file, as UTF-8."""
        self.write_bytes(name, content.encode())

    def write_json(self, name: str, tree: object) -> None:
        """Write one JSON file for people: indented, keys in the given order, NaN and infinities as null."""
        self.write_text(name, json.dumps(json_tree(tree), indent=2, allow_nan=False, ensure_ascii=False) + "\n")

    def write_parquet(self, name: str, table: pl.DataFrame | NDArray[np.void]) -> None:
        """Write one table; a structured array's fields become the columns."""
        frame = table if isinstance(table, pl.DataFrame) else structured_frame(table)
        with self._writing(name) as path, _polars_disk_errors():
            frame.write_parquet(path, compression="zstd", compression_level=1)

    def write_parquet_parts(self, name: str, parts: Iterable[pa.Table]) -> None:
        """Write one table given in parts of the same columns, one or more; one part is in memory at a time."""
        with self._writing(name) as path, ExitStack() as stack:
            writer: pq.ParquetWriter | None = None
            for part in parts:
                if writer is None:
                    writer = stack.enter_context(
                        pq.ParquetWriter(path, part.schema, compression="zstd", use_dictionary=False)
                    )
                writer.write_table(part)

    def finish(self, manifest: RunManifest) -> Path:
        """Write manifest.json, sync all and show the run under its final name; return that path."""
        if manifest.run_id != self.run_id:
            raise ValueError(f"manifest of {manifest.run_id} given to the folder of {self.run_id}")
        self.write_json("manifest.json", manifest.as_json())
        with disk_errors_named(self._final):
            for file in self._hidden.rglob("*"):
                _sync(file)
            _sync(self._hidden)
            self._hidden.rename(self._final)
            _sync(self._final.parent)
        self._finished = True
        return self._final

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            shutil.rmtree(self._hidden, ignore_errors=True)

    @contextmanager
    def _writing(self, name: str) -> Iterator[Path]:
        if self._finished:
            raise UsageError(f"{self._final} is a finished run and is never rewritten: start a new run")
        with disk_errors_named(self._final / name):
            path = self._hidden / name
            path.parent.mkdir(parents=True, exist_ok=True)
            yield path


def structured_frame(records: NDArray[np.void]) -> pl.DataFrame:
    """Return a structured array of scalar fields as a frame of the same columns."""
    return pl.DataFrame({name: np.ascontiguousarray(records[name]) for name in records.dtype.names or ()})


def json_tree(value: object) -> object:
    """Return a tree as JSON can hold it: numpy numbers as Python's, NaN and infinities as None."""
    if isinstance(value, np.generic | np.ndarray):
        return json_tree(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): json_tree(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [json_tree(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def _claim(final: Path, hidden: Path) -> bool:
    with disk_errors_named(hidden):
        try:
            hidden.mkdir()
        except FileExistsError:
            return False
        # The claim comes first: a run that finished since a look at `final` would be overlooked.
        if os.path.lexists(final):
            hidden.rmdir()
            return False
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _polars_disk_errors() -> Iterator[None]:
    # polars reports a refused write as its own ComputeError, with the system's number in the text only.
    try:
        yield
    except pl.exceptions.ComputeError as error:
        number = _OS_ERROR.search(str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
