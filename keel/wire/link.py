"""The one way to a venue: every request goes through here, within the budget, on time, and with a clear end."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from keel.domain.clock import Clock
from keel.domain.errors import HaltTradingError, KeelError, RetryableError
from keel.domain.venue_messages import Outcome
from keel.wire.backoff import Backoff
from keel.wire.budget import Budget, Spend
from keel.wire.clock_sync import ClockSync
from keel.wire.fault import Fault
from keel.wire.retry_after import BannedError

C = TypeVar("C")
LONGEST_TIMEOUT_S: Final = 60.0
"""Timeout where latency.timeout_ms is 0: a call that never ends is no call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """Hold what a way to a venue is set up by. Key and secret come from the environment of the process only."""

    practice_address: str | None
    timeout_s: float
    retries: int
    cancel_share: float
    backoff_base_s: float
    max_backoff_s: float
    clock_refresh_s: float
    seed: int
    state_dir: Path | None
    key: str | None = None
    secret: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.practice_address})"  # never the secret

    def backoff(self, number: int = 0) -> Backoff:
        """Return waits of their own for one of several that wait."""
        return Backoff(self.backoff_base_s, self.max_backoff_s, self.seed + number)


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold how a request that changes something ended: DONE with the venue's answer, or why not."""

    outcome: Outcome
    data: Any = None
    code: int | None = None
    reason: str = ""
    status: int | None = None


class NoAnswerError(RetryableError):
    """Report that a question has no answer now; `fault` is what happened."""

    def __init__(self, venue: str, fault: Fault) -> None:
        super().__init__(f"{venue} gave no answer: {fault.reason}", fault.pause_s)
        self.fault = fault


class RefusedError(RetryableError):
    """Report that a venue refused a question: `code` is its own, `status` that of the answer."""

    def __init__(self, venue: str, fault: Fault) -> None:
        super().__init__(f"{venue} refused a question: {fault.reason}", fault.pause_s)
        self.code = fault.code
        self.status = fault.status
        self.is_late = fault.is_late


class VenueLink(ABC, Generic[C]):
    """Ask and send. Requests that change something are sent once; questions are asked again after passing faults.

    `C` is what makes the calls: each call of it is one request. A request waits at most `timeout_s` for its turn, and
    as long for its answer; a question that is asked again waits between its tries too (`backoff_base_s` and more). A
    `send` that is cancelled may have been taken.
    """

    name: ClassVar[str]

    def __init__(self, settings: LinkSettings, clock: Clock, budget: Budget) -> None:
        self.clock = clock
        self.budget = budget
        self.sync = ClockSync(clock, self._server_ms)
        self._settings = settings
        self._keeping: asyncio.Task[None] | None = None
        self._users: set[str] = set()

    @property
    @abstractmethod
    def client(self) -> C:
        """Return what makes the calls, made at its first use: it has connected to nothing then."""

    @abstractmethod
    def fault_of(self, error: Exception) -> Fault:
        """Return what an error of a request means. Anything not known for certain is UNKNOWN."""

    @abstractmethod
    async def _server_ms(self) -> int:
        """Return the venue's time, UTC epoch milliseconds. Raises as `ask` does."""

    @abstractmethod
    async def _let_go(self) -> None:
        """Close the connections."""

    async def open(self, user: str) -> None:
        """Agree on the time, and go on comparing the clocks, for one of those who share this way. Raises as `ask`."""
        self._users.add(user)
        if self._keeping is None:
            await self.sync.refresh()
            self._keeping = asyncio.create_task(self._keep_time())

    async def close(self, user: str) -> None:
        """Let go of every connection, once nobody shares this way any more."""
        self._users.discard(user)
        if self._users:
            return
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
        await self.sync.stop()
        await self._let_go()

    async def ask(self, weight: int, call: Callable[[C], Awaitable[Any]]) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to a question, asked again after passing faults.

        Raises RefusedError where the venue says no, NoAnswerError or another RetryableError where there is no answer
        now, HaltTradingError where it shuts us out (key, ban).
        """
        backoff = self._settings.backoff()

        def wait_s(_: RetryCallState) -> float:
            return backoff.next_s()

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(NoAnswerError),
            stop=stop_after_attempt(1 + self._settings.retries),
            wait=wait_s,
            sleep=self.clock.sleep,
            reraise=True,
        )
        return await retrying(self.ask_once, weight, call)

    async def ask_once(self, weight: int, call: Callable[[C], Awaitable[Any]]) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to a question, asked again only where its stamp was refused as late. Raises as `ask`."""
        try:
            return await self._ask(weight, call)
        except RefusedError as error:
            if not error.is_late:
                raise
        await self.sync.refresh()
        return await self._ask(weight, call)

    async def send(self, spend: Spend, weight: int, call: Callable[[C], Awaitable[Any]]) -> Answer:
        """Send a request that changes something, once; again only where its stamp was refused as late.

        Never raises for what the network or the venue did.
        """
        answer, late = await self._send_once(spend, weight, call)
        if not late:
            return answer
        try:
            await self.sync.refresh()
        except KeelError:
            return answer
        return (await self._send_once(spend, weight, call))[0]

    async def _send_once(self, spend: Spend, weight: int, call: Callable[[C], Awaitable[Any]]) -> tuple[Answer, bool]:
        try:
            await self.budget.acquire(spend, weight, self._settings.timeout_s)
        except (RetryableError, HaltTradingError) as error:
            return Answer(Outcome.NOT_SENT, reason=str(error)), False
        try:
            return Answer(Outcome.DONE, await call(self.client)), False
        except KeelError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the request may have been taken
            fault = self._noted(error)
            return Answer(fault.outcome, code=fault.code, reason=fault.reason, status=fault.status), fault.is_late

    async def _ask(self, weight: int, call: Callable[[C], Awaitable[Any]]) -> Any:  # noqa: ANN401 - JSON
        await self.budget.acquire(Spend.READ, weight, self._settings.timeout_s)
        try:
            return await call(self.client)
        except KeelError:
            raise
        except Exception as error:  # noqa: BLE001 - the SDK raises what its own dependencies do
            raise self._as_ours(self._noted(error)) from None

    def _as_ours(self, fault: Fault) -> KeelError:
        if fault.shut_out:
            return HaltTradingError(f"{self.name} shuts us out: {fault.reason}")
        if fault.banned:
            return BannedError(f"{self.name} has banned our address for {fault.pause_s:.0f} s: {fault.reason}")
        if fault.outcome is Outcome.REFUSED:
            return RefusedError(self.name, fault)
        return NoAnswerError(self.name, fault)

    def _noted(self, error: Exception) -> Fault:
        fault = self.fault_of(error)
        if fault.pause_s is not None:
            self.budget.hold(fault.pause_s, banned=fault.banned)
        if fault.orders_full:
            self.budget.fill_orders()
        return fault

    async def _keep_time(self) -> None:
        while True:
            await self.clock.sleep(self._settings.clock_refresh_s)
            # a comparison that fails leaves the last one; a stamp that is refused asks for the next
            with suppress(KeelError):
                await self.sync.refresh()
