"""One job of an update: find what is new, fetch it, read it, store it; what fails is told and holds up nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from glob import glob
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote, urlsplit

from keel.config.update import UpdateJob
from keel.data.bars import StoredBars
from keel.data.resample import resample
from keel.data.store import BarStore
from keel.data.update.periods import Period, needed_periods
from keel.data.update.reading import read_for
from keel.data.update.seen import SeenFiles
from keel.domain.errors import DataError, KeelError, RetryableError
from keel.domain.instrument import InstrumentId
from keel.wire.download import NotThereError

Fetch: TypeAlias = Callable[[str, Path], None]
_BATCH: Final = 64
"""Files read before they are stored together: each store writes the instrument's file anew."""


@dataclass
class Progress:
    """Tell what a job has done so far."""

    job: str
    files: int = 0
    added: int = 0
    left_out: int = 0
    awaited: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    instruments: set[InstrumentId] = field(default_factory=set)

    def leave_out(self, rows: int) -> None:
        """Count bars outside the sessions."""
        self.left_out += rows


@dataclass(frozen=True)
class JobRun:
    """Hold one job and what it works with: `today` is in UTC, `fetch` puts an address into a file, `tick` counts."""

    name: str
    job: UpdateJob
    store: BarStore
    raw: Path
    today: date
    fetch: Fetch
    tick: Callable[[], None]

    def run(self) -> Progress:
        """Bring in what is new, then the longer bars of it. Failures are in what is returned, none is raised."""
        done = Progress(self.name)
        if self.job.is_remote:
            for symbol in self.job.symbols:
                self._fetch_symbol(symbol, done)
        else:
            self._read_local(done)
        for instrument_id in sorted(done.instruments, key=str):
            self._resample(instrument_id, done)
        return done

    def _fetch_symbol(self, symbol: str, done: Progress) -> None:
        batch: dict[Path, StoredBars] = {}
        try:
            for period in self._periods(symbol, done):
                if not self._fetch_period(symbol, period, batch, done):
                    break
                self.tick()
                if len(batch) >= _BATCH:
                    self._store(batch, done)
        finally:  # an interrupt, too, keeps what came before
            self._store(batch, done)

    def _fetch_period(self, symbol: str, period: Period, batch: dict[Path, StoredBars], done: Progress) -> bool:
        """Fetch and read one file into the batch; return whether to go on with the next."""
        url = self.job.source.format(symbol=quote(symbol.replace("/", "")), date=period.text, month=period.text)
        path = self.raw / self.name / self._file_name(url, symbol, period.text)
        try:
            self.fetch(url, path)
            self._read(path, symbol, batch, done)
        except NotThereError as error:
            if period.awaited:
                done.awaited.append(f"{symbol} {period.text}")
            else:
                mend = f"; add {period.text} to skip if the source will never have it" if period.text else ""
                done.failures.append(f"{symbol}: {error}{mend}")
        except RetryableError as error:
            done.failures.append(f"{symbol}: {error}; the next run goes on from here")
            return False
        except KeelError as error:
            done.failures.append(f"{symbol}: {error}")
        return True

    def _periods(self, symbol: str, done: Progress) -> list[Period]:
        if self.job.period is None:
            return [Period("", awaited=False)]
        try:
            return needed_periods(self.job, self.store, symbol, self.today)
        except KeelError as error:
            done.failures.append(f"{symbol}: {error}")
            return []

    def _file_name(self, url: str, symbol: str, period: str) -> str:
        ending = Path(urlsplit(url).path).suffix or ".csv"
        return "-".join(filter(None, (symbol.replace("/", "-"), self.job.timeframe, period))) + ending

    def _read_local(self, done: Progress) -> None:
        seen, batch = SeenFiles.load(self.store, self.name), dict[Path, StoredBars]()
        for symbol in self.job.symbols or (None,):
            pattern = self.job.source.format(symbol=(symbol or "").replace("/", ""))
            paths = [Path(found) for found in sorted(glob(pattern, recursive=True))]  # noqa: PTH207 - an absolute one too
            if not paths:
                done.failures.append(f"{pattern}: no such file")
            for path in paths:
                if seen.holds(path):
                    continue
                try:
                    self._read(path, symbol, batch, done)
                except KeelError as error:
                    done.failures.append(str(error))
                self.tick()
        # all together: files of one instrument are merged in memory and written once
        for path, bars in self._store(batch, done).items():
            seen.add(path, bars.instrument_id, bars.timeframe)
        try:
            seen.save()
        except DataError as error:
            done.failures.append(str(error))

    def _read(self, path: Path, symbol: str | None, batch: dict[Path, StoredBars], done: Progress) -> None:
        batch[path] = read_for(self.job, path, symbol, done.leave_out)
        done.files += 1

    def _store(self, batch: dict[Path, StoredBars], done: Progress) -> dict[Path, StoredBars]:
        """Store what was read, instrument by instrument, and empty the batch; return what went in."""
        stored: dict[Path, StoredBars] = {}
        for name in dict.fromkeys(bars.instrument_id for bars in batch.values()):
            mine = {path: bars for path, bars in batch.items() if bars.instrument_id == name}
            stored |= self._append(mine, done)
        done.instruments |= {bars.instrument_id for bars in stored.values()}
        batch.clear()
        return stored

    def _append(self, files: dict[Path, StoredBars], done: Progress) -> dict[Path, StoredBars]:
        """Append the files of one instrument at once, or one by one where one of them does not fit the others."""
        try:
            done.added += sum(self.store.append_all({str(path): bars for path, bars in files.items()}).values())
        except KeelError as error:
            if len(files) > 1:
                return {path: bars for path, bars in files.items() if self._append({path: bars}, done)}
            done.failures.append(str(error))
            return {}
        return files

    def _resample(self, instrument_id: InstrumentId, done: Progress) -> None:
        for timeframe in self.job.resample:
            try:
                self.store.append(resample(self.store.read(instrument_id, self.job.timeframe), timeframe))
            except KeelError as error:
                done.failures.append(str(error))
