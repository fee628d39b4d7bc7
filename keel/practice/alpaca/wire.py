"""Alpaca's wire: trading and market data over REST, the trading stream, the data streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aiohttp import web

from keel.config.practice import PracticeAccount, PracticeConfig
from keel.data.actions import Actions
from keel.domain.instrument import Instrument
from keel.domain.orders import TimeInForce
from keel.practice.alpaca.account import Account
from keel.practice.alpaca.acts import AlpacaActs
from keel.practice.alpaca.assets import Asset, assets_of
from keel.practice.alpaca.bars import Bars
from keel.practice.alpaca.doors import SocketDoors
from keel.practice.alpaca.feed import AlpacaFeed
from keel.practice.alpaca.holdings import Holdings, Position
from keel.practice.alpaca.hours import Hours
from keel.practice.alpaca.limits import RequestLimits
from keel.practice.alpaca.rest import RestDoor
from keel.practice.alpaca.state import AlpacaState
from keel.practice.amounts import ZERO, exact
from keel.practice.market import Market
from keel.practice.matching import Matching
from keel.practice.replay import Replay
from keel.practice.security import KeyPair
from keel.practice.wire import Shared
from keel.sim.exchange import Exchange
from keel.sim.parameters import run_records, slot_records


class AlpacaWire:
    """Speak as Alpaca does. `changed` is called whenever somebody has subscribed to bars."""

    def __init__(
        self,
        shared: Shared,
        instruments: Sequence[Instrument],
        keys: Mapping[str, KeyPair],
        changed: Callable[[], None],
    ) -> None:
        config, market, assets = shared["config"], shared["market"], assets_of(shared["config"])
        hours, actions = _hours(config, market), shared["actions"]
        accounts = {
            name: _account(name, config, instruments, market, assets, hours, actions) for name in config.accounts
        }
        self.core = AlpacaState(
            **shared,
            assets=assets,
            hours=hours,
            bars=Bars(market, hours),
            accounts=accounts,
            keys={pair.key: (pair, accounts[name]) for name, pair in keys.items()},
            limits=RequestLimits(config.alpaca.requests_1m, shared["clock"]),
            changed=changed,
        )
        self.feed, self.acts = AlpacaFeed(self.core), AlpacaActs(self.core)

    def routes(self, replay: Replay) -> Sequence[web.RouteDef]:
        """Return what it answers: sockets first, whose paths lie among those of REST."""
        return [*SocketDoors(self.core).routes(), *RestDoor(self.core, replay).routes()]


def _hours(config: PracticeConfig, market: Market) -> Hours:
    stocks = (one for one in config.data.symbols if "/" not in one)
    calendar = next((config.data.calendar_of(one, config.market.calendar) for one in stocks), config.market.calendar)
    opens, closes = market.bars["open_ts_ms"], market.bars["close_ts_ms"]
    return Hours(calendar, int(opens[0].min()), int(closes[-1].max()))


def _account(
    name: str,
    config: PracticeConfig,
    instruments: Sequence[Instrument],
    market: Market,
    assets: Sequence[Asset],
    hours: Hours,
    actions: Actions,
) -> Account:
    """Return an account with what it has at the start, whose exchange has seen the history."""
    terms = config.accounts[name]
    holdings = _holdings(config, terms, market, assets)
    simulated = config.simulated(terms)
    run, slots = run_records(simulated), slot_records(simulated, instruments)
    run["cash"][:] = float(holdings.cash)
    for slot, held in zip(slots, holdings.positions, strict=True):
        slot["qty"][:], slot["avg_price"][:] = float(held.quantity), float(held.paid)
    slots["action_start"], slots["action_end"] = actions.starts, actions.ends
    life = TimeInForce[config.execution.time_in_force.upper()]
    matching = Matching(Exchange(run, slots, actions=actions.records), life, actions)
    for row in range(market.first_row):
        matching.watch(market.bars[row])
    return Account(name, terms, assets, holdings, matching, hours)


def _holdings(config: PracticeConfig, terms: PracticeAccount, market: Market, assets: Sequence[Asset]) -> Holdings:
    given = terms.balances or {"USD": exact(config.account.initial_cash)}
    positions = []
    for asset in assets:
        held = given.get(asset.symbol.removesuffix("/USD"), ZERO)
        positions.append(Position(exact(held), exact(market.last_price(asset.place)) if held else ZERO))
    return Holdings(given.get("USD", ZERO), positions)
