"""Build the objects of a run from its config: with `wire_data` and `wire_strategy` the only place that does."""

from __future__ import annotations

from keel.app.wire_data import MarketData, read_market_data
from keel.app.wire_sectors import sector_caps_of
from keel.app.wire_strategy import load_strategy
from keel.backtest.run import BacktestInputs
from keel.config.modes import DecidedConfig, RunConfig
from keel.config.yaml_tree import Document
from keel.domain.instrument import Auctions, Grid, Instrument, InstrumentId
from keel.domain.timeframe import ROUND_THE_CLOCK
from keel.runs.manifest import DataRecord
from keel.strategies.panel import BarPanel


def wire_backtest(
    config: DecidedConfig,
    document: Document | None = None,
    data: MarketData | None = None,
    panel: BarPanel | None = None,
) -> tuple[BacktestInputs, tuple[DataRecord, ...]]:
    """Read the bars and build the strategy of a config; return them with a record of the data read.

    `document` tells where each key was written; `data` is what was read before for a config of the same bars,
    `panel` the strategies' view of it. Raises ConfigError or DataError, one line that names key or file and mend.
    """
    written = document or Document("config", config.model_dump(by_alias=True), {})
    strategy = load_strategy(config.strategy.class_path, written)
    strategy.check_market(config.data.venue, config.data.symbols, config.data.timeframe)
    wanted = strategy.extra_columns()
    if data is None or not set(wanted) <= set(data.extra):
        data, panel = read_market_data(config, written, wanted), None
    instruments = instruments_of(config)
    caps, sector_records = sector_caps_of(config)
    inputs = BacktestInputs(
        config=config,
        instruments=instruments,
        strategy=strategy,
        bars=data.bars,
        fine=data.fine,
        fine_starts=data.fine_starts,
        fine_ends=data.fine_ends,
        actions=data.actions,
        action_starts=data.action_starts,
        action_ends=data.action_ends,
        rates=data.rates,
        panel=BarPanel(data.view, config.data.symbols, data.extra) if panel is None else panel,
        factors=data.factors,
        caps=caps,
    )
    return inputs, (*data.records, *sector_records)


def instruments_of(config: RunConfig) -> tuple[Instrument, ...]:
    """Return a config's instruments, in the configured order."""
    return tuple(_instrument(config, symbol) for symbol in config.data.symbols)


def _instrument(config: RunConfig, symbol: str) -> Instrument:
    rules = config.market.rules_for(symbol)
    return Instrument(
        id=InstrumentId(config.data.venue_of(symbol), symbol),
        tick=Grid.from_decimal(rules.tick_size),
        step=Grid.from_decimal(rules.step_size),
        min_qty=float(rules.min_qty),
        min_notional=float(rules.min_notional),
        shortable=rules.shortable,
        can_flip=rules.can_flip,
        fee_in_base=rules.fee_currency == "base",
        borrow_rate=rules.borrow_rate,
        auctions=_auctions(config, symbol),
    )


def _auctions(config: RunConfig, symbol: str) -> Auctions | None:
    if config.data.calendar_of(symbol, config.market.calendar) == ROUND_THE_CLOCK:
        return None
    rules = config.market.rules_for(symbol)
    return Auctions(rules.open_cutoff_s * 1000, rules.close_cutoff_s * 1000)
