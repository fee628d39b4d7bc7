"""The vocabulary of orders: sides, types, lifetimes, states, reasons. Values are stored in arrays: never renumber."""

from __future__ import annotations

from enum import IntEnum


class OrderSide(IntEnum):
    """Give the direction of an order; the value is the sign it puts on a quantity."""

    BUY = 1
    SELL = -1


class OrderType(IntEnum):
    """Name how an order may execute."""

    MARKET = 0


class TimeInForce(IntEnum):
    """Name how long what is left of an order stays alive."""

    GTC = 0
    IOC = 1
    DAY = 2


class OrderStatus(IntEnum):
    """Name where an order stands at the venue."""

    IN_FLIGHT = 0
    WORKING = 1
    FILLED = 2
    CANCELED = 3
    EXPIRED = 4
    REJECTED = 5


class EventKind(IntEnum):
    """Name what happened to an order; one record of the tape is one of these."""

    SUBMITTED = 0
    DENIED = 1
    ACCEPTED = 2
    REJECTED = 3
    FILLED = 4
    CANCELED = 5
    EXPIRED = 6


class Reason(IntEnum):
    """Say why an order was denied, rejected, cancelled or expired."""

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
