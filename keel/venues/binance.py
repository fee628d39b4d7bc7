"""Binance's spot market through its SDK: translates, decides nothing, repeats no order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from keel.domain.errors import ConfigError, UsageError
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
from keel.venues.base import Admission, VenueListener
from keel.venues.binance_history import read_fills
from keel.venues.binance_orders import held, order_parameters, pair_parameters
from keel.venues.binance_reports import account_event, account_state, order_report, order_state
from keel.venues.order_names import OrderNames
from keel.venues.wording import NotHeldError, UnreadableError
from keel.wire.binance_faults import CANCEL_REJECTED, NO_SUCH_ORDER
from keel.wire.binance_link import BinanceLink
from keel.wire.binance_rules import BinanceRules
from keel.wire.binance_streams import UserConnection
from keel.wire.binance_symbols import BinanceSymbols
from keel.wire.budget import Spend
from keel.wire.link import RefusedError
from keel.wire.supervisor import Supervisor

_ORDER_WEIGHT, _CANCEL_WEIGHT, _QUERY_WEIGHT, _OPEN_ORDERS_WEIGHT, _ACCOUNT_WEIGHT = 1, 1, 4, 80, 20
"""Request weights of Binance's spot documentation."""
_ARCHIVED: Final = -2026
"""Cancelled or expired without a trade more than 90 days ago: it left nothing."""
_NOTHING_TO_CANCEL: Final = "Unknown order sent"
_SILENT: Final = ("balanceUpdate", "externalLockUpdate", "listStatus")
"""Events that say nothing which an outboundAccountPosition or an executionReport does not."""
_STREAM_NUMBER: Final = 1
_USER: Final = "venue"


class BinanceVenue:
    """Be the `Venue` of Binance's spot market. One object, one account."""

    def __init__(self, link: BinanceLink, idle_s: float) -> None:
        """Take the way to Binance and the silence after which the stream of reports is taken for dead, seconds."""
        self._link = link
        self._idle_s = idle_s
        self._symbols = BinanceSymbols(link)
        self._names = OrderNames()
        self._can_trade = False
        self._listener: VenueListener | None = None
        self._stream: Supervisor | None = None

    @property
    def name(self) -> str:
        """Return what the venue is called."""
        return "binance"

    @property
    def holds_legs(self) -> bool:
        """Say that it does not: legs wait with us for the first fill."""
        return False

    @property
    def holds_pairs(self) -> bool:
        """Say that it keeps a stop and a limit order as an order list of which one cancels the other."""
        return True

    def holds(self, symbol: str, kind: OrderType, time_in_force: TimeInForce) -> bool:  # noqa: ARG002 - the port's terms
        """Say whether Binance keeps such an order. Of trailing stops it keeps those at a rate, none in currency."""
        return held(kind, time_in_force)

    def ends_daily(self, ticket: OrderTicket) -> bool:  # noqa: ARG002 - the port's terms
        """Say that no order ends with the day that is to live on."""
        return False

    def admission(self, ticket: OrderTicket, now_ms: int) -> Admission | None:  # noqa: ARG002 - the port's terms
        """Say that orders are taken at any time."""
        return None

    def order_wait_s(self) -> float:
        """Return how long until the rate limits let another order go, seconds; 0 for at once."""
        return self._link.budget.order_wait_s()

    async def open(self, listener: VenueListener) -> None:
        """Agree on the time, read the symbols and the limits, subscribe to our account's events.

        Raises as questions do, and ConfigError without a key.
        """
        if not self._link.settings.key or not self._link.settings.secret:
            raise ConfigError("BINANCE_API_KEY and BINANCE_API_SECRET: not set in the environment; trading needs both")
        await self._link.open(_USER)
        await self._symbols.refresh()
        self._can_trade = (await self.account()).can_trade
        self._listener = listener
        self._stream = Supervisor(
            connect=lambda: UserConnection(self._link),
            hear=self._hear,
            tell=listener.on_stream,
            clock=self._link.clock,
            backoff=self._link.settings.backoff(_STREAM_NUMBER),
            idle_s=self._idle_s,
            open_within_s=2 * self._link.settings.timeout_s,
        )
        await self._stream.start()

    async def close(self) -> None:
        """Let go of every connection."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.stop()
        await self._link.close(_USER)

    async def rules(self) -> Mapping[str, BinanceRules]:
        """Return the rules of every symbol as they are now, by our symbol. Raises as questions do."""
        return await self._symbols.refresh()

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        """Place an order: one request. Its name, not its answer, is what it is found by again."""
        try:
            rules = self._symbols.rules(ticket.symbol)
            parameters = order_parameters(ticket, rules)
        except (NotHeldError, UsageError) as error:
            return SubmitResult(Outcome.REFUSED, reason=str(error))
        answer = await self._link.send(Spend.ORDER, _ORDER_WEIGHT, lambda client: client.create_order(**parameters))
        if answer.outcome is not Outcome.DONE:
            return SubmitResult(answer.outcome, code=answer.code, reason=answer.reason)
        number = answer.data.get("orderId") if isinstance(answer.data, dict) else None
        return self._taken(ticket, rules, {ticket.client_order_id: number})

    async def submit_pair(self, stop: OrderTicket, target: OrderTicket) -> tuple[SubmitResult, SubmitResult]:
        """Place a stop and a limit order as one order list: one request, taken whole or not at all."""
        try:
            rules = self._symbols.rules(stop.symbol)
            parameters = pair_parameters(stop, target, rules)
        except (NotHeldError, UsageError) as error:
            refused = SubmitResult(Outcome.REFUSED, reason=str(error))
            return refused, refused
        answer = await self._link.send(Spend.PAIR, _ORDER_WEIGHT, lambda client: client.create_oco_order(**parameters))
        if answer.outcome is not Outcome.DONE:
            told = SubmitResult(answer.outcome, code=answer.code, reason=answer.reason)
            return told, told
        orders = answer.data.get("orders") if isinstance(answer.data, dict) else None
        numbers = {each.get("clientOrderId"): each.get("orderId") for each in orders or ()}
        return self._taken(stop, rules, numbers), self._taken(target, rules, numbers)

    async def cancel(self, ref: OrderRef) -> CancelResult:
        """Cancel an order."""
        try:
            parameters = self._named(ref)
        except UsageError as error:
            return CancelResult(Outcome.REFUSED, reason=str(error))
        answer = await self._link.send(Spend.CANCEL, _CANCEL_WEIGHT, lambda client: client.cancel_order(**parameters))
        final = answer.code == CANCEL_REJECTED and _NOTHING_TO_CANCEL in answer.reason
        return CancelResult(answer.outcome, final, answer.code, answer.reason)

    async def order(self, ref: OrderRef) -> OrderState | None:
        """Return an order by its name, None where Binance knows of none."""
        parameters = self._named(ref)
        try:
            answer = await self._link.ask(_QUERY_WEIGHT, lambda client: client.get_order(**parameters))
        except RefusedError as error:
            if error.code in (NO_SUCH_ORDER, _ARCHIVED):
                return None
            raise
        return self._state(answer)

    async def open_orders(self) -> Sequence[OrderState]:
        """Return every order of the account that works."""
        answer = await self._link.ask(_OPEN_ORDERS_WEIGHT, lambda client: client.get_open_orders())
        if not isinstance(answer, list):
            raise UnreadableError("Binance's open orders are no list")
        return [self._state(each) for each in answer]

    async def fills(self, symbol: str, since_ms: int) -> Sequence[VenueFill]:
        """Return the trades of a symbol from a time on, oldest first, all of them."""
        wire_symbol = self._symbols.rules(symbol).wire_symbol
        return await read_fills(self._link, wire_symbol, since_ms, self._names, self._symbols.name_of)

    async def account(self) -> AccountState:
        """Return all balances."""
        answer = await self._link.ask(_ACCOUNT_WEIGHT, lambda client: client.get_account())
        state = account_state(answer, self._link.clock.now_ms())
        self._can_trade = state.can_trade
        return state

    def _taken(self, ticket: OrderTicket, rules: BinanceRules, numbers: Mapping[str, Any]) -> SubmitResult:
        number = numbers.get(ticket.client_order_id)
        if number is None:
            return SubmitResult(Outcome.UNKNOWN, reason="Binance's answer has no number of an order")
        self._names.learn(rules.wire_symbol, str(number), ticket.client_order_id)
        return SubmitResult(Outcome.DONE, venue_order_id=str(number))

    def _named(self, ref: OrderRef) -> dict[str, str]:
        wire_symbol = self._symbols.rules(ref.symbol).wire_symbol
        if ref.client_order_id:
            return {"symbol": wire_symbol, "origClientOrderId": ref.client_order_id}
        return {"symbol": wire_symbol, "orderId": ref.venue_order_id or ""}

    def _state(self, order: Mapping[str, Any]) -> OrderState:
        state = order_state(order, self._symbols.name_of)
        self._names.learn(order["symbol"], state.venue_order_id, state.client_order_id)
        return state

    def _hear(self, event: dict[str, Any]) -> None:
        listener, kind = self._listener, event.get("e")
        if listener is None or kind in _SILENT:
            return
        try:
            if kind == "executionReport":
                report = order_report(event, self._symbols.name_of)
                self._names.learn(event["s"], report.state.venue_order_id, report.state.client_order_id)
                listener.on_report(report)
            elif kind == "outboundAccountPosition":
                listener.on_account(account_event(event, can_trade=self._can_trade))
            else:
                listener.on_fault(f"an event that Binance does not document: {str(kind)[:40]}")
        except UnreadableError as error:
            listener.on_fault(str(error))
