"""A stage for what happens to holders: one stock at a steady price over a night, on the practice venue's Alpaca wire.

stage = HoldingStage(tmp_path, happens=(("split", 2.0),))
outcome = asyncio.run(stage.play(decisions=30))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keel.app.wire_data import read_market_data
from keel.app.wiring import instruments_of
from keel.config.load import load_config, load_practice
from keel.config.modes import LiveRun
from keel.data.actions import Actions
from keel.data.provide import ensure_bars
from keel.data.store import BarStore
from keel.domain.layout import ACTION
from keel.domain.orders import ActionKind
from keel.journal.names import JournalName
from keel.practice.security import KeyPair
from keel.practice.server import PracticeVenue
from keel.sim.engine import Simulator
from keel.sim.parameters import run_records, slot_records
from keel.strategies.port import Context, EventStrategy, StrategyParams

from .stage import Stage

ROOT = Path(__file__).resolve().parents[2]
STOCK, PRICE = "SYNX", 100.0
EX_DATE_MS = 1_719_979_200_000
"""Midnight in New York of 2024-07-03, a half day."""
HISTORY, EVENING, MORNING = 20, 10, 15
"""Minutes before the run, minutes before the night, minutes after it."""

COMMON = """
extends: {root}/configs/base/us_stocks.yaml
data:
  {{ store: {folder}/bars, venue: synthetic, symbols: {symbols}, timeframe: 1m{provider},
    start: 2024-07-02, end: 2024-07-04 }}
market: {{ instrument: {{ step_size: "{step}", min_qty: "{step}", min_notional: 1, shortable: true }} }}
account: {{ type: margin, initial_margin: 0.5, initial_cash: 100000 }}
execution: {{ time_in_force: gtc }}
spread: {{ half_spread_bps: 0 }}
impact: {{ coefficient: 0 }}
fees: {{ taker_bps: 0, maker_bps: 0, sell_fee_bps: {sell_fee_bps}, sell_fee_per_unit: 0 }}
"""

VENUE = """
speaks: alpaca
port: 0
pace: lockstep
warm_up_bars: {history}
quality: {{ gaps: "off" }}
alpaca: {{ requests_1m: 100000 }}
accounts: {{ practice: {{ keys: ALPACA }} }}
"""

LIVE = """
mode: live
dry_run: false
venue: {{ kind: alpaca, paper: true, address: "{address}" }}
run: {{ name: stage, seed: 11, state_dir: {folder}/state, logs_dir: {folder}/logs, artifacts_dir: {folder}/artifacts }}
strategy: {{ class: "{strategy}:Holder", params: {{ qty: 10 }} }}
risk: {{ daily_loss: 0.05, max_drawdown: 0.6, max_orders_per_min: 1000, close_order_reserve: 5 }}
live: {{ history_bars: {history}, bar_wait_ms: 5000, stale_after_ms: 15000, poll_ms: 500, stream_idle_ms: 5000 }}
throttle: {{ max_signals_per_sec: 1000, backoff_base_s: 0.05, max_backoff_s: 0.5 }}
latency: {{ timeout_ms: 2000 }}
health: {{ enabled: false }}
"""
PROVIDER = ", provider: { kind: synthetic, seed: 5, start: 2024-07-02, end: 2024-07-04, initial_price: 100 }"


class Holder(EventStrategy):
    """Open a position once, below 0 a short, with a stop a tenth away; `equity` is that of each close."""

    class Params(StrategyParams):
        qty: float
        at: int = 0
        bid: float = 0.0

    equity: list[float]
    closes: list[list[float]]

    def prepare(self, bars: object) -> None:
        self.step, self.equity, self.closes = 0, [], []

    def follow(self, bars: object) -> None:
        """Keep what was noted."""

    def on_bar(self, context: Context) -> None:
        self.equity.append(context.account.equity)
        self.closes.append(context.bars.close[:, 0].tolist())
        if self.step == self.params.at and not context.account.position_qty[0]:
            price, qty = context.close(STOCK), self.params.qty
            if qty > 0:
                context.buy(STOCK, qty, stop_loss=0.9 * price)
            else:
                context.sell(STOCK, -qty, stop_loss=1.1 * price)
            if self.params.bid:
                context.buy(STOCK, abs(qty), limit=round(price * self.params.bid, 2))
        self.step += 1


class Buyer(EventStrategy):
    """Buy a share of each stock at the last close before the night, and again after so many more minutes."""

    class Params(StrategyParams):
        qty: float
        again: int = 5

    def prepare(self, bars: object) -> None:
        self.step = 0

    def follow(self, bars: object) -> None:
        """Keep what was counted."""

    def on_bar(self, context: Context) -> None:
        if self.step in (EVENING - 1, EVENING - 1 + self.params.again):
            for symbol in context.bars.symbols:
                context.buy(symbol, self.params.qty, limit=round(2 * context.close(symbol), 2))
        self.step += 1


@dataclass
class HoldingStage(Stage):
    """Set up both on Alpaca's wire; `happens` are kinds and values of what happens on the morning of the ex-date."""

    happens: tuple[tuple[str, float], ...] = ()
    step: str = "1"
    sell_fee_bps: float = 0.0

    @property
    def journal_path(self) -> Path:
        return JournalName(self.name, "alpaca", "practice", dry_run=self.dry).path(self.folder / "state")

    dry: bool = False

    def environ_of(self, venue: PracticeVenue) -> dict[str, str]:
        pair = venue.keys["practice"]
        return {"ALPACA_API_KEY": pair.key, "ALPACA_API_SECRET": pair.secret, **self.keys}

    def _common(self, provider: str) -> str:
        terms = {"step": self.step, "provider": provider, "sell_fee_bps": self.sell_fee_bps}
        return COMMON.format(root=ROOT, folder=self.folder, symbols=self.symbols or f"[{STOCK}]", **terms)

    def open_venue(self, keys: Mapping[str, KeyPair] | None = None) -> PracticeVenue:
        self.folder.joinpath("state").mkdir(exist_ok=True)
        path = self.folder / "practice.yaml"
        path.write_text(self._common(PROVIDER) + VENUE.format(history=HISTORY))
        config, document = load_practice(path, list(self.venue))
        simulated = config.simulated(next(iter(config.accounts.values())))
        ensure_bars(config.data, config.market.calendar, BarStore(Path(config.data.store)))
        bars = steady(read_market_data(simulated, document).bars, self.happens)
        self.simulated, self.bars = simulated, bars
        return PracticeVenue(config, bars, instruments_of(simulated), keys, actions=self.actions())

    def actions(self) -> Actions:
        records = np.zeros(len(self.happens), ACTION)
        for record, (kind, value) in zip(records, self.happens, strict=True):
            record["ts_ms"], record["kind"], record["value"] = EX_DATE_MS, ActionKind[kind.upper()], value
        ends = np.full(self.bars.shape[1], len(records))
        return Actions(np.sort(records, order="kind"), ends - [len(records), *[0] * (len(ends) - 1)], ends)

    def live_config(self, address: str, *, dry_run: bool) -> tuple[LiveRun, Any]:
        path = self.folder / "live.yaml"
        live = LIVE.format(folder=self.folder, address=address, strategy=__name__, history=HISTORY)
        path.write_text(self._common("") + live)
        loaded = load_config(path, [f"run.name={self.name}", *self.live], expect_mode="live")
        assert isinstance(loaded.config, LiveRun)
        self.dry = dry_run
        return loaded.config.model_copy(update={"dry_run": dry_run}), loaded.document

    def backtest(self) -> Simulator:
        """Return a simulator on the same bars, actions and costs, not played yet."""
        instruments, actions = instruments_of(self.simulated), self.actions()
        slots = slot_records(self.simulated, instruments)
        slots["action_start"], slots["action_end"] = actions.starts, actions.ends
        return Simulator(self.bars, run_records(self.simulated), slots, actions=actions.records, first_row=HISTORY)


def steady(bars: np.ndarray, happens: tuple[tuple[str, float], ...]) -> np.ndarray:
    """Return the minutes around the night at one price: the first stock's falls by what happens in it."""
    night = int(np.searchsorted(bars["open_ts_ms"][:, 0], EX_DATE_MS))
    found = bars[night - HISTORY - EVENING : night + MORNING].copy()
    after = found["open_ts_ms"] >= EX_DATE_MS
    worth = np.full(bars.shape[1], PRICE)
    worth[0] = worth_after(happens)
    price = np.where(after, worth, PRICE)
    for name in ("open", "high", "low", "close"):
        found[name] = price
    found["volume"] = 1e7
    return found


def worth_after(happens: tuple[tuple[str, float], ...]) -> float:
    """Return the price of after the night."""
    price = PRICE
    for kind, value in sorted(happens, reverse=True):
        price = price / value if kind == "split" else price - value
    return price
