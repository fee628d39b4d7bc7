"""What each reason of an order's end means, in words a newcomer knows."""

from __future__ import annotations

from typing import Final

from keel.domain.orders import Reason

REASON_WORDS: Final = {
    Reason.KILL_SWITCH: "The kill switch was pulled.",
    Reason.HALTED: "The drawdown limit had halted the run.",
    Reason.REDUCING: "After the daily loss limit only closing orders pass.",
    Reason.ORDER_RATE: "More orders a minute than risk allows.",
    Reason.MAX_ORDER: "Larger than the largest order risk allows.",
    Reason.MAX_POSITION: "The position would pass its limit.",
    Reason.MAX_GROSS: "All positions together would pass their limit.",
    Reason.BUYING_POWER: "More than the account could pay for.",
    Reason.MIN_QTY: "Smaller than the venue's least quantity.",
    Reason.MIN_NOTIONAL: "Smaller than the venue's least value.",
    Reason.NOT_SHORTABLE: "The instrument cannot be sold short, or not be borrowed now.",
    Reason.INSUFFICIENT_FUNDS: "The venue found too little cash.",
    Reason.INSUFFICIENT_POSITION: "The venue found less to sell than the order asked.",
    Reason.TARGET_CHANGED: "The strategy wanted something else by then.",
    Reason.IMMEDIATE_OR_CANCEL: "What could not be filled at once was dropped, as asked.",
    Reason.SESSION_END: "The trading day of a DAY order was over.",
    Reason.END_OF_RUN: "The run was over.",
    Reason.FILL_OR_KILL: "It could not be filled whole at once, as asked.",
    Reason.GOOD_TILL_DATE: "Its own time was over.",
    Reason.REDUCE_ONLY: "Nothing was left of the position it may only reduce.",
    Reason.LINKED_FILL: "Its partner of a pair was filled.",
    Reason.PARENT_ENDED: "The order it was attached to ended without a fill.",
    Reason.CLIENT_REQUEST: "The strategy asked for it.",
    Reason.NO_FLIP: "An order of this instrument may not cross zero.",
    Reason.LIQUIDATION: "The venue closed the position for want of margin.",
    Reason.ORDER_ENDED: "The order was over before the request came.",
    Reason.NO_BAR: "There was no bar to price it by.",
    Reason.VENUE_REFUSED: "The venue did not take it, for a reason of its own.",
    Reason.NOT_SENT: "It never reached the venue.",
    Reason.NO_AUCTION: "Its market holds no auctions.",
    Reason.AUCTION_OVER: "It came too late for its auction, or the auction left it unfilled.",
    Reason.EXTENDED_HOURS: "Outside the regular session only limit orders of the day trade.",
}
"""One line for each reason but NONE."""


def reason_words(name: str) -> str:
    """Return the line of a reason given by its lower-case name, nothing for one that is not known."""
    known = Reason.__members__.get(name.upper())
    return REASON_WORDS.get(known, "") if known is not None else ""
