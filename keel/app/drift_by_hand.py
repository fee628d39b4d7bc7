"""What a live run's journal tells of trades that no decision led to: flattened by hand, or by the kill switch."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace

from keel.app.drift_record import Record
from keel.backtest.again import Step
from keel.backtest.by_hand import HandTrade
from keel.backtest.drift import Filled
from keel.journal.entries import SessionStarted

_CHARGES_BY_THE_DAY = "alpaca"


def with_hand_trades(record: Record, steps: Sequence[Step], quote_of: Mapping[str, str]) -> list[Step]:
    """Return the steps with what was traded by hand in each; what was traded after the last close is left out."""
    closes = [step.close_ts_ms for step in steps]
    tells_fee = _tells_fees(next(iter(record.sessions.values())))
    found: dict[tuple[int, int], Filled] = {}
    instruments = {}
    for fill in record.booked:
        number = record.numbers.get(fill.client_order_id)
        if number in record.by_hand and fill.ts_ms <= closes[-1]:
            instruments[number] = record.symbols.index(fill.symbol)
            found.setdefault((bisect_left(closes, fill.ts_ms), number), Filled()).take(fill, quote_of[fill.symbol])
    traded: dict[int, tuple[HandTrade, ...]] = {}
    for (place, number), filled in found.items():
        trade = HandTrade(number, instruments[number], filled, tells_fee)
        traded[place] = (*traded.get(place, ()), trade)
    return [replace(step, by_hand=traded.get(place, ())) for place, step in enumerate(steps)]


def _tells_fees(started: SessionStarted) -> bool:
    """Say whether each trade is told with its fee; else the account is charged at the end of the day."""
    return started.dry_run or started.venue != _CHARGES_BY_THE_DAY
