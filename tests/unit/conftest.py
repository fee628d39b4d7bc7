"""A run made up without the engine: random walks; fills, funding, positions and equity that agree with one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from keel.config.modes import SimRun
from keel.domain.layout import BAR, BAR_PRESENT, EVENT, MARK
from keel.domain.orders import EventKind, Reason
from keel.runs.result import RunResult

MS_PER_HOUR = 3_600_000
START_TS_MS = 1_609_459_200_000  # 2021-01-01
CASH = 100_000.0
MakeRun = Callable[..., RunResult]


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    return fake_run


def fake_run(
    rows: int = 2000,
    symbols: tuple[str, ...] = ("SYNBTC/USDT",),
    step_ms: int = MS_PER_HOUR,
    seed: int = 1,
    every: int = 40,
    calendar: str = "24/7",
    status: str = "done",
) -> RunResult:
    """Trade `symbols` to a random weight in [-0.5, 1] about once in `every` rows, at the close plus costs."""
    rng = np.random.default_rng(seed)
    closes = 100.0 * np.exp(
        np.cumsum(rng.normal(2e-5, 0.006, (rows, len(symbols))) * (step_ms / MS_PER_HOUR) ** 0.5, axis=0)
    )
    bars = _bars(closes, rng, step_ms)
    qty = _positions(closes, rng, every)
    events, cash = _trade(qty, closes, bars)
    held = np.full((rows, len(symbols)), CASH / len(symbols)) / closes[:1] * 0.98 if rows else qty
    return RunResult(
        run_id="fake-20260101T000000Z-0001",
        config=_config(symbols, calendar, step_ms),
        symbols=symbols,
        status=status,
        bars=bars,
        marks=_marks(bars, cash, qty, closes),
        benchmark=_marks(bars, np.full(rows, CASH * 0.019), held, closes, free_first_row=True),
        events=events,
        mark_rates=np.ones(len(symbols)),
        signals={
            "buy": 40,
            "sell": 38,
            "hold": max(0, rows - 78),
            "by_instrument": {symbol: {"buy": 1, "sell": 0, "hold": 0} for symbol in symbols},
        },
        timeouts=2,
        halted_ts_ms=None,
    )


def _config(symbols: tuple[str, ...], calendar: str, step_ms: int) -> SimRun:
    zone = "UTC" if calendar == "24/7" else "America/New_York"
    tree: dict[str, Any] = {
        "mode": "sim",
        "run": {"name": "moving-average"},
        "data": {"venue": "synthetic", "symbols": symbols, "timeframe": f"{step_ms // 60_000}m"},
        "market": {"calendar": calendar, "timezone": zone},
        "strategy": {"class": "keel.strategies.moving_average:MovingAverageCrossover"},
        "account": {"initial_cash": CASH, "currency": "USDT"},
    }
    return SimRun.model_validate(tree)


def _bars(closes: np.ndarray, rng: np.random.Generator, step_ms: int) -> np.ndarray:
    bars = np.zeros(closes.shape, dtype=BAR)
    opens = np.vstack([closes[:1], closes[:-1]])
    wick = np.abs(rng.normal(0, 0.002, closes.shape))
    bars["open"], bars["close"] = opens, closes
    bars["high"] = np.maximum(opens, closes) * (1 + wick)
    bars["low"] = np.minimum(opens, closes) * (1 - wick)
    bars["volume"] = rng.lognormal(3, 1, closes.shape)
    bars["open_ts_ms"] = (START_TS_MS + step_ms * np.arange(len(closes)))[:, None]
    bars["close_ts_ms"] = bars["open_ts_ms"] + step_ms
    bars["day"] = bars["open_ts_ms"] // 86_400_000
    bars["flags"] = BAR_PRESENT
    return bars


def _positions(closes: np.ndarray, rng: np.random.Generator, every: int) -> np.ndarray:
    """Hold a quantity until the next random change; nothing in the first row."""
    rows, instruments = closes.shape
    change = rng.random(closes.shape) < 1.0 / every
    change[:1] = True
    weight = rng.choice([0.0, 0.0, 0.5, 1.0, -0.5], closes.shape)
    weight[:1] = 0.0
    target = np.floor(weight * CASH * 0.9 / instruments / closes * 1000) / 1000
    last = np.maximum.accumulate(np.where(change, np.arange(rows)[:, None], 0), axis=0)
    return np.take_along_axis(target, last, axis=0)


def _trade(qty: np.ndarray, closes: np.ndarray, bars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the tape of the position changes, and the cash after each row."""
    change = np.diff(qty, axis=0, prepend=0.0)
    row, instrument = np.nonzero(np.abs(change) > 1e-9)
    signed, reference = change[row, instrument], closes[row, instrument]
    side, amount = np.sign(signed), np.abs(signed)
    fills = np.zeros(len(row), dtype=EVENT)
    fills["kind"], fills["side"], fills["instrument"] = EventKind.FILLED, side, instrument
    fills["row"], fills["order_id"], fills["known_row"] = row, np.arange(len(row)), 1
    fills["ts_ms"] = bars["close_ts_ms"][row, 0]
    fills["response_ts_ms"] = fills["ts_ms"] + 50
    fills["qty"], fills["reference_price"] = amount, reference
    fills["spread_cost"], fills["impact_cost"] = amount * reference * 1e-4, amount * reference * 2e-4
    fills["rounding_cost"] = amount * 0.003
    fills["rate"], fills["final"], fills["maker"] = 1.0, 1, np.arange(len(row)) % 3 == 0
    fills["price"] = reference * (1 + side * 3e-4) + side * 0.003
    fills["fee"] = amount * fills["price"] * 1e-3
    spent = np.bincount(row, signed * fills["price"] + fills["fee"], minlength=len(qty))
    funding = _funding(qty, closes, bars)
    received = np.bincount(funding["row"], funding["cash"], minlength=len(qty))
    return _tape(fills, funding), CASH + np.cumsum(received - spent)


def _funding(qty: np.ndarray, closes: np.ndarray, bars: np.ndarray) -> np.ndarray:
    """Let longs pay shorts a hundredth of a per cent every eighth row."""
    row, instrument = np.nonzero((qty != 0.0) & (np.arange(len(qty))[:, None] % 8 == 7))
    events = np.zeros(len(row), dtype=EVENT)
    events["kind"], events["instrument"], events["row"] = EventKind.FUNDING, instrument, row
    events["order_id"], events["rate"], events["ts_ms"] = -1, 1.0, bars["close_ts_ms"][row, 0]
    events["qty"], events["price"] = qty[row, instrument], closes[row, instrument]
    events["cash"] = -events["qty"] * events["price"] * 1e-4
    return events


def _tape(fills: np.ndarray, funding: np.ndarray) -> np.ndarray:
    """Put a SUBMITTED and an ACCEPTED before each fill; refuse some orders; leave every tenth part filled."""
    submitted = fills.copy()
    submitted["kind"], submitted["price"], submitted["fee"] = EventKind.SUBMITTED, 0.0, 0.0
    submitted["qty"][::10] *= 2.0
    submitted["reason"][::7] = Reason.BUYING_POWER
    accepted = submitted.copy()
    accepted["kind"], accepted["reason"] = EventKind.ACCEPTED, Reason.NONE
    canceled = submitted[::10].copy()
    canceled["kind"], canceled["reason"] = EventKind.CANCELED, Reason.TARGET_CHANGED
    refused = submitted[::5].copy()
    refused["order_id"] += len(fills)
    refused["kind"] = np.where(np.arange(len(refused)) % 3, EventKind.DENIED, EventKind.REJECTED)
    refused["reason"] = np.where(np.arange(len(refused)) % 3, Reason.NOT_SHORTABLE, Reason.INSUFFICIENT_FUNDS)
    tape = np.concatenate([submitted, accepted, fills, canceled, refused, funding])
    return tape[np.argsort(tape["ts_ms"], kind="stable")]


def _marks(
    bars: np.ndarray, cash: np.ndarray, qty: np.ndarray, closes: np.ndarray, free_first_row: bool = False
) -> np.ndarray:
    marks = np.zeros(len(cash), dtype=MARK)
    value = qty * closes
    if free_first_row and len(cash):
        value[0] = (CASH - cash[0]) / value.shape[1]
    marks["ts_ms"], marks["cash"] = bars["close_ts_ms"][:, 0], cash
    marks["gross"], marks["net"] = np.abs(value).sum(axis=1), value.sum(axis=1)
    marks["equity"] = marks["local_equity"] = cash + marks["net"]
    return marks
