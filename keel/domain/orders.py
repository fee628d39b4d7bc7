"""The vocabulary of orders: sides, types, lifetimes, states, reasons. Values stand in arrays; final states last."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

MOST_FEE_TIERS: Final = 16
"""Fee tiers a run may have."""


class OrderSide(IntEnum):
    """Give the direction of an order; the value is the sign it puts on a quantity."""

    BUY = 1
    SELL = -1


class OrderType(IntEnum):
    """Name how an order may execute."""

    MARKET = 0
    LIMIT = 1
    STOP = 2
    """At market once the price has moved to the trigger, against the side of the order's position."""
    STOP_LIMIT = 3
    """A limit order once the price has moved to the trigger."""
    TAKE_PROFIT = 4
    """At market once the price has moved to the trigger, in favour of the position."""
    TRAILING_STOP = 5
    """A stop whose trigger follows the best price at a distance."""


class TimeInForce(IntEnum):
    """Name how long what is left of an order stays alive."""

    GTC = 0
    IOC = 1
    DAY = 2
    FOK = 3
    GTD = 4
    AT_OPEN = 5
    """In the auction that opens a session, or not at all."""
    AT_CLOSE = 6
    """In the auction that closes a session, or not at all."""


AUCTIONS: Final = (TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE)
"""Lifetimes of orders for an auction, which have a price or none and never a trigger."""


class OrderStatus(IntEnum):
    """Name where an order stands at the venue."""

    IN_FLIGHT = 0
    WORKING = 1
    HELD = 2
    """Waits at the venue for the first fill of its parent."""
    FILLED = 3
    CANCELED = 4
    EXPIRED = 5
    REJECTED = 6


class EventKind(IntEnum):
    """Name what happened to an order, or from FUNDING on to the account; one record of the tape is one of these."""

    SUBMITTED = 0
    DENIED = 1
    ACCEPTED = 2
    REJECTED = 3
    FILLED = 4
    CANCELED = 5
    EXPIRED = 6
    TRIGGERED = 7
    AMENDED = 8
    AMEND_REJECTED = 9
    FUNDING = 10
    """Paid (or received) on the position of a perpetual."""
    BORROW = 11
    """Paid for a short position held over a day's end."""
    INTEREST = 12
    """Paid on borrowed cash over a day's end."""
    DIVIDEND = 13
    SPLIT = 14


class Reason(IntEnum):
    """Say why an order was denied, clipped, rejected, cancelled, expired or made by the venue itself."""

    NONE = 0
    KILL_SWITCH = 1
    HALTED = 2
    REDUCING = 3
    ORDER_RATE = 4
    MAX_ORDER = 5
    MAX_POSITION = 6
    MAX_GROSS = 7
    BUYING_POWER = 8
    MIN_QTY = 9
    MIN_NOTIONAL = 10
    NOT_SHORTABLE = 11
    INSUFFICIENT_FUNDS = 12
    INSUFFICIENT_POSITION = 13
    TARGET_CHANGED = 14
    IMMEDIATE_OR_CANCEL = 15
    SESSION_END = 16
    END_OF_RUN = 17
    FILL_OR_KILL = 18
    GOOD_TILL_DATE = 19
    REDUCE_ONLY = 20
    """Nothing is left of the position that the order may only reduce."""
    LINKED_FILL = 21
    """Its partner of a one-cancels-other pair was filled."""
    PARENT_ENDED = 22
    """The order it was attached to ended without a fill."""
    CLIENT_REQUEST = 23
    """The strategy asked for it."""
    NO_FLIP = 24
    """The instrument's orders may not cross zero."""
    LIQUIDATION = 25
    """The venue closed the position for want of margin."""
    ORDER_ENDED = 26
    """What should be changed was over when the request came."""
    NO_BAR = 27
    """The instrument has no bar to price the order by."""
    VENUE_REFUSED = 28
    """The venue did not take it, for a reason of its own."""
    NOT_SENT = 29
    """It never reached the venue."""
    NO_AUCTION = 30
    """The instrument's market neither opens nor closes, so no auction could take it."""
    AUCTION_OVER = 31
    """It came too late for its auction, or found nothing more in it."""
    EXTENDED_HOURS = 32
    """It is at market, and outside of the regular session only limit orders trade."""


class RequestKind(IntEnum):
    """Name what a strategy asks for beside its targets."""

    NEW = 0
    CANCEL = 1
    AMEND = 2


class ActionKind(IntEnum):
    """Name what happens to an instrument's holders at a given time, in the order in which it is applied."""

    SPLIT = 0
    """`value` = new units for one old unit."""
    DIVIDEND = 1
    """`value` = cash for one unit, quote currency."""
    FUNDING = 2
    """`value` = part of the position's value that longs pay to shorts."""


class TradingState(IntEnum):
    """Name what the risk guard lets through: everything, closing orders only, or nothing."""

    ACTIVE = 0
    REDUCING = 1
    HALTED = 2


class PriceModel(IntEnum):
    """Name how the price at an order's moment is read off its bar (docs/execution.md, rule 9)."""

    OPEN = 0
    BRIDGE = 1
    PATH = 2
    WORST = 3
    REFERENCE = 4


class RunStatus(IntEnum):
    """Name how a run stands."""

    RUNNING = 0
    DONE = 1
    NO_ROOM = 2
    BANKRUPT = 3
