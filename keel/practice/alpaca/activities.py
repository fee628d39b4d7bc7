"""What happens to an account without a trade, as its activities tell it: splits, dividends, fees, interest.

Sources: https://docs.alpaca.markets/docs/account-activities, https://docs.alpaca.markets/docs/crypto-fees,
https://docs.alpaca.markets/docs/mandatory-corporate-actions
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from keel.practice.alpaca.hours import Hours
from keel.practice.alpaca.spelling import amount, made_id, moment, optional_amount
from keel.practice.amounts import ZERO, exact

_OF_A_DAY: Final = ("FEE", "CFEE")


@dataclass(frozen=True, slots=True)
class Activity:
    """Hold one entry; `date` is the exchange's, such as 2024-07-03. Two entries of one split have one `group_id`."""

    id: str
    kind: str
    date: str
    time_ms: int
    net_amount: Decimal
    description: str
    symbol: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    per_share: Decimal | None = None
    sub_type: str | None = None
    group_id: str | None = None

    @property
    def as_activity(self) -> dict[str, Any]:
        """Return it as the account's activities have it."""
        told = {
            "id": self.id,
            "activity_type": self.kind,
            "activity_sub_type": self.sub_type,
            "date": self.date,
            "created_at": moment(self.time_ms),
            "net_amount": amount(self.net_amount),
            "description": self.description,
            "symbol": self.symbol,
            "qty": optional_amount(self.quantity),
            "price": optional_amount(self.price),
            "per_share_amount": optional_amount(self.per_share),
            "group_id": self.group_id,
            "status": "executed",
        }
        return {name: value for name, value in told.items() if value is not None}


class Activities:
    """Write an account's activities, oldest first, and collect the fees of a day until they are charged."""

    def __init__(self, account: str, hours: Hours) -> None:
        self._account, self._hours = account, hours
        self.entries: list[Activity] = []
        self._fees: dict[tuple[int, str | None], Decimal] = {}
        """Fees not charged yet, by the time that they are due at and the coin they are for, None for stocks."""

    def split(self, symbol: str, before: Decimal, after: Decimal, price: Decimal, in_lieu: Decimal, ts_ms: int) -> None:
        """Write a split of what is held: the old units go, the new ones come, a part of one is paid in cash."""
        group = made_id(self._account, "split", symbol, ts_ms)
        ratio = abs(after / before) if before else ZERO
        said = f"From QTY:{amount(before)}, To QTY:{amount(after)}"
        legs = (("REMOVE", -before, exact(price * ratio)), ("ADD", after, price))
        for word, quantity, at in legs:
            terms = {"symbol": symbol, "quantity": quantity, "price": at, "group_id": group}
            self._write("SPLIT", ts_ms, ZERO, f"{word}, {said}", **terms)
        if in_lieu:
            self._write("CIL", ts_ms, in_lieu, "cash in lieu of a part of a share", symbol=symbol)

    def dividend(self, symbol: str, held: Decimal, per_share: Decimal, cash: Decimal, ts_ms: int) -> None:
        """Write a dividend: paid on a long position, charged on a short one."""
        said = f"Cash DIV @ {amount(per_share)}, Pos QTY: {amount(held)}"
        self._write("DIV", ts_ms, cash, said, symbol=symbol, quantity=held, per_share=per_share)

    def charge(self, kind: str, cash: Decimal, description: str, symbol: str | None, ts_ms: int) -> None:
        """Write what is charged by the day: INT for money that was lent, FEE for stock."""
        self._write(kind, ts_ms, cash, description, symbol=symbol)

    def collect(self, fee: Decimal, coin: str | None, ts_ms: int) -> None:
        """Note the fee of a trade, of a coin or of stocks: it is charged at the end of the day."""
        if fee:
            due_ms = self._hours.day_end_ms(ts_ms) if coin is not None else self._hours.session_at(ts_ms).close_ts_ms
            self._fees[due_ms, coin] = self._fees.get((due_ms, coin), ZERO) + fee

    @property
    def accrued(self) -> Decimal:
        """Return the fees that are still to be charged."""
        return sum(self._fees.values(), ZERO)

    def due(self, now_ms: int) -> Decimal:
        """Write the fees of the days that are over by now; return what they come to."""
        over = sorted((key for key in self._fees if key[0] <= now_ms), key=lambda key: (key[0], key[1] or ""))
        total = ZERO
        for due_ms, coin in over:
            fee = self._fees.pop((due_ms, coin))
            total += fee
            if coin is None:
                self._write("FEE", due_ms, -fee, "regulators' fees on the day's sales", sub_type="REG")
            else:
                self._write("CFEE", due_ms, -fee, "Coin Pair Transaction Fee (USD)", symbol=coin)
        return total

    def _write(self, kind: str, ts_ms: int, net_amount: Decimal, description: str, **more: Any) -> None:  # noqa: ANN401 - what an entry has besides
        # what the end of a day brings is of that day, also at midnight
        date = f"{self._hours.local(ts_ms - (kind in _OF_A_DAY)):%Y-%m-%d}"
        number = made_id(self._account, "activity", len(self.entries))
        name = f"{date.replace('-', '')}000000000::{number}"
        self.entries.append(Activity(name, kind, date, ts_ms, exact(net_amount), description, **more))
