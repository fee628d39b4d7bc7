"""The bar store: one Parquet file an instrument and timeframe, replaced whole, read piece by piece."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keel.config.section import clip
from keel.data.bars import StoredBars
from keel.data.check import check_bars
from keel.data.merge import merge
from keel.data.parquet_file import BarFile, read_header, write_file
from keel.domain.errors import DataError
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import timeframe_ms

_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9^][A-Za-z0-9._:=^-]*(/[A-Za-z0-9][A-Za-z0-9._:=^-]*)*")
_LONGEST_NAME: Final = 100
"""Bytes a folder's name may have on any system, with room to spare."""
_LISTED: Final = 12


@dataclass(frozen=True)
class BarStore:
    """Keep bars under `root`: `<venue>/<symbol with / as ->/<timeframe>.parquet`.

    A file is written beside its place and renamed over it, so a reader sees the old bars or the new ones,
    never half. One writer at a time an instrument: of two appends at once the later replaces the earlier.
    """

    root: Path

    def path(self, instrument_id: InstrumentId, timeframe: str) -> Path:
        """Return where these bars live. Raises UsageError for an unknown timeframe or a name no folder can have."""
        timeframe_ms(timeframe)
        for kind, name in (("venue", instrument_id.venue), ("symbol", instrument_id.symbol)):
            if not _SAFE_NAME.fullmatch(name) or (kind == "venue" and "/" in name) or len(name) > _LONGEST_NAME:
                told = f"at most {_LONGEST_NAME} letters and digits, parted by . _ : = - or /"
                raise DataError(f"{kind} {clip(repr(name))} cannot name bars: write {told}")
        return self.root / instrument_id.venue / instrument_id.symbol.replace("/", "-") / f"{timeframe}.parquet"

    def exists(self, instrument_id: InstrumentId, timeframe: str) -> bool:
        """Say whether the store has bars of this instrument and timeframe."""
        return self.path(instrument_id, timeframe).is_file()

    def write(self, bars: StoredBars) -> Path:
        """Put bars in place of any stored before; return the file. Raises DataError for a bad bar or a failed write."""
        path = self.path(bars.instrument_id, bars.timeframe)
        if path.is_file():
            _refuse_other_name(read_header(path), bars.instrument_id, bars.timeframe, path)
        write_file(path, bars)
        return path

    def append(self, bars: StoredBars) -> int:
        """Add bars that are not stored yet; return how many. Raises DataError where an overlapping row differs."""
        where = f"bars for {self.path(bars.instrument_id, bars.timeframe)}"
        return self.append_all({where: bars})[where]

    def append_all(self, sources: Mapping[str, StoredBars]) -> dict[str, int]:
        """Add bars of several sources, by the name errors call each; return how many rows each added.

        Everything is merged and checked before anything is written: on DataError the store is as it was,
        except that a failed write leaves the instruments written before it.
        """
        merged: dict[tuple[InstrumentId, str], StoredBars] = {}
        added = {}
        for where, bars in sources.items():
            key = bars.instrument_id, bars.timeframe
            old = merged.get(key) or (self.read(*key) if self.exists(*key) else None)
            check_bars(bars.table, where)
            merged[key] = bars if old is None else merge(old, bars, where)
            added[where] = merged[key].table.height - (0 if old is None else old.table.height)
        changed = {(sources[where].instrument_id, sources[where].timeframe) for where, rows in added.items() if rows}
        for key, bars in merged.items():
            if key in changed:
                self.write(bars)
        return added

    def read(
        self,
        instrument_id: InstrumentId,
        timeframe: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> StoredBars:
        """Read the bars that open in [start_ms, end_ms), UTC epoch milliseconds, None = unbounded.

        Raises DataError naming what the store has instead, or the stored range if no bar lies in the one
        asked for, or the file if it is damaged, not Keel's, or breaks a rule of `check_bars`.
        """
        return self.open(instrument_id, timeframe, start_ms, end_ms).read()

    def open(
        self,
        instrument_id: InstrumentId,
        timeframe: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> BarFile:
        """Return the bars that `read` would, to be read piece by piece. Raises DataError as `read` does, rows aside."""
        path = self._stored_path(instrument_id, timeframe)
        bars = BarFile(path, start_ms, end_ms)
        _refuse_other_name(bars.header, instrument_id, timeframe, path)
        return bars

    def describe(self, instrument_id: InstrumentId, timeframe: str) -> StoredBars:
        """Read what the store says of these bars, without a row. Raises DataError if missing, damaged or not Keel's."""
        path = self._stored_path(instrument_id, timeframe)
        header = read_header(path)
        _refuse_other_name(header, instrument_id, timeframe, path)
        return header

    def contents(self) -> dict[InstrumentId, list[str]]:
        """List the timeframes stored of each instrument, shortest first; files that cannot be read are left out."""
        found: dict[InstrumentId, list[str]] = {}
        for path in sorted(self.root.glob("*/*/*.parquet")):
            with suppress(DataError):
                header = read_header(path)
                found.setdefault(header.instrument_id, []).append(header.timeframe)
        return {name: sorted(timeframes, key=timeframe_ms) for name, timeframes in found.items()}

    def _stored_path(self, instrument_id: InstrumentId, timeframe: str) -> Path:
        path = self.path(instrument_id, timeframe)
        if not path.is_file():
            raise DataError(_what_is_there(self, instrument_id, timeframe))
        return path


def _what_is_there(store: BarStore, asked: InstrumentId, timeframe: str) -> str:
    contents = {str(name): timeframes for name, timeframes in store.contents().items()}
    if not contents:
        there = "the store is empty"
    elif timeframes := contents.get(str(asked)):
        there = f"of it are stored {', '.join(timeframes)}"
    else:
        names = [f"{name} ({', '.join(timeframes)})" for name, timeframes in contents.items()]
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        near = difflib.get_close_matches(str(asked), contents, n=1)
        there = (f"did you mean {near[0]}? " if near else "") + f"stored are {', '.join(names[:_LISTED])}{more}"
    return (
        f"{store.root}: no {timeframe} bars of {asked}: {there}; import them: python scripts/import_bars.py csv FILE "
        f"--venue {asked.venue} --symbol {asked.symbol} --timeframe {timeframe} (--help shows other sources)"
    )


def _refuse_other_name(bars: StoredBars, asked: InstrumentId, timeframe: str, path: Path) -> None:
    if (bars.instrument_id, bars.timeframe) != (asked, timeframe):
        raise DataError(
            f"{path}: holds {bars.instrument_id} {bars.timeframe}, not {asked} {timeframe}: "
            f"was it renamed, or do two symbols differ only in / and -? Import it again under its own name"
        )
