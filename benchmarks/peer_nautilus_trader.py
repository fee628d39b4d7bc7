"""NautilusTrader's side: the same crossover on the same bars, one unit a trade, logging and pre-trade checks off."""

from __future__ import annotations

import sys
from decimal import Decimal
from importlib.metadata import version

import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy
from timing import report

_VENUE = Venue("BENCH")
_BARS = BarType.from_str("BTCUSDT.BENCH-1-MINUTE-LAST-EXTERNAL")
_PAIR = CurrencyPair(
    instrument_id=InstrumentId(Symbol("BTCUSDT"), _VENUE),
    raw_symbol=Symbol("BTCUSDT"),
    base_currency=BTC,
    quote_currency=USDT,
    price_precision=2,
    size_precision=6,
    price_increment=Price.from_str("0.01"),
    size_increment=Quantity.from_str("0.000001"),
    margin_init=Decimal(0),
    margin_maint=Decimal(0),
    maker_fee=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
    ts_event=0,
    ts_init=0,
)


class Crossover(Strategy):  # type: ignore[misc] # untyped package
    """Hold one unit while the short average is above the long one, by the peer's own compiled indicators."""

    def __init__(self) -> None:
        super().__init__()
        self.short, self.long = SimpleMovingAverage(20), SimpleMovingAverage(50)
        self.unit = Quantity.from_str("1.000000")
        self.held = False

    def on_start(self) -> None:
        """Subscribe."""
        self.register_indicator_for_bars(_BARS, self.short)
        self.register_indicator_for_bars(_BARS, self.long)
        self.subscribe_bars(_BARS)

    def on_bar(self, _bar: Bar) -> None:
        """Send a market order where the averages have crossed."""
        if not self.long.initialized or (self.short.value > self.long.value) == self.held:
            return
        self.held = not self.held
        side = OrderSide.BUY if self.held else OrderSide.SELL
        self.submit_order(self.order_factory.market(_PAIR.id, side, self.unit))


def main(bars_file: str) -> None:
    """Time an engine's whole life on bars that it has already in its own form."""
    columns = np.load(bars_file)
    names = ("open", "high", "low", "close", "volume")
    index = pd.to_datetime(columns["close_ts_ms"], unit="ms", utc=True)
    frame = pd.DataFrame({name: columns[name][:, 0].round(2) for name in names}, index=index)
    bars = BarDataWrangler(_BARS, _PAIR).process(frame)

    def once() -> float:
        quiet = LoggingConfig(bypass_logging=True)
        engine = BacktestEngine(
            BacktestEngineConfig(logging=quiet, risk_engine=RiskEngineConfig(bypass=True), run_analysis=False)
        )
        funds = [Money(1e9, USDT), Money(0, BTC)]
        engine.add_venue(_VENUE, OmsType.NETTING, AccountType.CASH, funds, base_currency=None)
        engine.add_instrument(_PAIR)
        engine.add_data(bars)
        engine.add_strategy(Crossover())
        engine.run()
        account = engine.portfolio.account(_VENUE)
        units = float(account.balance_total(BTC).as_double())
        equity = float(account.balance_total(USDT).as_double()) + units * float(frame["close"].iloc[-1])
        engine.dispose()
        return equity

    report(once, version("nautilus_trader"))


if __name__ == "__main__":
    main(*sys.argv[1:])
