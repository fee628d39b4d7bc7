"""The way out: no further order, what is in flight resolved, open orders cancelled, positions closed if asked for."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from keel.config.live import LiveSection
from keel.domain.clock import Clock
from keel.domain.errors import KeelError, RetryableError
from keel.journal.entries import Alarm, SessionStopping
from keel.journal.journal import Journal
from keel.live.exits import ExitKeeper
from keel.live.flattening import Flattener
from keel.live.orders import OrderTracker, Phase
from keel.live.reconcile import Reconciler
from keel.live.sender import Sender

_LOG: Final = logging.getLogger(__name__)
_AGAIN_S: Final = 0.25
_PROTECTED_WITHIN_S: Final = 2.0
"""How long what protects positions may take to stand as it should."""
_ALARM_AFTER_S: Final = 2.0
"""How long cancels may go on before somebody is called; they go on."""


@dataclass
class Stopper:
    """Stop one run. A stop that was asked for leaves what protects positions at the venue; the kill switch does not."""

    section: LiveSection
    clock: Clock
    tracker: OrderTracker
    sender: Sender
    reconciler: Reconciler
    journal: Journal
    flattener: Flattener
    exits: ExitKeeper
    settles: bool = True
    """Whether orders end at the venue without bars: not in a dry run, whose market stands still."""

    async def stop(self, why: str, *, killed: bool) -> None:
        """Cancel what is open until the venue shows none of it; then flatten, if the kill switch's policy says so."""
        self.journal.append_lazily(SessionStopping(why))
        self.sender.close_line()
        self.exits.halt(everything=killed)
        await self._cancel_until_gone(protective=killed)
        if not killed:
            await self.exits.settle(_PROTECTED_WITHIN_S)
        self.exits.save()
        if killed and self.section.kill_policy == "flatten" and self.settles:
            await self.flattener.flatten()
        self.journal.flush()

    async def _cancel_until_gone(self, *, protective: bool) -> None:
        started_s, alarmed = self.clock.monotonic_s(), False
        while open_orders := [order for order in self.tracker.live() if protective or not order.ticket.reduce_only]:
            await self.sender.cancel([order for order in open_orders if order.phase is not Phase.CLOSING], "stopping")
            if not self.settles:
                return
            await self.clock.sleep(_AGAIN_S)
            await self._compare()
            waited_s = self.clock.monotonic_s() - started_s
            if waited_s > _ALARM_AFTER_S and not alarmed:
                alarmed = True
                text = f"{len(open_orders)} orders are still open after {waited_s:.0f} s of cancelling"
                self.journal.append([Alarm(text)])
                _LOG.error(text)

    async def _compare(self) -> None:
        try:
            await self.reconciler.reconcile()
        except RetryableError as error:
            _LOG.warning("orders cannot be compared: %s", error)
        except KeelError as error:
            _LOG.error("orders cannot be compared: %s", error)
            await self.clock.sleep(1.0)
