"""The live view as text on consoles of several sizes, and the loop that draws it."""

from __future__ import annotations

import dataclasses
import io
import logging
import re
import threading
import time

import pytest
from made_status import NAN, NO_LATENCY, made_position, made_status
from rich.console import Console

from keel.domain.orders import TradingState
from keel.report import live_text
from keel.report.live_view import KEYS, LivePicture, LiveView, share

SIZES = ((80, 24), (80, 43), (120, 24), (120, 40), (200, 50), (118, 60), (110, 60))


def drawn(status, reasons=(), width=120, height=40) -> list[str]:
    console = Console(width=width, height=height, force_terminal=True, file=io.StringIO(), record=True)
    console.print(LivePicture(status, reasons))
    return [line.rstrip() for line in console.export_text().splitlines()]


def line_of(lines: list[str], start: str) -> str:
    return next(line for line in lines if line.strip().startswith(start))


UNKNOWN_FIGURES = {
    **dict.fromkeys(("equity", "cash", "pnl_total", "pnl_today", "drawdown", "gross_weight"), NAN),
    **dict.fromkeys(("submit_latency", "decide_latency"), NO_LATENCY),
    **dict.fromkeys(("clock_offset_ms", "last_bar_age_s", "last_bar_close_ms")),
    "n_orders_sent": 0,
    "n_requests": 0,
    "risk_used": {"risk.max_drawdown": NAN},
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n", [0, 1, 60])
@pytest.mark.parametrize("changes", [{}, UNKNOWN_FIGURES], ids=["known", "unknown"])
@pytest.mark.parametrize("n_reasons", [0, 9])
def test_every_size_holds_the_whole_picture(size, n, changes, n_reasons):
    width, height = size
    lines = drawn(made_status(n, n, n, **changes), [f"reason {i}" for i in range(n_reasons)], width, height)
    text = "\n".join(lines)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert lines[-1] == KEYS
    assert lines[0].startswith(" PRACTICE  binance")
    for title in ("Risk used", "Machine room", "Positions", "Orders", "Last decisions", "P&L today", "Drawdown"):
        assert title in text
    assert re.search(r"\bnan\b", text, re.IGNORECASE) is None
    assert "None" not in text


def test_more_positions_than_lines_are_counted_and_valued_the_largest_first():
    positions = tuple(made_position(i) for i in range(60))
    lines = drawn(made_status(positions=positions[::-1]), width=80, height=24)
    at = lines.index(line_of(lines, "Positions 60"))
    assert lines[at + 1].startswith("BTCUSDT")
    shown = next(i for i, line in enumerate(lines) if "more: value" in line) - at - 1
    left = positions[shown:]
    value = live_text.money(sum(each.value for each in left))
    gain = live_text.change(sum(each.unrealised_pnl for each in left))
    assert f"and {60 - shown} more: value {value}, P&L {gain}" in lines


def test_positions_that_fit_are_all_shown():
    lines = drawn(made_status(7), height=60)
    assert "more: value" not in "\n".join(lines)
    assert line_of(lines, "BTCUSDT").split()[:6] == ["BTCUSDT", "0.3463", "91,250.15", "31,600.00", "30.32%", "+632.00"]
    assert "−3,668.61707" in line_of(lines, "XRPUSDT")


def test_a_position_without_a_mark_is_drawn_last_with_dashes():
    blind = dataclasses.replace(made_position(0), symbol="BLINDUSDT", mark_price=NAN, value=NAN, weight=NAN)
    lines = drawn(made_status(positions=(blind, made_position(1))))
    at = lines.index(line_of(lines, "Positions 2"))
    assert [lines[at + i].split()[0] for i in (1, 2)] == ["ETHUSDT", "BLINDUSDT"]
    assert lines[at + 2].split()[2:5] == ["–"] * 3


@pytest.mark.parametrize(
    ("environment", "dry_run", "name"),
    [
        ("real", False, "REAL MONEY"),
        ("testnet", False, "TESTNET"),
        ("practice", False, "PRACTICE"),
        ("real", True, "DRY RUN"),
        ("moon", False, "MOON"),
    ],
)
def test_the_band_says_whose_money_it_is_in_a_colour_of_its_own(environment, dry_run, name):
    status = made_status(environment=environment, dry_run=dry_run)
    assert drawn(status)[0].startswith(f" {name}  ")
    red = live_text.world(made_status(environment="real"))[1]
    assert (live_text.world(status)[1] == red) == (name in ("REAL MONEY", "MOON"))


def test_the_band_fills_the_whole_width_in_one_style():
    console = Console(width=80, height=24, force_terminal=True, color_system="truecolor", file=io.StringIO())
    segments = console.render_lines(LivePicture(made_status(environment="real"), ()))[0]
    assert {segment.style.bgcolor.name for segment in segments} == {"#c4121f"}
    assert sum(segment.cell_length for segment in segments) == 80


def test_state_health_and_reasons_stand_under_the_band():
    lines = drawn(made_status(trading_state=TradingState.REDUCING), ["the bars of ETHUSDT are stale"])
    assert lines[1] == " REDUCING  trading  ·  not healthy  ·  last bar 13s ago  ·  4,566 decisions"
    assert lines[2] == " ! the bars of ETHUSDT are stale"
    assert drawn(made_status())[1].startswith(" ACTIVE  trading  ·  healthy")


@pytest.mark.parametrize(("height", "shown"), [(40, 4), (24, 2)])
def test_many_reasons_are_cut_with_their_count(height, shown):
    lines = drawn(made_status(), [f"reason {i}" for i in range(9)], height=height)
    told = [f" ! reason {i}" for i in range(shown - 1)]
    assert lines[2 : 2 + shown] == [*told, f" ! and {10 - shown} more reasons"]


def test_bars_show_how_much_of_each_limit_is_used_and_never_more_than_all():
    used = {
        "risk.daily_loss": 0.5,
        "risk.max_drawdown": 1.31,
        "risk.max_gross_weight": 0.0,
        "risk.max_order_weight": NAN,
    }
    lines = drawn(made_status(0, 0, 0, risk_used=used), width=80)
    bars = {name.removeprefix("risk."): line_of(lines, name.removeprefix("risk.")).split()[1:3] for name in used}
    full = len(bars["max_drawdown"][0])
    assert bars["max_drawdown"] == ["━" * full, "131%"]
    assert bars["daily_loss"] == ["━" * ((full + 1) // 2) + "─" * (full // 2), "50%"]
    assert bars["max_gross_weight"] == ["─" * full, "0%"]
    assert bars["max_order_weight"] == ["─" * full, "–"]


def test_orders_of_unknown_outcome_come_first():
    lines = drawn(made_status(n_orders=9), width=80, height=24)
    at = lines.index(line_of(lines, "Orders 9"))
    assert "unknown" in lines[at + 1]
    assert lines[at + 2] == "and 8 more"


def test_names_of_orders_are_shown_where_there_is_room():
    name = made_status().orders[0].client_order_id
    assert name in "\n".join(drawn(made_status(), width=200, height=50))
    assert name not in "\n".join(drawn(made_status(), width=80))


def test_decisions_come_newest_first_with_their_reasons():
    status = made_status()
    lines = drawn(dataclasses.replace(status, decisions=status.decisions[::-1]))
    at = lines.index(line_of(lines, "Last decisions"))
    assert lines[at + 1].split(maxsplit=4) == ["01:24:13", "UTC", "BTCUSDT", "0.0%", "buy 0.12 at market"]
    assert lines[at + 3].endswith("denied: More than the account could pay for.")


def test_latencies_and_errors_are_in_the_machine_room():
    lines = drawn(made_status(), width=80, height=43)
    for words in ("83 / 305 ms", "6 of 18,232", "4 / 1", "214 / 94%", "2 / 9", "2.3 / 9.4 ms", "−12 ms"):
        assert any(line.endswith(words) for line in lines), words


def test_what_a_venue_wrote_cannot_steer_the_terminal_or_be_read_as_markup():
    status = made_status(run_id="run\x1b[2J[red]x", n_decisions=1)
    lines = drawn(status, ["\x1b]0;owned\x07[bold]stale[/bold]\nline"], width=200, height=50)
    assert "\x1b" not in "\n".join(lines)
    assert "run\\x1b[2J[red]x" in lines[0]
    assert lines[2] == " ! \\x1b]0;owned\\x07[bold]stale[/bold] line"


def test_before_the_first_status_the_view_waits():
    lines = drawn(None, ["there is no status yet: the run is starting"])
    assert lines == [
        "Keel · waiting for the run's first status",
        " ! there is no status yet: the run is starting",
        KEYS,
    ]


@pytest.mark.parametrize(
    ("total", "wants", "least", "given"),
    [
        (10, [61, 10, 21], [3, 3, 3], [4, 3, 3]),
        (30, [61, 2, 5], [3, 3, 3], [23, 2, 5]),
        (30, [2, 2, 2], [3, 3, 3], [2, 2, 2]),
        (4, [9, 9, 9], [3, 3, 3], [3, 1, 0]),
        (0, [9, 9], [3, 3], [0, 0]),
        (-5, [9], [3], [0]),
        (20, [30, 30], [16, 3], [16, 4]),
    ],
)
def test_lines_are_shared_by_need(total, wants, least, given):
    assert share(total, wants, least) == given


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (live_text.lasted, 3.24, "3.2s"),
        (live_text.lasted, 59.4, "59s"),
        (live_text.lasted, 61, "1m 01s"),
        (live_text.lasted, 7_700, "2h 08m"),
        (live_text.lasted, 273_912, "3d 04h"),
        (live_text.lasted, None, "–"),
        (live_text.lasted, NAN, "–"),
        (live_text.price, 91_250.149, "91,250.15"),
        (live_text.price, 2.1534, "2.1534"),
        (live_text.price, 0.000012341, "0.000012341"),
        (live_text.price, 0.0, "–"),
        (live_text.price, NAN, "–"),
        (live_text.quantity, 512_155_591.57212001, "512,155,592"),
        (live_text.quantity, 0.00000001, "0.00000001"),
        (live_text.quantity, -1.5, "−1.5"),
        (live_text.quantity, 0.0, "0"),
        (live_text.quantity, 100.0, "100"),
        (live_text.change, 0.001, "0.00"),
        (live_text.change, 12.3, "+12.30"),
        (live_text.change, -12.3, "−12.30"),
        (live_text.money, float("inf"), "–"),
    ],
)
def test_figures_are_written_for_reading(write, value, text):
    assert write(value) == text


def screen() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(width=80, height=24, force_terminal=True, file=file), file


def test_the_view_takes_the_whole_screen_and_gives_it_back():
    console, file = screen()
    with LiveView(console, lambda: (made_status(), ())):
        pass
    assert file.getvalue().startswith("\x1b[?1049h")
    assert "\x1b[?1049l" in file.getvalue()
    assert file.getvalue().count("\x1b[?25h") == 1  # the cursor is back


def test_the_view_follows_the_status_and_redraws_at_most_four_times_a_second():
    console, file = screen()
    statuses = iter(made_status(n_decisions=i, equity=1000.0 + i) for i in range(1_000))
    looks = []
    threads = threading.active_count()

    def look():
        looks.append(time.monotonic())
        return next(statuses), ()

    with LiveView(console, look):
        time.sleep(1.1)
    assert 2 <= file.getvalue().count("P&L today") <= 7
    assert len(looks) <= 7
    until = time.monotonic() + 2
    while threading.active_count() > threads and time.monotonic() < until:
        time.sleep(0.02)
    assert threading.active_count() == threads


def test_a_status_that_stays_the_same_is_drawn_once():
    console, _ = screen()
    status = made_status()
    view = LiveView(console, lambda: (status, ["stale"]))
    first = view.picture()
    assert view.picture() is first
    view = LiveView(console, lambda: (made_status(), ()))
    assert view.picture() is not view.picture()


def test_a_picture_is_drawn_anew_for_a_new_size():
    picture = LivePicture(made_status(60), ())
    small, large = (Console(width=w, height=h, file=io.StringIO()) for w, h in ((80, 24), (200, 50)))
    for console, height in ((large, 50), (small, 24), (large, 50)):
        console.print(picture)
        assert console.file.getvalue().rstrip("\n").splitlines()[-1].startswith(KEYS)
        assert len(console.file.getvalue().rstrip("\n").splitlines()) <= height
        console.file.truncate(0)
        console.file.seek(0)


def test_a_view_that_fails_says_so_once_and_harms_nobody(caplog):
    console, file = screen()

    def look():
        raise RuntimeError("no board")

    with LiveView(console, look):
        time.sleep(0.6)
    assert "The view failed: no board. The run goes on." in file.getvalue()
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "the live view failed"
    ]
