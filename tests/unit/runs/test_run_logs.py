from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from keel.domain.errors import UsageError
from keel.domain.layout import EVENT
from keel.domain.orders import EventKind
from keel.runs.frames import fills_frame
from keel.runs.logs import record_failure, run_logs

LOG = logging.getLogger("keel.engine")
needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


def fills(count: int) -> np.ndarray:
    tape = np.zeros(count, EVENT)
    tape["kind"], tape["side"], tape["qty"], tape["price"] = EventKind.FILLED, 1, 0.25, 101.5
    tape["reference_price"], tape["fee"], tape["order_id"] = 101.0, 0.1, np.arange(count)
    return tape


def test_records_go_to_the_run_log_in_utc_and_errors_to_errors_log_too(tmp_path: Path) -> None:
    with run_logs(tmp_path, "demo-1%") as logs:
        LOG.debug("too fine")
        LOG.info("started with %d bars", 3)
        LOG.error("went wrong")
    lines = logs.run_path.read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "INFO keel.engine: started with 3 bars",
        "ERROR keel.engine: went wrong",
    ]
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line) for line in lines)
    (error,) = (tmp_path / "errors.log").read_text().splitlines()
    assert error.endswith(" demo-1% ERROR keel.engine: went wrong")


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system cannot change its zone in a process")
def test_times_are_utc_wherever_the_machine_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as there:
        there.setenv("TZ", "XST-9")
        time.tzset()
        with run_logs(tmp_path, "demo") as logs:
            LOG.info("noon")
    time.tzset()
    logged = datetime.fromisoformat(logs.run_path.read_text().split(" ", 1)[0])
    assert abs(logged - datetime.now(UTC)) < timedelta(hours=1)


def test_nothing_global_is_left_behind(tmp_path: Path) -> None:
    keel = logging.getLogger("keel")
    before = (keel.level, keel.propagate, list(keel.handlers), list(logging.getLogger().handlers))
    with pytest.raises(ZeroDivisionError), run_logs(tmp_path, "demo"):
        raise ZeroDivisionError
    assert (keel.level, keel.propagate, list(keel.handlers), list(logging.getLogger().handlers)) == before


def test_no_secret_reaches_a_log_not_even_in_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_TOKEN", "t0ken-value")
    with run_logs(tmp_path, "demo") as logs:
        LOG.info("using %s", "t0ken-value")
        try:
            raise ValueError("refused t0ken-value")
        except ValueError:
            LOG.exception("call failed")
        logs.write_fills(fills_frame(fills(1), ["t0ken-value"]))
    record_failure(tmp_path, "Traceback ... t0ken-value")
    texts = [path.read_text() for path in tmp_path.iterdir()]
    assert not any("t0ken-value" in text for text in texts)
    assert sum(text.count("[redacted]") for text in texts) == 7, (
        "3 in the run's log, 2 in errors.log, 1 trade, 1 failure"
    )


def test_each_fill_is_a_line_of_trades_log_that_later_runs_add_to(tmp_path: Path) -> None:
    for run_id in ("one", "two"):
        with run_logs(tmp_path, run_id) as logs:
            logs.write_fills(fills_frame(fills(1), ["BTC/USDT"]))
            logs.write_fills(fills_frame(fills(0), ["BTC/USDT"]))
    line = (
        "1970-01-01T00:00:00.000Z {} BUY 0.25 BTC/USDT at 101.5 (reference 101.0) fee 0.1 spread 0.0 impact 0.0 order 0"
    )
    assert (tmp_path / "trades.log").read_text().splitlines() == [line.format("one"), line.format("two")]


def test_a_hundred_thousand_fills_are_logged_in_half_a_second(tmp_path: Path) -> None:
    with run_logs(tmp_path, "demo") as logs:
        frame = fills_frame(fills(100_000), ["BTC/USDT"])
        began = time.process_time()
        logs.write_fills(frame)
        # Ten times the promise: a busy machine passes, a logging call per fill does not.
        assert time.process_time() - began < 5.0
    assert (tmp_path / "trades.log").read_text().count("\n") == 100_000


def test_a_log_that_may_grow_no_more_costs_one_warning_but_not_the_run(tmp_path: Path) -> None:
    script = f"""
import logging, resource
from pathlib import Path
from keel.runs.logs import run_logs
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
with run_logs(Path({str(tmp_path)!r}), "demo"):
    for number in range(1000):
        logging.getLogger("keel").info("line %d", number)
print("went on")
"""
    root = str(Path(__file__).resolve().parents[3])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": root}
    )
    assert (done.returncode, done.stdout) == (0, "went on\n")
    assert done.stderr == f"warning: {tmp_path / 'demo.log'} is incomplete: file too large\n"


@needs_dev_full
def test_a_full_disk_costs_the_log_and_one_warning_but_not_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("demo.log", "trades.log"):
        (tmp_path / name).symlink_to("/dev/full")
    with run_logs(tmp_path, "demo") as logs:
        LOG.info("first")
        LOG.info("second")
        logs.write_fills(fills_frame(fills(1), ["BTC/USDT"]))
    warnings = capsys.readouterr().err.splitlines()
    assert warnings == [
        f"warning: {tmp_path / name} is incomplete: no space left on device" for name in ("demo.log", "trades.log")
    ]


def test_a_malformed_logging_call_is_a_bug_that_shows(tmp_path: Path) -> None:
    with pytest.raises(TypeError), run_logs(tmp_path, "demo"):
        LOG.info("%d bars", "three")


def test_a_log_that_cannot_be_opened_is_named_and_the_others_are_closed(tmp_path: Path) -> None:
    before = list(logging.getLogger("keel").handlers)
    (tmp_path / "errors.log").mkdir()
    with (
        pytest.raises(UsageError, match=r"cannot write .*errors\.log: is a directory"),
        run_logs(tmp_path, "demo"),
    ):
        pass
    assert logging.getLogger("keel").handlers == before


def test_a_character_that_utf8_lacks_does_not_cost_the_line(tmp_path: Path) -> None:
    with run_logs(tmp_path, "demo") as logs:
        LOG.info("file caf\udce9.csv")
    assert logs.run_path.read_text().endswith("file caf\\udce9.csv\n")
