"""How much of the exchange's rate limits a request may use: spent before it leaves, corrected by what comes back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Final, NoReturn, TypeAlias, cast

from keel.domain.clock import Clock
from keel.domain.errors import RetryableError
from keel.wire.rate_window import LimitKind, RateLimit, RateWindow
from keel.wire.retry_after import BannedError, RetryAfter

DOCUMENTED: Final = (
    RateLimit("REQUEST_WEIGHT", 60, 6000),
    RateLimit("RAW_REQUESTS", 300, 61_000),
    RateLimit("ORDERS", 10, 100),
    RateLimit("ORDERS", 86_400, 200_000),
)
"""The limits of Binance's exchangeInfo example: what holds until its own have come."""
_SECONDS: Final = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400}
_LETTERS: Final = {unit[0]: seconds for unit, seconds in _SECONDS.items()}
_HEADERS: Final[dict[str, LimitKind]] = {"X-MBX-USED-WEIGHT": "REQUEST_WEIGHT", "X-MBX-ORDER-COUNT": "ORDERS"}
_COUNT: Final = re.compile(r"(X-MBX-[A-Z-]+?)-(\d+)([SMHD])")
_TURN_S: Final = 0.02
"""How often one who lets others go first looks again, seconds."""
_FOR_ORDERS: Final = 7 / 8
"""Part of what is not the cancels' that orders may use: whoever sends many still has to ask what became of them."""
_QUESTIONS_BESIDE: Final = 20
"""Questions a minute that need not let orders that wait go first."""
_ORDER_LOOKS_S: Final = 0.5
"""How long an order that was told to wait is taken to wait still: it looks again before that, seconds."""
_CANCELS_ALONE_S: Final = 1.0
"""How long after a window only cancels go, where some were turned away in it, seconds."""


class Spend(IntEnum):
    """Name what a request is for; the smaller goes first."""

    CANCEL = 0
    ORDER = 1
    PAIR = 2
    """Two orders by one request."""
    READ = 3


Counts: TypeAlias = Mapping[tuple[LimitKind, int], tuple[int, int | None]]
"""By kind and seconds of a limit: how much of it is used, and how much there is, None where that is not said."""


@dataclass(frozen=True, slots=True)
class RateRules:
    """Hold a venue's documented limits, and how the headers of an answer tell what of them is used."""

    venue: str
    documented: tuple[RateLimit, ...]
    counts: Callable[[Mapping[str, str]], Counts]


class Budget:
    """Let requests go within the exchange's limits.

    Of each request limit `cancel_share` is left to cancels, and a little of the rest to questions. Inside a Retry-After
    window nothing goes; after it cancels go first. No limit is ever passed by us, and what others at our address use is
    known from the answers' headers.
    """

    def __init__(
        self, clock: Clock, cancel_share: float, retry_after: RetryAfter, rules: RateRules | None = None
    ) -> None:
        """Take the part kept for cancels, the time in which nothing goes, and the venue's limits, else Binance's."""
        self._clock = clock
        self._share = cancel_share
        self._retry_after = retry_after
        self._rules = rules or BINANCE
        self._windows = [RateWindow(limit) for limit in self._rules.documented]
        self._waiting: Counter[Spend] = Counter()
        self._cancels_owed = False
        self._order_waited_s = float("-inf")
        self._questions = RateWindow(RateLimit("RAW_REQUESTS", 60, _QUESTIONS_BESIDE))

    def used(self, kind: LimitKind, interval_s: int) -> int:
        """Return what counts of a limit now, 0 for one there is not."""
        found = (each for each in self._windows if (each.limit.kind, each.limit.interval_s) == (kind, interval_s))
        return next((each.used(self._clock.monotonic_s()) for each in found), 0)

    def set_limits(self, rate_limits: Iterable[Mapping[str, Any]]) -> None:
        """Take the limits that exchangeInfo tells; what was used of them stays. Unknown kinds are left alone."""
        known = {(each.limit.kind, each.limit.interval_s): each for each in self._windows}
        windows = []
        for limit in _read_limits(rate_limits):
            window = known.get((limit.kind, limit.interval_s), RateWindow(limit))
            window.limit = limit
            windows.append(window)
        self._windows = windows or self._windows

    async def acquire(self, spend: Spend, weight: int, within_s: float) -> None:
        """Wait until a request of this weight may go, and count it.

        Raises BannedError while our address is banned, RetryableError where it may not go within the time.
        """
        end_s = self._clock.monotonic_s() + within_s
        with self._in_line(spend):
            while (wait_s := self._wait_s(spend, weight)) > 0:
                if self._clock.monotonic_s() + wait_s > end_s:
                    self._turn_away(spend, wait_s)
                await self._clock.sleep(wait_s)
        self._spend(spend, weight)

    def order_wait_s(self) -> float:
        """Return how long until the limits let another order go, 0 for at once, also where nothing may be asked now.

        What is shut or banned is not waited for: `acquire` turns it away. Most questions let who was told to wait go
        first.
        """
        if self._retry_after.left_s(self._clock.wall_ms()) > 0:
            return 0.0
        wait_s = self._wait_s(Spend.ORDER, 1)
        if wait_s > 0:
            self._order_waited_s = self._clock.monotonic_s()
        return wait_s

    def pause_s(self) -> float:
        """Return how long to leave between questions that can wait: none before half of what they may use is used."""
        now_s, pauses = self._clock.monotonic_s(), [0.0]
        for window in self._windows:
            most = self._most(window.limit, Spend.READ)
            if _amount(window.limit, Spend.READ, 1) and 2 * window.used(now_s) >= most:
                pauses.append(2 * window.limit.interval_s / most)
        return max(pauses)

    def refuse_if_shut(self) -> None:
        """Raise as `acquire` does where nothing may be asked now; counts nothing."""
        left_s = self._retry_after.left_s(self._clock.wall_ms())
        if left_s > 0:
            self._turn_away(Spend.READ, left_s)

    def hold(self, seconds: float, *, banned: bool) -> None:
        """Let nothing go for a time: the exchange asked for it."""
        self._retry_after.hold(self._clock.wall_ms() + int(seconds * 1000), banned=banned)

    def fill_orders(self) -> None:
        """Take the shortest limit on orders for used up: the exchange said so, and not for how long."""
        shortest = min(
            (each for each in self._windows if each.limit.kind == "ORDERS"),
            key=lambda each: each.limit.interval_s,
            default=None,
        )
        if shortest is not None:
            shortest.learn(self._clock.monotonic_s(), shortest.limit.most)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take the counts that an answer carries."""
        now_s, counts = self._clock.monotonic_s(), self._rules.counts(headers)
        for window in self._windows:
            reported = counts.get((window.limit.kind, window.limit.interval_s))
            if reported is None:
                continue
            used, most = reported
            if most is not None and most != window.limit.most:
                window.limit = replace(window.limit, most=most)
            window.learn(now_s, used)

    @contextmanager
    def _in_line(self, spend: Spend) -> Iterator[None]:
        self._waiting[spend] += 1
        try:
            yield
        finally:
            self._waiting[spend] -= 1

    def _wait_s(self, spend: Spend, weight: int) -> float:
        shut_s = self._retry_after.left_s(self._clock.wall_ms())
        if shut_s > 0:
            self._cancels_owed |= spend is Spend.CANCEL
            return shut_s
        waits = [self._turn_s(spend)]
        for window in self._windows:
            amount = _amount(window.limit, spend, weight)
            if amount:
                waits.append(window.wait_s(self._clock.monotonic_s(), amount, self._most(window.limit, spend)))
        return max(waits)

    def _turn_s(self, spend: Spend) -> float:
        if any(count > 0 and other < spend for other, count in self._waiting.items()):
            return _TURN_S
        now_s = self._clock.monotonic_s()
        an_order_waits = now_s - self._order_waited_s < _ORDER_LOOKS_S
        if spend is Spend.READ and an_order_waits and self._questions.used(now_s) >= self._questions.limit.most:
            return _TURN_S
        since_s = (self._clock.wall_ms() - self._retry_after.until_ms) / 1000
        owed = self._cancels_owed and spend is not Spend.CANCEL and 0 <= since_s < _CANCELS_ALONE_S
        return _TURN_S if owed else 0.0

    def _most(self, limit: RateLimit, spend: Spend) -> float:
        if spend is Spend.CANCEL or limit.kind == "ORDERS":
            return limit.most
        part = 1.0 if spend is Spend.READ else _FOR_ORDERS
        return limit.most * (1 - self._share) * part

    def _spend(self, spend: Spend, weight: int) -> None:
        if spend is Spend.CANCEL:
            self._cancels_owed = False
        if spend is Spend.READ:
            self._questions.add(self._clock.monotonic_s(), 1)
        for window in self._windows:
            window.add(self._clock.monotonic_s(), _amount(window.limit, spend, weight))

    def _turn_away(self, spend: Spend, wait_s: float) -> NoReturn:
        now_ms = self._clock.wall_ms()
        if self._retry_after.is_ban(now_ms):
            raise BannedError(f"{self._rules.venue} has banned our address; it may be asked again in {wait_s:.0f} s")
        if self._retry_after.left_s(now_ms) > 0:
            raise RetryableError(f"{self._rules.venue} wants no request for another {wait_s:.0f} s", wait_s)
        what = f"a request ({spend.name.lower()}) would pass {self._rules.venue}'s rate limits for {wait_s:.1f} s"
        raise RetryableError(what, wait_s)


def _amount(limit: RateLimit, spend: Spend, weight: int) -> int:
    if limit.kind == "ORDERS":
        return {Spend.ORDER: 1, Spend.PAIR: 2}.get(spend, 0)
    return weight if limit.kind == "REQUEST_WEIGHT" else 1


def _read_limits(rate_limits: Iterable[Mapping[str, Any]]) -> Iterator[RateLimit]:
    for each in rate_limits:
        unit = _SECONDS.get(str(each.get("interval")))
        if each.get("rateLimitType") in ("REQUEST_WEIGHT", "RAW_REQUESTS", "ORDERS") and unit is not None:
            kind = cast("LimitKind", each["rateLimitType"])
            yield RateLimit(kind, unit * int(each["intervalNum"]), int(each["limit"]))


def _counts(headers: Mapping[str, str]) -> Counts:
    return dict(filter(None, (_count(name, value) for name, value in headers.items())))


def _count(name: str, value: str) -> tuple[tuple[LimitKind, int], tuple[int, None]] | None:
    found = _COUNT.fullmatch(name.upper())
    kind = _HEADERS.get(found[1]) if found else None
    if found is None or kind is None or not value.isdigit():
        return None
    return (kind, int(found[2]) * _LETTERS[found[3]]), (int(value), None)


BINANCE: Final = RateRules("Binance", DOCUMENTED, _counts)
