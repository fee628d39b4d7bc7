"""CSV files piece by piece, plain or as the one file inside a zip: a large one is never held as text."""

from __future__ import annotations

import csv
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import polars as pl
import pyarrow as pa

from keel.domain.errors import DataError, reason_of

_PIECE_BYTES: Final = 1 << 23
"""Text held at once: some 10^5 rows."""
_LONGEST_LINE: Final = 1 << 20
"""Bytes of a line from which a file is none of rows: a small zip can hold one line without an end."""
_DAMAGES: Final = (
    pl.exceptions.PolarsError,
    pa.ArrowException,
    OSError,
    csv.Error,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,  # a zip packed by a method that Python lacks
)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, or the only one inside it if it is a zip. Raises DataError for what is missing, empty or damaged."""
    refuse_absent(path)
    with damage_named(path):
        if path.suffix.lower() != ".zip":
            with path.open("rb") as file:
                yield file
            return
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(archive, path)) as member:
            yield member


def refuse_absent(path: Path) -> None:
    """Raise DataError unless there is a file, with something in it."""
    if not path.is_file():
        raise DataError(f"{path}: {'is a folder; name a file' if path.is_dir() else 'no such file'}")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty")


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn what a reader of files raises inside into a DataError that names the file."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read: it is not UTF-8 text; save it as such") from error
    except (*_DAMAGES, pl.exceptions.PanicException) as error:
        kind = path.suffix or "such a file"
        raise DataError(f"{path}: cannot be read as {kind}: {reason_of(error)}") from error


def member_name(path: Path) -> str:
    """Return the name of the only file inside a zip. Raises DataError if it is damaged or holds none, or several."""
    refuse_absent(path)
    with damage_named(path), zipfile.ZipFile(path) as archive:
        return _only_member(archive, path).filename


def first_line(path: Path) -> list[str]:
    """Return the cells of a CSV file's first line. Raises DataError as `opened` does, and if the line has no end."""
    with opened(path) as file:
        line = _line(file, path).decode("utf-8-sig")
        if "\r" in line.rstrip("\r\n"):
            raise DataError(f"{path}: its lines end in a carriage return alone: save it with line feeds")
        return next(csv.reader([line], strict=True), [])


def read_pieces(path: Path, names: Sequence[str], wanted: Sequence[str], *, header: bool) -> Iterator[pl.DataFrame]:
    """Yield the wanted columns as text, some 10^5 rows at a time; `names` are those of all columns, in their order.

    Raises DataError naming the file if it is damaged, and the row (from 1) that has more cells than there are columns.
    """
    rows = 0
    places = [list(names).index(name) for name in dict.fromkeys(wanted)]
    # every value is read as text, so that a bad one can be quoted with its row
    schema = {str(place): pl.String for place in range(len(names))}
    with opened(path) as file:
        if header:
            _line(file, path)
        while block := file.read(_PIECE_BYTES):
            block += _line(file, path)
            try:
                # all columns: of those left out polars does not notice that a row has too many
                piece = pl.read_csv(block, has_header=False, schema=schema)
            except pl.exceptions.PolarsError:
                _refuse_other_width(block, len(names), path, rows)
                raise
            rows += piece.height
            yield piece.select(pl.col(str(place)).alias(names[place]) for place in places)


def _line(file: IO[bytes], path: Path) -> bytes:
    line = file.readline(_LONGEST_LINE + 1)
    if len(line) > _LONGEST_LINE:
        raise DataError(f"{path}: has a line of over {_LONGEST_LINE:,} bytes: it is no table of bars")
    return line


def _refuse_other_width(block: bytes, columns: int, path: Path, above: int) -> None:
    for row, cells in enumerate(csv.reader(io.StringIO(block.decode("utf-8-sig"), newline="")), start=above + 1):
        if len(cells) != columns:
            raise DataError(f"{path}: row {row} has {len(cells)} cells, the file's first line {columns}; mend the row")


def _only_member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    members = [one for one in archive.infolist() if not one.filename.endswith("/")]
    if len(members) != 1:
        raise DataError(f"{path}: holds {len(members)} files, not one; unzip it and import the right one")
    if members[0].flag_bits & 1:
        raise DataError(f"{path}: is encrypted; unzip it and import what is inside")
    return members[0]
