"""A process killed at any moment has lost nothing that was promised, and its journal opens again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from made_entries import check_numbered, fork, opened, write_numbered

from keel.domain.errors import UsageError
from keel.journal.reading import JournalReader

LONGEST_LIFE_S = 0.025
KILLS_A_JOURNAL = 8
_LONGER = 1.2


def forked(work: Callable[[], None]) -> tuple[int, int]:
    """Fork a child that does `work` with its standard output in a pipe; return its process id and the pipe."""
    reading, writing = os.pipe()
    child = fork()
    if child == 0:
        try:
            os.dup2(writing, 1)
            work()
        finally:
            os._exit(1)
    os.close(writing)
    return child, reading


def promised_before_death(path: Path, life_s: float) -> int:
    """Let a child append until it is killed; return the last number it was promised."""
    child, pipe = forked(lambda: write_numbered(path, 100_000))
    time.sleep(life_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(pipe, "rb") as said:
        whole = said.read().rpartition(b"\n")[0].splitlines()
    assert os.WIFSIGNALED(status), "the child ended by itself"
    return int(whole[-1]) if whole else 0


def kill_again_and_again(folder: Path, kills: int, seed: int) -> int:
    """Kill children at random moments, on journals that earlier ones left; return how often one had begun to write."""
    luck, promised, wrote = Random(seed), 0, 0  # noqa: S311 - not for secrets
    longest_s = LONGEST_LIFE_S
    path = folder / "warm.journal.sqlite"
    opened(path).close()  # all that is imported late is there before the first fork
    for number in range(kills):
        if number % KILLS_A_JOURNAL == 0:
            path, promised = folder / f"{number}.journal.sqlite", 0
        last = promised_before_death(path, luck.random() * longest_s)
        wrote += last > 0
        if not wrote:
            longest_s *= _LONGER  # on a slow machine they would all be killed before their first word
        promised = max(promised, last)
        promised = check(path, promised, read_only=number % 2 == 0)
    return wrote


def check(path: Path, promised: int, *, read_only: bool) -> int:
    if not read_only:
        with opened(path) as journal:
            check_numbered(journal, promised)
            return journal.last_seq
    try:
        with JournalReader.open(path) as reader:
            check_numbered(reader, promised)
            return reader.last_seq()
    except UsageError:  # killed before there was a journal
        assert promised == 0
        assert not path.exists()
        return 0


def test_sixty_killed_writers_lose_nothing(quick_folder):
    seed = int(time.time())
    print(f"seed {seed}")
    assert kill_again_and_again(quick_folder, 60, seed) > 0


@pytest.mark.soak
def test_thousands_of_killed_writers_lose_nothing(quick_folder):
    seed = int(os.environ.get("KEEL_SOAK_SEED", time.time()))
    print(f"seed {seed}")
    kill_again_and_again(quick_folder, 2_000, seed)
