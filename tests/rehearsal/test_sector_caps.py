"""Sector caps act in a backtest, at the desk of a live run and in training alike, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from keel.app.wire_sectors import sector_caps_of
from keel.app.wiring import instruments_of
from keel.backtest.run import BacktestInputs, simulate
from keel.config.modes import SimRun
from keel.domain.errors import ConfigError, UsageError
from keel.domain.layout import ACTION, BAR, BAR_PRESENT
from keel.domain.orders import EventKind
from keel.sim.exchange import Exchange
from keel.sim.local import LocalDesk
from keel.sim.parameters import run_records, slot_records
from keel.strategies.panel import BarPanel
from keel.strategies.port import Context, EventStrategy, Strategy, VectorStrategy

SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE")
SECTORS = {"AAA": "tech", "BBB": "tech", "CCC": "oil", "DDD": "tech", "EEE": "oil"}
ROWS, HOUR_MS = 120, 3_600_000


def wanted_weights() -> np.ndarray:
    """Return targets that come to more than their sectors may, anew every few bars."""
    rng = np.random.default_rng(5)
    return np.repeat(rng.choice([0.0, 0.05, 0.15, 0.25], (ROWS // 6, len(SYMBOLS))), 6, axis=0)


class Wanted(VectorStrategy):
    def target_weights(self, bars: BarPanel) -> np.ndarray:
        return wanted_weights()[: len(bars)]


class WantedByBar(EventStrategy):
    def on_bar(self, context: Context) -> None:
        for symbol, weight in zip(SYMBOLS, wanted_weights()[len(context.bars) - 1], strict=True):
            context.set_target(symbol, float(weight))


class Buyer(EventStrategy):
    def on_bar(self, context: Context) -> None:
        context.buy("AAA", 1.0)


def config_of(folder: Path, **risk: object) -> SimRun:
    path = folder / "sectors.csv"
    path.write_text("symbol,sector\n" + "".join(f"{symbol},{sector}\n" for symbol, sector in SECTORS.items()))
    tree = {
        "mode": "sim",
        "run": {"logs_dir": str(folder)},
        "data": {"venue": "testing", "symbols": SYMBOLS, "timeframe": "1h"},
        "strategy": {"class": "keel.strategies.buy_and_hold:BuyAndHold"},
        "risk": {"sectors": str(path), "max_sector_weight": 0.3, "sector_weights": {"oil": 0.2}} | risk,
    }
    return SimRun.model_validate(tree)


def inputs_of(config: SimRun, strategy: Strategy) -> BacktestInputs:
    rng, shape = np.random.default_rng(3), (ROWS, len(SYMBOLS))
    bars = np.zeros(shape, BAR)
    bars["close"] = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.002, shape), axis=0))
    bars["open"] = np.vstack([bars["close"][:1], bars["close"][:-1]])
    bars["high"] = np.maximum(bars["open"], bars["close"]) * 1.001
    bars["low"] = np.minimum(bars["open"], bars["close"]) * 0.999
    bars["volume"] = 1e9
    bars["open_ts_ms"] = np.arange(ROWS)[:, None] * HOUR_MS
    bars["close_ts_ms"] = bars["open_ts_ms"] + HOUR_MS
    bars["day"] = bars["open_ts_ms"] // 86_400_000
    bars["flags"] = np.where(rng.random(shape) < 0.9, BAR_PRESENT, 0)
    bars["flags"][0] = BAR_PRESENT
    none = np.zeros(len(SYMBOLS), np.int64)
    return BacktestInputs(
        config=config,
        instruments=instruments_of(config),
        strategy=strategy,
        bars=bars,
        fine=np.zeros(0, BAR),
        fine_starts=none,
        fine_ends=none,
        actions=np.zeros(0, ACTION),
        action_starts=none,
        action_ends=none,
        rates=np.zeros((0, len(SYMBOLS))),
        panel=BarPanel(bars, SYMBOLS),
        factors=np.ones(shape),
        caps=sector_caps_of(config)[0],
    )


def go_on(_rows: int) -> str | None:
    return None


def test_a_backtest_keeps_targets_to_their_sectors_whoever_gives_them(tmp_path: Path, caplog):
    config = config_of(tmp_path)
    played, weights = simulate(inputs_of(config, Wanted(Wanted.Params())), go_on)
    by_bar, same = simulate(inputs_of(config, WantedByBar(WantedByBar.Params())), go_on)
    assert weights.tobytes() == same.tobytes()
    assert played.events.tobytes() == by_bar.events.tobytes()
    assert (weights != wanted_weights()).any()
    assert "sector caps cut targets at" in caplog.text
    free, _ = simulate(
        inputs_of(
            config_of(tmp_path, sectors=None, max_sector_weight=None, sector_weights={}), Wanted(Wanted.Params())
        ),
        go_on,
    )
    assert len(free.events) != len(played.events)


def test_the_desk_of_a_live_run_decides_as_the_backtest(tmp_path: Path):
    config = config_of(tmp_path)
    inputs = inputs_of(config, Wanted(Wanted.Params()))
    played, weights = simulate(inputs, go_on)
    desk = LocalDesk(run_records(config), slot_records(config, inputs.instruments))
    exchange = Exchange(run_records(config), slot_records(config, inputs.instruments))
    desk.caps = inputs.caps
    sizes = []
    for row, bars in enumerate(inputs.bars):
        for event in exchange.play_row(bars):
            desk.hear(np.array([event], event.dtype))
        for order in desk.live_orders():
            there = exchange.order(int(order["id"]))
            if there is not None:
                desk.follow(there)
        desk.close_row(bars, int(bars[0]["close_ts_ms"]))
        sent = desk.decide(wanted_weights()[row])
        assert sent.weights.tobytes() == weights[row].tobytes()
        sizes += sent.orders["qty"].tolist()
        for order in sent.orders:
            exchange.submit(np.array([order]))
        for order in sent.cancels:
            exchange.cancel(int(order["id"]), int(bars[0]["close_ts_ms"]))
    submitted = played.events[played.events["kind"] == EventKind.SUBMITTED]
    assert sizes == submitted["qty"].tolist()
    assert len(sizes) > 20


def test_a_strategy_with_orders_of_its_own_is_refused_beside_sector_caps(tmp_path: Path):
    with pytest.raises(UsageError, match=r"risk\.sectors: sector caps act on target weights"):
        simulate(inputs_of(config_of(tmp_path), Buyer(Buyer.Params())), go_on)


def test_a_cap_of_a_sector_that_no_symbol_is_of_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"risk\.sector_weights: no symbol is of teck by .*: did you mean tech\?"):
        sector_caps_of(config_of(tmp_path, sector_weights={"teck": 0.1}))
