"""Structured arrays as plain Python objects while interpreted functions run, written back when they return.

A field of a numpy record costs a hundred times what an attribute costs. So a call from outside gets objects in place of
arrays: a record is made when it is first asked for, and whatever was made is stored again at the end. Inside, whole
numbers are Python's, without the overflow of narrow fields.
"""

from __future__ import annotations

import functools
import keyword
import operator
from collections.abc import Callable
from typing import Any

import numpy as np


class Record:
    """Hold one record; fields are attributes and, as compiled code may write them, items."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, name, value)


class _Kind:
    """Know how records of one dtype are read and what they hold."""

    def __init__(self, dtype: np.dtype) -> None:
        names = dtype.names or ()
        self.new = type("Record", (Record,), {"__slots__": names})
        self.lists = [name for name in names if dtype[name].shape]
        self.values = operator.attrgetter(*names)
        # One assignment to all fields takes a third of the time of one for each; a keyword cannot stand in it.
        self._words = [(at, name) for at, name in enumerate(names) if keyword.iskeyword(name)]
        fields = ", ".join("_" if keyword.iskeyword(name) else f"record.{name}" for name in names)
        made: dict[str, Any] = {}
        exec(f"def fill(record, values): {fields}, = values", made)  # noqa: S102
        self._fill = made["fill"]

    def read(self, stored: np.void) -> Record:
        record = self.new()
        values = stored.item()
        self._fill(record, values)
        for at, name in self._words:
            setattr(record, name, values[at])
        for name in self.lists:
            setattr(record, name, getattr(record, name).tolist())
        return record


_kind = functools.cache(_Kind)


class Records:
    """Stand for a structured array of one dimension."""

    __slots__ = ("array", "before", "kind", "records")

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.kind = _kind(array.dtype)
        self.records: dict[int, Record] = {}
        self.before: dict[int, tuple[Any, ...]] = {}

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return Part(self, at)
        record = self.records.get(at)
        if record is None:
            at = range(len(self.array))[at]
            record = self.records[at] = self.records.get(at) or self._read(at)
        return record

    def _read(self, at: int) -> Record:
        record = self.kind.read(self.array[at])
        if not self.kind.lists:
            self.before[at] = self.kind.values(record)
        return record

    def __setitem__(self, at: int, given: Record) -> None:
        record = self[at]
        for name, value in zip(self.kind.new.__slots__, self.kind.values(given), strict=True):
            setattr(record, name, value.copy() if isinstance(value, list) else value)

    def write_back(self) -> None:
        for at, record in self.records.items():
            values = self.kind.values(record)
            if values != self.before.get(at):
                self.array[at] = values


class Part:
    """Stand for some records of an array: those a slice takes, one after the other."""

    __slots__ = ("of", "places")

    def __init__(self, of: Records, taken: slice) -> None:
        self.of, self.places = of, range(len(of))[taken]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, at: int) -> Record:
        record: Record = self.of[self.places[at]]
        return record


class Table:
    """Stand for an array of two dimensions: `table[row, i]`, or `table[row]` for a whole row."""

    __slots__ = ("array", "rows")

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.rows: list[Any] = [None] * len(array)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def _row(self, at: int) -> Any:
        row = self.rows[at]
        if row is None:
            row = self.rows[at] = _view(self.array[at])
        return row

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self._row(row) for row in range(len(self))[at]]
        return self._row(at[0])[at[1]] if isinstance(at, tuple) else self._row(at)

    def __setitem__(self, at: tuple[int, int], value: Any) -> None:
        self._row(at[0])[at[1]] = value

    def write_back(self) -> None:
        for at, row in enumerate(self.rows):
            if row is not None:
                _write_back(self.array[at], row)


def _view(given: Any) -> Any:
    """Return what an interpreted function works on in place of an argument."""
    if isinstance(given, np.ndarray):
        if given.ndim > 1:
            return Table(given)
        return Records(given) if given.dtype.names else given.tolist()
    if isinstance(given, np.void):
        return _kind(given.dtype).read(given)
    if isinstance(given, np.uint64):
        return given
    return given.item() if isinstance(given, np.generic) else given


def _write_back(given: Any, view: Any) -> None:
    if isinstance(view, Records | Table):
        view.write_back()
    elif isinstance(view, Record):
        for name in view.__slots__:
            given[name] = getattr(view, name)
    elif isinstance(given, np.ndarray) and given.flags.writeable:
        given[:] = view


def from_outside(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an interpreted function for callers that hold arrays; one array given twice stays one."""

    @functools.wraps(function)
    def call(*given: Any) -> Any:
        views = {id(each): _view(each) for each in given}
        with np.errstate(over="ignore"):
            result = function(*[views[id(each)] for each in given])
        for each in given:
            _write_back(each, views[id(each)])
        return result

    return call
