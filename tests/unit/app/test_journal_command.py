"""`python -m keel journal`: what a run wrote, picked, in words or JSON, beside a running writer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keel.app.cli import run_cli
from keel.app.commands import app
from keel.domain.clock import WallClock
from keel.journal.entries import Alarm, Decision, KillSwitchSeen, Note
from keel.journal.journal import Journal
from keel.journal.names import JournalName

Show = Callable[..., tuple[int, str, str]]
LIVE = JournalName("momentum", "binance", "practice", dry_run=False)
HOUR_MS = 3_600_000


class EarlierClock(WallClock):
    """Tell a time some while ago."""

    ago_ms = 0

    def wall_ms(self) -> int:
        return super().wall_ms() - self.ago_ms


@pytest.fixture
def clock() -> EarlierClock:
    return EarlierClock()


@pytest.fixture
def writer(tmp_path: Path, clock: EarlierClock) -> Iterator[Journal]:
    with Journal.open(LIVE.path(tmp_path), clock=clock, redact=str) as journal:
        clock.ago_ms = 2 * HOUR_MS
        journal.append([Note("two hours ago"), Alarm("long forgotten", symbol="ETHUSDT")])
        clock.ago_ms = 0
        why = {"BTCUSDT": "trend up", "ETHUSDT": "no bar"}
        journal.append([Decision(1, {"BTCUSDT": 0.5, "ETHUSDT": None}, why, 1.5), Alarm("look here", symbol="BTCUSDT")])
        yield journal


@pytest.fixture
def show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Show:
    def show(*options: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            run_cli(app, ["journal", "--state-dir", str(tmp_path), *options])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return show


def test_table_tells_time_level_kind_symbol_and_what_happened(writer, show):
    code, out, _ = show()
    assert code == 0
    head, *rows = out.splitlines()
    assert head.split() == ["time", "(UTC)", "level", "kind", "symbol", "what"]
    assert [row.split()[2:5] for row in rows] == [
        ["info", "Note", "two"],
        ["error", "Alarm", "ETHUSDT"],
        ["info", "Decision", "BTCUSDT"],
        ["error", "Alarm", "BTCUSDT"],
    ]
    assert "BTCUSDT 0.5 trend up; ETHUSDT as it was no bar" in rows[2]


def test_options_pick(writer, show):
    def picked(*options: str) -> list[int]:
        return [json.loads(line)["seq"] for line in show("--json", *options)[1].splitlines()]

    assert picked() == [1, 2, 3, 4]
    assert picked("--last", "1h") == [3, 4]
    assert picked("--last", "3h", "--level", "error") == [2, 4]
    assert picked("--last", "1h", "--level", "error") == [4]
    assert picked("--kind", "Note", "--kind", "decision") == [1, 3]
    assert picked("--symbol", "ETHUSDT") == [2, 3]
    assert picked("--order", "k1") == []
    assert picked("--last", "90s", "--kind", "Note") == []


def test_json_line_holds_the_whole_entry(writer, show):
    line = json.loads(show("--json", "--kind", "Decision")[1])
    assert line["body"]["weights"] == {"BTCUSDT": 0.5, "ETHUSDT": None}
    assert {"seq", "ts_ms", "wall_ms", "session", "kind", "level", "subject", "client_order_id", "body"} == line.keys()


def test_nothing_found_is_said_and_no_failure(writer, show):
    assert show("--kind", "FillBooked")[:2] == (0, "no such entry\n")


def test_text_from_outside_cannot_move_the_cursor_or_break_the_output(writer, show):
    writer.append([Note("\x1b[2J wiped \ud800\nsecond line [bold]x[/]")])
    code, out, _ = show("--kind", "Note")
    assert code == 0
    assert "\\x1b[2J wiped \\xd800 second line [bold]x[/]" in out
    assert show("--kind", "Note", "--json")[0] == 0


def test_run_is_found_by_its_name_and_several_are_told_apart(writer, show, tmp_path):
    assert show("--run", "momentum")[0] == 0
    assert show("--run", "momentum-binance-practice")[0] == 0
    with Journal.open(
        JournalName("momentum", "binance", "real", dry_run=True).path(tmp_path), clock=WallClock(), redact=str
    ):
        for options in ((), ("--run", "momentum")):
            code, _, error = show(*options)
            assert code == 2
            assert "by its whole name, --run momentum-binance-practice or --run momentum-binance-real-dry" in error
        assert show("--run", "momentum-binance-real-dry")[1] == "no such entry\n"


def test_a_dry_run_s_journal_is_not_shown_for_that_of_the_run_itself(show, tmp_path):
    with Journal.open(
        JournalName("momentum", "binance", "practice", dry_run=True).path(tmp_path), clock=WallClock(), redact=str
    ):
        code, out, error = show("--run", "momentum-binance-practice")
        assert (code, out) == (2, "")
        assert "of momentum-binance-practice in " in error
        assert error.endswith(" but that of its dry run: --run momentum-binance-practice-dry\n")
        assert show("--run", "momentum")[0] == 0, "a beginning that only one has"


def test_drift_tells_of_several_journals_in_its_own_words(writer, tmp_path, capsys):
    with (
        Journal.open(
            JournalName("momentum", "binance", "practice", dry_run=True).path(tmp_path), clock=WallClock(), redact=str
        ),
        pytest.raises(SystemExit) as ended,
    ):
        run_cli(app, ["drift", "momentum", "--state-dir", str(tmp_path)])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    ways = [f"python -m keel drift momentum-binance-practice{dry}" for dry in ("", "-dry")]
    assert told.endswith(f" several journals of momentum: choose one by its whole name, {' or '.join(ways)}\n")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--run", "nobody"], "there is no journal of nobody in "),
        (["--path", "gone.journal.sqlite"], "there is no journal gone.journal.sqlite"),
        (["--path", "{here}/notes.txt"], "is no journal of Keel"),
        (["--last", "yesterday"], "--last yesterday: expected a number and a unit"),
        (["--level", "loud"], "--level loud: expected info, warn, error"),
        (["--kind", "Nothing"], "--kind Nothing: expected one of SessionStarted"),
    ],
)
def test_what_cannot_be_shown_is_one_line_and_exit_2(writer, show, tmp_path, options, what):
    (tmp_path / "notes.txt").write_text("notes")
    code, out, error = show(*(option.format(here=tmp_path) for option in options))
    assert (code, out) == (2, "")
    assert what in error
    assert error.count("\n") == 1


def test_empty_state_folder_is_one_line_and_exit_2(show, tmp_path):
    assert show() == (2, "", f"error: there is no journal in {tmp_path}; there is none at all\n")


def test_following_shows_what_a_running_writer_adds_and_ends_with_ctrl_c(writer, tmp_path):
    command = [
        sys.executable,
        "-m",
        "keel",
        "journal",
        "--state-dir",
        str(tmp_path),
        "--json",
        "--follow",
        "--last",
        "1h",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert [json.loads(process.stdout.readline())["seq"] for _ in range(2)] == [3, 4]
        writer.append([KillSwitchSeen("state/kill_switch.flag exists")])
        line = json.loads(process.stdout.readline())
        assert (line["seq"], line["kind"], line["level"]) == (5, "KillSwitchSeen", "error")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr.read() == b""
