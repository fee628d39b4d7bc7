"""What generated cases pay and earn besides prices: fees, tiers, rates, splits, dividends, funding, liquidation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from keel.domain.layout import EXIT_FRACTION, EXIT_NONE, EXIT_TRUE_RANGE
from keel.domain.orders import ActionKind

from .case import Action, Bar, Tier
from .case_timelines import Timeline
from .packed import among

RATIOS = [2.0, 0.5, 0.01, 3.0, 0.1, 1.5]
MOST_ACTIONS = 4


@st.composite
def actions(draw: st.DrawFn, timeline: Timeline, price: float) -> tuple[Action, ...]:
    """Draw an instrument's splits, dividends and funding: at openings, closes and between them."""
    if draw(st.integers(0, 2), label="actions at 2") < 2:
        return ()
    shapes = st.tuples(st.integers(0, 4), st.integers(0, len(timeline.slots) - 1), st.integers(0, 3), st.integers(0, 5))
    drawn = draw(st.lists(shapes, min_size=1, max_size=MOST_ACTIONS), label="actions")
    often = draw(st.booleans(), label="funding every third row")
    drawn += [(2, k, 2, k % 6) for k in range(0, len(timeline.slots), 3)] if often else []
    found = {}
    for what, row, when, size in drawn:
        slot = timeline.slots[row]
        third = (slot.close_ts_ms - slot.open_ts_ms) // 3
        ts = [slot.open_ts_ms, slot.close_ts_ms, slot.open_ts_ms + third, slot.open_ts_ms - 1][when]
        kind = [ActionKind.SPLIT, ActionKind.DIVIDEND, ActionKind.FUNDING, ActionKind.FUNDING, ActionKind.DIVIDEND][
            what
        ]
        value = {
            ActionKind.SPLIT: RATIOS[size],
            ActionKind.DIVIDEND: price * (size + 1) / 200,
            ActionKind.FUNDING: (size - 2) / 500,
        }[kind]
        found[ts, kind] = Action(ts, kind, value)
    return tuple(found[key] for key in sorted(found))


def after_splits(timeline: Timeline, bars: tuple[Bar | None, ...], found: tuple[Action, ...]) -> tuple[Bar | None, ...]:
    """Return bars whose prices fall where a split multiplies what is held."""
    first = timeline.slots[0].close_ts_ms
    splits = [a for a in found if a.kind == ActionKind.SPLIT and a.ts_ms >= first]
    scaled = []
    for bar in bars:
        ratio = 1.0
        for split in splits:
            ratio = ratio * split.value if bar is not None and split.ts_ms <= bar.open_ts_ms else ratio
        scaled.append(bar if bar is None or ratio == 1.0 else _scaled(bar, ratio))
    return tuple(scaled)


def _scaled(bar: Bar, ratio: float) -> Bar:
    prices = {name: getattr(bar, name) / ratio for name in ("open", "high", "low", "close")}
    return replace(bar, **prices, volume=bar.volume * ratio)


@st.composite
def rates(draw: st.DrawFn, rows: int, level: float) -> tuple[float, ...]:
    """Draw a currency's rate, row by row, about a level; a level of 1 may be the account's own currency."""
    wild = draw(among(0, 1, 5), label="rate moves") if level != 1 else 0
    return tuple(level * (100 + wild * (k * 7 % 11 - 5) / 5) / 100 for k in range(rows))


@st.composite
def extra_fees(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an instrument's maker fee, regulators' fees, fee currency and borrow rate (rules 15, 25)."""
    regulated = draw(st.integers(0, 3), label="regulated at 3") == 3
    return {
        "maker_bps": draw(among(0.0, 5.0, 20.0), label="maker bps"),
        "fee_in_base": draw(st.integers(0, 3), label="fee in base at 3") == 3,
        "sell_fee_rate": 0.003 if regulated else 0.0,
        "sell_fee_per_unit": draw(among(0.0, 0.01, 10.0)) if regulated else 0.0,
        "sell_fee_per_unit_max": draw(among(5.0, 1e6)) if regulated else 0.0,
        "borrow_rate": draw(among(0.0, 0.05, 3.0), label="borrow rate"),
    }


@st.composite
def tiers(draw: st.DrawFn, cash: float) -> tuple[Tier, ...]:
    """Draw fee tiers that a busy account crosses (rule 15)."""
    count = draw(among(0, 0, 2, 3), label="tiers")
    discount = draw(among(0.0, 0.25), label="tier discount") if count else 0.0
    steps = [(0.0, 40.0, 20.0), (0.3, 30.0, 10.0), (2.0, 10.0, 0.0)]
    return tuple(Tier(volume * cash, taker, maker, discount) for volume, taker, maker in steps[:count])


@st.composite
def margins(draw: st.DrawFn, margin: bool, initial: float) -> dict[str, Any]:
    """Draw interest and the venue's patience with a margin account (rules 25, 26)."""
    if not margin:
        return {}
    return {
        "interest_rate": draw(among(0.0, 0.1, 2.0), label="interest rate"),
        "maintenance_margin": draw(among(0.0, 0.5, 0.9), label="maintenance margin") * initial,
        "liquidation_fee_rate": draw(among(0.0, 0.01), label="liquidation fee"),
    }


@st.composite
def exits(draw: st.DrawFn, swing: float) -> dict[str, Any]:
    """Draw stop-losses and take-profits of targets' orders (rule 24); `swing` is a bar's move as a fraction."""
    if draw(st.booleans(), label="no exits"):
        return {}
    kinds = among(EXIT_FRACTION, EXIT_TRUE_RANGE, EXIT_NONE)
    stop, take = draw(kinds, label="stop kind"), draw(kinds, label="take kind")
    return {
        "stop_kind": stop,
        "stop_trails": draw(st.booleans(), label="stop trails"),
        "take_kind": take,
        "stop_distance": _distance(draw, stop, swing),
        "take_distance": _distance(draw, take, swing),
        "atr_bars": draw(among(3, 1, 14), label="atr bars"),
    }


def _distance(draw: st.DrawFn, kind: int, swing: float) -> float:
    if kind == EXIT_NONE:
        return 0.0
    size = draw(among(2.0, 1.0, 5.0, 0.5, 1000.0), label="exit distance")
    return size * swing if kind == EXIT_FRACTION else size
