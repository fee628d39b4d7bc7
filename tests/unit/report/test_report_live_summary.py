from __future__ import annotations

import io
import re

import pytest
from made_status import NAN, NO_LATENCY, made_order, made_position, made_status
from rich.console import Console

from keel.report.live_summary import print_live_summary


def printed(status, why="Ctrl+C", fees=None, width=80) -> tuple[str, str]:
    """Return what is printed, as text and with its colours."""
    file = io.StringIO()
    console = Console(width=width, force_terminal=True, color_system="standard", file=file, record=True)
    print_live_summary(console, status, why, fees)
    return console.export_text(), file.getvalue()


def red(coloured: str) -> str:
    return "\n".join(line for line in coloured.splitlines() if line.startswith("\x1b[1;31m"))


@pytest.mark.parametrize("width", [80, 120])
def test_a_summary_tells_why_it_ended_and_what_it_earned(width):
    text, _ = printed(made_status(), "stopped by Ctrl+C", 123.4, width)
    for words in ("PRACTICE", "Ended: stopped by Ctrl+C", "104,231.57", "+4,231.57", "−312.44", "2.13%", "123.40"):
        assert words in text
    for words in (
        "201 (94%)",
        "377",
        "6 (0.03%)",
        "305 ms",
        "2025-11-25 21:20:01 UTC to 2025-11-29 01:25:13 UTC, 3d 04h",
    ):
        assert words in text
    assert max(map(len, text.splitlines())) <= width


def test_fees_that_are_not_known_are_not_claimed():
    assert "Fees" not in printed(made_status())[0]


def test_what_is_still_open_at_the_venue_is_red_and_unknown_orders_come_first():
    text, coloured = printed(made_status(n_positions=1, n_orders=5, n_orders_unknown=1))
    left = red(coloured)
    assert "Still open at binance: 1 position, 5 orders, 1 of unknown outcome" in left
    assert "BTCUSDT  0.3463, value 31,600.00" in left
    lines = [line for line in text.splitlines() if "(k7fK" in line]
    assert len(lines) == 5
    assert "unknown" in lines[0]
    assert "sell market 0.75" not in text
    assert "buy market 0.75, cancelling" in text


def test_a_dry_run_leaves_nothing_at_a_venue():
    text, coloured = printed(made_status(dry_run=True, environment="real"))
    assert "DRY RUN" in text
    assert "Still open in the simulation: 3 positions, 2 orders" in text
    assert red(coloured) == ""


def test_nothing_left_is_said():
    assert "Nothing is left open." in printed(made_status(0, 0))[0]


def test_an_unknown_outcome_alone_is_not_nothing():
    assert "Still open at binance: 1 of unknown outcome" in printed(made_status(0, 0, n_orders_unknown=1))[0]


def test_long_lists_are_cut_with_their_count():
    status = made_status(
        positions=tuple(made_position(i) for i in range(60)), orders=tuple(made_order(i) for i in range(33))
    )
    text, _ = printed(status)
    assert "60 positions, 33 orders" in text
    assert "and 40 more positions" in text
    assert "and 13 more orders" in text


def test_figures_that_are_not_known_are_dashes():
    text, _ = printed(
        made_status(
            equity=NAN, pnl_total=NAN, submit_latency=NO_LATENCY, n_orders_sent=0, n_orders_filled=0, n_requests=0
        )
    )
    assert re.search(r"\bnan\b", text, re.IGNORECASE) is None
    assert "0 (–)" in text


def test_words_of_others_are_no_markup():
    text, _ = printed(made_status(), "[red]venue\x1b[2J said no")
    assert "Ended: [red]venue\\x1b[2J said no" in text
