"""Text logs of a run: logs/<run_id>.log, and logs/trades.log and logs/errors.log, which all runs share.

Times are UTC in ISO 8601; secrets of the environment never reach a file. Logs are disposable: a disk that
fills while they are written costs their rest and one warning, never the run.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from keel.runs.disk import disk_errors_named, make_folder
from keel.runs.manifest import iso_utc
from keel.runs.redaction import blank, redact, secret_values

if TYPE_CHECKING:
    import polars as pl

ROOT_LOGGER: Final = "keel"
ERRORS_LOG: Final = "errors.log"
TRADES_LOG: Final = "trades.log"
TRAINING_LOG: Final = "training.log"
TRAINING_LOGGER: Final = "keel.training"

_LINE: Final = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
_TIME: Final = "%Y-%m-%dT%H:%M:%S"
_ODD: Final = "backslashreplace"
"""What becomes of a character that UTF-8 lacks: half of a file name, say, must not cost the line."""


class RedactingFormatter(logging.Formatter):
    """Format a record in UTC without the secrets known when the formatter was made, tracebacks included."""

    def __init__(self, line: str = _LINE) -> None:
        super().__init__(line, _TIME)
        self.converter = time.gmtime
        self._secrets = secret_values()

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text without secrets."""
        return blank(super().format(record), self._secrets)


class LogFile(logging.FileHandler):
    """Append records to a file; on the first refused write warn once on stderr and give up on this file."""

    def __init__(self, path: Path, level: int, line: str = _LINE) -> None:
        with disk_errors_named(path):
            super().__init__(path, mode="a", encoding="utf-8", errors=_ODD)
        self.setLevel(level)
        self.setFormatter(RedactingFormatter(line))
        self.path = path
        self.failed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, unless the file failed before."""
        if not self.failed:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the standard library's
        """Give the file up where the disk refused; a malformed logging call is a bug and is raised."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            raise
        self._give_up(error)

    def close(self) -> None:
        """Close the file; what a full disk still refuses is lost with the one warning."""
        try:
            super().close()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        if not self.failed:
            _warn_incomplete(self.path, error)
        self.failed = True


@dataclass(frozen=True, slots=True)
class RunLogs:
    """Name the logs of a run; write through `logging.getLogger("keel…")` and `write_fills`."""

    run_id: str
    run_path: Path
    trades_path: Path

    def write_fills(self, fills: pl.DataFrame) -> None:
        """Append one line per row of `fills_frame` to trades.log: at once, for there may be a million."""
        lines = fill_lines(fills, self.run_id)
        if not len(lines):
            return
        try:
            _append(self.trades_path, redact("\n".join(lines)))
        except OSError as error:
            _warn_incomplete(self.trades_path, error)


@contextmanager
def run_logs(logs_dir: Path, run_id: str) -> Iterator[RunLogs]:
    """Open the logs of a run below `logs_dir`; at the end close them and restore the logger.

    <run_id>.log takes INFO and above from every logger below `keel`, errors.log takes ERROR and above with
    the run id. Raises UsageError where a file cannot be opened.
    """
    make_folder(logs_dir)
    with ExitStack() as stack:
        ours = stack.enter_context(closing(LogFile(logs_dir / f"{run_id}.log", logging.INFO)))
        shared = LogFile(logs_dir / ERRORS_LOG, logging.ERROR, line_of(run_id))
        errors = stack.enter_context(closing(shared))
        with disk_errors_named(logs_dir / TRADES_LOG):
            (logs_dir / TRADES_LOG).touch()
        stack.enter_context(attached([ours, errors]))
        yield RunLogs(run_id, ours.path, logs_dir / TRADES_LOG)


@contextmanager
def training_log(logs_dir: Path, run_id: str) -> Iterator[Path]:
    """Open training.log, which all training runs share, for what goes to the logger `keel.training` meanwhile."""
    file = LogFile(logs_dir / TRAINING_LOG, logging.INFO, line_of(run_id))
    logger = logging.getLogger(TRAINING_LOGGER)
    logger.addHandler(file)
    try:
        yield file.path
    finally:
        logger.removeHandler(file)
        file.close()


def record_failure(logs_dir: Path, trace: str) -> Path:
    """Append a traceback without secrets to errors.log; return that path. Raises UsageError if it cannot."""
    make_folder(logs_dir)
    path = logs_dir / ERRORS_LOG
    with disk_errors_named(path):
        _append(path, f"{iso_utc(datetime.now(UTC))} ERROR {redact(trace).rstrip()}")
    return path


def fill_lines(fills: pl.DataFrame, run_id: str) -> pl.Series:
    """Return one text line per row of `fills_frame`: time, run, side, quantity, symbol, prices and costs."""
    import polars as pl

    line = pl.format(
        "{}Z {} {} {} {} at {} (reference {}) fee {} spread {} impact {} order {}",
        pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.3f"),
        pl.lit(run_id),
        *(
            "side",
            "qty",
            "symbol",
            "price",
            "reference_price",
            "fee",
            "spread_cost",
            "impact_cost",
        ),
        pl.col("order_id").cast(pl.String).fill_null("of the venue"),
    )
    return fills.select(line.alias("line"))["line"]


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", errors=_ODD) as file:
        file.write(text + "\n")


def _warn_incomplete(path: Path, error: OSError) -> None:
    sys.stderr.write(f"warning: {path} is incomplete: {(error.strerror or str(error)).lower()}\n")


def line_of(run_id: str) -> str:
    """Return the format of a line that names its run."""
    return _LINE.replace("%(levelname)s", f"{run_id.replace('%', '%%')} %(levelname)s")


@contextmanager
def attached(handlers: Sequence[logging.Handler]) -> Iterator[None]:
    """Send what loggers below `keel` say to these handlers while inside, and nowhere else."""
    logger = logging.getLogger(ROOT_LOGGER)
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    # Python's own last resort would print our records to the terminal, across the progress bar.
    logger.propagate = False
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
