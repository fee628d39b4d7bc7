"""The way out: no further order, what is in flight resolved, open orders cancelled, positions closed if asked for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from keel.config.live import LiveSection
from keel.domain.clock import Clock
from keel.domain.errors import KeelError, RetryableError
from keel.journal.entries import Alarm, SessionStopping
from keel.journal.journal import Journal
from keel.live.exits import ExitKeeper
from keel.live.flattening import Flattener
from keel.live.orders import OrderTracker, Phase, TrackedOrder
from keel.live.reconcile import Reconciler
from keel.live.sender import Sender

_LOG: Final = logging.getLogger(__name__)
_AGAIN_S: Final = 0.25
_SELDOM_S: Final = 2.0
"""Time between two looks at the venue: at first, and once it takes long, for its rate limits are for cancels now."""
_CANCEL_AGAIN_S: Final = 0.4
"""Least time, for each order that is open, until a cancel that the venue has taken is asked for again."""
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
        self.exits.save()
        await self._cancel_until_gone(protective=killed)
        if not killed:
            await self.exits.settle(_PROTECTED_WITHIN_S)
        self.exits.save()
        if killed and self.section.kill_policy == "flatten" and self.settles:
            await self.flattener.flatten()
        self.journal.flush()

    async def _cancel_until_gone(self, *, protective: bool) -> None:
        started_s, alarmed, pause_s = self.clock.monotonic_s(), False, _AGAIN_S
        while open_orders := [order for order in self.tracker.live() if protective or not order.ticket.reduce_only]:
            await self.sender.cancel(self._to_cancel(open_orders), "stopping")
            if not self.settles:
                return
            await self.clock.sleep(pause_s)
            pause_s = min(2 * pause_s, _SELDOM_S)
            await self._compare()
            waited_s = self.clock.monotonic_s() - started_s
            if waited_s > _ALARM_AFTER_S and not alarmed:
                alarmed = True
                text = f"{len(open_orders)} orders are still open after {waited_s:.0f} s of cancelling"
                self.journal.append([Alarm(text)])
                _LOG.error(text)

    def _to_cancel(self, open_orders: Sequence[TrackedOrder]) -> list[TrackedOrder]:
        """Return what a cancel is asked for now: not those of which the venue has taken one a moment ago."""
        before_ms = self.clock.wall_ms() - int(max(_SELDOM_S, _CANCEL_AGAIN_S * len(open_orders)) * 1000)
        live = [order for order in open_orders if order.phase is not Phase.CLOSING]
        return [order for order in live if order.cancel_failed or (order.cancel_asked_ms or 0) <= before_ms]

    async def _compare(self) -> None:
        try:
            await self.reconciler.reconcile()
        except RetryableError as error:
            _LOG.warning("orders cannot be compared: %s", error)
        except KeelError as error:
            _LOG.error("orders cannot be compared: %s", error)
            await self.clock.sleep(1.0)
