"""What a venue answered to all the questions of the checks, each with its answer or with why there is none."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from keel.domain.errors import HaltTradingError, KeelError, RetryableError
from keel.domain.venue_messages import LiveBar
from keel.preflight.probe import FeeAnswer, HoldingsAnswer, KeyAnswer, TimeAnswer, VenueProbe
from keel.wire.retry_after import BannedError
from keel.wire.venue_rules import VenueRules

T = TypeVar("T")
_NO_KEY: Final = "the key was not taken"
_NOT_REACHED: Final = "the exchange does not answer"
_NOT_ASKED: Final = "the exchange could not be asked"


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """Hold an answer, or why there is none; `shut_out` says that the venue refused to answer us.

    `wait_s` is set where it is rate limits that let nothing be asked: after so many seconds it may be.
    """

    value: T | None = None
    why: str = ""
    shut_out: bool = False
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class FeedAnswer:
    """Hold the last closed bars of a symbol, and the one the venue has where the store's last bar stands."""

    last: tuple[LiveBar, ...]
    beside_stored: LiveBar | None


@dataclass(frozen=True, slots=True)
class VenueFindings:
    """Hold every answer; those by symbol have the config's symbols."""

    time: Answer[TimeAnswer]
    rules: Answer[Mapping[str, VenueRules]]
    feed: Mapping[str, Answer[FeedAnswer]]
    key: Answer[KeyAnswer]
    fees: Answer[FeeAnswer]
    holdings: Answer[HoldingsAnswer]

    @property
    def is_reached(self) -> bool:
        """Say whether the venue answered at all, if only to say that it does not take the key."""
        return self.time.value is not None or self.time.shut_out


async def ask(
    probe: VenueProbe,
    symbols: Sequence[str],
    timeframe: str,
    stored_open_ts_ms: Mapping[str, int],
    *,
    with_keys: bool,
) -> VenueFindings:
    """Ask a venue everything; a venue that does not answer at all is asked once only.

    `stored_open_ts_ms` is where each symbol's last stored bar opened, for those that have one. Without keys nothing is
    asked that needs them.
    """
    try:
        time = await _answer(probe.time())
        if time.value is None:
            return (
                _shut_out(time, symbols) if time.shut_out and with_keys else unreached(time.why, symbols, time.wait_s)
            )
        rules = await _answer(probe.rules(symbols))
        feed = {symbol: await _answer(_feed(probe, symbol, timeframe, stored_open_ts_ms)) for symbol in symbols}
        if not with_keys:
            return VenueFindings(time, rules, feed, Answer(), Answer(), Answer())
        key = await _answer(probe.key())
        if key.value is None:
            lacking = _NO_KEY if key.shut_out else key.why
            return VenueFindings(time, rules, feed, key, Answer(why=lacking), Answer(why=lacking))
        fees = await _answer(probe.fees())
        return VenueFindings(time, rules, feed, key, fees, await _answer(probe.holdings()))
    finally:
        await probe.close()


async def _answer(question: Awaitable[T]) -> Answer[T]:
    try:
        return Answer(await question)
    except BannedError as error:  # of our address: it says nothing about the key
        return Answer(why=str(error))
    except HaltTradingError as error:
        return Answer(why=str(error), shut_out=True)
    except RetryableError as error:
        return Answer(why=str(error), wait_s=error.wait_s)
    except KeelError as error:
        return Answer(why=str(error))


async def _feed(probe: VenueProbe, symbol: str, timeframe: str, stored: Mapping[str, int]) -> FeedAnswer:
    last = tuple(await probe.last_bars(symbol, timeframe))
    open_ts_ms = stored.get(symbol)
    beside = next((bar for bar in last if bar.open_ts_ms == open_ts_ms), None)
    if beside is None and open_ts_ms is not None and last and open_ts_ms < last[0].open_ts_ms:
        beside = await probe.bar(symbol, timeframe, open_ts_ms)
    return FeedAnswer(last, beside)


def _shut_out(time: Answer[TimeAnswer], symbols: Sequence[str]) -> VenueFindings:
    """Return what is known of a venue that tells even its time to those only whose key it takes."""
    unread: Answer[FeedAnswer] = Answer(why=_NO_KEY)
    key: Answer[KeyAnswer] = Answer(why=time.why, shut_out=True)
    return VenueFindings(
        time, Answer(why=_NO_KEY), dict.fromkeys(symbols, unread), key, Answer(why=_NO_KEY), Answer(why=_NO_KEY)
    )


def unreached(why: str, symbols: Sequence[str], wait_s: float | None = None) -> VenueFindings:
    """Return what is known where a venue did not answer at all, or could not be asked before a time."""
    rest = _NOT_REACHED if wait_s is None else _NOT_ASKED
    missing: Answer[FeedAnswer] = Answer(why=rest)
    return VenueFindings(
        Answer(why=why, wait_s=wait_s),
        Answer(why=rest),
        dict.fromkeys(symbols, missing),
        Answer(why=rest),
        Answer(why=rest),
        Answer(why=rest),
    )
