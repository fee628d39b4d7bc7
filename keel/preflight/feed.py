"""Checks of what the exchange charges, and of the bars it gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keel.domain.timeframe import MS_PER_DAY, utc_text
from keel.domain.venue_messages import LiveBar
from keel.preflight.check import CheckResult
from keel.preflight.findings import FeedAnswer, VenueFindings
from keel.preflight.live_checks import ask_again, failed, passed, warned
from keel.preflight.live_need import LiveNeed, StoredClose

_FEE_TOLERANCE_BPS: Final = 1e-6
_SAME: Final = 1e-9
"""Relative difference up to which two closes are the same number, written differently."""


def check_account_fees(need: LiveNeed, name: str, found: VenueFindings) -> CheckResult:
    """Check that the config's fees are not below what the account pays; above is on the careful side."""
    pays = found.fees.value
    if pays is None:
        return warned(name, f"not known: {found.fees.why}", ask_again(found.fees))
    told = (("taker_bps", need.taker_bps, pays.taker_bps), ("maker_bps", need.maker_bps, pays.maker_bps))
    low = [
        f"fees.{key} is {ours:g}, the account pays {theirs:g} before any discount"
        for key, ours, theirs in told
        if ours < theirs - _FEE_TOLERANCE_BPS
    ]
    if low:
        return warned(name, "; ".join(low), "python scripts/refresh_fees.py prints what the account pays, by symbol")
    return passed(name, f"taker {need.taker_bps:g} bps, maker {need.maker_bps:g} bps: not below the account's")


def check_feed(need: LiveNeed, name: str, found: VenueFindings) -> CheckResult:
    """Check that the exchange's newest bars are of this timeframe, fresh, and the same as those stored."""
    missing = [f"{symbol}: {answer.why}" for symbol, answer in found.feed.items() if answer.value is None]
    if missing:
        return failed(name, "; ".join(missing), ask_again(*found.feed.values()), soft=True)
    answers = {symbol: answer.value for symbol, answer in found.feed.items() if answer.value is not None}
    faults = [f"{symbol}: {fault}" for symbol, one in answers.items() for fault in _faults(need, symbol, one)]
    if faults:
        mend = "wait for the exchange, or check data.symbols, data.timeframe and the store's bars"
        return failed(name, "; ".join(faults), mend, soft=True)
    newest = min(one.last[-1].close_ts_ms for one in answers.values())
    return passed(name, f"bars up to {utc_text(newest)}")


def _faults(need: LiveNeed, symbol: str, answer: FeedAnswer) -> Iterator[str]:
    if not answer.last:
        yield "has no closed bar yet"
        return
    newest, closes = answer.last[-1], need.closes
    # weeks and longer begin on a day of their own
    grid_ms = 0 if closes.timeframe_ms <= MS_PER_DAY else newest.close_ts_ms
    if not closes.fits(newest.open_ts_ms, newest.close_ts_ms, grid_ms):
        span = f"{utc_text(newest.open_ts_ms)} to {utc_text(newest.close_ts_ms)}"
        yield f"its newest bar lasts from {span}, which is not the config's timeframe"
    if need.market_now_ms is not None:
        late_ms = need.market_now_ms() - closes.sure_after(newest.close_ts_ms)
        if late_ms > need.stale_after_ms:
            yield f"its newest bar closed at {utc_text(newest.close_ts_ms)}: the next is {late_ms / 1000:.0f} s late"
    if symbol in need.stored and answer.beside_stored is not None:
        yield from _other_close(need.stored[symbol], answer.beside_stored)


def _other_close(stored: StoredClose, served: LiveBar) -> Iterator[str]:
    if abs(served.close - stored.close) > _SAME * max(abs(served.close), abs(stored.close)):
        yield (
            f"its bar of {utc_text(stored.open_ts_ms)} closed at {served.close:g}, the stored one at {stored.close:g}: "
            "the store's bars are another feed's"
        )
