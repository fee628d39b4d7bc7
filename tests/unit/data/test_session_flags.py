"""What stored bars tell of the sessions they lie in."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from made_bars import stored

from keel.data.align import align
from keel.domain.instrument import InstrumentId
from keel.domain.layout import (
    BAR_CLOSES_SESSION,
    BAR_EXTENDED,
    BAR_PRESENT,
    BAR_UNTIL_SHIFT,
    MOST_UNTIL_MINUTES,
)

SPY = InstrumentId("testing", "SPY")
OF_SESSIONS = BAR_EXTENDED | BAR_CLOSES_SESSION


def new_york(*opens: str, timeframe: str):
    zone = ZoneInfo("America/New_York")
    stamps = [round(datetime.fromisoformat(each).replace(tzinfo=zone).timestamp() * 1000) for each in opens]
    return stored(stamps, instrument_id=SPY, timeframe=timeframe, calendar="XNYS", timezone="America/New_York")


def test_rows_know_their_session_and_how_long_it_lasts():
    opens = ("2024-07-03 09:20", "2024-07-03 09:25", "2024-07-03 09:30", "2024-07-03 12:50", "2024-07-03 12:55")
    flags = align([new_york(*opens, "2024-07-03 13:00", timeframe="5m")])["flags"][:, 0]
    assert (flags & OF_SESSIONS).tolist() == [BAR_EXTENDED, BAR_EXTENDED, 0, 0, BAR_CLOSES_SESSION, BAR_EXTENDED]
    assert (flags >> BAR_UNTIL_SHIFT).tolist() == [5, 0, MOST_UNTIL_MINUTES, 5, 0, MOST_UNTIL_MINUTES]


def test_bar_of_a_day_is_a_session_and_a_row_without_one_is_far_from_it():
    coin = stored([1_720_051_200_000 + day * 86_400_000 for day in range(2)], timeframe="1d")
    stock = new_york("2024-07-03 09:30", "2024-07-05 09:30", timeframe="1d")
    flags = align([stock, coin])["flags"]
    there = flags[:, 0] & BAR_PRESENT != 0
    assert there.sum() == 2
    assert np.all(flags[there, 0] & OF_SESSIONS == BAR_CLOSES_SESSION)
    assert np.all(flags[~there, 0] & OF_SESSIONS == BAR_EXTENDED)
    assert np.all(flags[~there, 0] >> BAR_UNTIL_SHIFT == MOST_UNTIL_MINUTES)
    assert np.all(flags[:, 1] & OF_SESSIONS == 0)
