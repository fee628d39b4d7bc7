"""Arrays that several processes read from one copy: saved once, mapped by each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from keel.runs.disk import disk_errors_named

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Data = TypeVar("Data", bound=DataclassInstance)
else:
    Data = TypeVar("Data")


@dataclass(frozen=True)
class Mapped(Generic[Data]):
    """Hold a dataclass whose arrays lie in files, by field; small enough to be sent to a process."""

    rest: Data
    files: Mapping[str, Path]

    def load(self) -> Data:
        """Return the dataclass with its arrays mapped: their memory is shared by all who map them."""
        loaded = {path: _map(path) for path in set(self.files.values())}
        return replace(self.rest, **{name: loaded[path] for name, path in self.files.items()})


def save_mapped(data: Data, folder: Path) -> Mapped[Data]:
    """Save the arrays of a dataclass below a folder; one that stands in two fields is saved once.

    Raises UsageError where the disk refuses.
    """
    arrays = {name: value for name, value in _arrays(data).items() if value.size}
    saved: dict[int, Path] = {}
    for name, array in arrays.items():
        if id(array) not in saved:
            path = saved[id(array)] = folder / f"{name}.npy"
            with disk_errors_named(path):
                np.save(path, array)
    rest: dict[str, Any] = {name: array[:0] for name, array in arrays.items()}
    return Mapped(replace(data, **rest), {name: saved[id(array)] for name, array in arrays.items()})


def own_arrays(data: Data) -> Data:
    """Return a dataclass whose read-only arrays are copied: compiled code takes a read-only array for another type."""
    changed: dict[str, Any] = {name: array.copy() for name, array in _arrays(data).items() if not array.flags.writeable}
    return replace(data, **changed)


def _arrays(data: Data) -> dict[str, np.ndarray[Any, Any]]:
    values = {field.name: getattr(data, field.name) for field in fields(data)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def _map(path: Path) -> np.ndarray[Any, Any]:
    # "c", copy on write: nothing is written, and compiled code sees the writable type it was compiled for.
    return np.asarray(np.load(path, mmap_mode="c"))
