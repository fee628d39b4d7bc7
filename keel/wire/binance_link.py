"""The one way to Binance: what is its own of the way to a venue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from keel.config.costs import LatencySection
from keel.config.live import ClockSyncSection, ThrottleSection
from keel.config.venue import BinanceSection
from keel.domain.clock import Clock
from keel.domain.errors import RetryableError
from keel.wire.addresses import Addresses, Environment, binance_addresses
from keel.wire.binance_client import BinanceClient, make_client
from keel.wire.binance_faults import fault_of
from keel.wire.budget import Budget
from keel.wire.fault import Fault
from keel.wire.link import LONGEST_TIMEOUT_S, LinkSettings, VenueLink
from keel.wire.retry_after import RetryAfter

Call = Callable[[BinanceClient], Awaitable[Any]]
"""A call of the SDK; each call of it is one request."""
_TIME_WEIGHT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BinanceSettings(LinkSettings):
    """Hold what the way to Binance is set up by."""

    environment: Environment
    recv_window_ms: int

    @classmethod
    def of(
        cls,
        venue: BinanceSection,
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
            timeout_s=latency.timeout_ms / 1000 or LONGEST_TIMEOUT_S,
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


class BinanceLink(VenueLink[BinanceClient]):
    """Be the way to Binance."""

    name: ClassVar[str] = "Binance"

    def __init__(self, settings: BinanceSettings, clock: Clock) -> None:
        self.addresses: Addresses = binance_addresses(settings.environment, settings.practice_address)
        kept = RetryAfter(settings.state_dir, self.addresses.rest)
        super().__init__(settings, clock, Budget(clock, settings.cancel_share, kept))
        self.settings = settings
        self._client: BinanceClient | None = None

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

    def fault_of(self, error: Exception) -> Fault:
        """Return what an error of a request means."""
        return fault_of(error, self.clock.wall_ms())

    async def _let_go(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close_connection()

    async def _server_ms(self) -> int:
        answer = await self._ask(_TIME_WEIGHT, lambda client: client.get_server_time())
        try:
            return int(answer["serverTime"])
        except (KeyError, TypeError, ValueError):
            raise RetryableError("Binance's time cannot be read") from None
