"""A market that closes: row 52, over the half day before a holiday, by the real SDK."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from keel.journal.entries import BarsSeen, Decision, OrderIntent

from .checks import check_all
from .scene import FLIPS, STOCKS, Exchange, Outcome, Scene, intents, requests

Seen = Callable[[str], None]
BEFORE_NOON = ("warm_up_bars=570",)
"""A whole session of minutes and three hours: the market opens on 2024-07-03 at 12:30, and closes at 13:00."""


def at(text: str) -> int:
    """Return a moment on the wall of New York, UTC milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)


EARLY_CLOSE, NEXT_OPEN = at("2024-07-03 13:00"), at("2024-07-05 09:30")


def closes_seen(outcome: Outcome) -> list[int]:
    return [entry.close_ts_ms for entry in outcome.of_kind(BarsSeen)]


@pytest.mark.fault(52)
@pytest.mark.parametrize("exchange", [STOCKS], ids=str)
def test_nothing_is_decided_while_the_market_is_closed_for_a_half_day_and_a_holiday(
    tmp_path: Path, seen: Seen, exchange: Exchange
):
    live = ("sessions.at_close=watch",)
    outcome = Scene(tmp_path, FLIPS, venue=BEFORE_NOON, live=live, exchange=exchange).play(40)
    assert outcome.ending.exit_code == 0, outcome.ending
    decided = [entry.close_ts_ms for entry in outcome.of_kind(Decision)]
    assert decided[-1] > NEXT_OPEN, "the next session was reached"
    assert not [close for close in decided if EARLY_CLOSE <= close <= NEXT_OPEN]
    expected = [*range(closes_seen(outcome)[0], EARLY_CLOSE + 1, 60_000)]
    expected += range(NEXT_OPEN + 60_000, decided[-1] + 1, 60_000)
    assert closes_seen(outcome) == expected, "every bar of the calendar, and no other"
    sent = {one["market_ms"] for one in requests(outcome, exchange.post)}
    assert not [ts_ms for ts_ms in sent if EARLY_CLOSE <= ts_ms < NEXT_OPEN]
    check_all(outcome)
    seen(f"{len(decided)} decisions, none from 13:00 of the half day to the open after the holiday")


@pytest.mark.fault(52)
@pytest.mark.parametrize("exchange", [STOCKS], ids=str)
def test_an_order_decided_at_an_early_close_waits_for_the_next_open(tmp_path: Path, seen: Seen, exchange: Exchange):
    plan = ("29 buy 0.5",)  # the thirtieth minute is the last
    outcome = Scene(tmp_path, plan, venue=BEFORE_NOON, exchange=exchange).play(40)
    (intent,) = intents(outcome)
    assert isinstance(intent, OrderIntent)
    assert intent.ticket.decided_ts_ms == EARLY_CLOSE
    (trade,) = outcome.accounts["practice"]["fills"]
    assert datetime.fromisoformat(trade["transaction_time"]).timestamp() * 1000 >= NEXT_OPEN
    assert len(requests(outcome, exchange.post)) == 1, "queued once, by the exchange"
    check_all(outcome)
    seen(f"decided at 13:00, filled at {trade['transaction_time'][:16]}; one POST")
