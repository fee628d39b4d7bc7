"""Our orders, trades and holdings against the venue's: at the start, after each loss of a stream, and now and then.

The venue is right about what exists; we are right about what is ours. An order that cannot be found stays reserved
until it was not found throughout a grace; a trade counts once; what is not ours is left alone, but told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Protocol

from keel.config.live import LiveSection
from keel.config.market import InstrumentRules
from keel.domain.clock import Clock
from keel.domain.errors import RetryableError
from keel.domain.orders import Reason
from keel.domain.venue_messages import AccountState, OrderState
from keel.journal.entries import Alarm, BookAdjusted, ExternalSeen, Level, Note, OrderResolved
from keel.journal.journal import Journal
from keel.live.blocks import Blocks
from keel.live.ear import Ear, as_decimal
from keel.live.orders import OrderTracker, Phase, TrackedOrder
from keel.sim.local import LocalDesk
from keel.venues.base import Venue

_OVERLAP_MS: Final = 60_000
"""How far back trades are asked for again: what a venue shows late is not missed, and counts once."""
_SETTLES_WITHIN_MS: Final = 2000
"""Age below which an order may rightly be in no answer yet, and a difference be a trade still on its way to us."""
_CROSSES_WITHIN_MS: Final = 250
"""Age below which a difference may be a trade and the account's answer that have crossed on their ways."""
_DUST: Final = Decimal("1e-9")
"""Difference of a balance that is rounding, as a part of it and in units."""


@dataclass(frozen=True)
class Difference:
    """Hold by how much the account differs from our book, since when by our own clock, after how many trades."""

    off: Decimal
    since_ms: int
    trades: int


@dataclass
class Holdings:
    """Hold what of the account's assets is not ours, by asset, and the last trade seen of each symbol."""

    other: dict[str, Decimal] = field(default_factory=dict)
    last_trade_ms: dict[str, int] = field(default_factory=dict)
    known: bool = False

    def capture(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        other = {asset: str(amount) for asset, amount in self.other.items()}
        return {"other": other, "last_trade_ms": dict(self.last_trade_ms), "known": self.known}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Holdings:
        """Return what was captured."""
        other = {asset: Decimal(amount) for asset, amount in state["other"].items()}
        return cls(other, dict(state["last_trade_ms"]), bool(state["known"]))


class HolderBook(Protocol):
    """Follow what happens to holders: what explains a difference without a trade."""

    async def look(self, *, at_once: bool = False) -> None:
        """Book what the account was booked; raises as questions do."""

    def confirm(self, account: AccountState) -> None:
        """Compare an account where something splits."""

    def waits_for(self, asset: str) -> bool:
        """Say whether a difference of an asset is still to be explained."""


class Reconciler:
    """Compare one account with our half. `base_of`, `quote_of`: each symbol's assets, in the order of instruments."""

    def __init__(
        self,
        section: LiveSection,
        venue: Venue,
        tracker: OrderTracker,
        ear: Ear,
        desk: LocalDesk,
        journal: Journal,
        clock: Clock,
        blocks: Blocks,
        base_of: Mapping[str, str],
        quote_of: Mapping[str, str],
        rules: Mapping[str, InstrumentRules],
        started_ms: int,
    ) -> None:
        self._section = section
        self._venue = venue
        self._tracker = tracker
        self._ear = ear
        self._desk = desk
        self._journal = journal
        self._clock = clock
        self._blocks = blocks
        self._base_of = base_of
        self._quote_of = quote_of
        self._rules = rules
        self._started_ms = started_ms
        self._dust: dict[str, Decimal] = {}
        self._off: dict[str, Difference] = {}
        self.holdings = Holdings()
        self.holders: HolderBook | None = None
        """Of a venue that tells what happens to holders."""

    async def reconcile(self) -> None:
        """Compare everything once. Raises RetryableError or HaltTradingError where the venue does not answer."""
        open_orders = await self._venue.open_orders()
        await self._check_orders(open_orders)
        await self._ask_for_trades()
        await self._check_closing()
        self._tell_of_others(open_orders)
        self._check_holdings(await self._account())
        self._tell_of_dust()
        self._journal.flush()

    async def _account(self) -> AccountState:
        """Ask for the account, with what happened to holders in our book before."""
        if self.holders is None:
            return await self._venue.account()
        await self.holders.look(at_once=self.is_in_doubt)
        account = await self._venue.account()
        self.holders.confirm(account)
        return account

    async def resolve_unknown(self) -> None:
        """Ask for the orders whose fate is open. What the venue does not answer leaves them so."""
        for order in self._tracker.unknown():
            await self._ask_for(order)
        self._tell_unknown()

    async def _check_orders(self, open_orders: Sequence[OrderState]) -> None:
        there: dict[str, OrderState] = {state.client_order_id: state for state in open_orders}
        for order in self._tracker.live():
            if order.phase is Phase.WAITING or order.in_line:
                continue
            if order.name in there:
                self._ear.take_state(order, there[order.name])
            elif order.phase is Phase.UNKNOWN or self._clock.wall_ms() - order.sent_ms >= _SETTLES_WITHIN_MS:
                await self._ask_for(order)
        self._tell_unknown()

    async def _ask_for(self, order: TrackedOrder) -> None:
        try:
            state = await self._venue.order(order.ref)
        except RetryableError:
            self._tracker.doubt(order, self._clock.wall_ms())
            return
        if state is not None:
            self._ear.take_state(order, state)
            return
        self._tracker.doubt(order, self._clock.wall_ms())
        since_ms = order.unknown_since_ms
        if order.phase is not Phase.UNKNOWN or since_ms is None:
            return
        waited_ms = self._clock.wall_ms() - since_ms
        if waited_ms >= self._section.unknown_grace_ms:
            now_ms = self._clock.now_ms()
            why = f"the venue knew of no such order for {waited_ms / 1000:.0f} s"
            self._journal.append_lazily(OrderResolved(order.ticket.symbol, order.name, "not_sent", why))
            for event in self._tracker.refuse(order, now_ms, now_ms, Reason.NOT_SENT):
                self._desk.hear(event)

    async def _ask_for_trades(self) -> None:
        for symbol in self._base_of:
            since_ms = self.holdings.last_trade_ms.get(symbol, self._first_decided_ms(symbol))
            fills = await self._venue.fills(symbol, since_ms - _OVERLAP_MS)
            for fill in fills:
                if fill.ts_ms < self._started_ms and self._tracker.find(fill.client_order_id) is None:
                    continue  # from before our time
                if self._tracker.find(fill.client_order_id) is None and self._has_open_fates(symbol):
                    break  # it may be that of an order whose fate is open: all from here on is asked for again
                self._ear.take_fill(fill)
                self.holdings.last_trade_ms[symbol] = max(self.holdings.last_trade_ms.get(symbol, 0), fill.ts_ms)

    def _first_decided_ms(self, symbol: str) -> int:
        """Return from when on there may be trades of a symbol of which none was ever seen."""
        ours = (order.ticket.decided_ts_ms for order in self._tracker.live() if order.ticket.symbol == symbol)
        return min((self._started_ms, *ours))

    def _has_open_fates(self, symbol: str) -> bool:
        fates = (Phase.SENT, Phase.UNKNOWN)
        return any(order.ticket.symbol == symbol and order.phase in fates for order in self._tracker.live())

    async def _check_closing(self) -> None:
        """Alarm where an order is over and its trades are still not all shown."""
        for order in self._tracker.live():
            if order.phase is Phase.CLOSING and order.venue_filled > order.filled:
                text = f"{order.name}: {order.venue_filled} filled at the venue, trades of {order.filled} are shown"
                self._journal.append_lazily(Alarm(text, order.ticket.symbol))

    def _tell_unknown(self) -> None:
        unknown = self._tracker.unknown()
        names = ", ".join(order.name for order in unknown[:3])
        self._blocks.set("unknown", f"{len(unknown)} orders of unknown fate: {names}" if unknown else None)

    def _tell_of_others(self, open_orders: Sequence[OrderState]) -> None:
        others = [
            state
            for state in open_orders
            if state.symbol in self._base_of and self._tracker.find(state.client_order_id) is None
        ]
        told = f"{len(others)} open orders are not ours, {others[0].client_order_id} first" if others else None
        new = self._blocks.set("external", told if self._section.external == "block" else None)
        if others and (new or not self.holdings.known):
            for state in others:
                self._journal.append_lazily(ExternalSeen(state.symbol, "an open order that is not ours", state))

    def _check_holdings(self, account: AccountState) -> None:
        ours = self._ours()
        if not self.holdings.known:
            self._note_first(account, ours)
            return
        if any(order.phase is not Phase.WORKING for order in self._tracker.live()) or self._desk.has_unheard:
            return  # what is on its way explains a difference
        moved = self._take_external_fills()
        for asset, mine in self._ours().items():
            if self.holders is not None and self.holders.waits_for(asset):
                self._off.pop(asset, None)
                continue
            held = account.balances[asset].total if asset in account.balances else Decimal(0)
            off = held - self.holdings.other.get(asset, Decimal(0)) - mine
            if asset in moved:
                self.holdings.other[asset] = self.holdings.other.get(asset, Decimal(0)) + off
            elif abs(off) <= _DUST * max(abs(held), Decimal(1)):
                self._off.pop(asset, None)
            elif self._stands(asset, off):
                self._settle_difference(asset, off)
        stood_ms = {asset: self._clock.wall_ms() - known.since_ms for asset, known in self._off.items()}
        standing = {asset: self._off[asset].off for asset, ms in stood_ms.items() if ms >= _CROSSES_WITHIN_MS}
        told = ", ".join(f"{asset} {off:+f}" for asset, off in standing.items())
        self._blocks.set("holdings", f"our book and the account differ: {told}" if told else None)

    @property
    def is_in_doubt(self) -> bool:
        """Say whether a difference was seen that may be gone at the next look: it should be soon."""
        return bool(self._off)

    def _stands(self, asset: str, off: Decimal) -> bool:
        """Say whether a difference has stood for long enough, with no trade heard of meanwhile: nothing explains it."""
        now_ms, trades = self._clock.wall_ms(), self._ear.n_taken
        known = self._off.get(asset)
        if known is None or known.off != off or known.trades != trades:
            self._off[asset] = Difference(off, now_ms, trades)
            return False
        return now_ms - known.since_ms >= _SETTLES_WITHIN_MS

    def _tell_of_dust(self) -> None:
        """Note a holding that is too small to be sold: no order closes it."""
        view = self._desk.account_view()
        for i, (symbol, base) in enumerate(self._base_of.items()):
            mine, rules = abs(as_decimal(view.position_qty[i])), self._rules[symbol]
            value = float(mine) * float(view.mark_price[i])
            is_dust = mine > 0 and (mine < rules.min_qty or value < float(rules.min_notional))
            if is_dust and mine > 2 * self._dust.get(symbol, Decimal(0)):
                self._dust[symbol] = mine
                text = f"{mine:.8f} {base} is dust: less than the exchange's least order, so none can close it"
                self._journal.append_lazily(Note(text, symbol, Level.WARN))

    def _ours(self) -> dict[str, Decimal]:
        view = self._desk.account_view()
        held = {base: as_decimal(qty) for base, qty in zip(self._base_of.values(), view.position_qty, strict=True)}
        for quote in dict.fromkeys(self._quote_of.values()):
            held[quote] = as_decimal(view.cash)
        return held

    def _note_first(self, account: AccountState, ours: Mapping[str, Decimal]) -> None:
        for asset, mine in ours.items():
            held = account.balances[asset].total if asset in account.balances else Decimal(0)
            self.holdings.other[asset] = held - mine
            foreign = held - mine
            if foreign > 0 or (foreign and asset not in self._quote_of.values()):
                text = f"{foreign} {asset} of the account are not ours to trade and stay untouched"
                self._journal.append_lazily(Note(text, asset))
        self.holdings.known = True

    def _take_external_fills(self) -> set[str]:
        """Deal with trades that were not ours; return the assets they moved."""
        moved: set[str] = set()
        for fill in self._ear.external_fills:
            base, signed = self._base_of[fill.symbol], fill.side * fill.qty
            self._journal.append_lazily(ExternalSeen(fill.symbol, "a trade that is not ours", None, signed))
            if self._section.external == "adopt":
                self._adopt_trade(fill.symbol, float(signed), float(fill.price))
            moved |= {base, self._quote_of[fill.symbol]}
        self._ear.external_fills.clear()
        return moved

    def _adopt_trade(self, symbol: str, signed: float, price: float) -> None:
        place = list(self._base_of).index(symbol)
        before = float(self._desk.account_view().position_qty[place])
        self._desk.adjust_position(place, before + signed, price)
        why = "a trade that was not ours is adopted"
        entry = BookAdjusted(symbol, as_decimal(before), as_decimal(before + signed), why)
        self._journal.append_lazily(entry)

    def _settle_difference(self, asset: str, off: Decimal) -> None:
        """Take what differs for somebody else's; what is missing of ours, long or short, is not ours any more."""
        self._off.pop(asset)
        mine, is_money = self._ours()[asset], asset in self._quote_of.values()
        other = self.holdings.other.get(asset, Decimal(0)) + off
        side = 1 if is_money or mine >= 0 else -1
        if side * other >= 0 or not (mine or is_money):
            self.holdings.other[asset] = other
            self._journal.append_lazily(Note(f"{off:+f} {asset} came or went that is not ours", asset))
            return
        after = mine + other
        if not is_money and side * after < 0:
            after = Decimal(0)
        self.holdings.other[asset] = mine + other - after
        self._journal.append_lazily(BookAdjusted(asset, mine, after, "the venue holds less than our book"))
        if is_money:
            self._desk.adjust_cash(float(after))
            return
        place = list(self._base_of.values()).index(asset)
        self._desk.adjust_position(place, float(after), float(self._desk.account_view().mark_price[place]))
