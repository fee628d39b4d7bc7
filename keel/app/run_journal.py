"""The journal of a run and its locks, for what writes to it: the run itself, or a command while it is not running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
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


@contextmanager
def locked(config: LiveRun, environ: Mapping[str, str]) -> Iterator[None]:
    """Hold a run's locks. Raises GateRefusedError (exit 3) naming who holds one, UsageError where a folder refuses."""
    with ExitStack() as stack:
        for lock in locks_of(config, environ):
            stack.enter_context(lock)
        yield


def locks_of(config: LiveRun, environ: Mapping[str, str]) -> list[RunLock]:
    """Return the locks of a run, not taken yet: its account's, that of its name, and its account's on this machine.

    A dry run has its own of each, and without a key none of an account. What is not practice is also locked in a folder
    of the user, for two state folders may be one account's.
    """
    from keel.app.venue_keys import venue_keys
    from keel.domain.clock import WallClock
    from keel.journal.lock import RunLock, account_name, user_locks

    clock, state_dir, name = WallClock(), Path(config.run.state_dir), config.run.name
    key = venue_keys(config.venue.kind, environ).key.strip()
    kind = "dry_run" if config.dry_run else "run"
    locks = [
        RunLock(
            state_dir,
            f"{name}.{kind}",
            clock=clock,
            taken=f"a run called {name} is running",
            instead="give this one a name of its own (run.name)",
        )
    ]
    if key:
        account = account_name(config.venue.kind, config.venue.environment, key)
        locks.insert(0, RunLock(state_dir, f"{account}-dry" if config.dry_run else account, clock=clock))
        if config.venue.environment != "practice" and not config.dry_run:
            locks.append(RunLock(user_locks(environ), account, clock=clock))
    return locks


def journal_path(config: LiveRun) -> Path:
    """Return where a run's journal is."""
    from keel.journal.names import JournalName

    name = JournalName(config.run.name, config.venue.kind, config.venue.environment, config.dry_run)
    return name.path(Path(config.run.state_dir))


def open_journal(config: LiveRun, clock: Clock) -> Journal:
    """Open a run's journal to write, made where there is none; the lock is held by the caller. Raises as that does."""
    from keel.journal.journal import Journal
    from keel.runs.redaction import blank, secret_values

    secrets = secret_values()  # once: every entry is cleaned between a close and its orders
    return Journal.open(journal_path(config), clock=clock, redact=lambda text: blank(text, secrets))


@contextmanager
def run_journal(config: LiveRun, environ: Mapping[str, str]) -> Iterator[Journal]:
    """Hold a run's locks and journal for a command.

    Raises GateRefusedError while the run is running, UsageError where it has no journal, or where the account's key,
    which names a lock, is not set.
    """
    from keel.app.venue_keys import venue_keys
    from keel.domain.clock import WallClock
    from keel.domain.errors import UsageError

    keys = venue_keys(config.venue.kind, environ)
    if not config.dry_run and not keys.key.strip():
        raise UsageError(f"{keys.key_name} is not set: the lock of the account goes by it; export it first")
    if not journal_path(config).exists():
        raise UsageError(f"there is no {journal_path(config)}: no run of this config has traded")
    with locked(config, environ), open_journal(config, WallClock()) as journal:
        yield journal
