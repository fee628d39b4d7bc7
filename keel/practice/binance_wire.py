"""Binance's spot wire: REST, the WebSocket API and market streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aiohttp import web

from keel.domain.instrument import Instrument
from keel.practice.account import Numbers
from keel.practice.binance_acts import BinanceActs
from keel.practice.books import open_account, symbol_rules
from keel.practice.limits import RequestLimits
from keel.practice.market_feed import MarketFeed
from keel.practice.market_streams import MarketStreams
from keel.practice.replay import Replay
from keel.practice.rest import RestDoor
from keel.practice.security import KeyPair
from keel.practice.socket_doors import SocketDoors
from keel.practice.state import VenueState
from keel.practice.user_streams import UserStreams
from keel.practice.wire import Shared


class BinanceWire:
    """Speak as Binance's spot exchange does. `changed` is called whenever somebody has subscribed to bars."""

    def __init__(
        self,
        shared: Shared,
        instruments: Sequence[Instrument],
        keys: Mapping[str, KeyPair],
        changed: Callable[[], None],
    ) -> None:
        config, market, numbers = shared["config"], shared["market"], Numbers()
        rules, users = symbol_rules(config, market), UserStreams(shared["faults"])
        accounts = {
            name: open_account(config, name, instruments, market, rules, numbers, shared["clock"])
            for name in config.accounts
        }
        for account in accounts.values():
            account.listener = users.hear
        self.core = VenueState(
            **shared,
            rules=rules,
            accounts=accounts,
            keys={pair.key: (pair, accounts[name]) for name, pair in keys.items()},
            numbers=numbers,
            limits=RequestLimits(config.limits, shared["clock"]),
            streams=MarketStreams(changed),
            users=users,
        )
        self.feed, self.acts = MarketFeed(self.core), BinanceActs(self.core)

    def routes(self, replay: Replay) -> Sequence[web.RouteDef]:
        """Return what it answers."""
        rest, sockets = RestDoor(self.core, replay), SocketDoors(self.core)
        markets = [web.get(path, sockets.serve_market) for path in ("/ws", "/ws/{streams:.*}", "/stream")]
        roots = [web.route("*", root, rest.serve) for root in ("/api/{rest:.*}", "/sapi/{rest:.*}")]
        return [web.get("/ws-api/v3", sockets.serve_user), *markets, *roots]
