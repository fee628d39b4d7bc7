"""The journal of a run that is not running, for commands that write to it: under the run's own lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keel.config.load import LoadedConfig
    from keel.config.modes import LiveRun
    from keel.domain.clock import Clock
    from keel.journal.journal import Journal
    from keel.journal.lock import RunLock


def live_run(loaded: LoadedConfig, *, dry_run: bool) -> LiveRun:
    """Return a live config, loaded with its mode expected, as the command line has it."""
    from keel.config.modes import LiveRun

    if not isinstance(loaded.config, LiveRun):  # never: the mode is expected
        raise TypeError("no live config")
    return loaded.config.model_copy(update={"dry_run": loaded.config.dry_run or dry_run})


def lock_of(config: LiveRun, environ: Mapping[str, str]) -> RunLock:
    """Return the lock of the account that a run trades on, not taken yet; a dry run has one of its own."""
    from keel.app.venue_keys import venue_keys
    from keel.domain.clock import WallClock
    from keel.journal.lock import RunLock, account_name

    key = venue_keys(config.venue.kind, environ).key.strip()
    account = account_name(config.venue.kind, config.venue.environment, key)
    name = f"{account}-dry" if config.dry_run else account
    return RunLock(Path(config.run.state_dir), name, clock=WallClock())


def journal_path(config: LiveRun) -> Path:
    """Return where a run's journal is."""
    from keel.journal.names import JournalName

    name = JournalName(config.run.name, config.venue.kind, config.venue.environment, config.dry_run)
    return name.path(Path(config.run.state_dir))


def open_journal(config: LiveRun, clock: Clock) -> Journal:
    """Open a run's journal to write, made where there is none; the lock is held by the caller. Raises as that does."""
    from keel.journal.journal import Journal
    from keel.runs.redaction import redact

    return Journal.open(journal_path(config), clock=clock, redact=redact)


@contextmanager
def run_journal(config: LiveRun, environ: Mapping[str, str]) -> Iterator[Journal]:
    """Hold a run's lock and journal for a command.

    Raises GateRefusedError while the run is running, UsageError where it has no journal, or where the account's key,
    which names the lock, is not set.
    """
    from keel.app.venue_keys import venue_keys
    from keel.domain.clock import WallClock
    from keel.domain.errors import UsageError

    keys = venue_keys(config.venue.kind, environ)
    if not config.dry_run and not keys.key.strip():
        raise UsageError(f"{keys.key_name} is not set: the lock of the account goes by it; export it first")
    if not journal_path(config).exists():
        raise UsageError(f"there is no {journal_path(config)}: no run of this config has traded")
    with lock_of(config, environ), open_journal(config, WallClock()) as journal:
        yield journal
