"""The market around recorded fills: from stored bars, or from the fills' own columns; and the laws taken as given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from keel.app.wire_data import read_market_data
from keel.config.costs import ImpactSection, LatencySection, VolatilitySection
from keel.config.load import LoadedConfig
from keel.config.modes import RunConfig
from keel.data.align import align
from keel.data.parquet_file import BarFile
from keel.data.provide import ensure_bars
from keel.data.recorded_fills import RecordedFills
from keel.data.store import BarStore
from keel.data.zone import local_ms, minutes_of_week
from keel.domain.errors import DataError, UsageError
from keel.domain.layout import HOURS_PER_WEEK
from keel.domain.timeframe import timeframe_ms
from keel.sim.calibration.calibrate import Around
from keel.sim.calibration.market import BarHistory, Surroundings
from keel.sim.calibration.samples import Laws

_MINUTES_PER_HOUR: Final = 60
_MOST_DIGITS: Final = 8


@dataclass(frozen=True)
class Asked:
    """Hold what was asked for on the command line."""

    fills: str
    config: Path | None = None
    bars: Path | None = None
    symbols: Sequence[str] = ()
    timeframe: str | None = None
    tick: float | None = None
    timezone: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    artifacts: Path = Path("artifacts")


@dataclass(frozen=True)
class Known:
    """Hold how to look moments up, each symbol's tick, the laws taken as given, and notes on what was assumed."""

    around: Around
    ticks: Mapping[str | None, float]
    laws: Laws
    notes: tuple[str, ...]


def find_market(asked: Asked, loaded: LoadedConfig | None, fills: pl.DataFrame, recorded: RecordedFills) -> Known:
    """Find the market around fills. Raises UsageError, DataError or ConfigError naming option, file or key."""
    notes: list[str] = []
    config = None if loaded is None else loaded.config
    ticks = {symbol: _tick(symbol, fills, asked, config, notes) for symbol in fills["symbol"].unique().to_list()}
    around = _around(asked, loaded, fills, recorded, notes)
    return Known(around, ticks, _laws(config, notes), tuple(notes))


def _around(
    asked: Asked, loaded: LoadedConfig | None, fills: pl.DataFrame, recorded: RecordedFills, notes: list[str]
) -> Around:
    if asked.bars is not None:
        histories = _history_of_file(asked.bars, fills, recorded.where, loaded)
    elif loaded is not None:
        histories = _histories_of_config(loaded, fills, recorded.where)
    else:
        return _around_by_columns(asked, recorded, notes)

    def look_up(table: pl.DataFrame, moment: str) -> Surroundings:
        symbols = table["symbol"].fill_null("").to_numpy()
        found = Surroundings.unknown(table.height)
        for symbol in dict.fromkeys(symbols.tolist()):
            mine = np.flatnonzero(symbols == symbol)
            found.put(mine, histories[symbol].around(table[moment].to_numpy()[mine]))
        return found

    return look_up


def _history_of_file(path: Path, fills: pl.DataFrame, where: str, loaded: LoadedConfig | None) -> dict[str, BarHistory]:
    if not path.is_file():
        raise DataError(
            f"--bars {path}: no such file; name a file of the bar store, data/bars/<venue>/<symbol>/1h.parquet"
        )
    file = BarFile(path)
    symbols = fills["symbol"].unique().to_list()
    stored = file.header.instrument_id.symbol
    if len(symbols) > 1 or symbols[0] not in (None, stored):
        names = ", ".join(str(each) for each in symbols)
        raise UsageError(
            f"--bars {path}: holds {stored}, {where} has fills of {names}: give --config for several symbols"
        )
    bars = align([file])[:, 0]
    spans = VolatilitySection() if loaded is None else loaded.config.volatility
    return {symbols[0] or "": BarHistory(bars, np.ones(len(bars)), spans.short_bars, spans.long_bars)}


def _histories_of_config(loaded: LoadedConfig, fills: pl.DataFrame, where: str) -> dict[str, BarHistory]:
    config = loaded.config
    for symbol, row in fills.group_by("symbol", maintain_order=True).agg(pl.col("row").first()).iter_rows():
        if symbol is None and len(config.data.symbols) > 1:
            raise UsageError(f"{where}: has no column symbol and {loaded.path} has several: name one with --symbol")
        if symbol is not None and symbol not in config.data.symbols:
            raise DataError(
                f"{where}: row {row}: symbol {symbol} is not in data.symbols of {loaded.path} "
                f"({', '.join(config.data.symbols)}): add it there, or choose with --symbol"
            )
    for _ in ensure_bars(config.data, config.market.calendar, BarStore(Path(config.data.store))):
        pass
    market = read_market_data(config, loaded.document)
    spans = config.volatility
    histories = {
        symbol: BarHistory(market.view[:, i], market.factors[:, i], spans.short_bars, spans.long_bars)
        for i, symbol in enumerate(config.data.symbols)
    }
    return histories | {"": histories[config.data.symbols[0]]}


def _around_by_columns(asked: Asked, recorded: RecordedFills, notes: list[str]) -> Around:
    """Read the market off the fills' own columns, without bars."""
    if "bar_volume" in recorded.columns and asked.timeframe is None:
        raise UsageError(f"{recorded.where}: has bar_volume: say how long its bars are with --timeframe, such as 1h")
    length_ms = None if asked.timeframe is None else timeframe_ms(asked.timeframe)
    zone = asked.timezone or "UTC"
    if "volatility_factor" not in recorded.columns:
        notes.append("no bars and no column volatility_factor: it is taken to be 1")

    def read_off(table: pl.DataFrame, moment: str) -> Surroundings:
        ts_ms = table[moment].to_numpy()
        found = Surroundings.unknown(len(ts_ms))
        found.hour[:] = minutes_of_week(local_ms(ts_ms, zone)) // _MINUTES_PER_HOUR % HOURS_PER_WEEK
        for name, target in (
            ("volatility_factor", found.factor),
            ("volatility_bps", found.sigma_bps),
            ("bar_volume", found.volume),
        ):
            if name in table.columns:
                target[:] = np.where(np.isnan(table[name].to_numpy()), target, table[name].to_numpy())
        if length_ms is not None:
            found.bar[:] = ts_ms // length_ms
        return found

    return read_off


def _tick(symbol: str | None, fills: pl.DataFrame, asked: Asked, config: RunConfig | None, notes: list[str]) -> float:
    if asked.tick is not None:
        return asked.tick
    if config is not None:
        return float(config.market.rules_for(symbol or config.data.symbols[0]).tick_size)
    tick = tick_of(fills.filter(pl.col("symbol").eq_missing(symbol))["price"].to_list())
    notes.append(f"tick of {symbol or 'the fills'}: {tick:g}, the largest step that all prices are whole multiples of")
    return tick


def tick_of(prices: Sequence[float]) -> float:
    """Return the largest decimal step of which all prices are whole multiples, 0 for none down to 1e-8."""
    for digits in range(_MOST_DIGITS + 1):
        scaled = np.asarray(prices) * 10.0**digits
        whole = np.round(scaled)
        if (np.abs(scaled - whole) <= 1e-9 + scaled * 1e-15).all():  # the tolerance of a grid, rule 19
            return float(np.gcd.reduce(whole.astype(np.int64))) / 10.0**digits
    return 0.0


def _laws(config: RunConfig | None, notes: list[str]) -> Laws:
    impact = ImpactSection() if config is None else config.impact
    source = "Keel's defaults" if config is None else "the config"
    notes.append(
        f"impact.exponent {impact.exponent:g} and half_life_bars {impact.half_life_bars:g} are {source}, not fitted"
    )
    latency = LatencySection() if config is None else config.latency
    laws = Laws(impact.exponent, impact.half_life_bars)
    if config is None:
        return laws
    ones = np.ones(HOURS_PER_WEEK)
    spread, delay = config.seasonality.spread, config.seasonality.latency
    used = [
        name
        for name, on in (
            ("spread", spread is not None and config.use_seasonality),
            ("latency", delay is not None and latency.use_seasonality),
        )
        if on
    ]
    if used:
        notes.append(f"hour-of-week tables of the config are taken as given: {', '.join(used)}")
    return Laws(
        exponent=impact.exponent,
        half_life_bars=impact.half_life_bars,
        spread_by_hour=np.asarray(spread) if "spread" in used else ones,
        latency_by_hour=np.asarray(delay) if "latency" in used else ones,
        timeout_ms=float(latency.timeout_ms) if latency.timeout_ms else float("inf"),
    )
