"""Build the objects of a run from its config: the only place that does."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from keel.backtest.run import BacktestInputs
from keel.config.modes import RunConfig
from keel.data.align import align, fine_bars
from keel.data.bars import StoredBars
from keel.data.store import BarStore
from keel.domain.errors import ConfigError
from keel.domain.instrument import Grid, Instrument, InstrumentId
from keel.domain.layout import BAR
from keel.runs.manifest import DataRecord
from keel.strategies.port import EventStrategy, Strategy, StrategyParams, VectorStrategy

_LOG: Final = logging.getLogger(__name__)


def wire_backtest(config: RunConfig) -> tuple[BacktestInputs, tuple[DataRecord, ...]]:
    """Read the bars and build the strategy of a config; return them with a record of the data read.

    Raises ConfigError or DataError, one line that names the key or file and the mend.
    """
    strategy = load_strategy(config.strategy.class_path, config.strategy.params)
    bars = _read_bars(config, config.data.timeframe)
    records = [_data_record(config, each) for each in bars]
    matrix = align(bars, config.market.timezone)
    fine = np.zeros(0, BAR)
    starts = ends = np.zeros(len(bars), np.int64)
    if config.data.reference_timeframe is not None:
        finer = _read_bars(config, config.data.reference_timeframe)
        records += [_data_record(config, each) for each in finer]
        fine, starts, ends = fine_bars(finer)
    instruments = tuple(_instrument(config, symbol) for symbol in config.data.symbols)
    inputs = BacktestInputs(config, instruments, strategy, matrix, fine, starts, ends)
    return inputs, tuple(records)


def load_strategy(class_path: str, params: Mapping[str, Any]) -> Strategy:
    """Import `module:Class` and build it with its own Params. Raises ConfigError naming what does not fit."""
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
        return found(found.Params.model_validate(dict(params)))
    except ValidationError as error:
        raise ConfigError(_params_fault(class_path, found, error)) from None
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


def _params_fault(class_path: str, found: type[Strategy], error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(["strategy.params", *map(str, first["loc"])])
    if first["type"] == "missing":
        return f"missing key '{key}': {class_path} needs it"
    if first["type"] == "extra_forbidden":
        known = ", ".join(found.Params.model_fields) or "none"
        return f"unknown key '{key}': {class_path} knows {known}"
    return f"{key}: {first['msg'].removeprefix('Value error, ')}"


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
