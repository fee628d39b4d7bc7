"""What happens to holders, as Alpaca tells it: splits to come by its market data, the rest by the account's activities.

Sources: Alpaca's pages on account activities, on mandatory corporate actions and on crypto fees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from keel.domain.holder_messages import AccountActivity, ActivityKind, Split
from keel.venues.alpaca_reports import NameOf
from keel.venues.wording import UnreadableError, exact, reading
from keel.wire.alpaca_link import AlpacaLink

_DAY_ONE: Final = date(1970, 1, 1)
_PAGE: Final = 100
_SPLITS_PAGE: Final = 1000
_LEGS: Final = 2
"""Entries of a split: the old units go, the new ones come."""
_LISTS: Final = ("forward_splits", "reverse_splits")
_TYPES: Final = "forward_split,reverse_split"
_CANCELED: Final = "canceled"
_SPLIT: Final = ("SPLIT", "SSP")
_KINDS: Final = {
    **dict.fromkeys(_SPLIT, ActivityKind.SPLIT),
    **dict.fromkeys(("DIV", "DIVCGL", "DIVCGS", "DIVFEE", "DIVFT", "DIVNRA"), ActivityKind.DIVIDEND),
    **dict.fromkeys(("DIVROC", "DIVTW", "DIVTXEX", "DIVWH"), ActivityKind.DIVIDEND),
    "CIL": ActivityKind.CASH_IN_LIEU,
    **dict.fromkeys(("FEE", "CFEE"), ActivityKind.FEE),
    **dict.fromkeys(("INT", "INTNRA", "INTTW"), ActivityKind.INTEREST),
    **dict.fromkeys(("MA", "NC", "PTC", "PTR", "REORG", "SC", "SPIN", "SSO"), ActivityKind.OTHER),
}
"""What is not among them pays in or out, or moves what is traded elsewhere: the balances tell."""


class AlpacaHolders:
    """Be the `HolderNews` of an Alpaca account."""

    def __init__(self, link: AlpacaLink, name_of: NameOf) -> None:
        """Take the way to Alpaca, and what gives our symbol for its own."""
        self._link = link
        self._name_of = name_of

    async def splits(self, symbols: Sequence[str], first_day: int, last_day: int) -> Sequence[Split]:
        """Return the splits of the stocks among some symbols on some days, by their ex-date: coins have none."""
        stocks = [symbol for symbol in symbols if "/" not in symbol]
        found: list[Split] = []
        token: str | None = None
        while stocks:
            page = await self._splits_page(stocks, first_day, last_day, token)
            for name in _LISTS:
                found += [split_of(row) for row in page["corporate_actions"].get(name) or ()]
            token = page.get("next_page_token")
            if not token:
                break
        return [one for one in found if one.symbol in stocks]

    async def activities(self, first_day: int) -> Sequence[AccountActivity]:
        """Return what was booked to the account from a day on, oldest first; both entries of a split as one."""
        rows: dict[str, Mapping[str, Any]] = {}
        token: str | None = None
        while True:
            page = await self._activities_page(first_day, token)
            rows |= {str(row["id"]): row for row in page}
            if len(page) < _PAGE:
                return self._read(list(rows.values()))
            token = str(page[-1]["id"])

    def _read(self, rows: Sequence[Mapping[str, Any]]) -> list[AccountActivity]:
        found: list[AccountActivity] = []
        legs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        with reading("Alpaca", "activity"):
            for row in rows:
                if row["activity_type"] not in _KINDS or row.get("status") == _CANCELED:
                    continue
                if row["activity_type"] in _SPLIT:
                    key = str(row["symbol"]), str(row.get("group_id") or row["date"])
                    legs.setdefault(key, []).append(row)
                else:
                    found.append(self._activity(row))
            # one alone says too little: the other is still to be written
            found += [self._split(pair) for pair in legs.values() if len(pair) == _LEGS]
        return found

    def _activity(self, row: Mapping[str, Any]) -> AccountActivity:
        kind = _KINDS[row["activity_type"]]
        moves = kind not in (ActivityKind.DIVIDEND, ActivityKind.CASH_IN_LIEU)  # theirs is what was paid for
        return AccountActivity(
            activity_id=str(row["id"]),
            kind=kind,
            day=_day(row["date"]),
            symbol=self._name_of(str(row.get("symbol") or "")),
            cash=exact(row.get("net_amount") or 0),
            qty=exact(row.get("qty") or 0) if moves else Decimal(0),
            text=f"{row['activity_type']} {row.get('description') or ''}".strip(),
        )

    def _split(self, pair: Sequence[Mapping[str, Any]]) -> AccountActivity:
        first = self._activity(pair[0])
        ids = "+".join(sorted(str(row["id"]) for row in pair))
        qty = sum((exact(row["qty"]) for row in pair), Decimal(0))
        return AccountActivity(ids, first.kind, first.day, first.symbol, Decimal(0), qty, first.text)

    async def _splits_page(
        self, stocks: Sequence[str], first_day: int, last_day: int, token: str | None
    ) -> Mapping[str, Any]:
        query = {
            "symbols": ",".join(stocks),
            "types": _TYPES,
            "start": _date(first_day),
            "end": _date(last_day),
            "limit": _SPLITS_PAGE,
            "page_token": token,
            "sort": "asc",
        }
        page = await self._link.data.ask(1, lambda client: client.corporate("/corporate-actions", **query))
        if not isinstance(page, Mapping) or not isinstance(page.get("corporate_actions"), Mapping):
            raise UnreadableError("Alpaca's corporate actions are none by kind")
        return page

    async def _activities_page(self, first_day: int, token: str | None) -> Sequence[Mapping[str, Any]]:
        page = await self._link.ask(
            1,
            lambda client: client.get(
                "/account/activities",
                category="non_trade_activity",
                after=_date(first_day - 1),
                direction="asc",
                page_size=_PAGE,
                page_token=token,
            ),
        )
        if not isinstance(page, list) or not all(isinstance(row, dict) and "id" in row for row in page):
            raise UnreadableError("Alpaca's activities are no list of activities")
        return page


def split_of(row: Mapping[str, Any]) -> Split:
    """Return a split of an answer. Raises UnreadableError for what is none."""
    with reading("Alpaca", "split"):
        new, old = (Decimal(str(row[name])) for name in ("new_rate", "old_rate"))
        if not (new.is_finite() and old.is_finite() and new > 0 and old > 0):
            raise ValueError(f"{old} become {new}")
        return Split(str(row["symbol"]), _day(row["ex_date"]), new, old)


def _day(text: object) -> int:
    return (date.fromisoformat(str(text)[:10]) - _DAY_ONE).days


def _date(day: int) -> str:
    return (_DAY_ONE + timedelta(days=day)).isoformat()
