"""Candle tables: bars, targets and the events they must lead to, written so that they read as a specification.

A table of candles has a line per row and a block per instrument (A, B, …), separated by `|`:

    open high low close volume target

`-` in place of the candle is a missing bar, `.` as the target is no new target. Rows are a minute long and start at 0 s
unless `row_s` and `opens` say otherwise. A table of events has a line per event, times in seconds (or as `17:30`):

    60.25  FILLED  A  buy 5 @ 110  fee 1.1  known 60.3

Numbers may be fractions (`1000/3`). A reason is written as its name. What a line does not say is 0 for the fee and not
checked for `ref`, `spread`, `impact`, `rounding` and `known` (when the response is known locally), nor for the words
`maker`, `taker`, `order 2` (the order's id) and an order's type (`STOP`). `@` and `ref` of SUBMITTED and AMENDED are
the limit and the trigger price. An account event (FUNDING …) has no side, and INTEREST the name `-`. Every event must
be in the table.

What a strategy asks for besides its targets is a third table (`requests`, see asked.py); `actions`, `rates` and `tiers`
are explained in holders.py.

`sessions` has a letter for each row of a market that closes: `r` lies in the regular session, `c` ends one, `e` lies
outside of them (rule 29).

Without settings everything is free and at once: no latency, no cost, no limit, 1000 in a cash account, quantities on no
grid, and both volatility averages alike, so that their ratio is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from keel.domain.instrument import Grid
from keel.domain.layout import (
    BAR,
    BAR_CLOSES_SESSION,
    BAR_ENDS_DAY,
    BAR_EXTENDED,
    BAR_PRESENT,
    BAR_UNTIL_SHIFT,
    LOCAL,
    MOST_UNTIL_MINUTES,
    RUN,
    SLOT,
    VENUE,
)
from keel.domain.orders import EventKind, OrderSide, OrderType, Reason, RunStatus, TradingState
from keel.sim.engine import Simulator

from .asked import NAMES, number, read_requests
from .holders import read_actions, read_rates, set_tiers

ROW_S = 60
MINUTES_PER_WEEK = 10_080
PRICES = ("open", "high", "low", "close", "volume")
FREE_AND_AT_ONCE: dict[str, Any] = {
    "cash": 1000.0,
    "allocation": 1.0,
    "initial_margin": 1.0,
    "impact_exponent": 0.5,
    "vol_short_alpha": 0.5,
    "vol_long_alpha": 0.5,
    "spike_multiplier": 1.0,
}
SLOT_KEYS = {"tick", "step", "fee_bps", "maker_bps", "venue_qty", "local_qty", *(SLOT.names or ())}
FEE_RATES = {"fee_bps": "fee_rate", "maker_bps": "maker_rate"}
EVENT_WORDS = {
    "@": "price",
    "fee": "fee",
    "ref": "reference_price",
    "spread": "spread_cost",
    "impact": "impact_cost",
    "rounding": "rounding_cost",
    "cash": "cash",
    "order": "order_id",
    "rate": "rate",
    "kept": "fee_qty",
}


@dataclass(frozen=True)
class Played:
    """Hold what a table led to beside its events."""

    simulator: Simulator

    @property
    def equity(self) -> list[float]:
        return self.simulator.marks["equity"].tolist()

    @property
    def local_equity(self) -> list[float]:
        return self.simulator.marks["local_equity"].tolist()

    @property
    def cash(self) -> float:
        return float(self.simulator.run_record["cash"][VENUE])

    @property
    def net(self) -> list[float]:
        return self.simulator.marks["net"].tolist()

    @property
    def position(self) -> list[float]:
        return self.simulator.account_view().position_qty.tolist()

    @property
    def status(self) -> RunStatus:
        return self.simulator.status

    @property
    def state(self) -> TradingState:
        return TradingState(int(self.simulator.run_record["trading_state"]))

    @property
    def timeouts(self) -> int:
        return int(self.simulator.run_record["timeouts"])


def check_table(
    candles: str,
    events: str,
    requests: str = "",
    *,
    kill_switch_from: int | None = None,
    opens: Sequence[int | str] | None = None,
    days: Sequence[int] | None = None,
    last_row_ends_day: bool = False,
    sessions: str = "",
    minute_of_week: int | Sequence[int] = 0,
    fine: str = "",
    actions: str = "",
    rates: str = "",
    tiers: str = "",
    row_s: int = ROW_S,
    **settings: Any,
) -> Played:
    """Play a table a row at a time and, unless there are requests or a kill switch, in one go too; check its events."""
    bars, targets = read_candles(candles, opens, days, minute_of_week, last_row_ends_day=last_row_ends_day, row_s=row_s)
    _mark_sessions(bars, sessions)
    asked = read_requests(requests)
    slots = _slots(bars.shape[1], settings)
    fine_bars = _fine(fine)
    slots["fine_end"][0] = len(fine_bars)
    run = _run(settings)
    set_tiers(run, tiers)
    given = (bars, run, slots, fine_bars, read_actions(actions, slots), read_rates(rates))
    by_row = Simulator(*given)
    for row, weights in enumerate(targets):
        if not by_row.advance() or by_row.status is not RunStatus.RUNNING:
            break
        if row == kill_switch_from:
            by_row.trip_kill_switch()
        by_row.decide(weights, asked.get(row))
    by_row.finish()
    check_events(by_row.events, events)
    if kill_switch_from is None and not asked:
        at_once = Simulator(*given)
        at_once.run(targets)
        at_once.finish()
        check_events(at_once.events, events)
        assert at_once.marks.tobytes() == by_row.marks.tobytes(), "the two forms of the engine disagree"
    return Played(by_row)


def read_candles(
    text: str,
    opens: Sequence[int | str] | None = None,
    days: Sequence[int] | None = None,
    minute_of_week: int | Sequence[int] = 0,
    *,
    last_row_ends_day: bool = False,
    row_s: int = ROW_S,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the BAR array and the target weights of a table, both (rows, N)."""
    lines = [line.split("|") for line in text.strip().splitlines()]
    bars = np.zeros((len(lines), len(lines[0])), BAR)
    targets = np.full(bars.shape, np.nan)
    for k, blocks in enumerate(lines):
        open_s = k * row_s if opens is None else int(seconds(str(opens[k])))
        bars[k]["open_ts_ms"], bars[k]["close_ts_ms"] = open_s * 1000, (open_s + row_s) * 1000
        minute = minute_of_week + open_s // 60 if isinstance(minute_of_week, int) else minute_of_week[k]
        bars[k]["minute_of_week"] = minute % MINUTES_PER_WEEK
        bars[k]["day"] = 0 if days is None else days[k]
        ends_day = last_row_ends_day if k == len(lines) - 1 else days is not None and days[k + 1] != days[k]
        bars[k]["flags"] = BAR_ENDS_DAY if ends_day else 0
        for i, block in enumerate(blocks):
            targets[k, i] = _read_block(bars[k, i], block.split())
    return bars, targets


def _mark_sessions(bars: np.ndarray, letters: str) -> None:
    for k, letter in enumerate(letters):
        later = letters[k + (letter == "e") :]
        boundary = next((n for n, other in enumerate(later) if other in ("rc" if letter == "e" else "c")), None)
        until = MOST_UNTIL_MINUTES
        if boundary is not None:
            row = bars[k + boundary + (letter == "e")]
            ts_ms = row["open_ts_ms"][0] if letter == "e" else row["close_ts_ms"][0]
            until = min((ts_ms - bars[k]["close_ts_ms"][0]) // 60_000, MOST_UNTIL_MINUTES)
        flags = {"e": BAR_EXTENDED, "c": BAR_CLOSES_SESSION, "r": 0}[letter]
        bars[k]["flags"] |= flags | until << BAR_UNTIL_SHIFT


def _read_block(bar: np.void, words: list[str]) -> float:
    *candle, target = words
    if candle == ["-"]:
        for name in PRICES[:-1]:
            bar[name] = np.nan
    else:
        bar["flags"] |= BAR_PRESENT
        for name, word in zip(PRICES, candle, strict=True):
            bar[name] = np.nan if word == "nan" else number(word)
    return np.nan if target == "." else number(target)


def seconds(word: str) -> float:
    """Return the seconds of a time: `90.5`, or hours and minutes such as `17:30`."""
    hours, _, minutes = word.rpartition(":")
    return number(hours) * 3600 + number(minutes) * 60 if hours else number(word)


def _run(settings: dict[str, Any]) -> np.ndarray:
    run = np.zeros(1, RUN)
    run["spread_by_hour"] = run["latency_by_hour"] = 1.0
    for name, value in (FREE_AND_AT_ONCE | settings).items():
        if name in SLOT_KEYS or name in NAMES:
            continue
        if name.endswith("_by_hour"):
            for hour, factor in value.items():
                run[name][0, hour] = factor
        else:
            run[name] = value
    return run


def _slots(n: int, settings: dict[str, Any]) -> np.ndarray:
    slots = np.zeros(n, SLOT)
    shared = {name: value for name, value in settings.items() if name in SLOT_KEYS}
    for i, slot in enumerate(slots):
        slot["hash"] = i + 1
        slot["tick_scale"] = slot["step_scale"] = 1.0
        for name, value in (shared | settings.get(NAMES[i], {})).items():
            _set_rule(slot, name, value)
    return slots


def _set_rule(slot: np.void, name: str, value: Any) -> None:
    if name in ("tick", "step"):
        grid = Grid.from_decimal(Decimal(value))
        slot[f"{name}_mantissa"], slot[f"{name}_scale"] = grid.mantissa, grid.scale
    elif name in FEE_RATES:
        slot[FEE_RATES[name]] = value / 10_000
    elif name in ("venue_qty", "local_qty"):
        slot["qty"][VENUE if name == "venue_qty" else LOCAL] = value
    else:
        slot[name] = value


def _fine(text: str) -> np.ndarray:
    """Read finer bars of instrument A: opening and closing second, then open, high, low and close."""
    lines = [[number(word) for word in line.split()] for line in text.strip().splitlines()]
    fine = np.zeros(len(lines), BAR)
    for bar, (open_s, close_s, *prices) in zip(fine, lines, strict=True):
        bar["open_ts_ms"], bar["close_ts_ms"], bar["flags"] = open_s * 1000, close_s * 1000, BAR_PRESENT
        for name, price in zip(PRICES[:-1], prices, strict=True):
            bar[name] = price
    return fine


def check_events(found: np.ndarray, table: str) -> None:
    """Compare a tape with a table of events, line by line."""
    expected = [_read_event(line) for line in table.strip().splitlines() if line.strip()]
    shown = "\n".join(_show_event(event) for event in found)
    for wanted, event in zip(expected, found, strict=False):
        for field, value in wanted.items():
            assert event[field] == pytest.approx(value, rel=1e-12, abs=1e-12), f"{field} in:\n{shown}"
    assert len(found) == len(expected), f"{len(expected)} events expected, found:\n{shown}"


def _read_event(line: str) -> dict[str, float]:
    time, kind, name, *words = line.split()
    side = OrderSide[words.pop(0).upper()] if words[0] in ("buy", "sell") else OrderSide.BUY
    event = {
        "ts_ms": seconds(time) * 1000,
        "kind": EventKind[kind],
        "instrument": -1 if name == "-" else NAMES.index(name),
        "side": side,
        "qty": number(words.pop(0)),
        "reason": Reason.NONE,
        "fee": 0.0,
    }
    rest = iter(words)
    for word in rest:
        if word in Reason.__members__:
            event["reason"] = Reason[word]
        elif word in OrderType.__members__:
            event["type"] = OrderType[word]
        elif word in ("maker", "taker"):
            event["maker"] = float(word == "maker")
        elif word == "known":
            event["response_ts_ms"] = number(next(rest)) * 1000
        else:
            event[EVENT_WORDS[word]] = number(next(rest))
    return event


def _show_event(event: np.void) -> str:
    kind, side = EventKind(int(event["kind"])), OrderSide(int(event["side"]))
    name = "-" if event["instrument"] < 0 else NAMES[int(event["instrument"])]
    line = f"{event['ts_ms'] / 1000:g} {kind.name} {name} {side.name.lower()} {event['qty']}"
    if kind is EventKind.FILLED:
        line += " maker" if event["maker"] else ""
        line += "".join(f" {word} {event[field]}" for word, field in EVENT_WORDS.items())
    else:
        line += f" @ {event['price']:g} ref {event['reference_price']:g} order {event['order_id']}"
    line += f" {OrderType(int(event['type'])).name}"
    return f"{line} known {event['response_ts_ms'] / 1000:g} {Reason(int(event['reason'])).name}"
