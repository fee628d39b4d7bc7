"""Alpaca's bars of a day: stamped by New York's midnight, they last for the session of that date."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from keel.data.sources.alpaca_bars import alpaca_base_timeframe, bar_of
from keel.domain.errors import RetryableError, UsageError


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)


def row(stamp: str) -> dict[str, object]:
    return {"t": stamp, "o": 100, "h": 102, "l": 99, "c": 101, "v": 5000, "n": 4, "vw": 100.5}


@pytest.mark.parametrize(
    ("stamp", "opens", "closes"),
    [
        ("2024-07-02T04:00:00Z", "2024-07-02 09:30", "2024-07-02 16:00"),
        ("2024-07-03T04:00:00Z", "2024-07-03 09:30", "2024-07-03 13:00"),
        ("2024-01-03T05:00:00Z", "2024-01-03 09:30", "2024-01-03 16:00"),
    ],
)
def test_a_day_s_bar_has_its_session_s_times(stamp: str, opens: str, closes: str):
    before = bar_of("AAPL", row(stamp), "1d", moment(closes) - 1)
    assert (before.open_ts_ms, before.close_ts_ms, before.closed) == (moment(opens), moment(closes), False)
    assert bar_of("AAPL", row(stamp), "1d", moment(closes)).closed


def test_a_day_s_bar_of_a_holiday_cannot_be_read():
    with pytest.raises(RetryableError, match=r"AAPL: Alpaca's bar cannot be read: ValueError .* is on no trading day"):
        bar_of("AAPL", row("2024-07-04T04:00:00Z"), "1d", moment("2024-07-05 09:00"))


def test_days_are_those_of_stocks_only():
    assert alpaca_base_timeframe("1d", ("AAPL", "MSFT")) == "1d"
    with pytest.raises(UsageError, match=r"1d: Alpaca's live bars are of 1m, 3m, .*, 12h: choose one of these"):
        alpaca_base_timeframe("1d", ("AAPL", "BTC/USD"))
    with pytest.raises(UsageError, match=r"1w: Alpaca's live bars are of 1m, .*, 1d: choose"):
        alpaca_base_timeframe("1w", ("AAPL",))
