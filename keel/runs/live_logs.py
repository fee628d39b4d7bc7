"""Text logs of live trading: logs/live-trading.log, trades.log and errors.log, which begin anew by day and by size.

What they hold is also in the journal; they are for reading along. A disk that fills costs lines and a warning, never
the run, and once there is room again they go on.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import BaseRotatingHandler
from pathlib import Path
from typing import Final, TextIO

from keel.domain.venue_messages import VenueFill
from keel.runs.disk import make_folder
from keel.runs.logs import ERRORS_LOG, TRADES_LOG, LogFile, RedactingFormatter, attached, line_of

LIVE_LOG: Final = "live-trading.log"
TRADES_LOGGER: Final = "keel.trades"
MOST_BYTES: Final = 20_000_000
FILES_KEPT: Final = 14
_RETRY_S: Final = 60.0
_SHORT_LINE: Final = "%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s"
"""A line beside the program's own words: there is one run on a terminal."""


class RotatingLogFile(LogFile, BaseRotatingHandler):
    """Append records to a file that is put aside as `.1`, `.2`, … at the end of a UTC day or before it grows too large.

    The newest `kept` of those stay. Several processes may write to one file: who finds it put aside by another goes on
    in the new one. A refused write is warned of once; a minute later it is tried again.
    """

    def __init__(self, path: Path, level: int, line: str, *, most_bytes: int, kept: int) -> None:
        super().__init__(path, level, line)
        self._most_bytes = most_bytes
        self._kept = kept
        self._retry_at = 0.0
        self._is_told = False
        self._day = _day_of(path.stat().st_mtime) if path.stat().st_size else ""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, unless a write was refused less than a minute ago."""
        if self.failed and record.created < self._retry_at:
            return
        try:
            if self.failed:
                self._reopen()
                self.failed = False
        except OSError as error:
            self._give_up(error)
        super().emit(record)
        if self.failed:
            self._retry_at = record.created + _RETRY_S
        else:
            self._is_told = False

    def _give_up(self, error: OSError) -> None:
        self.failed |= self._is_told  # the warning comes with the change to failed
        super()._give_up(error)
        self._is_told = True

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - the standard library's
        """Say whether the file is to be put aside before this record."""
        if not self._is_at_its_path():
            self._reopen()
        day, self._day = self._day, _day_of(record.created)
        size = os.fstat(self._file().fileno()).st_size
        if size == 0:
            return False
        return (
            day not in ("", self._day) or size + len(self.format(record).encode(errors="replace")) >= self._most_bytes
        )

    def doRollover(self) -> None:  # noqa: N802 - the standard library's
        """Put the file aside and begin a new one."""
        with _alone_in(self.path.parent):
            if self._is_at_its_path():  # another process may have been faster
                for number in range(self._kept, 0, -1):
                    newer = self.path if number == 1 else self._aside(number - 1)
                    with suppress(FileNotFoundError):
                        newer.replace(self._aside(number))
            self._reopen()

    def _aside(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _is_at_its_path(self) -> bool:
        try:
            there, ours = self.path.stat(), os.fstat(self._file().fileno())
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def _reopen(self) -> None:
        old, self.stream = self._file(), self._open()
        with suppress(OSError):
            old.close()

    def _file(self) -> TextIOWrapper:
        if self.stream is None:
            self.stream = self._open()
        return self.stream


@dataclass(frozen=True, slots=True)
class LiveLogs:
    """Name the logs of a live run; write through `logging.getLogger("keel…")` and `write_fill`."""

    run_id: str
    path: Path
    trades_path: Path
    errors_path: Path

    def write_fill(self, fill: VenueFill) -> None:
        """Write a trade as one line of trades.log, and of live-trading.log."""
        logging.getLogger(TRADES_LOGGER).info(
            "%s %s %s at %s fee %s %s %s order %s trade %s",
            *(fill.side.name, fill.qty, fill.symbol, fill.price, fill.fee, fill.fee_currency),
            *("maker" if fill.maker else "taker", fill.client_order_id or fill.venue_order_id, fill.trade_id),
        )


@contextmanager
def live_logs(
    logs_dir: Path,
    run_id: str,
    *,
    lines_to: TextIO | None = None,
    most_bytes: int = MOST_BYTES,
    kept: int = FILES_KEPT,
) -> Iterator[LiveLogs]:
    """Open the logs of live trading; at the end close them and restore the loggers.

    live-trading.log takes INFO and above from every logger below `keel`, errors.log ERROR and above, trades.log the
    trades. What libraries warn of goes to live-trading.log alone: on a terminal it would be drawn over the view, and
    one of them calls a clean end an error. `lines_to` gets the lines of live-trading.log that are Keel's, too. Raises
    UsageError where a file cannot be opened.
    """
    make_folder(logs_dir)
    with ExitStack() as stack:

        def opened(name: str, level: int) -> RotatingLogFile:
            file = RotatingLogFile(logs_dir / name, level, line_of(run_id), most_bytes=most_bytes, kept=kept)
            return stack.enter_context(closing(file))

        live, errors = opened(LIVE_LOG, logging.INFO), opened(ERRORS_LOG, logging.ERROR)
        trades = opened(TRADES_LOG, logging.INFO)
        stack.enter_context(attached([live, errors, *_lines(lines_to)]))
        root = logging.getLogger()
        root.addHandler(live)
        stack.callback(root.removeHandler, live)
        logger = logging.getLogger(TRADES_LOGGER)
        logger.addHandler(trades)
        stack.callback(logger.removeHandler, trades)
        yield LiveLogs(run_id, live.path, trades.path, errors.path)


def _lines(stream: TextIO | None) -> list[logging.Handler]:
    if stream is None:
        return []
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_LineFormatter(_SHORT_LINE))
    return [handler]


class _LineFormatter(RedactingFormatter):
    """Format a record without its traceback, which is in the files: a terminal gets one line."""

    def format(self, record: logging.LogRecord) -> str:
        bare = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None, "stack_info": None})
        return super().format(bare)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from putting files aside meanwhile, or one would overwrite what the other has just named."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _day_of(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
