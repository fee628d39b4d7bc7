"""A study runs each trial once, records it, and gives the same whoever simulates and however often it is stopped."""

from __future__ import annotations

import copy
import time
from pathlib import Path

import numpy as np
import pytest
from made_search import CROSSOVER, StopAfter, alone, go_on, load, read, study_of, with_bars

from keel.app.search_wiring import EnterTrials, fits_threads
from keel.app.wiring import wire_backtest
from keel.backtest.run import run_backtest
from keel.backtest.search.crew import Alone, Growing, Processes, work
from keel.backtest.search.mapped import own_arrays, save_mapped
from keel.backtest.search.proposals import propose
from keel.backtest.search.space import read_space
from keel.backtest.search.study import best_of, explore
from keel.backtest.search.threads import Threads
from keel.backtest.search.trial import Task
from keel.config.load import load_config, vary
from keel.domain.errors import ConfigError, UsageError
from keel.metrics.summary import summarise
from keel.runs.ledger import TrialLedger

COMBINATION = "keel.strategies.combination:Weighted"
GRID = read_space(["strategy.params.short=3,5,20", "strategy.params.long=10,20"])


@pytest.fixture
def ledger(tmp_path: Path):
    with TrialLedger.open(tmp_path / "state") as opened:
        yield opened


def swept(loaded, ledger, data, crew, space=GRID, method="grid", trials=None, name="study"):
    study = study_of(loaded, ledger, data, name)
    assert explore(study, space, propose(space, method, trials, 1), "sharpe", crew, go_on)
    return study


def test_trial_is_the_backtest_of_its_config(tmp_path, ledger):
    loaded = load(tmp_path)
    data = read(loaded)
    study = swept(loaded, ledger, data, alone(loaded, data))
    tried = study.tried[0]
    varied = vary(loaded, ("strategy.params.short=3", "strategy.params.long=10"))
    inputs, _ = wire_backtest(varied.deciding, varied.document)
    figures = summarise(run_backtest(inputs, "one", lambda _: None))
    assert tried.figures["sharpe"] == figures["strategy"]["sharpe"] is not None
    assert tried.figures["trades"] == figures["trades"]["closed"] > 0


def test_combination_the_strategy_refuses_is_skipped_with_its_reason_and_recorded(tmp_path, ledger):
    loaded = load(tmp_path)
    data = read(loaded)
    study = swept(loaded, ledger, data, alone(loaded, data))
    assert [one.status for one in study.tried] == ["done", "done", "done", "done", "skipped", "skipped"]
    assert "short (20) must be below long (10)" in study.tried[4].reason
    rows = {row["number"]: row for row in ledger.trials(study="study")}
    assert rows[4]["status"] == "skipped"
    assert rows[4]["reason"] == study.tried[4].reason
    assert rows[0]["setup_hash"] != rows[1]["setup_hash"]


def test_when_no_trial_can_run_the_first_reason_is_the_error_and_nothing_is_recorded(tmp_path, ledger):
    loaded = load(tmp_path)
    data = read(loaded)
    space = read_space(["strategy.params.shrt=3,5"])
    with pytest.raises(UsageError, match=r"none of the 2 trials can run.*strategy\.params\.short"):
        swept(loaded, ledger, data, alone(loaded, data), space)
    assert ledger.trials() == []


def test_strategy_that_raises_fails_its_trial_and_no_other(tmp_path, ledger):
    loaded = load(tmp_path, "made_search:Above", "{bars: 5}")
    data = read(loaded)
    study = swept(loaded, ledger, data, alone(loaded, data), read_space(["strategy.params.fail=true,false"]))
    assert [one.status for one in study.tried] == ["failed", "done"]
    assert "as asked" in study.tried[0].reason


def test_any_key_may_vary_and_other_bars_are_read_for_those_that_say_so(tmp_path, ledger):
    loaded = load(tmp_path)
    data = read(loaded)
    space = read_space(["data.end=2021-07-01,2022-01-01", "fees.taker_bps=0,10"])
    study = swept(loaded, ledger, data, alone(loaded, data), space)
    days = [one.figures["trading_days"] for one in study.tried]
    assert days == [181, 181, 365, 365]
    assert study.tried[0].figures["costs"] < study.tried[1].figures["costs"]
    rows = ledger.trials(study="study")
    assert rows[0]["set_hash"] == rows[1]["set_hash"] != rows[2]["set_hash"] == rows[3]["set_hash"]


@pytest.mark.parametrize(("method", "trials"), [("grid", None), ("random", 12), ("tpe", 20)])
def test_stopped_study_goes_on_without_repeating_and_ends_the_same(tmp_path, ledger, method, trials):
    loaded = load(tmp_path)
    data = read(loaded)
    space = GRID if method == "grid" else read_space(["strategy.params.short=2..20", "strategy.params.long=10..60"])
    whole = swept(loaded, ledger, data, alone(loaded, data), space, method, trials, "whole")
    stopped = study_of(loaded, ledger, data, "stopped")
    proposals = propose(space, method, trials, 1)
    assert not explore(stopped, space, proposals, "sharpe", alone(loaded, data), StopAfter(stopped, 3))
    before = len(ledger.trials(study="stopped"))
    assert 3 <= before < len(whole.tried)
    went_on = swept(loaded, ledger, data, alone(loaded, data), space, method, trials, "stopped")
    assert went_on.tried == whole.tried
    assert went_on.resumed == before
    assert len(ledger.trials(study="stopped")) == len(whole.tried)


def test_processes_share_one_copy_of_the_bars_and_give_the_same(tmp_path, ledger):
    loaded = load(tmp_path)
    data = read(loaded)
    mapped = save_mapped(data, tmp_path)
    assert isinstance(mapped.load().bars.base, np.memmap)
    one = swept(loaded, ledger, data, alone(loaded, data), name="one")
    crew = Processes(EnterTrials(loaded, mapped), 2)
    try:
        two = swept(loaded, ledger, data, crew, name="two")
    finally:
        crew.close()
    assert two.tried == one.tried


def test_threads_give_the_same_and_each_trial_once(tmp_path, ledger):
    loaded = load(tmp_path)
    data = read(loaded)
    space = read_space(["strategy.params.short=2:9:1", "strategy.params.long=10:40:2"])
    one = swept(loaded, ledger, data, alone(loaded, data), space, name="one")
    crew = Threads(EnterTrials(loaded, data), 3)
    try:
        two = swept(loaded, ledger, data, crew, space, name="two")
    finally:
        crew.close()
    assert two.tried == one.tried
    assert [row["number"] for row in sorted(ledger.trials(study="two"), key=lambda row: row["number"])] == [*range(128)]


def test_threads_that_are_closed_begin_no_further_trial(tmp_path):
    loaded, begun = load(tmp_path), []
    data = read(loaded)

    def enter():
        wire = EnterTrials(loaded, data)()
        return lambda overrides: (begun.append(overrides), wire(overrides))[1]

    crew = Threads(enter, 1)
    for i in range(300):
        crew.send(Task(i, (f"strategy.params.short={i % 18 + 2}",)))
    crew.close()
    assert len(begun) < 300


@pytest.mark.parametrize(
    ("strategy", "params", "varied", "fits"),
    [
        (CROSSOVER, "{}", ["strategy.params.short=3,5", "fees.taker_bps=1,2", "use_seasonality=true,false"], True),
        (CROSSOVER, "{}", ["strategy.class=made_search:Above,made_search:Peeker"], False),
        (CROSSOVER, "{}", ["strategy={class: made_search:Above}"], False),
        (CROSSOVER, "{}", ["data.end=2021-07-01,2022-01-01"], False),
        ("made_search:Above", "{}", ["strategy.params.bars=3,5"], False),
        (COMBINATION, f"{{members: [{{class: '{CROSSOVER}'}}]}}", ["fees.taker_bps=1,2"], True),
        (COMBINATION, "{members: [{class: 'made_search:Above'}]}", ["fees.taker_bps=1,2"], False),
        (COMBINATION, f"{{members: [{{class: '{CROSSOVER}'}}]}}", ["strategy.params.members=[{class: a:B}]"], False),
    ],
)
def test_only_trials_of_own_strategies_on_the_same_bars_share_a_process(tmp_path, strategy, params, varied, fits):
    assert fits_threads(load(tmp_path, strategy, params), varied) is fits


def test_finished_trials_are_recorded_while_another_takes_its_time(tmp_path, ledger):
    loaded = load(tmp_path)
    data = read(loaded)
    study = study_of(loaded, ledger, data)
    on_record = []

    class Slow(Alone):
        def collect(self, stop):
            if study.tried:
                time.sleep(0.15)
                stop()
                on_record.append((len(study.tried), len(ledger.trials(study="study"))))
            return super().collect(stop)

    assert explore(study, GRID, propose(GRID, "grid", None, 1), "sharpe", Slow(EnterTrials(loaded, data)), go_on)
    assert on_record[-1] == (5, 5)


def test_crew_grows_only_once_work_takes_long(tmp_path):
    loaded = load(tmp_path)
    data = read(loaded)
    taken = []

    def many():
        taken.append("many")
        return alone(loaded, data)

    tasks = [Task(i, (f"strategy.params.short={i + 2}",)) for i in range(4)]
    crew = Growing(alone(loaded, data), many)
    assert [outcome.task for outcome in work(crew, tasks[:2], go_on)] == tasks[:2]
    assert taken == []
    late = Growing(alone(loaded, data), many, patience_s=0.0)
    assert [outcome.task for outcome in work(late, tasks, go_on)] == tasks
    assert taken == ["many"]


def test_mapped_arrays_are_equal_and_an_array_in_two_fields_is_saved_once(tmp_path):
    loaded = load(tmp_path)
    data = read(loaded)
    mapped = save_mapped(data, tmp_path).load()
    assert mapped.bars.tobytes() == data.bars.tobytes()
    assert mapped.bars.flags.writeable
    assert mapped.records == data.records
    frozen = with_bars(data, lambda bars: bars.setflags(write=False))
    assert own_arrays(frozen).bars.flags.writeable


def test_best_is_the_first_of_equals_and_nothing_where_no_score_is_defined(tmp_path, ledger):
    loaded = load(tmp_path)
    data = read(loaded)
    study = swept(loaded, ledger, data, alone(loaded, data))
    best = best_of(study.tried, "sharpe")
    assert best.figures["sharpe"] == max(one.figures["sharpe"] for one in study.tried if one.figures)
    calmest = best_of(study.tried, "annual_volatility")
    assert calmest.figures["annual_volatility"] == min(
        one.figures["annual_volatility"] for one in study.tried if one.figures
    )
    assert best_of(study.tried[4:], "sharpe") is None


@pytest.mark.parametrize(
    "overrides", [(), ("strategy.params.short=4",), ("strategy.params={long: 30}", "strategy.params.short=7")]
)
def test_checking_the_strategy_alone_gives_what_checking_all_gives(tmp_path, overrides):
    loaded = load(tmp_path, more="fees: {taker_bps: 3}\n")
    before = copy.deepcopy(loaded.document.values)
    varied, whole = vary(loaded, overrides), load_config(loaded.path, overrides)
    assert (varied.config, varied.resolved, varied.document) == (whole.config, whole.resolved, whole.document)
    assert list(varied.resolved) == list(whole.resolved)
    assert loaded.document.values == before


@pytest.mark.parametrize("override", ["strategy.parms.short=4", "strategy.class=7", "strategy.params=3"])
def test_refusal_of_a_strategy_section_is_told_as_that_of_a_file(tmp_path, override):
    loaded = load(tmp_path)
    told = []
    for read_again in (lambda: vary(loaded, (override,)), lambda: load_config(loaded.path, (override,))):
        with pytest.raises(ConfigError) as refused:
            read_again()
        told.append(str(refused.value))
    assert told[0] == told[1]
