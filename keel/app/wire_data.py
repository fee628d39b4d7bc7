"""Read the bars of a config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.config.modes import RunConfig
from keel.config.yaml_tree import Document
from keel.data.align import align, fine_bars
from keel.data.bars import StoredBars
from keel.data.store import BarStore
from keel.domain.errors import ConfigError
from keel.domain.instrument import InstrumentId
from keel.domain.layout import BAR
from keel.runs.manifest import DataRecord

_MAX_TICK: Final = 0.01
"""Largest tick, as a part of the lowest close: a coarser one is another instrument's."""


@dataclass(frozen=True)
class MarketData:
    """Hold the bars of a run: BAR (rows, N), finer BAR (M,) with each instrument's range in it, and their records."""

    bars: NDArray[np.void]
    fine: NDArray[np.void]
    fine_starts: NDArray[np.int64]
    fine_ends: NDArray[np.int64]
    records: tuple[DataRecord, ...]


def read_market_data(config: RunConfig, document: Document) -> MarketData:
    """Read the bars a config asks for. Raises ConfigError or DataError, one line that names the key or file."""
    bars = _read_bars(config, config.data.timeframe)
    _refuse_coarse_ticks(config, bars, document)
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
    return MarketData(matrix, fine, starts, ends, tuple(records))


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
