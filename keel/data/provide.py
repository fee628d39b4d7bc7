"""Filling the store with bars that can be made on the spot, when a run asks for them and they are not there."""

from __future__ import annotations

from dataclasses import dataclass

from keel.config.data import ArchProvider, DataSection, SyntheticProvider
from keel.data.bars import StoredBars
from keel.data.importers.arch_indices import ARCH_CALENDAR, ARCH_TIMEFRAME, ARCH_VENUE, read_arch
from keel.data.store import BarStore
from keel.data.synthetic import FEED, SyntheticMarket, generate_bars
from keel.domain.errors import DataError, UsageError
from keel.domain.instrument import InstrumentId


@dataclass(frozen=True)
class Provided:
    """Tell what was put into the store, and why: `missing` or `other parameters` (of made-up bars)."""

    bars: StoredBars
    reason: str


def ensure_bars(data: DataSection, calendar: str, store: BarStore) -> list[Provided]:
    """Put the bars a run asks for into the store where its provider can make them and they are missing.

    Returns what was done. Without a provider for the venue nothing happens: reading then tells what is missing.
    Stored bars are kept, except made-up ones of other parameters, which can always be made again. Raises UsageError
    for a calendar, timeframe or symbol the provider does not have, DataError if bars of another feed lie where made-up
    ones should.
    """
    provider = data.active_provider
    if provider is None:
        return []
    timeframes = [data.timeframe] + ([data.reference_timeframe] if data.reference_timeframe else [])
    done = []
    for symbol in data.symbols:
        if data.venue_of(symbol) != data.venue:
            continue
        for timeframe in timeframes:
            instrument_id = InstrumentId(data.venue, symbol)
            done.append(_provide(provider, instrument_id, timeframe, data.calendar_of(symbol, calendar), store))
    return [one for one in done if one is not None]


def put_synthetic(
    store: BarStore, instrument_id: InstrumentId, timeframe: str, market: SyntheticMarket
) -> Provided | None:
    """Put made-up bars into the store; return what was done, None if the same bars were there.

    Raises UsageError as `generate_bars` does, DataError if bars of another feed are stored under the name.
    """
    reason = "missing"
    if store.exists(instrument_id, timeframe):
        feed = store.describe(instrument_id, timeframe).feed
        if feed == market.feed:
            return None
        if not feed.startswith(FEED.partition("/")[0]):
            raise DataError(
                f"{store.path(instrument_id, timeframe)}: holds bars of feed {feed!r}; made-up bars replace no others: "
                f"choose another symbol"
            )
        reason = "other parameters"
    bars = generate_bars(instrument_id, timeframe, market)
    store.write(bars)
    return Provided(bars, reason)


def _provide(
    provider: SyntheticProvider | ArchProvider,
    instrument_id: InstrumentId,
    timeframe: str,
    calendar: str,
    store: BarStore,
) -> Provided | None:
    if isinstance(provider, SyntheticProvider):
        market = SyntheticMarket(
            provider.seed,
            provider.start_ms,
            provider.end_ms,
            provider.initial_price,
            provider.annual_volatility,
            calendar,
        )
        return put_synthetic(store, instrument_id, timeframe, market)
    if store.exists(instrument_id, timeframe):
        return None
    if (calendar, timeframe) != (ARCH_CALENDAR, ARCH_TIMEFRAME):
        raise UsageError(
            f"the arch package has bars of calendar {ARCH_CALENDAR} and timeframe {ARCH_TIMEFRAME}, venue "
            f"{ARCH_VENUE}, not {calendar} and {timeframe}: change market.calendar and data.timeframe"
        )
    bars = read_arch(instrument_id.symbol)
    store.write(bars)
    return Provided(bars, "missing")
