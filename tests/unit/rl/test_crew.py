"""Threads that share out the steps."""

import gc
import threading
import time

import pytest

from keel.rl.crew import Crew


def threads_of_crews():
    return {thread for thread in threading.enumerate() if thread.name == "env"}


def gone(threads):
    for _ in range(200):
        if threads.isdisjoint(threading.enumerate()):
            return True
        time.sleep(0.01)
    return False


def test_each_part_is_done_once_a_run_by_a_thread_of_its_own():
    crew, seen = Crew([(1, "a"), (2, "b"), (3, "c")]), []

    def work(number, name):
        seen.append((name, threading.get_ident()))
        return number

    assert [crew.run(work) for _ in range(50)] == [6] * 50
    assert len(seen) == 150
    assert len(set(seen)) == 3
    crew.close()


def test_what_a_part_raises_reaches_the_caller_once_all_are_done():
    crew, done = Crew([(1,), (0,), (2,)]), []

    def work(number):
        done.append(1 // number)
        return 1

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            crew.run(work)
    assert len(done) == 4
    assert crew.run(lambda number: number) == 3
    crew.close()


def test_threads_end_when_the_crew_is_closed_or_forgotten():
    before = threads_of_crews()
    closed, forgotten = Crew([(1,), (2,)]), Crew([(1,), (2,)])
    assert forgotten.run(lambda number: number) == 3
    # Crews of other tests may end meanwhile: only those that came count.
    own = threads_of_crews() - before
    assert len(own) == 4
    closed.close()
    closed.close()
    with pytest.raises(ValueError, match="ended"):
        closed.run(lambda number: number)
    del forgotten
    gc.collect()
    assert gone(own)


def test_threads_hold_nothing_of_the_work_they_have_done():
    class Owner:
        def work(self, number):
            return number

    crew, owner = Crew([(1,), (2,)]), Owner()
    crew.run(owner.work)
    for _ in range(200):
        if len(gc.get_referrers(owner)) <= 1:
            break
        time.sleep(0.01)
    assert not [one for one in gc.get_referrers(owner) if type(one).__name__ == "method"]
    crew.close()
