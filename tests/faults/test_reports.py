"""Reports that come twice, late, in another order, or never: rows 16 to 20."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from keel.app.wire_live import LiveParts
from keel.config.faults import Fault
from keel.journal.entries import FillBooked, Note, ReportHeard
from keel.practice.server import PracticeVenue

from .checks import check_all
from .scene import BOTH, NO_END, Exchange, Scene, booked, counted, held, orders_of, requests, stopping, texts, until

Seen = Callable[[str], None]
THIN = "execution.max_participation=0.00002"
"""A market so thin that an order is filled in parts, over many bars."""


@pytest.mark.fault(16)
@BOTH
def test_a_report_that_comes_twice_is_booked_once(tmp_path: Path, seen: Seen, exchange: Exchange):
    scene = Scene(tmp_path, ("1 buy 0.5", "6 sell 0.2", "9 buy 0.1"), exchange=exchange)
    outcome = scene.play(15, Fault(kind="duplicate_report", count=100))
    told = [entry.report.fill.trade_id for entry in outcome.of_kind(ReportHeard) if entry.report.fill]
    assert len(told) > len(set(told)), "they did come twice"
    assert booked(outcome) == pytest.approx(0.4)
    check_all(outcome)
    seen(f"{len(told)} reports of {len(set(told))} trades: each booked once by its number")


@pytest.mark.fault(17)
@BOTH
def test_a_fill_before_the_acknowledgement_is_booked_once(tmp_path: Path, seen: Seen, exchange: Exchange):
    scene = Scene(tmp_path, ("1 buy 0.5", "6 sell 0.2"), exchange=exchange)
    outcome = scene.play(12, Fault(kind="fill_before_ack", count=100))
    statuses = [entry.report.state.status.value for entry in outcome.of_kind(ReportHeard)]
    assert outcome.log["counts"]["fault fill_before_ack"] == 2
    assert "new" not in statuses, "too late to mean anything"
    assert booked(outcome) == pytest.approx(0.3)
    check_all(outcome)
    seen("the fill is booked at once, the late NEW changes nothing")


@pytest.mark.fault(18)
@BOTH
def test_a_fill_that_follows_its_order_s_cancel_is_booked(tmp_path: Path, seen: Seen, exchange: Exchange):
    scene = Scene(tmp_path, ("1 buy 3", "5 cancel 0"), venue=(THIN,), exchange=exchange)
    outcome = scene.play(15, Fault(kind="cancel_before_fill", count=100))
    heard = [entry.report for entry in outcome.of_kind(ReportHeard)]
    ended = next(i for i, report in enumerate(heard) if report.state.status.value == "canceled")
    assert any(report.fill for report in heard[ended + 1 :]), "a fill came after the end"
    (order,) = orders_of(outcome)
    assert 0 < booked(outcome) == pytest.approx(float(order.filled) / exchange.unit)
    check_all(outcome)
    seen("the order waits as CLOSING until its last fill is booked")


@pytest.mark.fault(19)
@BOTH
def test_a_fill_that_is_never_told_is_found_by_the_next_look(tmp_path: Path, seen: Seen, exchange: Exchange):
    """The socket is healthy and other reports come."""
    looks: list[int] = []
    trades = f"request {exchange.fills}"

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        while not await counted(venue, "fault drop_fill"):
            await asyncio.sleep(0.01)
        before = await counted(venue, trades)
        await until(lambda: parts.runner.counts.fills, "a fill")
        looks.append(await counted(venue, trades) - before)
        parts.runner.ask_to_stop("seen enough")

    outcome = Scene(tmp_path, ("1 buy 0.5",), exchange=exchange).play(NO_END, Fault(kind="drop_fill"), beside=watch)
    assert not [entry for entry in outcome.of_kind(ReportHeard) if entry.report.fill]
    assert looks[0] <= 2, "not the next look, nor the one that was under way"
    assert len(outcome.of_kind(FillBooked)) == 1
    check_all(outcome)
    seen(f"found by look {looks[0]} at the trades after it")


@pytest.mark.fault(20)
@BOTH
def test_what_is_filled_before_a_cancel_stays_and_dust_is_told(tmp_path: Path, seen: Seen, exchange: Exchange):
    scene = Scene(
        tmp_path,
        ("1 buy 3", "5 cancel 0"),
        venue=(THIN,),
        live=("market.instrument.min_notional=60000",),
        exchange=exchange,
    )
    noted = stopping(lambda parts: parts.runner.reconciler._dust, "dust")
    outcome = scene.play(NO_END, beside=noted)
    (order,) = orders_of(outcome)
    filled = float(order.filled) / exchange.unit
    assert order.status == "CANCELED"
    assert 0 < filled < 3
    assert held(outcome) == pytest.approx(filled, rel=0.01)  # less its fee
    assert len(requests(outcome, exchange.delete)) >= 1
    assert len(requests(outcome, exchange.post)) == 1
    check_all(outcome)
    assert "is dust" in texts(outcome, Note)
    seen(f"position {order.filled} of {order.qty}; told as dust below the least order")
