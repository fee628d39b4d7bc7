"""A full or read-only disk stops appends with one line; nothing is half-written, and it goes on once there is room."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_entries import check_numbered, numbered, opened

from keel.domain.errors import UsageError
from keel.journal.journal import Journal
from keel.journal.reading import JournalReader
from keel.journal.refusals import JournalError


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("this user may not mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    if os.geteuid() == 0:
        with mounted(folder, "--bind", str(folder)):
            remount = ["mount", "-o", "remount,ro,bind", str(folder)]
            if subprocess.run(remount, capture_output=True, check=False).returncode != 0:
                pytest.skip("this user may not mount a file system read-only")
            yield
        return
    folder.chmod(0o555)
    try:
        yield
    finally:
        folder.chmod(0o755)


def append_until_refused(journal: Journal) -> str:
    for _ in range(2_000):
        first = journal.last_seq + 1
        try:
            journal.append([numbered(first), numbered(first + 1)])
        except JournalError as refused:
            assert journal.last_seq == first - 1
            return str(refused)
    raise AssertionError("nothing was refused")


def test_full_disk_refuses_the_append_whole_and_takes_it_once_there_is_room(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    with mounted(folder, "-t", "tmpfs", "-o", "size=700k", "tmpfs"):
        ballast = folder / "ballast"
        path = folder / "live.journal.sqlite"
        with opened(path) as journal:
            ballast.write_bytes(bytes(200_000))
            line = append_until_refused(journal)
            assert line.startswith(f"cannot use the journal {path}: ")
            assert "free some space" in line
            before = journal.last_seq
            check_numbered(journal, before)
            journal.append_lazily(numbered(before + 1))
            with pytest.raises(JournalError):
                journal.append([numbered(seq) for seq in range(before + 2, before + 60)])
            assert journal.waiting == 1  # what was noted is kept for when there is room
            ballast.unlink()
            assert journal.append([numbered(before + 2)]) == before + 2
        with opened(path) as journal:
            check_numbered(journal, before + 2)
            assert journal.last_seq == before + 2


def test_largest_file_refuses_the_append_whole_and_takes_it_once_there_is_room(tmp_path):
    path = tmp_path / "live.journal.sqlite"
    with opened(path) as journal:
        journal.append([numbered(1)])
        with largest_file(path.with_name(f"{path.name}-wal").stat().st_size + 50_000):
            line = append_until_refused(journal)
        assert line.startswith(f"cannot use the journal {path}: ")
        before = journal.last_seq
        assert journal.append([numbered(before + 1)]) == before + 1
    with opened(path) as journal:
        check_numbered(journal, before + 1)
        assert journal.last_seq == before + 1


def test_journal_that_cannot_be_begun_leaves_nothing(tmp_path):
    with largest_file(20_000), pytest.raises(UsageError, match=r"cannot (use|write)"):
        opened(tmp_path / "live.journal.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_copy_that_does_not_fit_leaves_the_older_one(tmp_path):
    with opened(tmp_path / "live.journal.sqlite") as journal:
        journal.append([numbered(seq) for seq in range(1, 100)])
        older = journal.save_copy()
        with largest_file(30_000), pytest.raises(UsageError):
            journal.save_copy()
    assert sorted(tmp_path.iterdir()) == [older, tmp_path / "live.journal.sqlite"]


def test_read_only_folder_is_refused_to_a_run_and_readable_to_people(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    path = folder / "live.journal.sqlite"
    with opened(path) as journal:
        journal.append([numbered(1)])
    with read_only(folder):
        with pytest.raises(UsageError, match="make the file and its folder writable"):
            opened(path)
        with pytest.raises(UsageError, match="cannot"):
            opened(folder / "new.journal.sqlite")
        with JournalReader.open(path) as reader:
            check_numbered(reader, 1)
