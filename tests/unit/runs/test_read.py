from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from made_runs import made_run

from keel.domain.errors import UsageError
from keel.runs.read import find_run, read_run


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    for name in ("trend-1", "trend-2", "other-1"):
        made_run(tmp_path / "artifacts" / name)
    (tmp_path / "artifacts" / ".late-1.partial").mkdir()
    return tmp_path / "artifacts"


def test_run_is_found_by_folder_by_id_and_by_the_start_of_one_id(artifacts: Path) -> None:
    for name in (str(artifacts / "other-1"), "other-1", "oth", f"{artifacts}/other-1/"):
        assert find_run(name, artifacts) == artifacts / "other-1"


def test_run_inside_another_folder_is_found_by_its_path(artifacts: Path) -> None:
    made_run(artifacts / "sweep" / "trial-3")
    assert find_run("sweep/trial-3", artifacts) == artifacts / "sweep" / "trial-3"


def test_exact_id_is_no_prefix_of_a_longer_one(artifacts: Path) -> None:
    made_run(artifacts / "trend-1-2")
    assert find_run("trend-1", artifacts) == artifacts / "trend-1"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("trend", "2 runs begin so: trend-1, trend-2: write more"),
        ("trent-1", "did you mean trend-1"),
        ("late", "not finished"),
        ("zzzzzzzz", "did you mean other-1, trend-1, trend-2"),
    ],
)
def test_name_that_names_no_run_or_several_is_refused_with_the_mend(artifacts: Path, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        find_run(name, artifacts)


def test_first_run_of_all_is_told_that_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is none yet"):
        find_run("x", tmp_path / "artifacts")


def test_folder_without_a_manifest_is_no_run(artifacts: Path) -> None:
    (artifacts / "trend-1" / "manifest.json").unlink()
    with pytest.raises(UsageError, match=r"trend-1/manifest\.json is missing"):
        find_run(str(artifacts / "trend-1"), artifacts)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("manifest.json", b"{", "is damaged"),
        ("manifest.json", b"[" * 100_000, "is damaged"),
        ("manifest.json", b"[]", "has no run_id"),
        ("metrics.json", b"\xff", "is damaged"),
        ("metrics.json", b'{"status": "done"}', "has no period"),
        ("metrics.json", None, "is missing"),
    ],
)
def test_damaged_file_is_named(artifacts: Path, file: str, content: bytes | None, words: str) -> None:
    path = artifacts / "trend-1" / file
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UsageError, match=words) as refused:
        read_run(path.parent)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"PAR1")])
def test_damaged_table_is_named(artifacts: Path, damage) -> None:
    run = read_run(artifacts / "trend-1")
    damage(artifacts / "trend-1" / "equity.parquet")
    with pytest.raises(UsageError, match=r"trend-1/equity\.parquet is"):
        run.table("equity.parquet", "ts_ms")


def test_table_changed_anywhere_is_named_or_read(artifacts: Path) -> None:
    run, path = read_run(artifacts / "trend-1"), artifacts / "trend-1" / "equity.parquet"
    whole = path.read_bytes()
    for at in range(0, len(whole), 11):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        with suppress(UsageError):
            run.table("equity.parquet")


def test_column_that_is_not_there_is_a_damaged_table(artifacts: Path) -> None:
    with pytest.raises(UsageError, match=r"equity\.parquet is damaged"):
        read_run(artifacts / "trend-1").table("equity.parquet", "cash")
