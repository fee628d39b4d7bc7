"""Alpaca's stocks and crypto through its SDK: translates, decides nothing, repeats no order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from keel.domain.errors import ConfigError, KeelError, UsageError
from keel.domain.orders import OrderType, TimeInForce
from keel.domain.venue_messages import (
    AccountState,
    CancelResult,
    OrderRef,
    OrderState,
    OrderTicket,
    Outcome,
    SubmitResult,
    VenueFill,
)
from keel.venues.alpaca_auctions import AuctionHours
from keel.venues.alpaca_history import TradeHistory
from keel.venues.alpaca_holders import AlpacaHolders
from keel.venues.alpaca_orders import ends_daily, held, order_body
from keel.venues.alpaca_reports import account_state, order_report, order_state
from keel.venues.base import Admission, VenueListener
from keel.venues.order_names import OrderNames
from keel.venues.wording import NotHeldError, UnreadableError
from keel.wire.alpaca_assets import AlpacaAsset
from keel.wire.alpaca_faults import NOT_FOUND, UNPROCESSABLE
from keel.wire.alpaca_link import AlpacaLink
from keel.wire.alpaca_streams import TradesConnection
from keel.wire.alpaca_symbols import AlpacaSymbols
from keel.wire.budget import Spend
from keel.wire.link import RefusedError
from keel.wire.supervisor import Supervisor

_MOST_ORDERS: Final = 500
"""Most orders of one answer."""
_ON_ITS_WAY: Final = "pending_cancel"
"""The state in a refusal of a second cancel: the first one still works, so the order is not over."""
_STREAM_NUMBER: Final = 1
_USER: Final = "venue"


class AlpacaVenue:
    """Be the `Venue` of Alpaca. One object, one account.

    It keeps no legs and no pairs for us: of a bracket or an OCO only one order may have a name of ours, and an order
    that cannot be found by its name cannot be found after a crash.
    """

    def __init__(self, link: AlpacaLink, idle_s: float, auctions: AuctionHours | None = None) -> None:
        """Take the way to Alpaca and the silence after which the stream of reports is taken for dead, seconds.

        `auctions` knows when orders for auctions are taken, None where they are at any time.
        """
        self._link = link
        self._auctions = auctions
        self._idle_s = idle_s
        self._symbols = AlpacaSymbols(link)
        self._names = OrderNames()
        self._numbers = OrderNames()
        self.holders = AlpacaHolders(link, self._symbols.name_of)
        """Asks what happens to holders of the account."""
        self._history = TradeHistory(link, self._names, self._symbols.name_of)
        self._listener: VenueListener | None = None
        self._stream: Supervisor | None = None

    @property
    def name(self) -> str:
        """Return what the venue is called."""
        return "alpaca"

    @property
    def holds_legs(self) -> bool:
        """Say that it does not: legs wait with us for the first fill."""
        return False

    @property
    def holds_pairs(self) -> bool:
        """Say that it does not: the second order of an OCO has no name of ours."""
        return False

    def holds(self, symbol: str, kind: OrderType, time_in_force: TimeInForce) -> bool:
        """Say whether Alpaca keeps such an order: of crypto it keeps fewer kinds, and none to the day's end."""
        try:
            return held(self._symbols.asset(symbol), kind, time_in_force)
        except UsageError:
            return False

    def ends_daily(self, ticket: OrderTicket) -> bool:
        """Say whether Alpaca ends an order with the day that is to live on: one of a part of a share."""
        try:
            return ends_daily(ticket, self._symbols.asset(ticket.symbol))
        except UsageError:
            return False

    def admission(self, ticket: OrderTicket, now_ms: int) -> Admission | None:
        """Return when Alpaca takes an order for an auction that it does not take yet; None for at once."""
        return None if self._auctions is None else self._auctions.admission(ticket, now_ms)

    def order_wait_s(self) -> float:
        """Return how long until the rate limits let another order go, seconds; 0 for at once."""
        return self._link.budget.order_wait_s()

    async def open(self, listener: VenueListener) -> None:
        """Agree on the time, read the assets, listen to our account's trade updates.

        Raises as questions do, and ConfigError without a key.
        """
        if not self._link.settings.key or not self._link.settings.secret:
            raise ConfigError("ALPACA_API_KEY and ALPACA_API_SECRET: not set in the environment; trading needs both")
        await self._link.open(_USER)
        await self._symbols.refresh()
        self._listener = listener
        self._stream = Supervisor(
            connect=lambda: TradesConnection(self._link),
            hear=self._hear,
            tell=listener.on_stream,
            clock=self._link.clock,
            backoff=self._link.settings.backoff(_STREAM_NUMBER),
            idle_s=self._idle_s,
            open_within_s=2 * self._link.settings.timeout_s,
            renew_after_s=None,
        )
        await self._stream.start()

    async def close(self) -> None:
        """Let go of every connection."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.stop()
        await self._link.close(_USER)

    async def rules(self) -> Mapping[str, AlpacaAsset]:
        """Return the rules of every asset as they are now, by symbol. Raises as questions do."""
        return await self._symbols.refresh()

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        """Place an order: one request. Its name, not its answer, is what it is found by again."""
        try:
            body = order_body(ticket, self._symbols.asset(ticket.symbol))
        except (NotHeldError, UsageError) as error:
            return SubmitResult(Outcome.REFUSED, reason=str(error))
        answer = await self._link.send(Spend.ORDER, 1, lambda client: client.post("/orders", body))
        if answer.outcome is not Outcome.DONE:
            return SubmitResult(answer.outcome, code=answer.code, reason=answer.reason)
        number = answer.data.get("id") if isinstance(answer.data, dict) else None
        if number is None:
            return SubmitResult(Outcome.UNKNOWN, reason="Alpaca's answer has no number of an order")
        self._learn(str(number), ticket.client_order_id)
        return SubmitResult(Outcome.DONE, venue_order_id=str(number))

    async def submit_pair(
        self,
        stop: OrderTicket,
        target: OrderTicket,  # noqa: ARG002 - the port's terms
    ) -> tuple[SubmitResult, SubmitResult]:
        """Refuse: Alpaca keeps no pair of which both orders have names of ours."""
        refused = SubmitResult(Outcome.REFUSED, reason=f"{stop.symbol}: Alpaca keeps no pair under two names of ours")
        return refused, refused

    async def cancel(self, ref: OrderRef) -> CancelResult:
        """Cancel an order, by Alpaca's number for it: where that is not known it is asked for first."""
        try:
            self._symbols.asset(ref.symbol)
            number = ref.venue_order_id or self._numbers.get("", ref.client_order_id)
            if number is None:
                state = await self.order(ref)
                if state is None or state.status.is_final:
                    return CancelResult(Outcome.REFUSED, already_final=True, reason="there is nothing to cancel")
                number = state.venue_order_id
        except UsageError as error:
            return CancelResult(Outcome.REFUSED, reason=str(error))
        except KeelError as error:
            return CancelResult(Outcome.NOT_SENT, reason=str(error))
        answer = await self._link.send(Spend.CANCEL, 1, lambda client: client.delete(f"/orders/{number}"))
        refused = answer.outcome is Outcome.REFUSED and answer.status in (NOT_FOUND, UNPROCESSABLE)
        if refused and _ON_ITS_WAY in answer.reason:
            return CancelResult(Outcome.DONE, code=answer.code, reason=answer.reason)
        return CancelResult(answer.outcome, refused, answer.code, answer.reason)

    async def order(self, ref: OrderRef) -> OrderState | None:
        """Return an order by its name, None where Alpaca knows of none."""
        try:
            if ref.client_order_id:
                name = ref.client_order_id
                answer = await self._link.ask(
                    1, lambda client: client.get("/orders:by_client_order_id", client_order_id=name)
                )
            else:
                answer = await self._link.ask(1, lambda client: client.get(f"/orders/{ref.venue_order_id}"))
        except RefusedError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return self._state(answer)

    async def open_orders(self) -> Sequence[OrderState]:
        """Return every order of the account that works, oldest first, page by page."""
        found: dict[str, OrderState] = {}
        after: str | None = None
        while True:
            page = await self._open_page(after)
            fresh = {str(each["id"]): self._state(each) for each in page if str(each["id"]) not in found}
            found |= fresh
            if len(page) < _MOST_ORDERS or not fresh:
                return list(found.values())
            after = str(page[-1]["submitted_at"])

    async def fills(self, symbol: str, since_ms: int) -> Sequence[VenueFill]:
        """Return the trades of a symbol from a time on, oldest first, all of them. Alpaca tells of no fee with them."""
        return await self._history.fills(symbol, since_ms)

    async def account(self) -> AccountState:
        """Return all balances: cash, and each position by its asset, shorts below 0."""
        account = await self._link.ask(1, lambda client: client.get("/account"))
        positions = await self._link.ask(1, lambda client: client.get("/positions"))
        if not isinstance(positions, list):
            raise UnreadableError("Alpaca's positions are no list")
        return account_state(account, positions, self._symbols.name_of, self._link.clock.now_ms())

    async def _open_page(self, after: str | None) -> Sequence[Mapping[str, Any]]:
        page = await self._link.ask(
            1,
            lambda client: client.get(
                "/orders", status="open", limit=_MOST_ORDERS, direction="asc", nested="false", after=after
            ),
        )
        if not isinstance(page, list) or not all(isinstance(each, dict) and "id" in each for each in page):
            raise UnreadableError("Alpaca's open orders are no list of orders")
        return page

    def _state(self, order: Mapping[str, Any]) -> OrderState:
        state = order_state(order, self._symbols.name_of)
        self._learn(state.venue_order_id, state.client_order_id)
        return state

    def _learn(self, number: str, name: str) -> None:
        self._names.learn("", number, name)
        self._numbers.learn("", name, number)

    def _hear(self, event: dict[str, Any]) -> None:
        if self._listener is None:
            return
        try:
            report = order_report(event, self._symbols.name_of)
        except UnreadableError as error:
            self._listener.on_fault(str(error))
            return
        self._learn(report.state.venue_order_id, report.state.client_order_id)
        self._listener.on_report(report)
