"""All trades of an account from a time on, page by page, each with the name of its order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from keel.domain.venue_messages import VenueFill
from keel.venues.alpaca_reports import NameOf, quote_of, venue_fill
from keel.venues.order_names import OrderNames
from keel.venues.wording import UnreadableError, reading
from keel.wire.alpaca_faults import NOT_FOUND
from keel.wire.alpaca_link import AlpacaLink
from keel.wire.alpaca_times import epoch_ms, rfc3339
from keel.wire.link import RefusedError

_PAGE: Final = 100
"""Most activities of one answer."""
_ORDERS_PAGE: Final = 500
_ASKED_ONE_BY_ONE: Final = 5
_OVERLAP_MS: Final = 600_000
"""How far before the newest trade known the next question begins: one may be booked late."""
_SHARED_S: Final = 2.0
"""How long one answer serves the other symbols of one look at them all."""
_MOST_KEPT: Final = 10_000
_Row: TypeAlias = Mapping[str, Any]


@dataclass
class TradeHistory:
    """Keep the trades that were asked for: activities come of all symbols at once, so one question serves them all.

    Each symbol has an answer once; who asks for the same one again is answered anew.
    """

    link: AlpacaLink
    names: OrderNames
    name_of: NameOf
    _rows: dict[str, _Row] = field(default_factory=dict)
    _from_ms: int | None = None
    _read_s: float = float("-inf")
    _served: set[str] = field(default_factory=set)

    async def fills(self, symbol: str, since_ms: int) -> Sequence[VenueFill]:
        """Return the trades of a symbol from a time on, oldest first. Raises as questions do."""
        reaches = self._from_ms is not None and self._from_ms <= since_ms
        fresh = self.link.clock.monotonic_s() - self._read_s < _SHARED_S
        if not reaches or not fresh or symbol in self._served:
            await self._read(since_ms)
        self._served.add(symbol)
        rows = [row for row in self._rows.values() if self.name_of(str(row["symbol"])) == symbol]
        wanted = [row for row in rows if _ts_ms(row) >= since_ms]
        await self._learn_names({str(row["order_id"]) for row in wanted})
        found = []
        for row in wanted:
            name = self.names.get("", str(row["order_id"])) or ""
            found.append(venue_fill(row, self.name_of, name, quote_of(symbol)))
        return sorted(found, key=lambda fill: fill.ts_ms)

    async def _read(self, since_ms: int) -> None:
        start_ms = since_ms
        if self._from_ms is not None and self._from_ms <= since_ms and self._rows:
            start_ms = max(since_ms, max(map(_ts_ms, self._rows.values())) - _OVERLAP_MS)
        read_s = self.link.clock.monotonic_s()
        rows = await self._pages(start_ms)
        if self._from_ms is None or since_ms < self._from_ms:
            self._from_ms = since_ms
        self._rows |= rows
        self._read_s, self._served = read_s, set()
        self._forget()

    async def _pages(self, start_ms: int) -> dict[str, _Row]:
        found: dict[str, _Row] = {}
        token: str | None = None
        while True:
            page = await self._page(start_ms, token)
            found |= {str(row["id"]): row for row in page}
            if len(page) < _PAGE:
                return found
            token = str(page[-1]["id"])

    async def _page(self, start_ms: int, token: str | None) -> Sequence[_Row]:
        # `after` leaves out its own moment
        after = rfc3339(start_ms - 1)
        page = await self.link.ask(
            1,
            lambda client: client.get(
                "/account/activities/FILL", after=after, direction="asc", page_size=_PAGE, page_token=token
            ),
        )
        if not isinstance(page, list) or not all(isinstance(row, dict) and "order_id" in row for row in page):
            raise UnreadableError("Alpaca's fills are no list of fills")
        return page

    def _forget(self) -> None:
        if len(self._rows) > _MOST_KEPT:
            newest = sorted(self._rows.items(), key=lambda item: _ts_ms(item[1]))[-_MOST_KEPT // 2 :]
            self._rows = dict(newest)
            self._from_ms = _ts_ms(newest[0][1]) + 1

    async def _learn_names(self, order_ids: set[str]) -> None:
        unknown = sorted(number for number in order_ids if self.names.get("", number) is None)
        if len(unknown) > _ASKED_ONE_BY_ONE:
            orders = await self.link.ask(
                1, lambda client: client.get("/orders", status="all", limit=_ORDERS_PAGE, direction="desc")
            )
            for order in orders:
                self._learn(order)
            unknown = [number for number in unknown if self.names.get("", number) is None]
        for number in unknown:
            await self._learn_name(number)

    async def _learn_name(self, number: str) -> None:
        try:
            self._learn(await self.link.ask(1, lambda client: client.get(f"/orders/{number}")))
        except RefusedError as error:
            if error.status != NOT_FOUND:
                raise

    def _learn(self, order: _Row) -> None:
        with reading("Alpaca", "order"):
            self.names.learn("", str(order["id"]), str(order["client_order_id"]))


def _ts_ms(row: _Row) -> int:
    with reading("Alpaca", "fill"):
        return epoch_ms(str(row["transaction_time"]))
