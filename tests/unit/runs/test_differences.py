from __future__ import annotations

import copy
from pathlib import Path

import polars as pl
import pytest
from made_runs import made_manifest, made_record, made_run

from keel.runs.differences import first_result_difference, input_differences
from keel.runs.hashing import config_hash
from keel.runs.read import FinishedRun, read_run
from keel.runs.redaction import REDACTED

THEN = made_manifest("a")


def differing(**changes: object) -> list[str]:
    return [str(each) for each in input_differences(THEN, made_manifest("b", **changes))]


def with_config(**changes: object) -> dict[str, object]:
    config = copy.deepcopy(THEN["config"]) | changes
    return {"config": config, "config_hash": config_hash(config)}


def test_same_inputs_differ_in_nothing() -> None:
    assert differing() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (with_config(strategy={"params": {"short": 6}}), "config strategy.params.short: 5 then, 6 now"),
        (with_config(strategy={"params": {}}), "config strategy.params.short: 5 then, absent now"),
        ({"versions": {"numpy": "2.1"}}, "version of numpy: 2.0 then, 2.1 now"),
        ({"own_code": {}}, "own code mine: efefefefefef then, absent now"),
        ({"repairs": [{"row": 3}]}, 'manifest repairs: absent then, [{"row":3}] now'),
        ({"data": [made_record(feed="other")]}, "bars of v:A 1h, feed: csv then, other now"),
        (
            {"data": [made_record(rows=2, last_ts_ms=3_600_000, content_hash="56" * 32)]},
            "bars of v:A 1h: 3 rows, 1970-01-01 00:00 UTC to 1970-01-01 02:00 UTC, hash 343434343434 then, "
            "2 rows, 1970-01-01 00:00 UTC to 1970-01-01 01:00 UTC, hash 565656565656 now",
        ),
        (
            {"code": {"git_revision": None, "dirty": None, "source_hash": "78" * 32}},
            "Keel's code: sources cdcdcdcdcdcd, revision abababababab with uncommitted changes then, "
            "sources 787878787878 now",
        ),
    ],
)
def test_changed_input_is_named_with_both_values(changes: dict[str, object], words: str) -> None:
    assert words in differing(**changes)


def test_bars_of_another_symbol_are_named_as_not_read() -> None:
    found = differing(data=[made_record(instrument="v:B")])
    assert [line.partition(" rows")[0] for line in found] == ["bars of v:A 1h: 3", "bars of v:B 1h: not read then, 3"]


def test_names_folders_checks_and_revisions_of_the_same_sources_are_no_inputs() -> None:
    changes = with_config(run={"name": "b", "seed": 7, "logs_dir": "x"}, doctor={"level": 2})
    code = {"git_revision": "ff" * 20, "dirty": False, "source_hash": "cd" * 32}
    assert differing(**changes, code=code, data=[made_record(path="elsewhere")], command=["y"], repeats="a") == []


def test_config_that_is_not_what_its_hash_says_is_told_apart_from_one_with_a_secret() -> None:
    edited = made_manifest("a", config_hash="0" * 64)
    secret = made_manifest("a", config=THEN["config"] | {"note": REDACTED})
    assert "other than its own hash says" in str(input_differences(edited, THEN)[0])
    assert "with a secret" in " ".join(map(str, input_differences(secret, made_manifest("b", config=secret["config"]))))


def two_runs(tmp_path: Path, **first: object) -> tuple[FinishedRun, FinishedRun]:
    then = made_run(tmp_path / "then", made_manifest("then", **first))
    return read_run(then), read_run(made_run(tmp_path / "now"))


def rewrite(run: FinishedRun, name: str, **columns: object) -> None:
    pl.read_parquet(run.folder / name).with_columns(**columns).write_parquet(run.folder / name)


def test_equal_results_have_no_first_difference(tmp_path: Path) -> None:
    assert first_result_difference(*two_runs(tmp_path)) is None


def test_first_differing_mark_is_named(tmp_path: Path) -> None:
    then, now = two_runs(tmp_path)
    rewrite(now, "equity.parquet", equity=pl.Series([100.0, 101.5, 99.5]))
    assert first_result_difference(then, now) == ("mark 2 of 3 (1970-01-01 02:00 UTC): equity 101.0 then, 101.5 now")


def test_fill_before_the_differing_mark_comes_first(tmp_path: Path) -> None:
    then, now = two_runs(tmp_path)
    rewrite(now, "equity.parquet", equity=pl.Series([100.0, 101.5, 99.5]))
    rewrite(now, "fills.parquet", price=pl.Series([11.0]))
    assert (
        first_result_difference(then, now)
    ) == "fill 1 of 1 (1970-01-01 01:00:00.001 UTC BUY A): price 10.0 then, 11.0 now"


def test_fill_that_only_one_of_them_has_is_named(tmp_path: Path) -> None:
    then, now = two_runs(tmp_path)
    pl.read_parquet(now.folder / "fills.parquet").head(0).write_parquet(now.folder / "fills.parquet")
    assert (
        first_result_difference(then, now)
    ) == "fill 1 (1970-01-01 01:00:00.001 UTC BUY A) was there only then: 1 then, 0 now"


def test_figures_are_named_where_no_fill_and_no_mark_differs(tmp_path: Path) -> None:
    then = read_run(made_run(tmp_path / "then"))
    now = read_run(made_run(tmp_path / "now", sharpe=2.0))
    assert first_result_difference(then, now) == "no fill and no mark, but metrics strategy.sharpe"


def test_stopped_run_is_compared_up_to_its_last_mark(tmp_path: Path) -> None:
    then, now = two_runs(tmp_path, status="interrupted")
    pl.read_parquet(then.folder / "equity.parquet").head(2).write_parquet(then.folder / "equity.parquet")
    rewrite(now, "equity.parquet", equity=pl.Series([100.0, 101.0, 50.0]))
    assert first_result_difference(then, now) is None
    rewrite(now, "equity.parquet", equity=pl.Series([100.0, 50.0, 50.0]))
    assert "mark 2" in (first_result_difference(then, now) or "")
