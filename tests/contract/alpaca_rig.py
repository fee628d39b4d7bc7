"""The Alpaca adapter, through the real SDK, against the practice venue in lockstep; the pair is crypto unless bars
of something else are given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
from practice_rig import CONFIG, WARM_UP, MarketClock, PracticeRig, made_bars
from rig import MIN_NOTIONAL, START, STEP, TICK, Recorder, until

from keel.app.wiring import instruments_of
from keel.config.practice import PracticeConfig
from keel.practice.server import PracticeVenue
from keel.venues.alpaca import AlpacaVenue
from keel.wire.alpaca_link import AlpacaLink, AlpacaSettings


@asynccontextmanager
async def alpaca_rig(
    timeout_s: float = 3.0, idle_s: float = 30.0, bars: np.ndarray | None = None, **changes: Any
) -> AsyncIterator[PracticeRig]:
    """Start the practice venue and open the adapter on it; `changes` are keys of the practice config."""
    config = PracticeConfig.model_validate(CONFIG | ALPACA | changes)
    account = config.simulated(next(iter(config.accounts.values())))
    rows = made_bars() if bars is None else bars
    practice = PracticeVenue(config, rows, instruments_of(account))
    await practice.start()
    clock, pair = MarketClock(), next(iter(practice.keys.values()))
    clock.stands_ms = int(rows["close_ts_ms"][WARM_UP - 1, 0])
    link = AlpacaLink(settings(practice.address, pair.key, pair.secret, timeout_s), clock)
    heard, http = Recorder(), aiohttp.ClientSession()
    venue = AlpacaVenue(link, idle_s=idle_s)
    try:
        await venue.open(heard)
        await until(lambda: heard.streams)
        yield PracticeRig(venue, heard, link, practice, clock, http)
    finally:
        await venue.close()
        await http.close()
        await practice.stop()


ALPACA: dict[str, Any] = {
    "speaks": "alpaca",
    "market": {
        "instrument": {
            "tick_size": str(TICK),
            "step_size": str(STEP),
            "min_qty": str(STEP),
            "min_notional": str(MIN_NOTIONAL),
        }
    },
    "accounts": {"practice": {"balances": {asset: str(amount) for asset, amount in START.items()}}},
    "fees": {"maker_bps": 0.0, "taker_bps": 0.0},
    "alpaca": {"requests_1m": 10_000},
}


def settings(address: str, key: str, secret: str, timeout_s: float) -> AlpacaSettings:
    """Return how a test asks the practice venue."""
    return AlpacaSettings(
        environment="practice",
        feed="iex",
        practice_address=address,
        timeout_s=timeout_s,
        retries=1,
        cancel_share=0.2,
        backoff_base_s=0.01,
        max_backoff_s=0.05,
        clock_refresh_s=60.0,
        seed=1,
        state_dir=None,
        key=key,
        secret=secret,
    )
