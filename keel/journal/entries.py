"""What a live run writes down, one frozen dataclass a kind of fact. Times are UTC epoch milliseconds, money is exact.

`subject` is the symbol (of BookAdjusted: symbol or currency) an entry is about, empty for the run as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Final

from keel.domain.orders import TradingState
from keel.domain.venue_messages import (
    CancelResult,
    LiveBar,
    OrderRef,
    OrderReport,
    OrderState,
    OrderTicket,
    Outcome,
    StreamState,
    SubmitResult,
    VenueFill,
    VenueStatus,
)
from keel.journal.codec import Clean, encode


class Level(StrEnum):
    """Say how much an entry asks for somebody's eyes; in rising order."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Entry:
    """Be the root of every kind; what the journal's columns hold is asked of the entry itself."""

    usual_level: ClassVar[Level] = Level.INFO

    @property
    def kind(self) -> str:
        """Return the name of the kind."""
        return type(self).__name__

    @property
    def level(self) -> Level:
        """Return the level."""
        return self.usual_level

    @property
    def about(self) -> object:
        """Return what names the symbol and the order it is about: the entry itself, or a part of it."""
        return self

    @property
    def subject(self) -> str:
        """Return the symbol it is about, or an empty text."""
        return str(getattr(self.about, "symbol", ""))

    @property
    def order_name(self) -> str | None:
        """Return the client order id it is about, or None."""
        name = getattr(self.about, "client_order_id", None)
        return None if name is None else str(name)

    def to_json(self, clean: Clean = str) -> str:
        """Return the body; free text, names excluded, goes through `clean`."""
        return json.dumps(encode(self, clean), separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class SessionStarted(Entry):
    """A process began to run this journal's strategy."""

    run_id: str
    config_hash: str
    code: str
    """Revision or hash of the sources."""
    venue: str
    environment: str
    dry_run: bool
    symbols: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    """The resolved config as YAML, in parts (keel.journal.texts); may be empty."""
    model: str = ""
    """Hash of the weights of the model that the strategy serves; empty without one, and where an older Keel wrote."""


@dataclass(frozen=True, slots=True)
class SessionStopping(Entry):
    """The session decides no more; what it has open is being seen to."""

    why: str


@dataclass(frozen=True, slots=True)
class SessionEnded(Entry):
    """The process ended by itself, with this exit code."""

    why: str
    exit_code: int = 0

    @property
    def level(self) -> Level:
        """Return ERROR for an end that was not asked for."""
        return Level.INFO if self.exit_code == 0 else Level.ERROR


@dataclass(frozen=True, slots=True)
class HistorySeen(Entry):
    """Bars that closed before the session looked, oldest first: fetched at its start, and nothing was decided on them.

    `columns` are open_ts_ms, close_ts_ms, open, high, low, close and volume.
    """

    symbol: str
    columns: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class TradingBegan(Entry):
    """The session decides from the next close on; `book` is our half as it stood then, as JSON in parts."""

    close_ts_ms: int
    """The close booked last."""
    rows: int
    """Rows there are to look back on."""
    book: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BarsSeen(Entry):
    """The bars that a decision was made on: exactly these, whatever the venue says later."""

    close_ts_ms: int
    bars: tuple[LiveBar, ...]


@dataclass(frozen=True, slots=True)
class Decision(Entry):
    """What was wanted at a close, by symbol, and why; None leaves a symbol as it was."""

    close_ts_ms: int
    weights: Mapping[str, float | None]
    why: Mapping[str, str]
    decide_ms: float


@dataclass(frozen=True, slots=True)
class _OfTicket(Entry):
    """An entry about an order of ours with all its terms."""

    ticket: OrderTicket
    order_id: int
    why: str = ""

    @property
    def about(self) -> object:
        """Return the part that names symbol and order."""
        return self.ticket


@dataclass(frozen=True, slots=True)
class OrderIntent(_OfTicket):
    """An order that is about to be sent. Nothing is sent whose intent is not on the disk."""


@dataclass(frozen=True, slots=True)
class OrderHeld(_OfTicket):
    """An order that stays with us until there is something for it to do; what is sent for it has an OrderIntent."""


@dataclass(frozen=True, slots=True)
class _OfOrder(Entry):
    """An entry about an order that was sent."""

    ref: OrderRef

    @property
    def about(self) -> object:
        """Return the part that names symbol and order."""
        return self.ref


@dataclass(frozen=True, slots=True)
class CancelIntent(_OfOrder):
    """A cancel that is about to be sent."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class AmendIntent(_OfOrder):
    """A change of an order that is about to be sent; None leaves a value as it is."""

    qty: Decimal | None = None
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    why: str = ""


_LEVEL_OF_OUTCOME: Final = {
    Outcome.DONE: Level.INFO,
    Outcome.REFUSED: Level.WARN,
    Outcome.NOT_SENT: Level.WARN,
    Outcome.UNKNOWN: Level.ERROR,
}


@dataclass(frozen=True, slots=True)
class SubmitAnswered(Entry):
    """What became of a request to place an order."""

    symbol: str
    client_order_id: str
    result: SubmitResult
    latency_ms: float

    @property
    def level(self) -> Level:
        """Return the outcome's level."""
        return _LEVEL_OF_OUTCOME[self.result.outcome]


@dataclass(frozen=True, slots=True)
class CancelAnswered(Entry):
    """What became of a request to cancel."""

    symbol: str
    client_order_id: str
    result: CancelResult
    latency_ms: float

    @property
    def level(self) -> Level:
        """Return the outcome's level; an order that was over already is no fault."""
        return Level.INFO if self.result.already_final else _LEVEL_OF_OUTCOME[self.result.outcome]


@dataclass(frozen=True, slots=True)
class ReportHeard(Entry):
    """What the venue told of an order, as it came: perhaps twice, perhaps late."""

    report: OrderReport

    @property
    def level(self) -> Level:
        """Return WARN for an order that the venue rejected."""
        return Level.WARN if self.report.state.status is VenueStatus.REJECTED else Level.INFO

    @property
    def about(self) -> object:
        """Return the part that names symbol and order."""
        return self.report.state


@dataclass(frozen=True, slots=True)
class FillBooked(Entry):
    """A trade that entered our book; the journal takes each trade once."""

    fill: VenueFill

    @property
    def about(self) -> object:
        """Return the part that names symbol and order."""
        return self.fill


@dataclass(frozen=True, slots=True)
class BookAdjusted(Entry):
    """Our book was set to the venue's: `name` is a symbol or a currency, amounts are its units."""

    name: str
    before: Decimal
    after: Decimal
    why: str

    usual_level: ClassVar[Level] = Level.WARN

    @property
    def subject(self) -> str:
        """Return the symbol or currency."""
        return self.name


@dataclass(frozen=True, slots=True)
class OrderResolved(Entry):
    """An order whose fate was open is settled: `what` is adopted, not_sent, filled, canceled or so."""

    symbol: str
    client_order_id: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class ExternalSeen(Entry):
    """The account holds an order or a position that is not ours."""

    symbol: str
    what: str
    order: OrderState | None = None
    qty: Decimal | None = None

    usual_level: ClassVar[Level] = Level.WARN


@dataclass(frozen=True, slots=True)
class LatchSet(Entry):
    """Trading was narrowed, and stays so over a restart until LatchCleared. `latch` names what did it."""

    latch: str
    state: TradingState
    why: str

    usual_level: ClassVar[Level] = Level.ERROR


@dataclass(frozen=True, slots=True)
class LatchCleared(Entry):
    """A latch was lifted."""

    latch: str
    state: TradingState
    why: str

    usual_level: ClassVar[Level] = Level.WARN


@dataclass(frozen=True, slots=True)
class KillSwitchSeen(Entry):
    """The kill switch was found thrown."""

    why: str

    usual_level: ClassVar[Level] = Level.ERROR


@dataclass(frozen=True, slots=True)
class ClockDrift(Entry):
    """Our clock was compared with the venue's: ours minus theirs."""

    offset_ms: float
    warn_ms: float
    kill_ms: float

    @property
    def level(self) -> Level:
        """Return the level of the threshold that is passed."""
        away = abs(self.offset_ms)
        return Level.ERROR if not away < self.kill_ms else Level.WARN if away >= self.warn_ms else Level.INFO


@dataclass(frozen=True, slots=True)
class StreamChanged(Entry):
    """A stream was lost, is mute, or is back."""

    stream: str
    state: StreamState
    reason: str

    @property
    def level(self) -> Level:
        """Return WARN unless it is up."""
        return Level.INFO if self.state is StreamState.UP else Level.WARN


@dataclass(frozen=True, slots=True)
class FaultSeen(Entry):
    """A message that could not be read, kept for a later look."""

    source: str
    text: str

    usual_level: ClassVar[Level] = Level.WARN


@dataclass(frozen=True, slots=True)
class Alarm(Entry):
    """Somebody has to act."""

    text: str
    symbol: str = ""

    usual_level: ClassVar[Level] = Level.ERROR


@dataclass(frozen=True, slots=True)
class Note(Entry):
    """Anything else worth keeping."""

    text: str
    symbol: str = ""
    level: Level = Level.INFO
