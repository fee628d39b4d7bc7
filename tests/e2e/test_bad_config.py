from __future__ import annotations

from pathlib import Path

import pytest

from .desk import Desk, refusal


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("data.timefram=1d", ["data.timefram", "data.timeframe"]),
        ("account.initial_cash=much", ["account.initial_cash", "expected a number", "much"]),
        ("account.initial_cash=.inf", ["account.initial_cash", "finite"]),
        ("fees.taker_bps=100", ["fees.taker_bps", "100 bps is 1% a side", "did you mean 10"]),
        ("fees.taker_bps=0.001", ["fees.taker_bps", "fraction", "write 10"]),
        ("data.start=2021-01-05T00:00:00", ["data.start", "has no zone", "add Z"]),
        ("mode=live", ["mode", "use script_live.py"]),
        ("nonsense", ["write key=value"]),
        ("strategy.class=mine", ["strategy.class", "module:Class"]),
    ],
)
def test_wrong_setting_is_refused_by_key_with_the_mend(desk: Desk, setting: str, told: list[str]) -> None:
    line = desk.refused("--set", setting)
    assert all(part in line for part in told), line


@pytest.mark.parametrize("end", ["2021-01-02", "2021-01-01"])
def test_start_at_or_after_the_end_is_refused(desk: Desk, end: str) -> None:
    assert "data.end" in desk.refused("--set", "data.start=2021-01-02", "--set", f"data.end={end}")


def test_unknown_key_in_the_file_is_named_with_file_line_and_nearest_key(desk: Desk) -> None:
    desk.configure(("timeframe: 1h", "timefrme: 1h"))
    line = desk.refused()
    assert line.startswith("config.yaml:3: ")
    assert "data.timefrme" in line
    assert "data.timeframe" in line


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"- a\n", "got a list"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"mode: [sim\n", "config.yaml:"),
        (b"mode: sim\n", "data"),
    ],
)
def test_file_that_is_no_config_is_refused_by_name(desk: Desk, content: bytes, told: str) -> None:
    (desk.folder / "config.yaml").write_bytes(content)
    line = desk.refused()
    assert line.startswith("config.yaml")
    assert told in line


def test_config_that_is_not_there_or_a_folder_is_refused_by_name(desk: Desk, tmp_path: Path) -> None:
    (desk.folder / "config.yaml").unlink()
    assert desk.refused() == "config.yaml: no such file"
    (desk.folder / "config.yaml").mkdir()
    assert "is a folder" in desk.refused()


def test_wrong_command_line_is_one_line(desk: Desk) -> None:
    assert "--config" in refusal(desk.script("script_backtest.py"))
    assert "--confg" in refusal(desk.script("script_backtest.py", "--confg", "config.yaml"))
    assert "extra" in refusal(desk.backtest("extra"))


@pytest.mark.parametrize("folder", ["artifacts_dir", "logs_dir", "state_dir"])
def test_folder_below_a_file_is_refused_by_the_gate_before_anything_runs(desk: Desk, folder: str) -> None:
    line = desk.refused("--set", f"run.{folder}=config.yaml/here", code=3)
    assert "cannot write config.yaml/here" in line
    assert "move it away" in line
