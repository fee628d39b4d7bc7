"""What a live run writes down of its trading day."""

from __future__ import annotations

from dataclasses import dataclass

from keel.domain.sessions import SessionState
from keel.journal.entries import Entry, Level


@dataclass(frozen=True, slots=True)
class MarketStateChanged(Entry):
    """The run went on to another state of its trading day."""

    before: SessionState
    after: SessionState
    why: str

    @property
    def level(self) -> Level:
        """Return ERROR for a state in which nothing trades because something went wrong."""
        return Level.ERROR if self.after in (SessionState.HALTED, SessionState.ERROR) else Level.INFO
