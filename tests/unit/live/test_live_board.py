from __future__ import annotations

import asyncio
import threading
import time

from made_status import made_status

from keel.domain.clock import WallClock
from keel.live.board import BEAT_S, RENEWAL_S, StatusBoard


class HandClock(WallClock):
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic_s(self) -> float:
        return self.now_s


def test_a_board_without_a_status_is_not_healthy():
    board = StatusBoard(HandClock(), 2.0)
    assert board.healthy() == (False, ("there is no status yet: the run is starting",))
    assert board.status is None
    assert board.status_age_s() is None


def test_a_beating_loop_with_a_status_without_reasons_is_healthy():
    clock = HandClock()
    board = StatusBoard(clock, 2.0)
    board.publish(made_status())
    clock.now_s += 2.0
    assert board.healthy() == (True, ())
    assert board.look()[0] is board.status


def test_every_reason_of_the_status_makes_the_board_unhealthy():
    board = StatusBoard(HandClock(), 2.0)
    reasons = ("the bars of ETHUSDT are stale", "2 orders are unknown")
    board.publish(made_status(reasons=reasons))
    assert board.healthy() == (False, reasons)


def test_a_loop_silent_beyond_its_bound_is_unhealthy_until_it_beats_again():
    clock = HandClock()
    board = StatusBoard(clock, 2.0)
    board.publish(made_status())
    clock.now_s += 2.5
    assert board.healthy() == (False, ("the trading loop has been silent for 2.5 s (bound 2 s)",))
    board.beat()
    assert board.silence_s() == 0.0
    assert board.healthy() == (True, ())


def test_a_loop_that_beats_but_shows_nothing_new_is_unhealthy():
    clock = HandClock()
    board = StatusBoard(clock, 2.0)
    board.publish(made_status())
    for _ in range(17):
        clock.now_s += BEAT_S
        board.beat()
    assert board.status_age_s() > 2.0 + 2 * RENEWAL_S
    assert board.healthy() == (False, ("the status has not been renewed for 4.2 s",))


def test_whoever_asked_for_the_stop_is_named():
    board = StatusBoard(HandClock(), 2.0)
    assert board.stop_asked is None
    board.ask_stop("POST /stop from 127.0.0.1")
    assert board.stop_asked == "POST /stop from 127.0.0.1"


def test_a_blocked_event_loop_is_seen_from_another_thread_while_it_is_blocked():
    board = StatusBoard(WallClock(), 0.2)

    async def trade() -> None:
        for _ in range(3):
            board.beat()
            board.publish(made_status())
            await asyncio.sleep(0.01)
        time.sleep(0.6)  # a strategy that does not come back
        board.beat()

    loop = threading.Thread(target=lambda: asyncio.run(trade()))
    loop.start()
    time.sleep(0.1)
    seen = [board.healthy()[0]]
    time.sleep(0.3)
    seen.append(board.healthy()[0])
    loop.join()
    seen.append(board.healthy()[0])
    assert seen == [True, False, True]


def test_readers_never_see_parts_of_two_statuses():
    board = StatusBoard(WallClock(), 60.0)
    board.publish(made_status(reasons=("0",), n_fills=0))
    over = threading.Event()

    def write() -> None:
        for i in range(3000):
            board.publish(made_status(0, 0, 0, reasons=(str(i),), n_fills=i))
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not over.is_set():
        status, reasons = board.look()
        assert reasons == (str(status.n_fills),)
    writer.join()
