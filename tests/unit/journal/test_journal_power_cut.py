"""A power cut takes nothing that `append` had promised: proven from the system calls of a real process."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from shutil import rmtree

import made_entries
import pytest
from made_entries import check_numbered, opened
from recorded_disk import Disk, Step, can_trace, record

from keel.journal.reading import JournalReader

pytestmark = pytest.mark.skipif(not can_trace(), reason="strace is missing, or not allowed to look at a process")


def steps_of_a_run(tmp_path: Path, batches: int, sessions: int) -> list[Step]:
    (tmp_path / "state").mkdir()
    path = tmp_path / "state" / "cut.journal.sqlite"
    command = [sys.executable, made_entries.__file__, str(path), str(batches), str(sessions)]
    return record(command, tmp_path / "state", tmp_path / "trace")


def cut_everywhere(tmp_path: Path, quick_folder: Path, steps: list[Step], torn: int, seed: int) -> int:
    """Cut the power before and after each sync, and torn at random points; return how many cuts were made."""
    luck = Random(seed)  # noqa: S311 - not for secrets
    at_syncs = {index + side for index, step in enumerate(steps) if step.kind in ("sync", "say") for side in (0, 1)}
    at_random = {luck.randrange(len(steps) + 1) for _ in range(torn)}
    disk, promised, copied, cuts = Disk(tmp_path / "state"), 0, 0, 0
    for index in range(len(steps) + 1):
        for wanted, dice in ((at_syncs, None), (at_random, luck)):
            if index in wanted:
                recover(quick_folder / f"cut{cuts}", disk.after_power_cut(dice), promised, copied)
                cuts += 1
        if index < len(steps):
            disk.play(steps[index])
            if steps[index].kind == "say":
                if steps[index].data.strip().isdigit():
                    promised = int(steps[index].data)
                else:
                    copied = promised
    assert promised
    assert copied
    return cuts


def recover(folder: Path, files: dict[str, bytes], promised: int, copied: int) -> None:
    folder.mkdir()
    for name, data in files.items():
        if not name.endswith("-shm"):
            (folder / name).write_bytes(data)
    if promised:
        assert (folder / "cut.journal.sqlite").exists()
    with opened(folder / "cut.journal.sqlite") as journal:
        check_numbered(journal, promised)
        seq = journal.last_seq
        assert journal.append([made_entries.numbered(seq + 1)]) == seq + 1
    copies = sorted(folder.glob("*.copy.sqlite"))
    assert copies or not copied
    for copy in copies:  # each is whole, and the newest has all that was there when it was promised
        with JournalReader.open(copy) as reader:
            check_numbered(reader, copied if copy == copies[-1] else 0)
    rmtree(folder)


def test_every_promised_entry_outlives_a_power_cut_at_any_moment(tmp_path, quick_folder):
    steps = steps_of_a_run(tmp_path, batches=7, sessions=3)
    assert cut_everywhere(tmp_path, quick_folder, steps, torn=100, seed=1) > 200


def test_every_byte_of_an_append_is_synced_before_it_returns(tmp_path):
    """What waits for a sync when a promise is spoken is nothing at all."""
    steps = steps_of_a_run(tmp_path, batches=5, sessions=1)
    unsynced: set[int] = set()
    for index, step in enumerate(steps):
        if step.path.endswith("-shm"):
            continue
        if step.kind == "write":
            unsynced.add(index)
        elif step.kind == "sync":
            unsynced -= {one for one in unsynced if one < step.began and steps[one].path == step.path}
        elif step.kind == "say":
            assert not unsynced


@pytest.mark.soak
def test_promised_entries_outlive_power_cuts_while_the_log_is_put_away(tmp_path, quick_folder):
    steps = steps_of_a_run(tmp_path, batches=120, sessions=2)
    cut_everywhere(tmp_path, quick_folder, steps, torn=1000, seed=2)
