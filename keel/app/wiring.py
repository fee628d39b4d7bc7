"""Build the objects of a run from its config: the only place that does."""

from __future__ import annotations

import importlib
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import ValidationError

from keel.backtest.run import BacktestInputs
from keel.config.modes import RunConfig
from keel.config.problems import explain
from keel.config.yaml_tree import Document
from keel.data.align import align, fine_bars
from keel.data.bars import StoredBars
from keel.data.store import BarStore
from keel.domain.errors import ConfigError
from keel.domain.instrument import Grid, Instrument, InstrumentId
from keel.domain.layout import BAR
from keel.runs.manifest import DataRecord
from keel.strategies.port import EventStrategy, Strategy, StrategyParams, VectorStrategy

_LOG: Final = logging.getLogger(__name__)
_PARAMS: Final = ("strategy", "params")
_MAX_TICK: Final = 0.01
"""Largest tick, as a part of the lowest close: a coarser one is another instrument's."""


def wire_backtest(config: RunConfig, document: Document | None = None) -> tuple[BacktestInputs, tuple[DataRecord, ...]]:
    """Read the bars and build the strategy of a config; return them with a record of the data read.

    `document` tells where each key was written. Raises ConfigError or DataError, one line that names the key or file
    and the mend.
    """
    written = document or Document("config", config.model_dump(by_alias=True), {})
    strategy = load_strategy(config.strategy.class_path, written)
    bars = _read_bars(config, config.data.timeframe)
    _refuse_coarse_ticks(config, bars, written)
    records = [_data_record(config, each) for each in bars]
    matrix = align(bars, config.market.timezone)
    _refuse_mixed_prices(bars)
    fine = np.zeros(0, BAR)
    starts = ends = np.zeros(len(bars), np.int64)
    if config.data.reference_timeframe is not None:
        finer = _read_bars(config, config.data.reference_timeframe)
        _refuse_mixed_prices([*bars, *finer])
        records += [_data_record(config, each) for each in finer]
        fine, starts, ends = fine_bars(finer)
    instruments = tuple(_instrument(config, symbol) for symbol in config.data.symbols)
    inputs = BacktestInputs(config, instruments, strategy, matrix, fine, starts, ends)
    return inputs, tuple(records)


def load_strategy(class_path: str, document: Document) -> Strategy:
    """Import `module:Class` and build it with its own Params from `strategy.params` of the document.

    Raises ConfigError naming what does not fit; a wrong parameter with its place and the nearest right key.
    """
    found = _import_class(class_path)
    if not (isinstance(found, type) and issubclass(found, (VectorStrategy, EventStrategy))):
        raise ConfigError(
            f"strategy.class: {class_path} is not a strategy: subclass VectorStrategy or EventStrategy of "
            "keel.strategies.port"
        )
    if not (isinstance(found.Params, type) and issubclass(found.Params, StrategyParams)):
        raise ConfigError(
            f"strategy.class: {class_path}.Params must subclass StrategyParams of keel.strategies.port, which refuses "
            "unknown keys"
        )
    try:
        return found(_checked_params(found.Params, document))
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        _LOG.error("strategy %s cannot be built", class_path, exc_info=error)
        raise ConfigError(f"strategy.class: {class_path} cannot be built: {type(error).__name__}: {error}") from error


def _import_class(class_path: str) -> object:
    module_name, _, class_name = class_path.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        # Last, so that no file of the user's takes the place of a module Keel imports.
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        _LOG.error("strategy module %s does not import", module_name, exc_info=error)
        raise ConfigError(
            f"strategy.class: module {module_name} does not import ({type(error).__name__}: {error}); check the "
            "spelling, and that its folder is the current one or on PYTHONPATH"
        ) from error
    if not hasattr(module, class_name):
        classes = [name for name, value in vars(module).items() if _is_own_strategy(value, module_name)]
        there = f"it has {', '.join(classes)}" if classes else "it has no strategy"
        raise ConfigError(f"strategy.class: module {module_name} has no {class_name}: {there}")
    return getattr(module, class_name)


def _is_own_strategy(value: object, module_name: str) -> bool:
    return isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == module_name


def _checked_params(params: type[StrategyParams], document: Document) -> StrategyParams:
    given = document.values["strategy"].get("params", {})
    try:
        # As JSON, the strict rules let a list be a tuple and text be a date, for YAML has no other way to write them.
        return params.model_validate_json(json.dumps(given))
    except ValidationError as error:
        raise explain(error, document, params, _PARAMS) from None


def _read_bars(config: RunConfig, timeframe: str) -> list[StoredBars]:
    store = BarStore(Path(config.data.store))
    read = [
        store.read(InstrumentId(config.data.venue, symbol), timeframe, config.data.start_ms, config.data.end_ms)
        for symbol in config.data.symbols
    ]
    for bars in read:
        stored, asked = (bars.calendar, bars.timezone), (config.market.calendar, config.market.timezone)
        if stored != asked:
            raise ConfigError(
                f"market: calendar {asked[0]} in {asked[1]} does not fit the bars of {bars.instrument_id}, stored with "
                f"calendar {stored[0]} in {stored[1]}: set market.calendar and market.timezone to those"
            )
    return read


def _refuse_coarse_ticks(config: RunConfig, read: Sequence[StoredBars], document: Document) -> None:
    for bars in read:
        symbol, lowest = bars.instrument_id.symbol, float(bars.table["close"].to_numpy().min())
        tick = config.market.rules_for(symbol).tick_size
        if float(tick) <= _MAX_TICK * lowest:
            continue
        override = config.market.overrides.get(symbol)
        own = override is not None and override.tick_size is not None
        key = ("market", "overrides", symbol, "tick_size") if own else ("market", "instrument", "tick_size")
        raise ConfigError(
            f"{document.place(key)}: {'.'.join(key)}: {tick} is {float(tick) / lowest:.2g} times the lowest close of "
            f"{symbol}, {lowest:g}: above {_MAX_TICK:g} the rounding of prices would swamp all else: set "
            f"market.overrides.{symbol}.tick_size to the venue's own tick"
        )


def _refuse_mixed_prices(read: Sequence[StoredBars]) -> None:
    first = read[0]
    for bars in read:
        if bars.price_kind != first.price_kind:
            raise ConfigError(
                f"data.symbols: the prices of {first.instrument_id} {first.timeframe} are {first.price_kind}, those of "
                f"{bars.instrument_id} {bars.timeframe} are {bars.price_kind}: import both of one kind"
            )


def _data_record(config: RunConfig, bars: StoredBars) -> DataRecord:
    stamps = bars.table["open_ts_ms"]
    return DataRecord(
        instrument=str(bars.instrument_id),
        timeframe=bars.timeframe,
        path=str(BarStore(Path(config.data.store)).path(bars.instrument_id, bars.timeframe)),
        feed=bars.feed,
        price_kind=bars.price_kind,
        rows=len(stamps),
        first_ts_ms=int(stamps[0]),
        last_ts_ms=int(stamps[-1]),
        content_hash=bars.content_hash(),
    )


def _instrument(config: RunConfig, symbol: str) -> Instrument:
    rules = config.market.rules_for(symbol)
    return Instrument(
        id=InstrumentId(config.data.venue, symbol),
        tick=Grid.from_decimal(rules.tick_size),
        step=Grid.from_decimal(rules.step_size),
        min_qty=float(rules.min_qty),
        min_notional=float(rules.min_notional),
        shortable=rules.shortable,
        can_flip=rules.can_flip,
    )
