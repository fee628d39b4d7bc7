from __future__ import annotations

import asyncio
import heapq
import itertools
import json
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keel.domain.errors import GateRefusedError, HaltTradingError, RetryableError
from keel.wire.backoff import Backoff
from keel.wire.budget import Budget, Spend
from keel.wire.rate_window import RateLimit, RateWindow
from keel.wire.retry_after import RetryAfter

REAL = "https://api.binance.com/api"

MINUTE = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 100}
ORDERS = {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 5}


class StepClock:
    """Pass the time that somebody waits, at once."""

    def __init__(self, start_s: float = 1_700_000_000.0) -> None:
        self.s = start_s

    def now_ms(self) -> int:
        return self.wall_ms()

    def wall_ms(self) -> int:
        return int(self.s * 1000)

    def monotonic_s(self) -> float:
        return self.s

    async def sleep(self, seconds: float) -> None:
        self.s += max(seconds, 1e-3)
        await asyncio.sleep(0)


class EventClock(StepClock):
    """Let the time pass to whoever is due next, once nobody has anything to do."""

    def __init__(self) -> None:
        super().__init__()
        self.due: list[tuple[float, int, asyncio.Future[None]]] = []
        self.numbers = itertools.count()

    async def sleep(self, seconds: float) -> None:
        due = asyncio.get_running_loop().create_future()
        heapq.heappush(self.due, (self.s + seconds, next(self.numbers), due))
        await due

    async def drive(self, *tasks: Awaitable[object]) -> None:
        running = asyncio.gather(*tasks)
        while not running.done():
            for _ in range(10):
                await asyncio.sleep(0)
            if self.due and not running.done():
                self.s, _, due = heapq.heappop(self.due)
                due.set_result(None)
        await running


def budget(clock: StepClock, share: float = 0.2, limits=(MINUTE, ORDERS)) -> Budget:
    made = Budget(clock, share, RetryAfter(None, REAL))
    made.set_limits(limits)
    return made


def run(scenario: Callable[[], Awaitable[object]]) -> object:
    return asyncio.run(scenario())


requests = st.lists(
    st.tuples(st.sampled_from(list(Spend)), st.integers(1, 30), st.floats(0, 20), st.floats(0, 90)),
    max_size=60,
)


@given(requests, st.floats(0.05, 0.9))
def test_no_limit_is_passed_in_any_interval_and_the_share_of_cancels_is_left(asked, share):
    clock = StepClock()
    made = budget(clock, share)
    gone: list[tuple[float, Spend, int]] = []

    async def scenario() -> None:
        for spend, weight, pause_s, within_s in asked:
            clock.s += pause_s
            try:
                await made.acquire(spend, weight, within_s)
            except RetryableError:
                continue
            gone.append((clock.s, spend, weight))

    run(scenario)
    for last, (at_s, spend, _) in enumerate(gone):
        before = gone[: last + 1]
        used = sum(weight for other_s, _, weight in before if other_s > at_s - 60)
        assert used <= 100 * (1 if spend is Spend.CANCEL else 1 - share)
        assert sum(other_s > at_s - 10 and other is Spend.ORDER for other_s, other, _ in before) <= 5


@given(st.integers(0, 200), st.floats(0.05, 0.9))
def test_cancel_passes_at_once_however_much_the_others_want(others, share):
    clock = StepClock()
    made = budget(clock, share)

    async def scenario() -> float:
        for _ in range(others):
            try:
                await made.acquire(Spend.READ, 1, 0.0)
            except RetryableError:
                break
        before = clock.s
        await made.acquire(Spend.CANCEL, 1, 0.0)
        return clock.s - before

    assert run(scenario) == 0.0


@given(st.integers(1, 300), st.booleans(), requests)
def test_nothing_goes_inside_a_retry_after_window(seconds, banned, asked):
    clock = StepClock()
    made = budget(clock)
    made.hold(seconds, banned=banned)
    end_s = clock.s + seconds
    told_banned: list[float] = []

    async def scenario() -> None:
        for spend, weight, pause_s, within_s in asked:
            clock.s += pause_s
            try:
                await made.acquire(spend, weight, within_s)
            except RetryableError:
                continue
            except HaltTradingError:
                told_banned.append(clock.s)
                continue
            assert clock.s >= end_s - 2e-3

    run(scenario)
    assert banned or not told_banned
    assert all(at_s < end_s for at_s in told_banned)


def test_wait_that_is_too_long_is_refused_at_once():
    clock = StepClock()
    made = budget(clock)

    async def scenario() -> float:
        for _ in range(5):
            await made.acquire(Spend.ORDER, 1, 0.0)
        before = clock.s
        with pytest.raises(RetryableError, match="rate limits"):
            await made.acquire(Spend.ORDER, 1, 5.0)
        waited = clock.s - before
        await made.acquire(Spend.ORDER, 1, 20.0)
        return waited

    assert run(scenario) == 0.0
    assert clock.s - 1_700_000_000.0 >= 10.0


def test_counts_of_the_answers_headers_are_taken():
    clock = StepClock()
    made = budget(clock)
    made.learn({"x-mbx-used-weight-1m": "70", "X-MBX-USED-WEIGHT": "70", "X-MBX-ORDER-COUNT-10S": "4", "Date": "3"})
    assert (made.used("REQUEST_WEIGHT", 60), made.used("ORDERS", 10)) == (70, 4)
    made.learn({"X-MBX-USED-WEIGHT-1M": "10"})  # an older answer takes nothing back
    assert made.used("REQUEST_WEIGHT", 60) == 70

    async def scenario() -> None:
        await made.acquire(Spend.READ, 10, 0.0)
        with pytest.raises(RetryableError):
            await made.acquire(Spend.READ, 1, 0.0)
        await made.acquire(Spend.CANCEL, 20, 0.0)

    run(scenario)


def test_too_many_orders_stops_orders_and_nothing_else():
    clock = StepClock()
    made = budget(clock)
    made.fill_orders()

    async def scenario() -> None:
        with pytest.raises(RetryableError):
            await made.acquire(Spend.ORDER, 1, 5.0)
        await made.acquire(Spend.READ, 1, 0.0)
        await made.acquire(Spend.CANCEL, 1, 0.0)

    run(scenario)


def test_waiting_cancel_goes_before_orders_and_questions_that_came_first():
    clock = EventClock()
    made = budget(clock, share=0.05, limits=(MINUTE,))
    order: list[Spend] = []

    async def go(spend: Spend) -> None:
        await made.acquire(spend, 60, 200.0)
        order.append(spend)

    async def scenario() -> None:
        await made.acquire(Spend.CANCEL, 100, 0.0)
        await clock.drive(go(Spend.READ), go(Spend.ORDER), go(Spend.CANCEL))

    run(scenario)
    assert order == [Spend.CANCEL, Spend.ORDER, Spend.READ]


def test_cancel_that_was_turned_away_in_a_window_goes_first_after_it_when_it_comes_again():
    clock = EventClock()
    made = budget(clock)
    made.hold(10, banned=False)
    order: list[tuple[Spend, float]] = []
    start_s = clock.s

    async def go(spend: Spend, after_s: float) -> None:
        if after_s:
            await clock.sleep(after_s)
        await made.acquire(spend, 1, 20.0)
        order.append((spend, clock.s - start_s))

    async def scenario() -> None:
        with pytest.raises(RetryableError, match="wants no request"):
            await made.acquire(Spend.CANCEL, 1, 1.0)
        await clock.drive(go(Spend.READ, 0.0), go(Spend.ORDER, 0.0), go(Spend.CANCEL, 10.5))

    run(scenario)
    assert [spend for spend, _ in order] == [Spend.CANCEL, Spend.ORDER, Spend.READ]
    assert all(10.5 <= at_s < 11 for _, at_s in order)


def test_others_go_on_a_second_after_a_window_if_no_cancel_comes():
    clock = EventClock()
    made = budget(clock)
    made.hold(10, banned=False)
    start_s = clock.s

    async def scenario() -> None:
        with pytest.raises(RetryableError):
            await made.acquire(Spend.CANCEL, 1, 1.0)
        await clock.drive(made.acquire(Spend.READ, 1, 20.0))

    run(scenario)
    assert 11 <= clock.s - start_s < 11.1


def test_memory_of_uses_does_not_grow():
    window = RateWindow(RateLimit("ORDERS", 86_400, 200_000))
    for second in range(100_000):
        window.add(float(second), 1)
    assert len(window._uses) <= 62
    assert window.used(100_000.0) >= 86_400 - 1


def test_window_survives_a_restart_and_only_grows(tmp_path):
    RetryAfter(tmp_path, REAL).hold(5_000, banned=True)
    again = RetryAfter(tmp_path, REAL)
    assert (again.until_ms, again.is_ban(4_999), again.is_ban(5_000), again.left_s(2_000)) == (5_000, True, False, 3.0)
    again.hold(4_000, banned=False)
    assert RetryAfter(tmp_path, REAL).is_ban(4_500)
    assert [path.name for path in tmp_path.iterdir()] == ["api.binance.com.retry_after.json"]


def test_what_one_run_is_told_another_of_the_address_heeds_and_no_other(tmp_path):
    ours, theirs = RetryAfter(tmp_path, REAL), RetryAfter(tmp_path, REAL)
    elsewhere = [RetryAfter(tmp_path, f"http://127.0.0.1:{port}/api") for port in (8900, 8901)]
    theirs.hold(5_000, banned=True)
    assert (ours.until_ms, ours.is_ban(4_999)) == (5_000, True)
    ours.hold(4_000, banned=False)
    theirs.hold(6_000, banned=False)
    assert (ours.left_s(5_000), ours.is_ban(5_000)) == (1.0, False)
    elsewhere[0].hold(9_000, banned=True)
    assert (ours.until_ms, elsewhere[1].until_ms) == (6_000, 0)


def test_window_of_another_run_that_became_unreadable_leaves_what_is_known(tmp_path, caplog):
    ours, theirs = RetryAfter(tmp_path, REAL), RetryAfter(tmp_path, REAL)
    theirs.hold(5_000, banned=False)
    assert ours.until_ms == 5_000
    (tmp_path / "api.binance.com.retry_after.json").write_text("{")
    assert ours.until_ms == 5_000
    assert caplog.text.count("cannot be read") == 1


def test_window_holds_where_it_cannot_be_written_and_that_is_logged(tmp_path, caplog):
    kept = RetryAfter(tmp_path / "gone", REAL)
    kept.hold(5_000, banned=True)
    assert kept.left_s(1_000) == 4.0
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("text", ["", "{", "[]", '{"until_ms": "x", "banned": true}', json.dumps({"until_ms": 5})])
def test_window_that_cannot_be_read_is_refused(tmp_path, text):
    (tmp_path / "api.binance.com.retry_after.json").write_text(text)
    with pytest.raises(GateRefusedError, match="cannot be read"):
        RetryAfter(tmp_path, REAL)


@given(st.floats(0.01, 10), st.floats(0.01, 600), st.integers(0, 1000), st.integers(1, 30))
def test_waits_grow_and_stay_within_their_bounds(base_s, more_s, seed, faults):
    backoff = Backoff(base_s, base_s + more_s, seed)
    waits = [backoff.next_s() for _ in range(faults)]
    assert all(base_s <= wait <= base_s + more_s for wait in waits)
    again = Backoff(base_s, base_s + more_s, seed)
    assert waits == [again.next_s() for _ in range(faults)]
    if faults > 12 and more_s / base_s < 500:
        assert waits[-1] >= (base_s + more_s) / 2
    backoff.reset()
    assert backoff.next_s() <= 2 * base_s


def test_questions_that_can_wait_leave_pauses_once_half_of_what_they_may_use_is_used():
    clock = StepClock()
    made = budget(clock, limits=(MINUTE,))

    async def ask(times: int) -> None:
        for _ in range(times):
            await made.acquire(Spend.READ, 1, 0.0)

    asyncio.run(ask(39))
    assert made.pause_s() == 0.0
    asyncio.run(ask(1))
    assert made.pause_s() == pytest.approx(1.5), "80 a minute are theirs: half of that is left"


def test_an_order_is_told_how_long_it_has_to_wait_and_not_of_what_is_shut():
    clock = StepClock()
    made = budget(clock, limits=(ORDERS,))

    async def send() -> None:
        for _ in range(5):
            assert made.order_wait_s() == 0.0
            await made.acquire(Spend.ORDER, 1, 0.0)

    asyncio.run(send())
    assert 9.0 < made.order_wait_s() < 11.0
    made.hold(100.0, banned=False)
    assert made.order_wait_s() == 0.0, "it is turned away at once"
