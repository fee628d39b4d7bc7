"""The trial ledger: nothing tried is forgotten, whoever writes, and a file that is none is refused."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from keel.domain.errors import UsageError
from keel.runs import ledger_schema, migrations
from keel.runs.ledger import LEDGER_NAME, Trial, TrialCount, TrialLedger, bars_hash, setup_hash
from keel.runs.manifest import DataRecord

BARS = DataRecord("binance:BTC/USDT", "1d", "data/x.parquet", "Binance", "raw", 100, 1_000, 2_000, "aa")
TRIAL = Trial(
    number=0,
    key="a=1",
    started="2026-01-01T00:00:00.000Z",
    duration_s=0.25,
    config_hash="c",
    setup_hash="s",
    parameters={"a": "1"},
    set_hash="",
    source_hash="code",
    git_revision=None,
    seed=7,
    stream=0,
    status="done",
    figures={"sharpe": 0.5, "total_return": 0.1, "max_drawdown": -0.2, "calmar": None},
)
WRITER = """
import sys
from pathlib import Path
from dataclasses import replace
sys.path.insert(0, sys.argv[2])
from test_ledger import BARS, TRIAL
from keel.runs.ledger import TrialLedger
with TrialLedger.open(Path(sys.argv[1])) as ledger:
    study = ledger.claim_study("both", "sweep", "now", {})
    bars = ledger.note_bars([BARS])
    for i in range(60):
        ledger.record(study, replace(TRIAL, number=i, key=str(i), set_hash=bars))
"""


def entered(ledger: TrialLedger, name: str, *trials: Trial, bars: DataRecord = BARS) -> str:
    study, named = ledger.claim_study(name, "sweep", "2026", {}), ledger.note_bars([bars])
    for trial in trials:
        ledger.record(study, replace(trial, set_hash=named))
    return named


def test_trial_comes_back_as_it_was_entered(tmp_path):
    with TrialLedger.open(tmp_path) as ledger:
        named = entered(ledger, "one", TRIAL)
    with TrialLedger.open(tmp_path) as ledger:
        (row,) = ledger.trials(study="one")
        assert ledger.trials(set_hash=named) == [row]
    assert {name: row[name] for name in ("study", "key", "status", "seed", "sharpe")} == {
        "study": "one",
        "key": "a=1",
        "status": "done",
        "seed": 7,
        "sharpe": 0.5,
    }
    assert row["parameters"] == {"a": "1"}
    assert row["figures"] == TRIAL.figures


def test_count_tells_different_setups_from_repeats_and_leaves_out_what_never_ran(tmp_path):
    skipped = replace(TRIAL, key="b", status="skipped", setup_hash=None, config_hash=None, figures={})
    with TrialLedger.open(tmp_path) as ledger:
        named = entered(ledger, "one", TRIAL, replace(TRIAL, key="c", setup_hash="other"), skipped)
        entered(ledger, "two", TRIAL, replace(TRIAL, key="x", status="failed"))
        assert ledger.count(named) == TrialCount(trials=3, different=2)


def test_overlapping_bars_of_the_same_instrument_count_together(tmp_path):
    later = replace(BARS, first_ts_ms=1_500, last_ts_ms=2_500, content_hash="bb")
    apart = replace(BARS, first_ts_ms=3_000, last_ts_ms=4_000, content_hash="cc")
    other = replace(BARS, instrument="binance:ETH/USDT", content_hash="dd")
    with TrialLedger.open(tmp_path) as ledger:
        named = [entered(ledger, "s", replace(TRIAL, setup_hash=bars.content_hash), bars=bars)
                 for bars in (BARS, later, apart, other)]  # fmt: skip
        assert [ledger.count(name).trials for name in named] == [1, 1, 1, 1]
        assert [ledger.count_overlapping(name).different for name in named] == [2, 2, 1, 1]


def test_taken_name_of_a_study_gets_a_number_and_its_request_is_kept(tmp_path):
    with TrialLedger.open(tmp_path) as ledger:
        names = [ledger.claim_study("s", "sweep", "now", {"n": i}) for i in range(3)]
        assert names == ["s", "s-2", "s-3"]
        assert ledger.request_of("s-2") == {"n": 1}
        assert ledger.request_of("t") is None
        assert ledger.studies() == []  # none has a trial


def test_studies_show_their_size_and_best(tmp_path):
    with TrialLedger.open(tmp_path) as ledger:
        entered(ledger, "s", TRIAL, replace(TRIAL, key="b", figures={"sharpe": 1.5}))
        (study,) = ledger.studies()
    assert (study["name"], study["trials"], study["best_sharpe"]) == ("s", 2, 1.5)


def test_bars_hash_is_that_of_the_set_wherever_it_lies():
    other = replace(BARS, instrument="binance:ETH/USDT")
    assert bars_hash([BARS, other]) == bars_hash([other, replace(BARS, path="elsewhere")])
    assert bars_hash([BARS]) != bars_hash([replace(BARS, content_hash="ab")])


def test_setup_hash_ignores_names_and_folders_but_no_seed():
    resolved = {"run": {"name": "a", "seed": 1, "logs_dir": "x"}, "doctor": {"min_free_disk_gb": 1}, "fees": {"t": 1}}
    renamed = {"run": {"name": "b", "seed": 1, "logs_dir": "y"}, "doctor": {"min_free_disk_gb": 9}, "fees": {"t": 1}}
    assert setup_hash(resolved) == setup_hash(renamed)
    assert setup_hash(resolved) != setup_hash(resolved | {"run": {"name": "a", "seed": 2, "logs_dir": "x"}})
    assert setup_hash(resolved) != setup_hash(resolved | {"fees": {"t": 2}})


def test_two_processes_write_at_once_and_lose_nothing(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path), str(Path(__file__).parent)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate(timeout=60)[1] for process in both] == [b"", b""]
    with TrialLedger.open(tmp_path) as ledger:
        assert sorted(len(ledger.trials(study=name)) for name in ("both", "both-2")) == [60, 60]
        assert ledger.count(bars_hash([BARS])) == TrialCount(120, 1)


def test_migrations_make_the_tables_that_the_code_declares(tmp_path):
    TrialLedger.open(tmp_path).close()
    with create_engine(f"sqlite:///{tmp_path / LEDGER_NAME}").connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, ledger_schema.METADATA) == []
        assert context.get_current_revision() == ledger_schema.REVISION
    folder = Path(migrations.__file__).parent
    assert ScriptDirectory(str(folder)).get_current_head() == ledger_schema.REVISION


def test_ledger_of_a_newer_version_is_left_alone(tmp_path):
    TrialLedger.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / LEDGER_NAME)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(UsageError, match="newer Keel"):
        TrialLedger.open(tmp_path)


def test_file_that_is_no_ledger_is_named_with_the_mend(tmp_path):
    (tmp_path / LEDGER_NAME).write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(UsageError, match=r"trials\.db.*move it away"):
        TrialLedger.open(tmp_path)
