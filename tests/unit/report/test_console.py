"""The console table shows every figure at 80 and at 120 columns."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from keel.metrics.summary import summarise
from keel.report.summary import print_summary


def printed(summary, width: int, folder: Path | None = None) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_summary(console, summary, "moving-average", folder)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_every_subject_is_shown_and_no_line_is_wrapped_or_too_wide(make_run, width):
    out = printed(summarise(make_run(rows=3000)), width, Path("artifacts/run-1"))
    lines = out.splitlines()
    assert max(map(len, lines)) <= width
    for words in (
        "Total return", "Annual growth (CAGR)", "Annual volatility", "Sharpe ratio", "Sortino ratio", "Calmar ratio",
        "Max drawdown", "Its length", "Exposure", "Turnover a year", "Closed trades", "Win rate", "Profit factor",
        "Average win", "Average loss", "Fees", "Spread", "Impact", "Rounding", "Buy ", "Sell ", "Hold ",
        "Refused: not shortable", "Buy and hold", "USDT", "bps", "1 Jan 2021", "artifacts/run-1",
    ):  # fmt: skip
        assert words in out, words
    assert not any(line.strip() in {"recovered)", "(not"} for line in lines)


def test_wide_console_has_costs_beside_returns(make_run):
    summary = summarise(make_run(rows=500))
    assert any("Strategy" in line and "bps" in line for line in printed(summary, 120).splitlines())
    assert not any("Strategy" in line and "bps" in line for line in printed(summary, 80).splitlines())


def test_partial_run_says_so_and_how_far_it_came(make_run):
    out = printed(summarise(make_run(rows=1, status="kill_switch")), 80)
    assert "Stopped by the kill switch" in out
    assert "1 of 1 bars" in out


def test_markup_in_a_name_is_printed_not_obeyed(make_run):
    console = Console(file=io.StringIO(), width=80, color_system=None)
    print_summary(console, summarise(make_run(rows=50)), "[red]name[/red]")
    assert "[red]name[/red]" in console.file.getvalue()
