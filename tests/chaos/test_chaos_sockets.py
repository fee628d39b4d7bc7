"""Random faults of the practice venue, through the real SDK over loopback, in lockstep."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from rehearsal.exchanges import BINANCE, COINS, STOCKS, Exchange
from rehearsal.stage import Outcome, Stage

from .test_chaos_sigkill import wrong_in

SEED = int(os.environ.get("KEEL_CHAOS_SEED", "1"))
IN_THE_SUITE = {BINANCE: 4, STOCKS: 2, COINS: 1}
ALL = 300
DECISIONS = 15
KINDS = (
    "drop_response, drop_request, error_after, error_instead, slow, duplicate_report, fill_before_ack, "
    "cancel_before_fill, drop_fill, kline_gap, kline_duplicate, kline_out_of_order, kline_revised, drop_user_stream"
)
LIVE = ("latency.timeout_ms=300", "live.bar_wait_ms=200", "live.unknown_grace_ms=15000")


def played(folder: Path, seed: int, exchange: Exchange) -> Outcome:
    faults = f"random_faults={{seed: {seed}, per_request: 0.08, per_bar: 0.15, seconds: 0.2, kinds: [{KINDS}]}}"
    folder.mkdir()
    return asyncio.run(Stage(folder, venue=(*exchange.plenty, faults), live=LIVE, exchange=exchange).play(DECISIONS))


def check(folder: Path, n: int, exchange: Exchange) -> None:
    for seed in range(SEED, SEED + n):
        outcome = played(folder / str(seed), seed, exchange)
        wrong = wrong_in(outcome)
        assert not wrong, f"{exchange}, KEEL_CHAOS_SEED={seed}: {wrong[:5]}"
        assert outcome.ending.exit_code == 0, f"KEEL_CHAOS_SEED={seed}: {outcome.ending}"
    print(f"{exchange}, seeds {SEED} to {SEED + n - 1}: nothing doubled, nothing lost")


@pytest.mark.parametrize("exchange", IN_THE_SUITE, ids=str)
def test_random_faults_over_sockets_double_no_order_and_lose_no_trade(tmp_path: Path, exchange: Exchange):
    check(tmp_path, IN_THE_SUITE[exchange], exchange)


@pytest.mark.soak
@pytest.mark.parametrize("exchange", IN_THE_SUITE, ids=str)
def test_three_hundred_schedules_over_sockets(tmp_path: Path, exchange: Exchange):
    check(tmp_path, ALL, exchange)
