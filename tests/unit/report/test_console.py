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
        "Denied: not shortable", "Rejected: insufficient funds",
        "Expectancy", "Value at risk", "Most losses in a row",
        "Buy and hold", "USDT", "bps", "1 Jan 2021", "artifacts/run-1",
    ):  # fmt: skip
        assert words in out, words
    assert not any(line.strip() in {"recovered)", "(not"} for line in lines)


def test_signals_of_a_whole_universe_do_not_bury_the_rest(make_run):
    summary = summarise(make_run())
    counts = {"buy": 1, "sell": 2, "hold": 3}
    summary["signals"]["by_instrument"] = {f"S{at}": counts for at in range(500)}
    summary["signals"]["by_member"] = {"trend": counts}
    out = printed(summary, 120)
    assert all(words in out for words in ("S11 ", "488 more", "trend"))
    assert "S12 " not in out
    summary["signals"]["by_instrument"] = {f"S{at}": counts for at in range(12)}
    assert " more" not in printed(summary, 120)


def test_wide_console_has_costs_beside_returns(make_run):
    summary = summarise(make_run(rows=500))
    assert any("Strategy" in line and "bps" in line for line in printed(summary, 120).splitlines())
    assert not any("Strategy" in line and "bps" in line for line in printed(summary, 80).splitlines())


def test_no_figure_is_cut_however_extreme(make_run):
    summary = summarise(make_run(rows=3000))
    for curve in (summary["strategy"], summary["benchmark"]):
        curve.update(total_return=1.2345e30, cagr=-9.87e12, turnover=1.5e13, end_equity=1.2345678e25)
    summary["trades"].update(best=1.25e25, best_return=3.5e20)
    for width in (80, 120):
        out = printed(summary, width)
        assert "…" not in out
        assert "+1.23e+32%" in out
        assert "−9.87e+14%" in out
        assert "3.50e+22%" in "".join(out.split())


def test_flows_of_cash_are_told_by_their_direction_and_only_where_there_were_any(make_run):
    summary = summarise(make_run(rows=300))
    summary["cashflows"].update(funding=-12.5, dividends=3.0)
    out = printed(summary, 80)
    assert any(line.split() == ["Funding", "paid", "12.50"] for line in out.splitlines())
    assert any(line.split() == ["Dividends", "received", "3.00"] for line in out.splitlines())
    assert "Interest" not in out
    summary["cashflows"] = dict.fromkeys(summary["cashflows"], 0.0)
    assert "Paid and received" not in printed(summary, 80)


def test_heading_breaks_between_its_parts_and_says_whose_clock_it_is(make_run):
    summary = summarise(make_run(rows=300, symbols=("LONGNAME1/USDT", "LONGNAME2/USDT")))
    summary["period"].update(start="2021-01-01T14:30:00Z", end="2022-12-30T21:00:00Z")
    for width in (60, 80):
        assert "1 Jan 2021 14:30 UTC – 30 Dec 2022 21:00 UTC" in printed(summary, width)


def test_longest_drawdown_is_shown_only_where_it_is_not_the_deepest(make_run):
    summary = summarise(make_run(rows=300))
    for curve in (summary["strategy"], summary["benchmark"]):
        curve.update(max_drawdown_days=12.0, longest_drawdown_days=12.0)
    assert "Longest drawdown" not in printed(summary, 80)
    summary["benchmark"]["longest_drawdown_days"] = 30.0
    assert "Longest drawdown" in printed(summary, 80)


def test_orders_made_to_leave_room_for_fees_are_no_fault(make_run):
    summary = summarise(make_run(rows=300))
    assert summary["clipped"] == {"buying_power": summary["clipped"]["buying_power"]}
    out = printed(summary, 80)
    assert "Orders made to fit" in out
    assert "Held back for reserve and fees" in out
    assert "Made smaller" not in out
    summary["clipped"] = {"max_order": 3}
    out = printed(summary, 80)
    assert "Made smaller: max order" in out
    assert "Held back" not in out


def test_partial_run_says_so_and_how_far_it_came(make_run):
    out = printed(summarise(make_run(rows=1, status="kill_switch")), 80)
    assert "Stopped by the kill switch" in out
    assert "1 of 1 bars" in out


def test_markup_in_a_name_is_printed_not_obeyed(make_run):
    console = Console(file=io.StringIO(), width=80, color_system=None)
    print_summary(console, summarise(make_run(rows=50)), "[red]name[/red]")
    assert "[red]name[/red]" in console.file.getvalue()
