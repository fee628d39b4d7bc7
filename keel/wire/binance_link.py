"""The one way to Binance: every request goes through here, within the budget, on time, and with a clear end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from keel.config.costs import LatencySection
from keel.config.live import ClockSyncSection, ThrottleSection
from keel.config.venue import VenueSection
from keel.domain.clock import Clock
from keel.domain.errors import HaltTradingError, KeelError, RetryableError
from keel.domain.venue_messages import Outcome
from keel.wire.addresses import Addresses, Environment, binance_addresses
from keel.wire.backoff import Backoff
from keel.wire.binance_client import BinanceClient, make_client
from keel.wire.binance_faults import TOO_MANY_ORDERS, Fault, fault_of
from keel.wire.budget import Budget, Spend
from keel.wire.clock_sync import ClockSync
from keel.wire.retry_after import BannedError, RetryAfter

Call = Callable[[BinanceClient], Awaitable[Any]]
"""A call of the SDK; each call of it is one request."""
_TIME_WEIGHT: Final = 1
_LONGEST_TIMEOUT_S: Final = 60.0
"""Timeout where latency.timeout_ms is 0: a call that never ends is no call."""


@dataclass(frozen=True, slots=True)
class BinanceSettings:
    """Hold what the way to Binance is set up by. Key and secret come from the environment of the process only."""

    environment: Environment
    practice_address: str | None
    recv_window_ms: int
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
        return f"BinanceSettings({self.environment}, {self.practice_address})"  # never the secret

    @classmethod
    def of(
        cls,
        venue: VenueSection,
        throttle: ThrottleSection,
        latency: LatencySection,
        clock_sync: ClockSyncSection,
        *,
        seed: int,
        state_dir: Path | None,
        key: str | None,
        secret: str | None,
    ) -> BinanceSettings:
        """Take the settings from a live run's sections."""
        return cls(
            environment=venue.environment,
            practice_address=venue.address,
            recv_window_ms=venue.recv_window_ms,
            timeout_s=latency.timeout_ms / 1000 or _LONGEST_TIMEOUT_S,
            retries=latency.retries,
            cancel_share=throttle.cancel_share,
            backoff_base_s=throttle.backoff_base_s,
            max_backoff_s=throttle.max_backoff_s,
            clock_refresh_s=clock_sync.refresh_sec,
            seed=seed,
            state_dir=state_dir,
            key=key,
            secret=secret,
        )

    def backoff(self, number: int = 0) -> Backoff:
        """Return waits of their own for one of several that wait."""
        return Backoff(self.backoff_base_s, self.max_backoff_s, self.seed + number)


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold how a request that changes something ended: DONE with the exchange's answer, or why not."""

    outcome: Outcome
    data: Any = None
    code: int | None = None
    reason: str = ""


class NoAnswerError(RetryableError):
    """Report that a question has no answer now; `fault` is what happened."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"Binance gave no answer: {fault.reason}")
        self.fault = fault


class RefusedError(RetryableError):
    """Report that Binance refused a question: `code` is its own."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"Binance refused a question: {fault.reason}")
        self.code = fault.code
        self.is_late = fault.is_late


class BinanceLink:
    """Ask and send. Requests that change something are sent once; questions are asked again after passing faults.

    A request waits at most `timeout_s` for its turn, and as long for its answer; a question that is asked again waits
    between its tries too (`backoff_base_s` and more). A `send` that is cancelled may have been taken.
    """

    def __init__(self, settings: BinanceSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.addresses: Addresses = binance_addresses(settings.environment, settings.practice_address)
        self.budget = Budget(clock, settings.cancel_share, RetryAfter(settings.state_dir, self.addresses.rest))
        self.sync = ClockSync(clock, self._server_ms)
        self._client: BinanceClient | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._users: set[str] = set()

    @property
    def client(self) -> BinanceClient:
        """Return the SDK's client, made at its first use: it has connected to nothing then."""
        if self._client is None:
            settings = self.settings
            self._client = make_client(
                self.addresses,
                self.sync.venue_ms,
                self.budget.learn,
                settings.key,
                settings.secret,
                settings.recv_window_ms,
                settings.timeout_s,
            )
        return self._client

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
        client, self._client = self._client, None
        if client is not None:
            await client.close_connection()

    async def ask(self, weight: int, call: Call) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to a question, asked again after passing faults.

        Raises RefusedError where the exchange says no, NoAnswerError or another RetryableError where there is no
        answer now, HaltTradingError where it shuts us out (key, ban).
        """
        backoff = self.settings.backoff()

        def wait_s(_: RetryCallState) -> float:
            return backoff.next_s()

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(NoAnswerError),
            stop=stop_after_attempt(1 + self.settings.retries),
            wait=wait_s,
            sleep=self.clock.sleep,
            reraise=True,
        )
        return await retrying(self.ask_once, weight, call)

    async def ask_once(self, weight: int, call: Call) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to a question, asked again only where its stamp was refused as late. Raises as `ask`."""
        try:
            return await self._ask(weight, call)
        except RefusedError as error:
            if not error.is_late:
                raise
        await self.sync.refresh()
        return await self._ask(weight, call)

    async def send(self, spend: Spend, weight: int, call: Call) -> Answer:
        """Send a request that changes something, once; again only where its stamp was refused as late (-1021).

        Never raises for what the network or the exchange did.
        """
        answer, late = await self._send_once(spend, weight, call)
        if not late:
            return answer
        try:
            await self.sync.refresh()
        except KeelError:
            return answer
        return (await self._send_once(spend, weight, call))[0]

    async def _send_once(self, spend: Spend, weight: int, call: Call) -> tuple[Answer, bool]:
        try:
            await self.budget.acquire(spend, weight, self.settings.timeout_s)
        except (RetryableError, HaltTradingError) as error:
            return Answer(Outcome.NOT_SENT, reason=str(error)), False
        try:
            return Answer(Outcome.DONE, await call(self.client)), False
        except KeelError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the request may have been taken
            fault = self._noted(error)
            return Answer(fault.outcome, code=fault.code, reason=fault.reason), fault.is_late

    async def _ask(self, weight: int, call: Call) -> Any:  # noqa: ANN401 - JSON
        await self.budget.acquire(Spend.READ, weight, self.settings.timeout_s)
        try:
            return await call(self.client)
        except KeelError:
            raise
        except Exception as error:  # noqa: BLE001 - the SDK raises what its own dependencies do
            raise self._as_ours(self._noted(error)) from None

    def _as_ours(self, fault: Fault) -> KeelError:
        if fault.shut_out:
            return HaltTradingError(f"Binance shuts us out: {fault.reason}")
        if fault.banned:
            return BannedError(f"Binance has banned our address for {fault.pause_s:.0f} s: {fault.reason}")
        if fault.outcome is Outcome.REFUSED:
            return RefusedError(fault)
        return NoAnswerError(fault)

    def _noted(self, error: Exception) -> Fault:
        fault = fault_of(error, self.clock.wall_ms())
        if fault.pause_s is not None:
            self.budget.hold(fault.pause_s, banned=fault.banned)
        if fault.code == TOO_MANY_ORDERS:
            self.budget.fill_orders()
        return fault

    async def _server_ms(self) -> int:
        answer = await self._ask(_TIME_WEIGHT, lambda client: client.get_server_time())
        try:
            return int(answer["serverTime"])
        except (KeyError, TypeError, ValueError):
            raise RetryableError("Binance's time cannot be read") from None

    async def _keep_time(self) -> None:
        while True:
            await self.clock.sleep(self.settings.clock_refresh_s)
            # a comparison that fails leaves the last one; a stamp that is refused asks for the next
            with suppress(KeelError):
                await self.sync.refresh()
