"""What a wire is: the parts of a venue that differ by whose interface it speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypedDict

from aiohttp import web

from keel.config.practice import PracticeConfig
from keel.data.actions import Actions
from keel.domain.clock import Clock
from keel.practice.acts import Acts
from keel.practice.core import Core
from keel.practice.faults import FaultDesk
from keel.practice.log import ServiceLog
from keel.practice.market import Market
from keel.practice.replay import Feed, Replay


class Shared(TypedDict):
    """Hold the parts that every wire is given."""

    config: PracticeConfig
    clock: Clock
    market: Market
    log: ServiceLog
    faults: FaultDesk
    actions: Actions


class Wire(Protocol):
    """Speak one venue's interface."""

    @property
    def core(self) -> Core:
        """Return what stands behind it."""

    @property
    def feed(self) -> Feed:
        """Return what tells the market."""

    @property
    def acts(self) -> Acts:
        """Return what faults can do to it."""

    def routes(self, replay: Replay) -> Sequence[web.RouteDef]:
        """Return what it answers."""
