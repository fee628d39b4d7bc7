"""What the checks before live trading are given: built from a live config."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from keel.config.modes import LiveRun
    from keel.config.yaml_tree import Document
    from keel.preflight.exposure import Exposure
    from keel.preflight.findings import VenueFindings
    from keel.preflight.live_need import ConfiguredRules, LiveNeed, OpeningCash, Rehearsal, StoredClose

_COMPARED: Final = ("tick_size", "step_size", "min_qty", "min_notional")


def live_need(config: LiveRun, document: Document, config_path: Path | None = None) -> LiveNeed:
    """Return what the checks look at for a live config; nothing is asked or opened yet."""
    from keel.app.venue_keys import venue_keys
    from keel.config.modes import LIVE_LIMITS
    from keel.domain.clock import WallClock
    from keel.domain.timeframe import timeframe_ms
    from keel.live.closes import closes_of
    from keel.preflight.live_need import LiveNeed

    fees, risk = config.fees, config.risk
    first = fees.tiers[0] if fees.tiers else fees
    on = {key: f"{value:g}" for keys in LIVE_LIMITS for key in keys if (value := getattr(risk, key)) is not None}
    real = config.venue.environment != "practice"
    return LiveNeed(
        venue=config.venue.kind,
        environment=config.venue.environment,
        dry_run=config.dry_run,
        accepts_real_money=config.i_accept_real_money,
        keys=venue_keys(config.venue.kind, os.environ).found,
        symbols={symbol: _configured(config, symbol) for symbol in config.data.symbols},
        closes=replace(closes_of(config), timeframe_ms=timeframe_ms(_asked_timeframe(config))),
        taker_bps=first.taker_bps,
        maker_bps=first.maker_bps,
        limits=on,
        limits_off=tuple(f"risk.{keys[0]}" for keys in LIVE_LIMITS if not set(keys) & set(on)),
        most_order_notional=risk.max_order_notional,
        warn_offset_ms=config.clock_sync.warn_threshold_ms,
        kill_offset_ms=config.clock_sync.kill_threshold_ms,
        max_round_trip_ms=config.live.max_round_trip_ms,
        stale_after_ms=config.live.stale_after_ms,
        filters=Path(config.live.filters),
        max_filters_age_days=config.live.max_filters_age_days,
        refetch=_refetch(config, config_path),
        stored=_stored(config),
        now_ms=WallClock().wall_ms,
        market_now_ms=WallClock().now_ms if real else None,
        venue_answers=cache(lambda: ask_venue(config)),
        strategy=lambda: _strategy(config, document),
        lock_holder=lambda: _lock_holder(config),
        health_page=lambda: _health_page(config),
        journal_exposure=cache(lambda: _journal_exposure(config)),
        rehearsal=None if real else _rehearsal(config),
        opening=None if config.dry_run else _opening(config),
    )


def ask_venue(config: LiveRun) -> VenueFindings:
    """Ask the exchange everything, in a loop of its own: not to be called from within another."""
    from keel.app.venue_keys import venue_keys
    from keel.domain.errors import KeelError
    from keel.preflight.findings import ask, unreached

    with_keys = venue_keys(config.venue.kind, os.environ).are_set
    stored = {symbol: close.open_ts_ms for symbol, close in _stored(config).items()}

    async def look() -> VenueFindings:
        from keel.app.live_ways import probe_of

        try:
            probe = probe_of(config, os.environ)
        except KeelError as error:
            return unreached(str(error), config.data.symbols)
        return await ask(probe, config.data.symbols, config.data.timeframe, stored, with_keys=with_keys)

    return asyncio.run(look())


def _opening(config: LiveRun) -> OpeningCash:
    from keel.app.run_journal import journal_path
    from keel.preflight.journal_book import newest_close_ts_ms
    from keel.preflight.live_need import OpeningCash

    path = journal_path(config)
    return OpeningCash(
        config.account.initial_cash, config.account.currency, lambda: newest_close_ts_ms(path) is not None
    )


def _rehearsal(config: LiveRun) -> Rehearsal:
    from keel.app.run_journal import journal_path
    from keel.preflight.journal_book import newest_close_ts_ms
    from keel.preflight.live_need import Rehearsal

    path = journal_path(config)
    return Rehearsal(path, lambda: newest_close_ts_ms(path), lambda: asyncio.run(_market_now_ms(config)))


async def _market_now_ms(config: LiveRun) -> int:
    """Return the practice market's time. Raises RetryableError where there is none."""
    from keel.app.live_ways import clock_of, market_of
    from keel.domain.errors import RetryableError

    clock = clock_of(config)
    market = market_of(config, clock)
    if market is None:
        raise RetryableError("there is no practice market")
    try:
        await market.open()
        return clock.now_ms()
    finally:
        await market.close()


def _asked_timeframe(config: LiveRun) -> str:
    """Return the timeframe of the bars that the exchange is asked for: one that fills the config's."""
    from keel.data.sources.alpaca_bars import alpaca_base_timeframe
    from keel.data.sources.klines import base_timeframe

    data = config.data
    is_alpaca = config.venue.kind == "alpaca"
    return alpaca_base_timeframe(data.timeframe, data.symbols) if is_alpaca else base_timeframe(data.timeframe)


def _configured(config: LiveRun, symbol: str) -> ConfiguredRules:
    from keel.preflight.live_need import ConfiguredRules

    rules, override = config.market.rules_for(symbol), config.market.overrides.get(symbol)
    keys: Mapping[str, str] = {
        part: f"market.overrides.{symbol}.{part}"
        if override is not None and getattr(override, part) is not None
        else f"market.instrument.{part}"
        for part in _COMPARED
    }
    return ConfiguredRules({part: format(getattr(rules, part), "f") for part in _COMPARED}, keys)


def _refetch(config: LiveRun, config_path: Path | None) -> str:
    venue = config.venue
    if venue.kind == "alpaca":
        where = f"--config {config_path} " if config_path is not None else ""
        return f"python scripts/fetch_alpaca_universe.py {where}--output {config.live.filters}"
    where = f"--config {config_path}" if config_path is not None else f"--environment {venue.environment}"
    if config_path is None and venue.address is not None:
        where += f" --address {venue.address}"
    return f"python scripts/fetch_binance_filters.py {where} --universe --out {config.live.filters}"


def _stored(config: LiveRun) -> dict[str, StoredClose]:
    """Return the last stored bar of each symbol that has any, of the timeframe that the exchange gives.

    Of the real exchange's only: the others have other prices.
    """
    from keel.data.sources import alpaca_bars, klines
    from keel.data.store import BarStore
    from keel.domain.errors import DataError
    from keel.domain.instrument import InstrumentId
    from keel.domain.timeframe import timeframe_ms
    from keel.preflight.live_need import StoredClose

    data, found = config.data, {}
    native = alpaca_bars.NATIVE if config.venue.kind == "alpaca" else klines.NATIVE
    if config.venue.environment != "real" or data.timeframe not in native:
        return {}
    for symbol in data.symbols:
        name, store = InstrumentId(data.venue_of(symbol), symbol), BarStore(Path(data.store))
        try:
            if store.exists(name, data.timeframe):
                last_ms = int(store.open(name, data.timeframe).closes()[-1])
                bar = store.read(name, data.timeframe, last_ms - timeframe_ms(data.timeframe)).table.tail(1)
                found[symbol] = StoredClose(int(bar["open_ts_ms"][0]), float(bar["close"][0]))
        except DataError:
            continue  # a store that is damaged is no feed to compare with: live bars come from the exchange
    return found


def _strategy(config: LiveRun, document: Document) -> str:
    from keel.app.wire_strategy import load_strategy
    from keel.domain.errors import ConfigError

    strategy = load_strategy(config.strategy.class_path, document)
    strategy.check_market(config.data.venue, config.data.symbols, config.data.timeframe)
    if missing := strategy.extra_columns():
        what = f"needs {', '.join(missing)} of each bar, which live bars do not have"
        raise ConfigError(f"strategy: {config.strategy.class_path} {what}: take features without")
    card = getattr(strategy, "card", None)
    if card is None:
        return f"{config.strategy.class_path} loads"
    return (
        f"{config.strategy.params.get('model')}: weights {card.weights_hash[:12]}, normaliser and features "
        f"{card.observation_hash[:12]}, trained on {card.venue} {', '.join(card.symbols)} {card.timeframe}"
    )


def _health_page(config: LiveRun) -> str | None:
    """Return where the health page will be, None where there is none: its port is taken for a moment."""
    from contextlib import closing

    from keel.live.health.guard import read_token
    from keel.live.health.sockets import listening_sockets

    if not config.health.enabled:
        return None
    read_token(os.environ, config.health)
    for listener in listening_sockets(config.health):
        with closing(listener):
            pass
    return f"{config.health.host}:{config.health.port or 'any free port'}"


def _lock_holder(config: LiveRun) -> str | None:
    """Return who has a lock of this run, None where nobody does: they are taken for a moment and given back."""
    from keel.app.run_journal import locked
    from keel.domain.errors import GateRefusedError

    try:
        with locked(config, os.environ):
            return None
    except GateRefusedError as error:
        return str(error)


def _journal_exposure(config: LiveRun) -> Exposure:
    from keel.app.run_journal import journal_path
    from keel.preflight.journal_book import journal_exposure

    return journal_exposure(journal_path(config))
