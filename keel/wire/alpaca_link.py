"""The ways to Alpaca: one for trading and one for market data, each with limits of its own, over the same client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from keel.config.costs import LatencySection
from keel.config.live import ClockSyncSection, ThrottleSection
from keel.config.venue import AlpacaSection
from keel.domain.clock import Clock
from keel.domain.errors import RetryableError
from keel.wire.alpaca_addresses import AlpacaAddresses, AlpacaEnvironment, Feed, alpaca_addresses
from keel.wire.alpaca_client import AlpacaClient
from keel.wire.alpaca_faults import fault_of
from keel.wire.alpaca_times import epoch_ms
from keel.wire.budget import Budget, RateRules
from keel.wire.fault import Fault
from keel.wire.link import LONGEST_TIMEOUT_S, LinkSettings, VenueLink
from keel.wire.rate_window import LimitKind, RateLimit
from keel.wire.retry_after import RetryAfter

_MINUTE_S: Final = 60
_MOST_A_MINUTE: Final = 200
"""Requests of an account a minute, at each of the two APIs. Source: Alpaca's support page on usage limits."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AlpacaSettings(LinkSettings):
    """Hold what the ways to Alpaca are set up by."""

    environment: AlpacaEnvironment
    feed: Feed

    @classmethod
    def of(
        cls,
        venue: AlpacaSection,
        throttle: ThrottleSection,
        latency: LatencySection,
        clock_sync: ClockSyncSection,
        *,
        seed: int,
        state_dir: Path | None,
        key: str | None,
        secret: str | None,
    ) -> AlpacaSettings:
        """Take the settings from a live run's sections."""
        return cls(
            environment=venue.environment,
            feed=venue.feed,
            practice_address=venue.address,
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


class MarketDataLink(VenueLink[AlpacaClient]):
    """Be the way to Alpaca's market data; `of` gives the client that it shares, and its clock is the trading API's."""

    name: ClassVar[str] = "Alpaca"

    def __init__(self, settings: AlpacaSettings, clock: Clock, url: str, of: Callable[[], AlpacaClient]) -> None:
        super().__init__(settings, clock, _budget(settings, clock, url))
        self._of = of

    @property
    def client(self) -> AlpacaClient:
        """Return the client."""
        return self._of()

    def fault_of(self, error: Exception) -> Fault:
        """Return what an error of a request means."""
        return fault_of(error, self.clock.wall_ms())

    async def _let_go(self) -> None:
        """Leave the client to the other way, whose it is."""

    async def _server_ms(self) -> int:
        raise RetryableError("Alpaca's market data tell no time")


class AlpacaLink(VenueLink[AlpacaClient]):
    """Be the way to Alpaca's trading API; `data` is the one to its market data."""

    name: ClassVar[str] = "Alpaca"

    def __init__(self, settings: AlpacaSettings, clock: Clock) -> None:
        self.addresses: AlpacaAddresses = alpaca_addresses(
            settings.environment, settings.feed, settings.practice_address
        )
        super().__init__(settings, clock, _budget(settings, clock, self.addresses.trading))
        self.settings = settings
        self._client: AlpacaClient | None = None
        self.data = MarketDataLink(settings, clock, self.addresses.data, lambda: self.client)

    @property
    def client(self) -> AlpacaClient:
        """Return the client, made at its first use: it has connected to nothing then. Raises ConfigError."""
        if self._client is None:
            settings = self.settings
            self._client = AlpacaClient(
                self.addresses,
                settings.key,
                settings.secret,
                settings.timeout_s,
                self.budget.learn,
                self.data.budget.learn,
            )
        return self._client

    def fault_of(self, error: Exception) -> Fault:
        """Return what an error of a request means."""
        return fault_of(error, self.clock.wall_ms())

    async def _let_go(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def _server_ms(self) -> int:
        answer = await self._ask(1, lambda client: client.get("/clock"))
        if self.settings.environment == "practice":
            # it is on this machine, whose clock is ours; what it tells is the time of its market
            return self.clock.wall_ms()
        try:
            return epoch_ms(answer["timestamp"])
        except (KeyError, TypeError, ValueError):
            raise RetryableError("Alpaca's time cannot be read") from None


def _counts(headers: Mapping[str, str]) -> dict[tuple[LimitKind, int], tuple[int, int | None]]:
    """Return what an answer says of the minute: used, and how much there is. The plan of an account may have more."""
    most, left = (headers.get(f"X-RateLimit-{part}", "") for part in ("Limit", "Remaining"))
    if not (most.isdigit() and left.isdigit()) or not int(most):
        return {}
    return {("RAW_REQUESTS", _MINUTE_S): (max(0, int(most) - int(left)), int(most))}


_RULES: Final = RateRules("Alpaca", (RateLimit("RAW_REQUESTS", _MINUTE_S, _MOST_A_MINUTE),), _counts)


def _budget(settings: AlpacaSettings, clock: Clock, url: str) -> Budget:
    return Budget(clock, settings.cancel_share, RetryAfter(settings.state_dir, url), _RULES)
