"""The watch over our clock: how far it is ahead of the venue's, warned of, and the end of the run past a limit."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from keel.config.live import ClockSyncSection
from keel.domain.clock import Clock
from keel.domain.errors import HaltTradingError, RetryableError
from keel.journal.entries import ClockDrift
from keel.journal.journal import Journal
from keel.live.blocks import Blocks
from keel.live.status import StatusMaker

_LOG: Final = logging.getLogger(__name__)
_RETRY_S: Final = 1.0


@dataclass
class ClockWatch:
    """Compare clocks now and then; `offset_ms` asks how far ours is ahead."""

    offset_ms: Callable[[], Awaitable[float]]
    section: ClockSyncSection
    clock: Clock
    journal: Journal
    blocks: Blocks
    status: StatusMaker

    async def run(self) -> None:
        """Compare for ever. Raises HaltTradingError for a clock too far off."""
        while True:
            try:
                offset_ms = await self.offset_ms()
            except RetryableError as error:
                self.blocks.put("clock", f"the venue's clock cannot be read: {error}")
                await self.clock.sleep(_RETRY_S)
                continue
            self._judge(offset_ms)
            await self.clock.sleep(self.section.refresh_sec)

    def _judge(self, offset_ms: float) -> None:
        section = self.section
        self.status.clock_offset_ms = offset_ms
        drift = ClockDrift(offset_ms, section.warn_threshold_ms, section.kill_threshold_ms)
        self.journal.append_lazily(drift)
        self.blocks.lift("clock")
        if abs(offset_ms) >= section.kill_threshold_ms:
            raise HaltTradingError(f"our clock is {offset_ms:+.0f} ms off the venue's: set it, then start again")
        if abs(offset_ms) >= section.warn_threshold_ms:
            _LOG.warning("our clock is %+.0f ms off the venue's", offset_ms)
