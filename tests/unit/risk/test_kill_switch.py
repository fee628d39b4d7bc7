from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from keel.config.run import RunSection
from keel.domain.errors import UsageError
from keel.risk.kill_flag import run_flags_in
from keel.risk.kill_switch import KillSwitch

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
ROOT = Path(__file__).resolve().parents[3]


class HandClock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(params=[None, "live"], ids=["of all", "of one run"])
def switch(tmp_path: Path, request: pytest.FixtureRequest) -> KillSwitch:
    """Return a switch; what a test does to its own flag must hold for the one of all runs, and for a run's."""
    return KillSwitch(tmp_path, request.param)


@pytest.fixture
def live(tmp_path: Path) -> KillSwitch:
    return KillSwitch(tmp_path, "live")


def test_the_flag_trips_the_switch_whatever_it_is(tmp_path: Path, switch: KillSwitch) -> None:
    assert not switch.is_tripped()
    switch.own.path.touch()
    assert switch.own.path.name in ("kill_switch.flag", "live.kill_switch.flag")
    assert switch.why_tripped() == f"{switch.own.path} exists"
    switch.own.path.unlink()
    switch.own.path.symlink_to(tmp_path / "nowhere")
    assert switch.is_tripped()


def test_a_missing_state_folder_trips_the_switch_where_it_fails_closed_only(tmp_path: Path) -> None:
    missing = tmp_path / "state"
    assert not KillSwitch(missing).is_tripped()
    assert "cannot be read (no such file" in str(KillSwitch(missing, fail_closed=True).why_tripped())
    missing.mkdir()
    assert not KillSwitch(missing, fail_closed=True).is_tripped()


@pytest.mark.parametrize("fail_closed", [False, True])
def test_a_state_folder_that_cannot_be_read_trips_the_switch(tmp_path: Path, *, fail_closed: bool) -> None:
    (tmp_path / "state").write_text("a file")
    why = KillSwitch(tmp_path / "state", fail_closed=fail_closed).why_tripped()
    assert why == f"the state folder {tmp_path / 'state'} cannot be read (not a directory)"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_state_folder_without_permission_trips_the_switch(tmp_path: Path, switch: KillSwitch) -> None:
    tmp_path.chmod(0)
    try:
        assert switch.is_tripped()
    finally:
        tmp_path.chmod(0o700)


def test_the_sampler_looks_at_once_and_then_once_an_interval(switch: KillSwitch) -> None:
    clock = HandClock()
    sampler = switch.sampled(0.05, clock)
    assert not sampler.is_tripped()
    switch.own.path.touch()
    clock.now_s += 0.049
    assert not sampler.is_tripped()
    clock.now_s += 0.002
    assert sampler.is_tripped()
    assert sampler.why == f"{switch.own.path} exists"
    assert switch.sampled(0.05, clock).is_tripped()


def test_the_default_interval_leaves_room_within_the_50_ms_of_rule_18(switch: KillSwitch) -> None:
    clock = HandClock()
    sampler = switch.sampled(clock=clock)
    assert not sampler.is_tripped()
    switch.own.path.touch()
    clock.now_s += 0.0251
    assert sampler.is_tripped()


def test_a_tripped_sampler_never_recovers_though_the_flag_goes(switch: KillSwitch) -> None:
    clock = HandClock()
    sampler = switch.sampled(0.05, clock)
    switch.own.path.touch()
    assert sampler.is_tripped()
    switch.own.reset("drill")
    clock.now_s += 10.0
    assert sampler.is_tripped()
    assert not switch.is_tripped()


def test_a_running_loop_sees_the_flag_within_50_ms(switch: KillSwitch) -> None:
    sampler = switch.sampled()
    tripped_at: list[float] = []

    def pull() -> None:
        switch.own.path.touch()
        tripped_at.append(time.monotonic())

    puller = threading.Timer(0.1, pull)
    puller.start()
    while not sampler.is_tripped():
        time.sleep(0.001)
    seen = time.monotonic()
    puller.join()
    # The promise is 50 ms; the rest is for a busy machine's scheduler. A fake clock checks the promise itself.
    assert seen - tripped_at[0] < 10.0


def test_a_reset_is_on_record_with_its_reason_before_the_flag_goes(switch: KillSwitch) -> None:
    before_ms = time.time_ns() // 1_000_000
    for reason in ("feed was stale,\nfixed", "“drill”"):
        switch.own.path.touch()
        assert switch.own.reset(reason)
        assert not switch.is_tripped()
    first, second = (json.loads(line) for line in switch.own.record.read_text(encoding="utf-8").splitlines())
    assert (first["reason"], second["reason"]) == ("feed was stale,\nfixed", "“drill”")
    assert before_ms <= first["ts_ms"] <= second["ts_ms"] <= time.time_ns() // 1_000_000
    assert set(first) == {"ts_ms", "event", "reason", "user"}


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_an_empty_reason_is_refused_and_the_flag_stays(switch: KillSwitch, reason: str) -> None:
    switch.own.path.touch()
    with pytest.raises(UsageError, match="--reason"):
        switch.own.reset(reason)
    assert switch.is_tripped()
    assert not switch.own.record.exists()


def test_a_reset_without_a_flag_says_so_and_records_nothing(switch: KillSwitch) -> None:
    assert not switch.own.reset("nothing there")
    assert not switch.own.record.exists()


def test_a_reset_that_cannot_be_recorded_leaves_the_flag(switch: KillSwitch) -> None:
    switch.own.path.touch()
    switch.own.record.mkdir()
    with pytest.raises(UsageError, match=r"cannot write .*kill_switch\.log"):
        switch.own.reset("drill")
    assert switch.is_tripped()


@needs_dev_full
def test_a_reset_on_a_full_disk_leaves_the_flag(switch: KillSwitch) -> None:
    switch.own.path.touch()
    switch.own.record.symlink_to("/dev/full")
    with pytest.raises(UsageError, match="no space left"):
        switch.own.reset("drill")
    assert switch.is_tripped()


def test_a_flag_that_cannot_be_removed_is_named(switch: KillSwitch) -> None:
    switch.own.path.mkdir()
    with pytest.raises(UsageError, match=r"cannot write .*kill_switch\.flag"):
        switch.own.reset("drill")
    assert switch.is_tripped()


def test_half_a_line_left_by_a_full_disk_does_not_spoil_the_next_record(switch: KillSwitch) -> None:
    switch.own.record.write_text('{"ts_ms": 1, "rea')
    switch.own.path.touch()
    switch.own.reset("drill")
    assert json.loads(switch.own.record.read_text().splitlines()[1])["reason"] == "drill"


def test_no_secret_reaches_the_record(switch: KillSwitch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_API_KEY", "k3y-of-mine")
    switch.own.path.touch()
    switch.own.reset("rotated k3y-of-mine")
    assert json.loads(switch.own.record.read_text())["reason"] == "rotated [redacted]"


def events(switch: KillSwitch) -> list[str]:
    return [json.loads(line)["event"] for line in switch.own.record.read_text().splitlines()]


def test_a_flag_a_run_has_seen_and_someone_removed_by_hand_is_on_record_once(switch: KillSwitch) -> None:
    assert not switch.note_removal()
    switch.own.path.touch()
    assert switch.is_tripped()
    switch.note_tripped()
    switch.note_tripped()
    assert not switch.note_removal(), "the flag stands"
    switch.own.path.unlink()
    assert switch.note_removal()
    assert not switch.note_removal()
    assert events(switch) == ["tripped", "removed"]


def test_a_reset_leaves_no_removal_to_record(switch: KillSwitch) -> None:
    switch.own.path.touch()
    assert switch.is_tripped()
    switch.note_tripped()
    assert switch.own.reset("drill")
    assert not switch.note_removal()
    assert events(switch) == ["tripped", "reset"]


def test_a_record_that_cannot_be_written_keeps_no_run_from_stopping(switch: KillSwitch) -> None:
    switch.own.path.touch()
    assert switch.is_tripped()
    switch.own.record.mkdir()
    switch.note_tripped()
    switch.own.path.unlink()
    with pytest.raises(UsageError):
        switch.note_removal()


def test_two_resets_at_once_both_end_well_and_leave_whole_lines(switch: KillSwitch) -> None:
    switch.own.path.touch()
    outcomes: list[bool] = []
    threads = [threading.Thread(target=lambda: outcomes.append(switch.own.reset("drill"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 8
    records = [json.loads(line)["reason"] for line in switch.own.record.read_text().splitlines()]
    assert records == ["drill"] * sum(outcomes)
    assert not switch.is_tripped()


def reset_command(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "reset_kill_switch.py"), "--state-dir", str(state), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=state, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )


def test_the_command_lifts_the_flag_that_is_meant_and_tells_of_others(tmp_path: Path, live: KillSwitch) -> None:
    for path in live.flag_paths:
        path.touch()
    done = reset_command(tmp_path, "--run", "live", "--reason", "drill")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{live.own.path} removed, recorded in {live.own.record}" in done.stdout
    assert f"{tmp_path / 'kill_switch.flag'} stands; python scripts/reset_kill_switch.py" in done.stdout
    assert live.why_tripped() == f"{tmp_path / 'kill_switch.flag'} exists"
    assert reset_command(tmp_path, "--reason", "drill").returncode == 0
    assert not live.is_tripped()
    assert [json.loads(line)["event"] for line in live.own.record.read_text().splitlines()] == ["reset"]


@pytest.mark.parametrize("arguments", [(), ("--reason", " "), ("--run", "../live", "--reason", "drill")])
def test_the_command_without_a_reason_or_with_a_name_of_no_run_exits_with_2(
    tmp_path: Path, live: KillSwitch, arguments: tuple[str, ...]
) -> None:
    live.flag_paths[0].touch()
    done = reset_command(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert live.is_tripped()


def test_pulling_makes_the_flag_and_records_who_pulled_it_once(switch: KillSwitch) -> None:
    switch.own.pull("POST /kill from 127.0.0.1")
    switch.own.pull("again")
    assert switch.is_tripped()
    switch.note_tripped()
    records = [json.loads(line) for line in switch.own.record.read_text(encoding="utf-8").splitlines()]
    assert [(each["event"], each["reason"]) for each in records] == [("tripped", "POST /kill from 127.0.0.1")]


def test_pulling_works_where_nothing_can_be_recorded_and_refuses_where_no_flag_can_be_made(tmp_path: Path) -> None:
    switch = KillSwitch(tmp_path)
    switch.own.record.mkdir()
    switch.own.pull("the record's name is a folder")
    assert switch.is_tripped()
    with pytest.raises(UsageError, match=r"cannot write .*kill_switch\.flag: no such file"):
        KillSwitch(tmp_path / "gone").own.pull("nowhere to put it")


def test_a_dangling_link_is_a_flag_that_was_pulled_already(switch: KillSwitch) -> None:
    switch.own.path.symlink_to("nowhere")
    switch.own.pull("again")
    assert switch.own.path.is_symlink()


def test_a_flag_that_was_seen_and_removed_by_hand_is_unexplained_until_somebody_says_why(switch: KillSwitch) -> None:
    assert switch.unexplained_removal() is None
    switch.own.path.touch()
    assert switch.is_tripped()
    switch.note_tripped()
    assert switch.unexplained_removal() is None  # it stands
    switch.own.path.unlink()
    assert str(switch.own.path) in str(switch.unexplained_removal())
    assert switch.note_removal()  # a simulation in between takes note, and explains nothing
    assert switch.unexplained_removal() == switch.why_stopped()
    assert switch.own.reset_command in switch.mend()
    with pytest.raises(UsageError, match="with a reason"):
        switch.own.reset(" ")
    assert switch.own.reset("the feed was mended")
    assert switch.unexplained_removal() is None
    assert not switch.own.reset("again")


def test_a_runs_own_flag_stops_that_run_only_and_the_common_one_stops_all(tmp_path: Path, live: KillSwitch) -> None:
    other, nobodys = KillSwitch(tmp_path, "other"), KillSwitch(tmp_path)
    live.own.path.touch()
    assert (live.is_tripped(), other.is_tripped(), nobodys.is_tripped()) == (True, False, False)
    nobodys.own.path.touch()
    assert live.why_tripped() == f"{nobodys.own.path} exists and {live.own.path} exists"
    assert other.why_tripped() == nobodys.why_tripped() == f"{nobodys.own.path} exists"
    assert [flag.run for flag in run_flags_in(tmp_path)] == ["live"]


def test_each_flag_has_a_record_and_a_command_of_its_own(tmp_path: Path, live: KillSwitch) -> None:
    live.own.path.touch()
    assert live.is_tripped()
    live.note_tripped()
    assert [path.name for path in tmp_path.glob("*.log")] == ["live.kill_switch.log"]
    assert "--run live --reason" in live.mend()
    everyones = live.flag_paths[0]
    everyones.touch()
    assert live.is_tripped()
    live.note_tripped()
    assert {path.name for path in tmp_path.glob("*.log")} == {"kill_switch.log", "live.kill_switch.log"}
    assert live.mend().count("reset_kill_switch.py") == 2
    for path in live.flag_paths:
        path.unlink()
    assert "and nobody has said why and " in str(live.unexplained_removal())
    assert live.own.reset("the strategy was mended")
    assert live.unexplained_removal() == f"{everyones} was removed by hand, and nobody has said why"
    assert KillSwitch(tmp_path, "other").unexplained_removal() == live.unexplained_removal()


@pytest.mark.parametrize("name", ["kill_switch", "a.Kill_Switch", "x.kill_switch.flag"])
def test_a_run_whose_files_would_read_as_the_switchs_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="a name without kill_switch"):
        RunSection(name=name)
