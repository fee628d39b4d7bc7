"""A torn end is repaired; anything else that is wrong with a journal's files is refused, with the way back."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from made_entries import check_numbered, numbered, opened

from keel.domain.errors import GateRefusedError, KeelError, UsageError
from keel.journal.journal import Journal
from keel.journal.reading import JournalReader
from keel.journal.refusals import DamagedJournalError

LOG_HEAD = 32
FRAME_HEAD = 24
PAGE = 4096
FRAME = FRAME_HEAD + PAGE


@dataclass
class Left:
    """What a killed process left: the file, its log, and how long the log was after each promised entry."""

    main: bytes
    log: bytes
    sizes: list[int]

    def put(self, folder: Path, *, main: bytes | None = None, log: bytes | None = None) -> Path:
        folder.mkdir()
        path = folder / "live.journal.sqlite"
        path.write_bytes(self.main if main is None else main)
        path.with_name(f"{path.name}-wal").write_bytes(self.log if log is None else log)
        return path


@pytest.fixture(scope="module")
def left(quick: Path) -> Left:
    """Write twelve entries, the first four put away into the main file, and leave without a goodbye."""
    path = quick / "left" / "live.journal.sqlite"
    path.parent.mkdir()
    log = path.with_name(f"{path.name}-wal")
    with opened(path) as journal:
        journal.append([numbered(seq) for seq in range(1, 5)])
    journal = opened(path)
    sizes = [0] * 4
    for seq in range(5, 13):
        journal.append([numbered(seq)])
        sizes.append(log.stat().st_size)
    left = Left(path.read_bytes(), log.read_bytes(), sizes)
    journal.close()
    return left


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :]


def cuts(left: Left) -> list[int]:
    """Return every end of a frame, and every kind of place in the frames of the last commit."""
    ends = range(LOG_HEAD, len(left.log) + 1, FRAME)
    inside = [start + more for start in ends[-9:-1] for more in (1, 8, FRAME_HEAD, FRAME_HEAD + 100, FRAME - 1)]
    return [0, 1, LOG_HEAD - 1, *ends, *inside]


def test_log_cut_anywhere_gives_back_all_that_was_whole(left, quick_folder):
    assert len(cuts(left)) > 80
    for cut in cuts(left):
        whole = sum(size <= cut for size in left.sizes)
        path = left.put(quick_folder / str(cut), log=left.log[:cut])
        with opened(path) as journal:
            assert journal.last_seq == whole
            check_numbered(journal, whole)
            assert journal.append([numbered(whole + 1)]) == whole + 1
        shutil.rmtree(path.parent)


@pytest.mark.parametrize("tail", [bytes(FRAME), b"\xff" * FRAME, b"x"])
def test_rubbish_behind_the_log_is_passed_over(left, quick_folder, tail):
    with opened(left.put(quick_folder / "a", log=left.log + tail)) as journal:
        check_numbered(journal, 12)


def test_last_commit_torn_in_any_of_its_pages_is_dropped_whole(left, quick_folder):
    for start in range(left.sizes[-2], left.sizes[-1], FRAME):
        torn = left.log[:start] + bytes(FRAME) + left.log[start + FRAME :]
        with opened(left.put(quick_folder / str(start), log=torn)) as journal:
            check_numbered(journal, 11)
            assert journal.last_seq == 11


def test_log_that_went_bad_in_its_middle_is_refused(left, quick_folder):
    """SQLite would open it, and forget every promised entry after the bad byte."""
    heads = [LOG_HEAD + frame * FRAME + at for frame in (0, 6, 7, 8, 23) for at in range(0, FRAME_HEAD, 3)]
    places = [*range(0, LOG_HEAD, 3), *heads, *range(LOG_HEAD, left.sizes[-2], FRAME // 3)]
    for at in places:
        path = left.put(quick_folder / str(at), log=flipped(left.log, at))
        with pytest.raises(DamagedJournalError, match="went bad in its middle"):
            opened(path)
        assert path.with_name(f"{path.name}-wal").read_bytes() == flipped(left.log, at)
        shutil.rmtree(path.parent)


def test_what_a_crash_left_in_the_log_is_gone_after_the_next_start(left, quick_folder):
    path = left.put(quick_folder / "a", log=left.log[: left.sizes[-1] - 1])
    journal = opened(path)
    try:
        assert path.with_name(f"{path.name}-wal").stat().st_size == 0
    finally:
        journal.close()


def test_flipped_byte_anywhere_is_refused_or_harmless(left, quick_folder):
    luck, refused = Random(7), 0  # noqa: S311 - not for secrets
    for number in range(150):
        at = luck.randrange(len(left.main))
        path = left.put(quick_folder / str(number), main=flipped(left.main, at))
        try:
            with opened(path) as journal:
                check_numbered(journal, 12)
        except KeelError:
            refused += 1
        shutil.rmtree(path.parent)
    assert refused


def test_changed_entry_is_found_when_it_is_read(left, quick_folder):
    at = left.main.index(b"entry 3 ") + 6
    path = left.put(quick_folder / "a", main=flipped(left.main, at), log=b"")
    with opened(path) as journal:
        found = journal.since(0)
        assert [next(found).seq, next(found).seq] == [1, 2]
        with pytest.raises(DamagedJournalError, match="entry 3 is not as it was written"):
            next(found)


def test_shortened_file_is_refused(left, quick_folder):
    for pages in (1, 3, len(left.main) // PAGE - 1):
        path = left.put(quick_folder / str(pages), main=left.main[: pages * PAGE], log=b"")
        with pytest.raises(DamagedJournalError, match="is damaged"):
            opened(path)


def test_log_without_its_file_is_refused_and_no_new_journal_begun(left, quick_folder):
    path = left.put(quick_folder / "a")
    path.unlink()
    with pytest.raises(DamagedJournalError, match="is gone"):
        opened(path)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"notes\n", b"SQLite format 3\0", b"\0" * 8192])
def test_foreign_file_is_refused_and_left_alone(quick_folder, content):
    path = quick_folder / "live.journal.sqlite"
    path.write_bytes(content)
    for opening in (opened, JournalReader.open):
        with pytest.raises(UsageError, match="no journal of Keel"):
            opening(path)
    assert path.read_bytes() == content
    assert [file.name for file in quick_folder.iterdir()] == [path.name]


def test_database_of_another_program_is_refused_and_left_alone(quick_folder):
    path = quick_folder / "live.journal.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE entries (x)")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="another program's database"):
        opened(path)
    assert path.read_bytes() == before


def test_folder_in_its_place_is_refused(quick_folder):
    (quick_folder / "live.journal.sqlite").mkdir()
    with pytest.raises(UsageError, match="is a directory"):
        opened(quick_folder / "live.journal.sqlite")


def test_journal_of_a_newer_keel_is_refused(left, quick_folder):
    path = left.put(quick_folder / "a", log=b"")
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(GateRefusedError, match=r"written by a newer Keel \(its schema is 9999\): update Keel"):
        opened(path)
    with pytest.raises(UsageError, match="has schema 9999"):
        JournalReader.open(path)


def test_refusal_names_the_newest_copy_and_restoring_it_works(left, quick_folder):
    path = left.put(quick_folder / "a")
    with opened(path) as journal:
        older, newest = journal.save_copy(), None
        journal.append([numbered(13)])
        newest = journal.save_copy()
        journal.append([numbered(14)])
    assert not older.exists()
    path.write_bytes(flipped(path.read_bytes(), 2 * PAGE))
    with pytest.raises(DamagedJournalError) as refused:
        opened(path)
    assert f"copy {newest} to {path}" in str(refused.value)
    path.rename(quick_folder / "moved_away")
    shutil.copy(newest, path)
    with opened(path) as journal:
        assert journal.last_seq == 13
        check_numbered(journal, 13)


def test_refusal_without_a_copy_says_so(left, quick_folder):
    path = left.put(quick_folder / "a", main=left.main[:PAGE], log=b"")
    with pytest.raises(DamagedJournalError, match="there is none beside it"):
        opened(path)


def test_half_made_journal_is_not_taken_for_one(quick_folder, monkeypatch):
    path = quick_folder / "live.journal.sqlite"

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            opened(path)
    assert list(quick_folder.iterdir()) == []
    (quick_folder / ".live.journal.sqlite.draft").write_bytes(b"SQLite format 3\0 left by SIGKILL")
    with opened(path) as journal:
        assert isinstance(journal, Journal)
    assert list(quick_folder.iterdir()) == [path]
