"""The command that brings the store up to date: run it by hand or from cron, as often as you like."""

from __future__ import annotations

import fcntl
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keel.app.console import ending_tidily, progress_bar
from keel.domain.errors import DataError, GateRefusedError, UsageError

if TYPE_CHECKING:
    from keel.config.update import RetrySection
    from keel.data.update.job import Progress
    from keel.wire.download import Backoff


def update_bars(
    config: Annotated[Path, typer.Option(help="File of jobs, such as configs/update_bars.yaml.", show_default=False)],
    job: Annotated[
        list[str] | None, typer.Option(help="Run this job only; may be repeated.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what each job did as JSON, for programs.")] = False,
) -> None:
    """Bring the bar store up to date: fetch or read what is new, store it, make longer bars of it.

    A job asks for every day or month of which the store has no bar, and for local files that are new or changed; \
so a second run does nothing, and what failed is tried again by the next. A download that meets a passing fault is \
tried again after growing waits. What is downloaded stays as it came under data/raw. docs/data.md explains the config.

    Exit code 0; 2 if a job failed, with a line for each failure while the others went through; \
3 if another update of this store is running.

    [bold]Examples[/bold]

    python scripts/update_bars.py --config configs/update_bars.yaml

    python scripts/update_bars.py --config configs/update_bars.yaml --job btc-days --json

    In crontab, every day at 09:15:

    15 9 * * * cd /path/to/keel && .venv/bin/python scripts/update_bars.py --config configs/update_bars.yaml
    """
    done = run_update(config, job or [], quiet=as_json)
    if as_json:
        sys.stdout.write(json.dumps([_as_tree(one) for one in done], indent=2) + "\n")
    else:
        _show(done)
    if _tell_failures(done):
        raise typer.Exit(UsageError.exit_code)


def run_update(config_path: Path, only: Sequence[str], *, quiet: bool) -> list[Progress]:
    """Run the jobs of a config one after another. Raises ConfigError for it, GateRefusedError if another run is on."""
    from keel.config.load import load_update
    from keel.data.store import BarStore
    from keel.data.update.job import JobRun
    from keel.wire.download import download

    config = load_update(config_path)
    if unknown := [name for name in only if name not in config.jobs]:
        raise UsageError(f"--job {unknown[0]}: {config_path} has no such job; it has {', '.join(config.jobs)}")
    store = BarStore(Path(config.store))
    fetch = partial(download, backoff=_backoff(config.retry))
    done = []
    with ending_tidily(), alone_in(store.root), progress_bar(quiet=quiet) as bar:
        for name in only or config.jobs:
            task = bar.add_task(f"{name}: files", total=None)
            run = JobRun(
                name=name,
                job=config.jobs[name],
                store=store,
                raw=Path(config.raw),
                today=datetime.now(UTC).date(),
                fetch=fetch,
                tick=partial(bar.advance, task),
            )
            done.append(run.run())
    return done


def _backoff(retry: RetrySection) -> Backoff:
    from keel.wire.download import Backoff

    return Backoff(retry.attempts, retry.base_s, retry.cap_s, timeout_s=retry.timeout_s)


@contextmanager
def alone_in(store: Path) -> Iterator[None]:
    """Keep other updates of this store out: of two that append at once the later would undo the earlier."""
    path = store / ".updates" / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}; make the store's folder writable") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GateRefusedError(f"{store}: another update is running; wait for it to end") from None
        yield


def _as_tree(done: Progress) -> dict[str, Any]:
    return {
        "job": done.job,
        "files": done.files,
        "added": done.added,
        "left_out": done.left_out,
        "awaited": done.awaited,
        "failures": [_clean(failure) for failure in done.failures],
    }


def _show(done: Sequence[Progress]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    table.add_column("job", overflow="fold")
    for heading in ("files", "bars added", "left out", "awaited", "failures"):
        table.add_column(heading, justify="right")
    for one in done:
        counts = (one.files, one.added, one.left_out, len(one.awaited), len(one.failures))
        table.add_row(one.job, *(f"{count:,}" for count in counts))
    Console().print(table)


def _tell_failures(done: Sequence[Progress]) -> bool:
    for one in done:
        for failure in one.failures:
            sys.stderr.write(f"error: job {one.job}: {_clean(failure)}\n")
    return any(one.failures for one in done)


def _clean(failure: str) -> str:
    from keel.runs.redaction import redact

    return redact(" ".join(failure.split()))
