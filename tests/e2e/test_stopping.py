"""Ctrl+C, SIGTERM, kill switch, drawdown, lost account: what is there is kept and marked, and one line says why."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from .desk import Desk, Outcome, constant, finish, interrupt, refusal, wait_for

SLOW = """
class S(EventStrategy):
    def on_bar(self, context):
        Path("beat").write_text(f"{len(context.bars)} {time.time()}")
        time.sleep(0.02)
        context.set_target("ACME/USDT", 0.5 if len(context.bars) % 4 < 2 else 0.0)
"""
THINKING = """
class S(VectorStrategy):
    def target_weights(self, bars):
        Path("beat").write_text("1 0")
        time.sleep(2)
        return np.zeros((len(bars), bars.n))
"""


def started(desk: Desk, body: str = SLOW, bars: int = 1) -> subprocess.Popen[str]:
    """Start a backtest and wait until its strategy has seen that many bars."""
    process = desk.starting_backtest(desk.strategy(body))
    wait_for(lambda: last_beat(desk)[0] >= bars or process.poll() is not None, "the first bars")
    return process


def last_beat(desk: Desk) -> tuple[int, float]:
    path = desk.folder / "beat"
    rows, _, moment = (path.read_text() if path.exists() else "").partition(" ")
    return (int(rows), float(moment)) if moment else (0, 0.0)


def assert_partial_result(desk: Desk, outcome: Outcome, status: str) -> None:
    folder = desk.run_folder()
    assert str(folder.relative_to(desk.folder)) in outcome.err
    assert json.loads((folder / "manifest.json").read_text())["status"] == status
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["status"] == status
    assert 0 < metrics["period"]["bars"] < metrics["period"]["bars_planned"] == 300
    assert metrics["orders"]["filled"] > 0
    assert "partial result" in (folder / "report.html").read_text()
    assert "partial result" in outcome.out
    assert f"after {metrics['period']['bars']} of 300 bars" in outcome.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_keeps_the_partial_result_and_marks_it(desk: Desk, number: int) -> None:
    outcome = interrupt(started(desk, bars=20), number)
    assert refusal(outcome, 130).startswith("interrupted after ")
    assert_partial_result(desk, outcome, "interrupted")


def test_ctrl_c_before_the_first_bar_ends_at_once_and_leaves_nothing(desk: Desk) -> None:
    asked = time.monotonic()
    outcome = interrupt(started(desk, THINKING))
    assert time.monotonic() - asked < 60
    assert refusal(outcome) == "interrupted before there was a result to keep"
    assert desk.files() == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_while_results_are_written_leaves_nothing_half_written(desk: Desk, number: int) -> None:
    outcome = interrupted_while_writing(desk, number)
    while outcome.code == 0:  # on a busy machine it may be through before we have seen its first file
        shutil.rmtree(desk.folder / "artifacts")
        outcome = interrupted_while_writing(desk, number)
    assert refusal(outcome) == "interrupted before there was a result to keep"
    assert desk.files() == {}


def interrupted_while_writing(desk: Desk, number: int) -> Outcome:
    ignored = signal.signal(number, signal.SIG_DFL) if number == signal.SIGHUP else None
    try:  # under nohup hang-ups are ignored, and a child takes that over
        process = desk.starting_backtest()
    finally:
        if number == signal.SIGHUP:
            signal.signal(number, ignored or signal.SIG_DFL)
    wait_for(lambda: list(desk.folder.glob("artifacts/.*/equity.parquet")) or process.poll() == 0, "the first files")
    return finish(process) if process.poll() == 0 else interrupt(process, number)


def test_run_that_ignores_hang_ups_goes_on(desk: Desk) -> None:
    command = ["nohup", *desk.backtest_command()]
    process = desk.start(*command, start_new_session=True, stdin=subprocess.DEVNULL)
    wait_for(lambda: list(desk.folder.glob("artifacts/.*")), "the run's folder")
    os.killpg(process.pid, signal.SIGHUP)
    assert finish(process).code == 0


def test_kill_switch_keeps_a_run_from_starting_until_it_is_reset_with_a_reason(desk: Desk) -> None:
    (desk.folder / "state").mkdir()
    (desk.folder / "state" / "kill_switch.flag").touch()
    line = desk.refused(code=3)
    assert "state/kill_switch.flag exists" in line
    assert "scripts/reset_kill_switch.py --reason" in line
    assert "--reason" in refusal(desk.script("scripts/reset_kill_switch.py"))
    assert "reason" in refusal(desk.script("scripts/reset_kill_switch.py", "--reason", " "))
    assert (desk.folder / "state" / "kill_switch.flag").exists()
    assert desk.script("scripts/reset_kill_switch.py", "--reason", "looked, it was a drill").code == 0
    lines = (desk.folder / "state" / "kill_switch.log").read_text().splitlines()
    seen, record = (json.loads(line) for line in lines)
    assert (seen["event"], record["event"]) == ("tripped", "reset")
    assert record["reason"] == "looked, it was a drill"
    assert abs(record["ts_ms"] / 1000 - time.time()) < 60
    assert desk.backtest().code == 0


def test_flag_removed_by_hand_is_recorded_when_the_next_run_starts(desk: Desk) -> None:
    flag = desk.folder / "state" / "kill_switch.flag"
    flag.parent.mkdir(exist_ok=True)
    flag.touch()
    assert desk.backtest().code == 3
    flag.unlink()
    assert desk.backtest().code == 0
    lines = (desk.folder / "state" / "kill_switch.log").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["tripped", "removed"]


def test_kill_switch_stops_a_running_backtest_and_says_so(desk: Desk) -> None:
    process = started(desk, bars=20)
    (desk.folder / "state" / "e2e.kill_switch.flag").touch()
    pulled = time.time()
    outcome = finish(process)
    line = refusal(outcome, 3)
    assert last_beat(desk)[1] - pulled < 10.0
    assert line.startswith("stopped by the kill switch (state/e2e.kill_switch.flag exists) after ")
    assert line.endswith('then: python scripts/reset_kill_switch.py --run e2e --reason "..."')
    assert_partial_result(desk, outcome, "kill_switch")


def test_kill_switch_pulled_while_a_strategy_thinks_lets_no_bar_be_played(desk: Desk) -> None:
    process = started(desk, THINKING)
    (desk.folder / "state" / "kill_switch.flag").touch()
    assert "no result to keep" in refusal(finish(process), 3)
    assert desk.files() == {}


def test_drawdown_limit_halts_the_run_with_its_own_exit_code(desk: Desk) -> None:
    outcome = desk.backtest(*on_market(desk, "CRASH", 1.0), "--set", "risk.max_drawdown=0.2")
    line = refusal(outcome, 4)
    assert line.startswith("halted by risk.max_drawdown 0.2 at 2021-01-0")
    metrics = json.loads((desk.run_folder() / "metrics.json").read_text())
    assert (metrics["status"], metrics["orders"]["filled"]) == ("halted", 1)
    assert metrics["period"]["halted"] is not None


def test_short_that_loses_all_equity_stops_the_run_with_its_own_exit_code(desk: Desk) -> None:
    margin = "account: {initial_cash: 100000, type: margin, initial_margin: 0.5, maintenance_margin: 0}"
    desk.configure(
        ("account: {initial_cash: 100000}", margin),
        ("min_notional: 5", "min_notional: 5, shortable: true"),
    )
    outcome = desk.backtest(*on_market(desk, "RALLY", -1.0))
    line = refusal(outcome, 4)
    assert line.startswith("equity fell to zero after ")
    metrics = json.loads((desk.run_folder() / "metrics.json").read_text())
    assert metrics["status"] == "bankrupt"
    assert metrics["period"]["bars"] < metrics["period"]["bars_planned"]
    assert metrics["strategy"]["end_equity"] <= 0.0 < metrics["benchmark"]["end_equity"]


def on_market(desk: Desk, market: str, weight: float) -> tuple[str, ...]:
    return desk.strategy(constant(weight)), "--set", f"data.symbols=[{market}/USDT]"
