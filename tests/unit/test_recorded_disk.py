"""The recorder of disks keeps what was synced, and nothing that only seemed to be written."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path
from random import Random

import pytest
from recorded_disk import Disk, Step, can_trace, record

pytestmark = pytest.mark.skipif(not can_trace(), reason="strace is missing, or not allowed to look at a process")
HEAD = """
import os, sys
folder = sys.argv[1]
def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
def write(path, data, at=0):
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    os.pwrite(descriptor, data, at)
    os.close(descriptor)
a, b = os.path.join(folder, "a"), os.path.join(folder, "b")
"""


def steps_of(tmp_path: Path, program: str, *arguments: str) -> list[Step]:
    (tmp_path / "state").mkdir()
    command = [sys.executable, "-c", HEAD + program, str(tmp_path / "state"), *arguments]
    return record(command, tmp_path / "state", tmp_path / "trace")


def left(tmp_path: Path, steps: list[Step], luck: Random | None = None) -> dict[str, bytes]:
    disk = Disk(tmp_path / "state")
    for step in steps:
        disk.play(step)
    return disk.after_power_cut(luck)


def test_bytes_stay_with_a_sync_of_their_file_and_names_with_one_of_their_folder(tmp_path):
    program = "write(a, b'one'); sync(a); sync(folder); write(a, b'two', 3); write(b, b'x'); sync(b)"
    assert left(tmp_path, steps_of(tmp_path, program)) == {"a": b"one"}


def test_bytes_written_after_a_sync_wait_for_the_next(tmp_path):
    steps = steps_of(tmp_path, "write(a, b'one'); sync(folder); sync(a); write(a, b'ONE'); os.truncate(a, 2); sync(a)")
    at_syncs = [index for index, step in enumerate(steps) if step.kind == "sync"]
    assert [left(tmp_path, steps[: index + 1]) for index in at_syncs] == [{"a": b""}, {"a": b"one"}, {"a": b"ON"}]


def test_rename_and_removal_stay_with_a_sync_of_the_folder(tmp_path):
    program = "write(a, b'one'); sync(a); sync(folder); os.rename(a, b); sync(b)"
    assert left(tmp_path, steps_of(tmp_path, program)) == {"a": b"one"}
    (tmp_path / "state" / "b").unlink()
    (tmp_path / "state").rmdir()
    program += "; sync(folder); write(a, b'new'); sync(a); sync(folder); os.unlink(a)"
    assert left(tmp_path, steps_of(tmp_path, program)) == {"a": b"new", "b": b"one"}


def test_luck_keeps_some_of_what_was_not_synced_and_all_that_was(tmp_path):
    program = "write(a, b'1' * 600); sync(a); sync(folder); write(a, b'2' * 2000, 600)"
    steps = steps_of(tmp_path, program)
    found = {left(tmp_path, steps, Random(seed))["a"] for seed in range(40)}  # noqa: S311 - not for secrets
    assert {one[:600] for one in found} == {b"1" * 600}
    assert {b"1" * 600, b"1" * 600 + b"2" * 2000} < found
    assert any(b"\0" in one for one in found)


def test_what_is_said_to_a_socket_stands_in_its_place_among_the_writes(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hear() -> None:
            with server.accept()[0] as peer:
                peer.recv(10)

        thread = threading.Thread(target=hear)
        thread.start()
        program = """
import socket
with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as peer:
    write(a, b"intent"); sync(a)
    peer.sendall(b"POST"); write(a, b"answer", 6)
"""
        steps = steps_of(tmp_path, program, str(server.getsockname()[1]))
        thread.join()
    assert [(step.kind, step.data) for step in steps] == [
        *(("create", b""), ("write", b"intent"), ("sync", b""), ("say", b"POST"), ("write", b"answer"))
    ]
    assert "127.0.0.1" in steps[3].path


def test_sync_covers_only_what_was_written_before_it_began(tmp_path):
    """Of two threads: the write ends while the sync is on its way, so nobody can say whether it is on the disk."""
    steps = [
        Step("create", str(tmp_path / "state" / "a"), began=0),
        Step("sync", str(tmp_path / "state"), began=1),
        Step("write", str(tmp_path / "state" / "a"), began=2, data=b"x"),
        Step("sync", str(tmp_path / "state" / "a"), began=2),
    ]
    (tmp_path / "state").mkdir()
    assert left(tmp_path, steps) == {"a": b""}
    steps[3] = Step("sync", str(tmp_path / "state" / "a"), began=3)
    assert left(tmp_path, steps) == {"a": b"x"}


def test_calls_of_several_threads_are_told_apart(tmp_path):
    program = """
import threading
def work(path):
    for number in range(50):
        write(path, bytes([number]) * 100, number * 100); sync(path)
threads = [threading.Thread(target=work, args=(path,)) for path in (a, b)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sync(folder)
"""
    whole = b"".join(bytes([number]) * 100 for number in range(50))
    assert left(tmp_path, steps_of(tmp_path, program)) == {"a": whole, "b": whole}


def test_call_that_cannot_be_replayed_is_not_passed_over(tmp_path):
    with pytest.raises(NotImplementedError, match="link below "):
        steps_of(tmp_path, "write(a, b'x'); os.link(a, b)")


def test_names_below_the_folder_it_runs_in_are_known(tmp_path):
    program = "os.chdir(folder); write('a', b'x'); sync('a'); write('b', b'y'); sync('.'); os.unlink('b'); sync('.')"
    assert left(tmp_path, steps_of(tmp_path, program)) == {"a": b"x"}


def test_writes_in_sequence_and_at_the_end_are_put_where_they_went(tmp_path):
    program = """
with open(a, "wb", buffering=0) as file:
    file.write(b"01234"); file.seek(2); file.write(b"X"); file.write(b"Y")
with open(a, "ab", buffering=0) as file, open(a, "ab", buffering=0) as other:
    file.write(b"-one"); other.write(b"-two"); file.write(b"-three")
sync(a); sync(folder)
"""
    assert left(tmp_path, steps_of(tmp_path, program)) == {"a": b"01XY4-one-two-three"}


def test_program_that_fails_is_no_recording(tmp_path):
    with pytest.raises(RuntimeError, match="ValueError: no"):
        steps_of(tmp_path, "raise ValueError('no')")
