"""Splits, dividends and fees of what is held: our book follows them, and never buys again what has only been recounted.

A split is announced days ahead. From the last regular close before it nothing of its instrument is placed; with its
day our book, marks, history and kept orders are in new units; and only once the account shows the same are stops placed
again and orders let through. What the account is paid or charged without a trade is booked as what it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

from keel.domain.clock import Clock
from keel.domain.errors import RetryableError, UsageError
from keel.domain.holder_messages import AccountActivity, ActivityKind, Split
from keel.domain.venue_messages import AccountState
from keel.journal.entries import Alarm, Entry, Note
from keel.journal.journal import Journal
from keel.journal.market_entries import ActivityBooked, SplitBooked, SplitConfirmed
from keel.live.blocks import Blocks
from keel.live.decider import BarHistory
from keel.live.ear import as_decimal
from keel.live.exits import ExitKeeper
from keel.live.recovery import LAYOUT, Resumable
from keel.live.split_days import SplitDays

_LOG: Final = logging.getLogger(__name__)
_PART: Final = "splits"
_LOOK_AGAIN_S: Final = 60.0
"""Time between two looks at the account's activities, unless something asks for one."""
_AHEAD_DAYS: Final = 7
_BOOKED_LATE_DAYS: Final = 4
"""How far back activities are asked for: what is of a day may be written days later."""
_REMEMBERED_DAYS: Final = 40
_SAME_SPLIT_DAYS: Final = 7
"""An activity that far from an announced split of its symbol tells of that one."""
_EXACT: Final = Decimal("1e-9")
"""Difference that is rounding, as a part of a quantity and in units."""


@dataclass
class HolderWatch:
    """Follow one account. `base_of` and `quote_of` are each symbol's assets, in the order of instruments.

    `ask_account` asks for the account's balances, as `Venue.account` does.
    """

    days: SplitDays
    ask_account: Callable[[], Coroutine[Any, Any, AccountState]]
    base_of: Mapping[str, str]
    quote_of: Mapping[str, str]
    clock: Clock
    resumable: Resumable
    exits: ExitKeeper
    history: BarHistory
    journal: Journal
    blocks: Blocks
    _looked_s: float = float("-inf")
    _read_day: int | None = None
    _row_ms: int = 0
    """Close of the row that is about to be booked, or was booked last."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the symbols, in the order of instruments."""
        return tuple(self.base_of)

    async def look(self, *, at_once: bool = False) -> None:
        """Ask what happens and what was booked, if it is time to or `at_once`; raises as questions do."""
        today = self.days.day_of(self.clock.now_ms())
        if not at_once and today == self._read_day and self.clock.monotonic_s() - self._looked_s < _LOOK_AGAIN_S:
            self.take_due()
            return
        await self._read_splits(today)
        self.take_due()
        await self._book_activities(today)
        self._looked_s, self._read_day = self.clock.monotonic_s(), today

    async def before_row(self, close_ts_ms: int) -> None:
        """Have all that holds from a row on in our book before the row is: at the first of a day the account is asked.

        Where it does not answer, what is in doubt stays held back.
        """
        row_day, self._row_ms = self.days.day_of(close_ts_ms - 1), close_ts_ms
        self.take_due()
        if row_day == self._read_day and not self._unshown():
            return
        try:
            await self.look(at_once=True)
            self.confirm(await self.ask_account())
        except RetryableError as error:
            self.blocks.put("reconcile", f"what happened to holders is not known: {error}")

    def take_due(self) -> None:
        """Take the splits whose day has begun, and hold back the instruments that split before their next bar."""
        now_ms = max(self.clock.now_ms(), self._row_ms)
        for split in self.days.known():
            if split.symbol in self.base_of and self.days.start_ms(split) <= now_ms and not self._is_taken(split):
                self._take(split)
        self._hold_back()

    def waits_for(self, asset: str) -> bool:
        """Say whether a difference of an asset is a split that one side has not booked yet."""
        frozen = self.exits.standing.frozen
        return any(base == asset and place in frozen for place, base in enumerate(self.base_of.values()))

    def confirm(self, account: AccountState) -> None:
        """Compare the account with our book where something splits; what both have is let go on."""
        for split in list(self._unsettled()):
            place = self.symbols.index(split.symbol)
            base = self.base_of[split.symbol]
            held = account.balances[base].total if base in account.balances else Decimal(0)
            expected = self._ours(place) + self.resumable.holdings.other.get(base, Decimal(0))
            if not self._is_taken(split):
                grown = expected * split.new / split.old
                if _alike(held, grown) and not _alike(held, expected):
                    self._take(split)  # the account is ahead of the day
                    self._settle(split, place, base, held)
            elif _alike(held, expected) or _is_floor(held, expected):
                self._settle(split, place, base, held)
        self._hold_back()

    # splits

    async def _read_splits(self, today: int) -> None:
        if self.resumable.holders.first_day is None:
            self.resumable.holders.first_day = today
        close_ts_ms = self.resumable.close_ts_ms
        booked_day = self.days.day_of(close_ts_ms) if close_ts_ms else today
        await self.days.read(min(booked_day, today - _SAME_SPLIT_DAYS), today + _AHEAD_DAYS)

    def _is_taken(self, split: Split) -> bool:
        """Say whether our book is in the units of after a split: it took it, or began after it."""
        holders = self.resumable.holders
        return _key(split) in holders.splits or (holders.first_day is not None and split.day <= holders.first_day)

    def _take(self, split: Split) -> None:
        place = self.symbols.index(split.symbol)
        before = self._ours(place)
        self.resumable.desk.split(place, split.ratio)
        if self.resumable.exchange is not None:
            self.resumable.exchange.split(place, split.ratio)
        else:
            self.exits.split(place, split)
        self.history.split(place, self.days.start_ms(split), split.ratio)
        base, other = self.base_of[split.symbol], self.resumable.holdings.other
        if base in other:
            other[base] = other[base] * split.new / split.old
        self.resumable.holders.splits[_key(split)] = False
        self.exits.standing.frozen.add(place)
        entry = SplitBooked(split.symbol, split.day, split.new, split.old, before, self._ours(place))
        _LOG.warning("%s splits: %s become %s", split.symbol, split.old, split.new)
        self._write([entry])

    def _settle(self, split: Split, place: int, base: str, held: Decimal) -> None:
        """Take what the account has after a split as it is: a part of a unit may have been paid out."""
        desk, mine = self.resumable.desk, self._ours(place)
        ours = held - self.resumable.holdings.other.get(base, Decimal(0))
        if not _alike(ours, mine):
            view = desk.account_view()
            moved = ours - (mine - as_decimal(view.position_qty[place]))
            desk.adjust_position(place, float(moved), float(view.average_price[place]))
        self.resumable.holders.splits[_key(split)] = True
        self._write([SplitConfirmed(split.symbol, split.day, ours)])

    def _unsettled(self) -> Iterator[Split]:
        """Give the splits that our book or the account has not taken, of those that hold or come next."""
        places = self.exits.standing.frozen
        for split in self.days.known():
            if split.symbol not in self.base_of or self.symbols.index(split.symbol) not in places:
                continue
            if not self._is_taken(split) or self.resumable.holders.splits.get(_key(split)) is False:
                yield split

    def _unshown(self) -> dict[int, Split]:
        """Return the splits in our book that the account has not shown yet, by place."""
        splits = self.resumable.holders.splits
        known = (split for split in self.days.known() if split.symbol in self.base_of)
        return {self.symbols.index(split.symbol): split for split in known if splits.get(_key(split)) is False}

    def _hold_back(self) -> None:
        """Let nothing be placed of what splits before its next bar, or is split in our book and not at the account."""
        unshown, booked_ms = self._unshown(), self.resumable.close_ts_ms
        close_ts_ms = max(self._row_ms, booked_ms)
        coming = {
            self.symbols.index(split.symbol)
            for split in self.days.known()
            if split.symbol in self.base_of and not self._is_taken(split) and self.days.is_next(split, close_ts_ms)
        }
        frozen = self.exits.standing.frozen
        before, now = set(frozen), coming | unshown.keys()
        frozen.clear()
        frozen |= now
        names = ", ".join(self.symbols[place] for place in sorted(frozen))
        told = f"a split is not in our book and the account's alike: nothing of {names} is placed"
        if now - before:
            self.journal.append_lazily(Note(told))
        is_late = any(booked_ms > self.days.start_ms(split) for split in unshown.values())
        if self.blocks.tell(_PART, told if is_late else None) and is_late:
            self._write([Alarm(f"{names}: bars are of after the split, and the account does not show it")])

    # what the account was booked

    async def _book_activities(self, today: int) -> None:
        holders = self.resumable.holders
        since_day = today if holders.looked_day is None else holders.looked_day
        found = await self.days.news.activities(since_day - _BOOKED_LATE_DAYS)
        is_first, holders.looked_day = holders.looked_day is None, today
        entries: list[Entry] = []
        for one in found:
            if one.activity_id not in holders.seen:
                holders.seen[one.activity_id] = one.day
                entries += [] if is_first else self._book(one)
        oldest = today - _REMEMBERED_DAYS
        holders.seen = {name: day for name, day in holders.seen.items() if day >= oldest}
        if entries:
            self._write(entries)

    def _book(self, one: AccountActivity) -> list[Entry]:
        """Book one activity; return what is written of it."""
        if one.kind is ActivityKind.SPLIT:
            return self._book_split(one)
        if one.symbol and one.symbol not in self.base_of:  # of something else that the account holds
            quote = next(iter(self.quote_of.values()))
            self.resumable.holdings.other[quote] = self.resumable.holdings.other.get(quote, Decimal(0)) + one.cash
            return []
        if one.kind is ActivityKind.OTHER and not one.symbol:
            return []
        if one.kind is ActivityKind.OTHER:
            return [Alarm(f"{one.symbol}: {one.text} is not followed: see what the account holds now", one.symbol)]
        part = self._our_part(one.symbol)
        cash, qty = one.cash * part, one.qty * part
        if cash:
            self.resumable.desk.receive(float(cash))
        if one.symbol:
            self._leave_to_others(one, part)
        if qty:
            place = self.symbols.index(one.symbol)
            view = self.resumable.desk.account_view()
            after = as_decimal(view.position_qty[place]) + qty
            self.resumable.desk.adjust_position(place, float(after), float(view.mark_price[place]))
        return [ActivityBooked(one.activity_id, one.kind, one.symbol, one.day, cash, qty, one.text)]

    def _leave_to_others(self, one: AccountActivity, part: Decimal) -> None:
        other = self.resumable.holdings.other
        for asset, amount in ((self.quote_of[one.symbol], one.cash), (self.base_of[one.symbol], one.qty)):
            if amount and part != 1:
                other[asset] = other.get(asset, Decimal(0)) + amount * (1 - part)

    def _book_split(self, one: AccountActivity) -> list[Entry]:
        """Take a split that was not announced by what it did to the account."""
        if one.symbol not in self.base_of:
            return []
        known = (split for split in self.days.known() if split.symbol == one.symbol)
        if any(abs(split.day - one.day) <= _SAME_SPLIT_DAYS for split in known):
            return []
        place = self.symbols.index(one.symbol)
        before = self._ours(place) + self.resumable.holdings.other.get(self.base_of[one.symbol], Decimal(0))
        after = before + one.qty
        if not before:
            return []
        if before * after <= 0:
            return [Alarm(f"{one.symbol}: a split of {one.qty:+f} units does not fit the {before:f} held", one.symbol)]
        split = Split(one.symbol, one.day, abs(after), abs(before))
        self.days.add(split)
        self._take(split)
        return []

    def _our_part(self, symbol: str) -> Decimal:
        """Return the part of a holding that is ours: all of it where nobody else has any."""
        other = self.resumable.holdings.other.get(self.base_of.get(symbol, ""), Decimal(0))
        if not symbol or not other:
            return Decimal(1)
        mine = self._ours(self.symbols.index(symbol))
        return mine / (mine + other) if mine * other > 0 else Decimal(1) if mine else Decimal(0)

    def _ours(self, place: int) -> Decimal:
        return as_decimal(self.resumable.desk.account_now().position_qty[place])

    def _write(self, entries: Sequence[Entry]) -> None:
        """Put entries on the disk with the state they lead to; where it refuses they wait, as all that happened."""
        try:
            self.journal.append(entries, self.resumable.capture(), LAYOUT)
        except UsageError as error:
            self.blocks.put("journal", f"the journal cannot be written: {error}")
            for entry in entries:
                self.journal.append_lazily(entry)


def _key(split: Split) -> str:
    return f"{split.symbol}@{split.day}"


def _alike(held: Decimal, expected: Decimal) -> bool:
    return abs(held - expected) <= _EXACT * max(abs(held), Decimal(1))


def _is_floor(held: Decimal, expected: Decimal) -> bool:
    """Say whether a holding is whole, and what is missing of it less than a unit, which is paid out in cash."""
    whole = abs(expected).to_integral_value(ROUND_FLOOR)
    return expected * held >= 0 and abs(held) == whole and whole != abs(expected)
