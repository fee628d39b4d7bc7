"""Read the bars of a config, and what else the run knows of its instruments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.app.wire_quality import Source, examine_run, mend
from keel.config.modes import RunConfig
from keel.config.yaml_tree import Document
from keel.data.actions import Actions, TradedBars, no_actions, read_actions
from keel.data.adjust import forward_adjusted
from keel.data.align import align, align_columns, fine_bars
from keel.data.parquet_file import BarFile
from keel.data.quality.finding import Finding
from keel.data.rates import MAX_AGE_DAYS, Rate, rates_for, read_rate
from keel.data.repair import RepairedBars
from keel.data.store import BarStore
from keel.domain.errors import ConfigError
from keel.domain.instrument import InstrumentId
from keel.domain.layout import BAR, BAR_PRESENT
from keel.domain.timeframe import MS_PER_DAY, timeframe_ms
from keel.runs.manifest import DataRecord

_MAX_TICK: Final = 0.01
"""Largest tick, as a part of the lowest close: a coarser one is another instrument's."""


@dataclass(frozen=True)
class MarketData:
    """Hold what a run knows of its market; N instruments in the configured order.

    `bars` is BAR (rows, N) as traded, `fine` finer BAR (M,) with each instrument's range in it, `actions` ACTION (A,)
    with each instrument's range in it. `rates` is account currency per unit of quote currency, (rows, N), or (0, N)
    where all quote currencies are the account's. `view` is `bars` as strategies see them, without the jumps of splits:
    prices × `factors` (rows, N); the same array where nothing splits. `extra` is further columns by name, (rows, N).
    """

    bars: NDArray[np.void]
    fine: NDArray[np.void]
    fine_starts: NDArray[np.int64]
    fine_ends: NDArray[np.int64]
    actions: NDArray[np.void]
    action_starts: NDArray[np.int64]
    action_ends: NDArray[np.int64]
    rates: NDArray[np.float64]
    view: NDArray[np.void]
    factors: NDArray[np.float64]
    records: tuple[DataRecord, ...]
    extra: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def until(self, row: int) -> MarketData:
        """Return copies of the rows before `row`: what comes after them is in no array of the result."""
        bars = self.bars[:row].copy()
        end_ts_ms = int(bars["close_ts_ms"][-1].max())
        fine, fine_starts, fine_ends = _before(self.fine, "close_ts_ms", self.fine_starts, self.fine_ends, end_ts_ms)
        actions, *action_range = _before(self.actions, "ts_ms", self.action_starts, self.action_ends, end_ts_ms)
        return replace(
            self,
            bars=bars,
            fine=fine,
            fine_starts=fine_starts,
            fine_ends=fine_ends,
            actions=actions,
            action_starts=action_range[0],
            action_ends=action_range[1],
            rates=self.rates[:row].copy(),
            view=bars if self.view is self.bars else self.view[:row].copy(),
            factors=self.factors[:row].copy(),
            extra={name: values[:row].copy() for name, values in self.extra.items()},
        )


def _before(
    records: NDArray[np.void], stamp: str, starts: NDArray[np.int64], ends: NDArray[np.int64], last_ts_ms: int
) -> tuple[NDArray[np.void], NDArray[np.int64], NDArray[np.int64]]:
    """Return copies of each instrument's records up to `last_ts_ms`, and where they start and end."""
    ranges = zip(starts.tolist(), ends.tolist(), strict=True)
    parts = [records[start:end] for start, end in ranges]
    kept = [part[: int(np.searchsorted(part[stamp], last_ts_ms, "right"))] for part in parts]
    kept_ends = np.cumsum([len(part) for part in kept], dtype=np.int64)
    lengths = np.array([len(part) for part in kept], np.int64)
    return np.concatenate([records[:0], *kept]), kept_ends - lengths, kept_ends


def read_market_data(config: RunConfig, document: Document, extra: Sequence[str] = ()) -> MarketData:
    """Read what a config asks for, and `extra` columns of its bars.

    Raises ConfigError or DataError, one line that names the key or file.
    """
    files = mend(config, _open_bars(config, config.data.timeframe))
    fine_timeframe = config.data.reference_timeframe
    finer = [] if fine_timeframe is None else mend(config, _open_bars(config, fine_timeframe))
    _refuse_mixed_prices([*files, *finer])
    bars = align(files)
    _refuse_coarse_ticks(config, bars, document)
    fine, starts, ends = fine_bars(finer) if finer else _no_fine_bars(len(files))
    actions = _read_actions(config, files, bars)
    account = config.account.currency
    quotes = [(symbol, config.market.rules_for(symbol).quote_currency or account) for symbol in config.data.symbols]
    rates, rate_records = read_rates(config, quotes, bars["close_ts_ms"][:, 0])
    view, factors = forward_adjusted(bars, actions)
    parts = [bars[:, i] for i in range(len(files))] + [fine[starts[i] : ends[i]] for i in range(len(finer))]
    findings = examine_run(config, [*files, *finer], parts, actions)
    records = [_data_record(*each) for each in zip([*files, *finer], parts, findings, strict=True)]
    return MarketData(
        bars=bars,
        fine=fine,
        fine_starts=starts,
        fine_ends=ends,
        actions=actions.records,
        action_starts=actions.starts,
        action_ends=actions.ends,
        rates=rates,
        view=view,
        factors=factors,
        records=(*records, *rate_records, *_action_record(config, actions)),
        extra=align_columns(files, extra, bars["close_ts_ms"][:, 0]),
    )


def _open_bars(config: RunConfig, timeframe: str) -> list[BarFile]:
    data, store = config.data, BarStore(Path(config.data.store))
    opened = [
        store.open(InstrumentId(data.venue_of(symbol), symbol), timeframe, data.start_ms, data.end_ms)
        for symbol in data.symbols
    ]
    for symbol, file in zip(data.symbols, opened, strict=True):
        _refuse_other_calendar(config, symbol, file)
    return opened


def _refuse_other_calendar(config: RunConfig, symbol: str, file: BarFile) -> None:
    stored, calendar = file.header, config.data.calendar_of(symbol, config.market.calendar)
    if calendar != config.market.calendar:
        if stored.calendar != calendar:
            raise ConfigError(
                f"data.sources.{symbol}.calendar: {calendar} does not fit the bars of {stored.instrument_id}, stored "
                f"with calendar {stored.calendar}: set it to that"
            )
    elif (stored.calendar, stored.timezone) != (calendar, config.market.timezone):
        raise ConfigError(
            f"market: calendar {calendar} in {config.market.timezone} does not fit the bars of {stored.instrument_id}, "
            f"stored with calendar {stored.calendar} in {stored.timezone}: set market.calendar and market.timezone to "
            f"those, or data.sources.{symbol}.calendar where other symbols have another"
        )


def _refuse_coarse_ticks(config: RunConfig, bars: NDArray[np.void], document: Document) -> None:
    for i, symbol in enumerate(config.data.symbols):
        lowest = float(np.fmin.reduce(bars["close"][:, i]))
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


def _refuse_mixed_prices(files: Sequence[Source]) -> None:
    first = files[0].header
    for file in files:
        bars = file.header
        if bars.price_kind != first.price_kind:
            raise ConfigError(
                f"data.symbols: the prices of {first.instrument_id} {first.timeframe} are {first.price_kind}, those of "
                f"{bars.instrument_id} {bars.timeframe} are {bars.price_kind}: import both of one kind"
            )


def _no_fine_bars(n: int) -> tuple[NDArray[np.void], NDArray[np.int64], NDArray[np.int64]]:
    return np.zeros(0, BAR), np.zeros(n, np.int64), np.zeros(n, np.int64)


def _read_actions(config: RunConfig, files: Sequence[Source], bars: NDArray[np.void]) -> Actions:
    if config.data.actions is None:
        return no_actions(len(files))
    traded = []
    for i, file in enumerate(files):
        _, first, last = _own(bars[:, i])
        header, span = file.header, (int(first["open_ts_ms"]), int(last["close_ts_ms"]))
        traded.append(TradedBars(header.instrument_id.symbol, header.timezone, header.price_kind, *span))
    return read_actions(Path(config.data.actions), traded)


def read_rates(
    config: RunConfig, quotes: Sequence[tuple[str, str]], decision_ts_ms: NDArray[np.int64]
) -> tuple[NDArray[np.float64], list[DataRecord]]:
    """Return what `rates_for` makes of `data.rates`, and records of the bars it took; raises as that does.

    `quotes` is (symbol, quote currency) of each instrument.
    """
    data, account = config.data, config.account.currency
    rates: dict[str, Rate] = {}
    records = []
    for currency in dict.fromkeys(currency for _, currency in quotes if currency != account):
        given = data.rates.get(currency)
        if isinstance(given, str):
            file = _open_rate(config, given)
            rates[currency] = series = read_rate(file)
            records.append(_record(file, len(series.close), *series.span_ms))
        elif given is not None:
            rates[currency] = given
    return rates_for(quotes, account, rates, decision_ts_ms), records


def _open_rate(config: RunConfig, symbol: str) -> BarFile:
    """Open the bars of a rate, from so long before the run that the first decision finds one."""
    data = config.data
    before = max(MAX_AGE_DAYS * MS_PER_DAY, timeframe_ms(data.timeframe)) + timeframe_ms(data.timeframe)
    start_ms = None if data.start_ms is None else data.start_ms - before
    name = InstrumentId(data.venue_of(symbol), symbol)
    return BarStore(Path(data.store)).open(name, data.timeframe, start_ms, data.end_ms)


def _data_record(file: Source, bars: NDArray[np.void], findings: Sequence[Finding]) -> DataRecord:
    rows, first, last = _own(bars)
    record = _record(file, rows, int(first["open_ts_ms"]), int(last["open_ts_ms"]))
    repairs = file.repairs if isinstance(file, RepairedBars) else ()
    return replace(
        record,
        findings=tuple(finding.as_json() for finding in findings),
        repairs=tuple(repair.as_json() for repair in repairs),
    )


def _own(bars: NDArray[np.void]) -> tuple[int, np.void, np.void]:
    """Return the number of an instrument's bars that exist, and the first and the last of them."""
    there = bars["flags"] & BAR_PRESENT != 0
    return int(np.count_nonzero(there)), bars[there.argmax()], bars[len(bars) - 1 - there[::-1].argmax()]


def _record(file: Source, rows: int, first_ts_ms: int, last_ts_ms: int) -> DataRecord:
    return DataRecord(
        instrument=str(file.header.instrument_id),
        timeframe=file.header.timeframe,
        path=str(file.path),
        feed=file.header.feed,
        price_kind=file.header.price_kind,
        rows=rows,
        first_ts_ms=first_ts_ms,
        last_ts_ms=last_ts_ms,
        content_hash=file.content_hash(),
    )


def _action_record(config: RunConfig, actions: Actions) -> list[DataRecord]:
    if config.data.actions is None:
        return []
    stamps = actions.records["ts_ms"]
    return [
        DataRecord(
            instrument="actions",
            timeframe=config.data.timeframe,
            path=config.data.actions,
            feed="file",
            price_kind="raw",
            rows=len(stamps),
            first_ts_ms=int(stamps.min()) if len(stamps) else None,
            last_ts_ms=int(stamps.max()) if len(stamps) else None,
            content_hash=actions.content_hash(config.data.symbols),
        )
    ]
