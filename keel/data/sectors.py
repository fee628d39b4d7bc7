"""The sectors of the symbols that are traded: a CSV file with the columns symbol and sector."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keel.config.section import clip
from keel.data.importers.columns import listed_columns
from keel.data.importers.csv_file import first_line, read_pieces
from keel.domain.errors import DataError

_COLUMNS: Final = ("symbol", "sector")


@dataclass(frozen=True)
class Sectors:
    """Hold the sector of each symbol traded, in their order, and how many rows the file has."""

    symbols: tuple[str, ...]
    of: tuple[str, ...]
    rows: int

    @property
    def content_hash(self) -> str:
        """Return the sha256 of what the run sees, however the file is written."""
        return hashlib.sha256(json.dumps([self.symbols, self.of]).encode()).hexdigest()


def read_sectors(path: Path, symbols: Sequence[str]) -> Sectors:
    """Return the sectors of the symbols by a file that may have more. Raises DataError naming file and row."""
    if not path.is_file():
        raise DataError(f"{path}: no such file: mend risk.sectors, or set it to null")
    names = first_line(path)
    for name in _COLUMNS:
        if name not in names:
            told = f"its columns are {listed_columns(names)}: a file of sectors has {', '.join(_COLUMNS)}"
            raise DataError(f"{path}: no column {name}; {told}")
    found, rows = _rows(path, names)
    missing = [symbol for symbol in symbols if symbol not in found]
    if missing:
        raise DataError(f"{path}: no row of {listed_columns(missing)}: add the row {missing[0]},<its sector>")
    return Sectors(tuple(symbols), tuple(found[symbol] for symbol in symbols), rows)


def _rows(path: Path, names: Sequence[str]) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    row = 0
    for piece in read_pieces(path, names, _COLUMNS, header=True):
        for symbol, sector in piece.select(_COLUMNS).iter_rows():
            row += 1
            symbol, sector = (symbol or "").strip(), (sector or "").strip()
            if not symbol or not sector:
                raise DataError(f"{path}: row {row}: {'symbol' if not symbol else 'sector'} is empty")
            if found.get(symbol, sector) != sector:
                told = f"{clip(symbol)} is of {clip(found[symbol])} above and of {clip(sector)} here"
                raise DataError(f"{path}: row {row}: {told}: leave one row a symbol")
            found[symbol] = sector
    return found, row
