from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import sys
import typer
from keel.app.cli import run_cli
from keel.domain.errors import ConfigError, GateRefusedError, HaltTradingError

def work(how: str, count: int = 1) -> None:
    '''Do it.'''
    if how == "config":
        raise ConfigError("x.yaml:3: unknown key\\n  s3cr3t-value")
    if how == "gate":
        raise GateRefusedError("no")
    if how == "halt":
        raise HaltTradingError("stopped")
    if how == "bug":
        raise ZeroDivisionError("s3cr3t-value")
    if how == "exit":
        raise typer.Exit(3)
    if how == "wait":
        print("ready", flush=True)
        import time
        time.sleep(30)
    for number in range(count):
        print(how, number)

run_cli(work)
"""


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    (folder / "script.py").write_text(SCRIPT)
    environ = os.environ | {"PYTHONPATH": str(ROOT), "EXCHANGE_API_SECRET": "s3cr3t-value"}
    return subprocess.Popen(
        [sys.executable, "script.py", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environ,
    )


def outcome(folder: Path, *arguments: str) -> tuple[int, str, str]:
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_a_run_that_works_exits_with_0(tmp_path: Path) -> None:
    assert outcome(tmp_path, "hello") == (0, "hello 0\n", "")


def test_each_failure_is_one_line_and_its_own_exit_code(tmp_path: Path) -> None:
    assert outcome(tmp_path, "config") == (2, "", "error: x.yaml:3: unknown key [redacted]\n")
    assert outcome(tmp_path, "gate") == (3, "", "error: no\n")
    assert outcome(tmp_path, "halt") == (4, "", "error: stopped\n")
    assert outcome(tmp_path, "exit") == (3, "", "")


def test_a_wrong_command_line_exits_with_2_in_one_line(tmp_path: Path) -> None:
    for arguments in (("--nope",), (), ("hello", "--count", "three")):
        code, out, err = outcome(tmp_path, *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("error: ")
        assert "--help explains the options" in err


def test_a_group_without_a_command_prints_its_help_and_no_empty_error(tmp_path: Path) -> None:
    for command in (["-m", "keel"], ["-m", "keel", "config"], [str(ROOT / "scripts" / "import_bars.py")]):
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=environ, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (2, "")
        assert "Usage" in done.stdout
        assert "Commands" in done.stdout


def test_a_bug_says_so_and_keeps_its_traceback_without_secrets(tmp_path: Path) -> None:
    code, out, err = outcome(tmp_path, "bug")
    assert (code, out) == (1, "")
    expected = "error: this is a bug in Keel: ZeroDivisionError: [redacted]; the traceback is in logs/errors.log\n"
    assert err == expected
    trace = (tmp_path / "logs" / "errors.log").read_text()
    assert "script.py" in trace
    assert "ZeroDivisionError: [redacted]" in trace
    assert "s3cr3t-value" not in trace.replace('ZeroDivisionError("s3cr3t-value")', "")


def test_a_bug_whose_traceback_cannot_be_kept_shows_it(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    code, _, err = outcome(tmp_path, "bug")
    assert code == 1
    assert "cannot write logs" in err
    assert "script.py" in err


def test_an_interrupt_before_a_result_is_one_line_and_exits_with_2(tmp_path: Path) -> None:
    process = start(tmp_path, "wait")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, "error: interrupted before there was a result to keep\n")


def test_a_reader_that_goes_away_is_no_bug(tmp_path: Path) -> None:
    process = start(tmp_path, "line", "--count", "200000")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(timeout=60)
    assert not (tmp_path / "logs").exists()
