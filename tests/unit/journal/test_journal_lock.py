"""Two runs on one account exclude each other, however the first one ends; a file that was left behind locks nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_entries import fork

from keel.domain.clock import WallClock
from keel.domain.errors import GateRefusedError, UsageError
from keel.journal.lock import RunLock, account_name

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
ACCOUNT = account_name("binance", "real", KEY)
HOLDER = """
import sys, time
from pathlib import Path
from keel.domain.clock import WallClock
from keel.journal.lock import RunLock
with RunLock(Path(sys.argv[1]), sys.argv[2], clock=WallClock()):
    print("held", flush=True)
    sys.stdin.read()
print("released", flush=True)
time.sleep(60)
"""


def lock(folder: Path, account: str = ACCOUNT) -> RunLock:
    return RunLock(folder, account, clock=WallClock())


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(folder), ACCOUNT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_second_process_is_refused_and_told_who_and_since_when(tmp_path):
    with holder(tmp_path) as process:
        with pytest.raises(GateRefusedError) as refused:
            lock(tmp_path).take()
        line = str(refused.value)
        assert f"process {process.pid} on " in line
        assert " since 20" in line
        assert "UTC" in line
        assert "\n" not in line
        assert KEY not in line
        with lock(tmp_path, account_name("binance", "practice", KEY)) as other:
            assert other.is_held


def test_lock_goes_with_a_process_that_is_killed_and_its_file_locks_nothing(tmp_path):
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert lock(tmp_path).path.exists()
        with lock(tmp_path) as ours:
            assert json.loads(ours.path.read_text())["pid"] == os.getpid()


def test_released_lock_can_be_taken_while_its_process_lives_on(tmp_path):
    with holder(tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        assert process.stdout.readline() == "released\n"
        with lock(tmp_path):
            assert process.poll() is None


@pytest.mark.parametrize("left", [b"", b"\xff\xfe", b'{"pid": 1}', b"[]", b'{"pid":"x","host":1,"since_ms":1e99}'])
def test_rubbish_in_the_file_locks_nothing_and_breaks_no_refusal(tmp_path, left):
    lock(tmp_path).path.write_bytes(left)
    with lock(tmp_path) as ours:
        ours.path.write_bytes(left)
        with pytest.raises(GateRefusedError, match="has not yet signed"):
            lock(tmp_path).take()


def test_one_process_cannot_take_it_twice_either(tmp_path):
    with lock(tmp_path) as ours:
        assert ours.take() is ours
        with pytest.raises(GateRefusedError, match=f"process {os.getpid()} "):
            lock(tmp_path).take()
    with lock(tmp_path):
        pass


def test_child_of_the_run_does_not_keep_the_account_locked(tmp_path):
    ours = lock(tmp_path).take()
    child = fork()
    if child == 0:
        signal.pause()
    try:
        ours.release()
        with lock(tmp_path):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_program_started_by_the_run_does_not_keep_the_account_locked(tmp_path):
    script = (  # -3 is nowhere
        "import subprocess, sys; from pathlib import Path; from keel.domain.clock import WallClock;"
        "from keel.journal.lock import RunLock; RunLock(Path(sys.argv[1]), sys.argv[2], clock=WallClock()).take();"
        "print(subprocess.Popen(['sleep', '60'], close_fds=False, stdout=-3, stderr=-3).pid)"
    )
    command = [sys.executable, "-c", script, str(tmp_path), ACCOUNT]
    child = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    try:
        with lock(tmp_path):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def test_file_removed_under_the_lock_is_noticed_by_who_comes_next(tmp_path, monkeypatch):
    """The remover thinks it cleans up; two processes must not hold two files of one name unknowingly."""
    victim = lock(tmp_path)
    opening = victim._open

    def open_and_lose() -> int:
        descriptor = opening()
        victim.path.unlink()
        return descriptor

    monkeypatch.setattr(victim, "_open", open_and_lose)
    with pytest.raises(GateRefusedError, match="removed while it was being locked"):
        victim.take()


def test_name_tells_accounts_apart_and_hides_the_key():
    names = {
        account_name(venue, environment, key)
        for venue in ("binance", "alpaca")
        for environment in ("practice", "real")
        for key in (KEY, KEY[:-1])
    }
    assert len(names) == 8
    assert account_name("binance", "real", KEY) == ACCOUNT
    digits = ACCOUNT.removeprefix("binance-real-")
    assert len(digits) == 16
    assert not any(KEY[at : at + 4] in digits for at in range(len(KEY) - 3))


def test_folder_that_takes_no_file_is_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"cannot lock .*: no such file or directory"):
        lock(tmp_path / "gone").take()
    (tmp_path / "real").touch()
    (tmp_path / f"{ACCOUNT}.lock").symlink_to(tmp_path / "real")
    with pytest.raises(UsageError, match="cannot lock"):
        lock(tmp_path).take()
