"""Logs of live trading begin anew by day and size, hold no secret, and outlast a full disk and a second process."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest

from keel.domain.errors import UsageError
from keel.domain.orders import OrderSide
from keel.domain.venue_messages import VenueFill
from keel.runs.live_logs import RotatingLogFile, live_logs
from keel.runs.logs import run_logs

LOG = logging.getLogger("keel.live")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
DAY_S = 24 * 3600
FILL = VenueFill(
    *("T7", "BTCUSDT", "k1", "17", OrderSide.SELL, Decimal("0.00100"), Decimal("43210.10"), Decimal("0.04"), "USDT"),
    maker=False,
    ts_ms=5,
)


@contextmanager
def log_file(path: Path, *, most_bytes: int = 1_000_000, kept: int = 3):
    file = RotatingLogFile(path, logging.INFO, "%(message)s", most_bytes=most_bytes, kept=kept)
    try:
        yield file
    finally:
        file.close()


def record(message: str, at_s: float = NOON) -> logging.LogRecord:
    made = logging.LogRecord("keel", logging.INFO, "x.py", 1, message, None, None)
    made.created = at_s
    return made


def texts(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_three_logs_take_what_is_theirs(tmp_path):
    with live_logs(tmp_path, "run-1") as logs:
        LOG.info("bar closed")
        LOG.error("socket lost")
        logs.write_fill(FILL)
    rest = "keel.trades: SELL 0.00100 BTCUSDT at 43210.10 fee 0.04 USDT taker order k1 trade T7"
    assert [line.split(" ", 1)[1] for line in logs.path.read_text().splitlines()] == [
        "run-1 INFO keel.live: bar closed",
        "run-1 ERROR keel.live: socket lost",
        f"run-1 INFO {rest}",
    ]
    assert logs.errors_path.read_text().endswith(" run-1 ERROR keel.live: socket lost\n")
    assert logs.trades_path.read_text().endswith(f" run-1 INFO {rest}\n")
    assert {path.name for path in tmp_path.iterdir()} == {"live-trading.log", "errors.log", "trades.log"}
    assert logging.getLogger("keel.trades").handlers == []
    assert not [one for one in logging.getLogger("keel").handlers if not isinstance(one, logging.NullHandler)]


def test_secrets_are_blanked(tmp_path, monkeypatch):
    monkeypatch.setenv("BINANCE_API_SECRET", "abcdef0123456789")
    with live_logs(tmp_path, "run-1"):
        LOG.error("signed with %s", "abcdef0123456789")
    assert "abcdef0123456789" not in "".join(texts(tmp_path).values())


def test_full_file_is_put_aside_before_the_line_that_is_too_much_and_the_oldest_goes(tmp_path):
    with log_file(tmp_path / "x.log", most_bytes=30, kept=2) as file:
        for number in range(8):
            file.emit(record(f"line {number}....."))  # 12 bytes and an end
    assert texts(tmp_path) == {
        "x.log": "line 6.....\nline 7.....\n",
        "x.log.1": "line 4.....\nline 5.....\n",
        "x.log.2": "line 2.....\nline 3.....\n",
    }


def test_new_utc_day_begins_a_new_file_also_after_a_restart(tmp_path):
    path = tmp_path / "x.log"
    with log_file(path) as file:
        file.emit(record("day 1"))
        file.emit(record("day 1, late", NOON + DAY_S / 2 - 1))
        file.emit(record("day 2", NOON + DAY_S / 2))
    assert texts(tmp_path) == {"x.log": "day 2\n", "x.log.1": "day 1\nday 1, late\n"}
    os.utime(path, (NOON + DAY_S, NOON + DAY_S))
    with log_file(path) as file:
        file.emit(record("day 2, again", NOON + DAY_S))
        file.emit(record("day 3", NOON + 2 * DAY_S))
    os.utime(path, (NOON + 2 * DAY_S, NOON + 2 * DAY_S))
    with log_file(path) as file:
        file.emit(record("day 9", NOON + 8 * DAY_S))
    assert texts(tmp_path) == {
        "x.log": "day 9\n",
        "x.log.1": "day 3\n",
        "x.log.2": "day 2\nday 2, again\n",
        "x.log.3": "day 1\nday 1, late\n",
    }


def test_line_larger_than_a_file_may_be_is_written_alone(tmp_path):
    with log_file(tmp_path / "x.log", most_bytes=10) as file:
        file.emit(record("a line of its own"))
        file.emit(record("b"))
    assert texts(tmp_path) == {"x.log": "b\n", "x.log.1": "a line of its own\n"}


def test_file_put_aside_by_another_process_is_left_for_the_new_one(tmp_path):
    path = tmp_path / "x.log"
    with log_file(path) as ours, log_file(path, most_bytes=20) as other:
        ours.emit(record("ours 1"))
        other.emit(record("other, too long for it"))
        ours.emit(record("ours 2"))
        path.unlink()
        ours.emit(record("ours 3"))
    assert texts(tmp_path) == {"x.log": "ours 3\n", "x.log.1": "ours 1\n"}


WRITER = """
import logging, sys
from pathlib import Path
from keel.runs.live_logs import RotatingLogFile
file = RotatingLogFile(Path(sys.argv[1]), 20, "%(message)s", most_bytes=10_000, kept=500)
print("ready", flush=True)
sys.stdin.readline()
for number in range(9000):
    file.emit(logging.LogRecord("k", 20, "", 1, f"{sys.argv[2]} {number} " + 80 * "x", None, None))
"""


def test_two_processes_that_rotate_one_file_lose_no_line(tmp_path):
    path = tmp_path / "x.log"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], **pipes) for name in "ab"]
    assert [process.stdout.readline() for process in running] == ["ready\n"] * 2
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in running:
        process.communicate(timeout=60)
        assert process.returncode == 0
    lines = "".join(texts(tmp_path).values()).splitlines()
    assert len(set(lines)) == len(lines) == 18_000
    assert len(texts(tmp_path)) > 100


def test_refused_write_is_warned_of_once_and_tried_again_after_a_minute(tmp_path, capsys):
    path = tmp_path / "x.log"
    path.symlink_to("/dev/full")
    with log_file(path) as file:
        for second in (0, 1, 61, 122):
            file.emit(record("lost", NOON + second))
        assert capsys.readouterr().err == f"warning: {path} is incomplete: no space left on device\n"
        path.unlink()
        file.emit(record("still lost", NOON + 123))
        file.emit(record("there again", NOON + 190))
        file.emit(record("and on", NOON + 191))
    assert path.read_text() == "there again\nand on\n"
    assert capsys.readouterr().err == ""


def test_backtest_beside_a_live_run_keeps_its_own_lines(tmp_path):
    with live_logs(tmp_path, "live-1"), run_logs(tmp_path, "sim-1") as run:
        LOG.error("both hear")
    assert run.run_path.read_text().endswith("both hear\n")
    assert len((tmp_path / "errors.log").read_text().splitlines()) == 2


def test_log_that_cannot_be_opened_is_one_line(tmp_path):
    (tmp_path / "trades.log").mkdir()
    with pytest.raises(UsageError, match=r"cannot write .*trades\.log"), live_logs(tmp_path, "run-1"):
        pass
    assert not [one for one in logging.getLogger("keel").handlers if not isinstance(one, logging.NullHandler)]


def test_what_a_library_complains_of_is_in_the_file_and_not_on_the_terminal(tmp_path: Path):
    script = (
        "import logging, sys\nfrom pathlib import Path\nfrom keel.runs.live_logs import live_logs\n"
        "with live_logs(Path(sys.argv[1]), 'run'):\n"
        "    logging.getLogger('some.sdk').error('ConnectionClosedOK')\n"
        "    logging.getLogger('keel.live').info('ours')\n"
        "logging.getLogger('some.sdk').error('afterwards')\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stderr == "afterwards\n"
    lines = (tmp_path / "live-trading.log").read_text().splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["ConnectionClosedOK", "ours"]
    assert (tmp_path / "errors.log").read_text() == ""


def test_lines_go_to_a_terminal_that_has_no_view_without_their_tracebacks(tmp_path: Path):
    terminal = StringIO()
    with live_logs(tmp_path, "run", lines_to=terminal):
        try:
            raise ValueError("wrong")
        except ValueError:
            LOG.exception("it failed")
    assert terminal.getvalue().count("\n") == 1
    assert terminal.getvalue().endswith("ERROR it failed\n")
    assert "ValueError: wrong" in (tmp_path / "errors.log").read_text()
