from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from keel.domain.errors import UsageError
from keel.domain.layout import MARK
from keel.runs.folder import RunFolder, new_run_id
from keel.runs.frames import equity_table
from keel.runs.manifest import RunManifest, begin_manifest

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUN_ID = "demo-20260102-030405-0123abcd"
needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


def manifest(run_id: str = RUN_ID) -> RunManifest:
    resolved = {"run": {"name": "demo", "seed": 1, "stream": 0}}
    return begin_manifest(run_id, resolved, [], ["script_backtest.py"], STARTED).finish("done", "ab" * 32)


def shown(artifacts: Path) -> list[str]:
    return sorted(path.name for path in artifacts.iterdir())


def test_run_id_is_the_name_the_utc_start_and_the_hash_of_the_config() -> None:
    in_tokyo = STARTED.astimezone(timezone(timedelta(hours=9)))
    assert new_run_id("demo", "0123abcd" + "f" * 56, in_tokyo) == RUN_ID


def test_nothing_shows_under_the_final_name_until_the_run_is_finished(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path, RUN_ID) as folder:
        folder.write_text("config.yaml", "mode: sim\n")
        assert [name for name in shown(tmp_path) if not name.startswith(".")] == []
        assert folder.finish(manifest()) == tmp_path / RUN_ID
    assert shown(tmp_path) == [RUN_ID]
    assert shown(tmp_path / RUN_ID) == ["config.yaml", "manifest.json"]


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunFolder.create(tmp_path, RUN_ID) as folder:  # noqa: PT012
        folder.write_text("half.txt", "half")
        raise ZeroDivisionError
    assert shown(tmp_path) == []


def test_an_interrupted_run_is_kept_and_marked(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path, RUN_ID) as folder:
        folder.finish(manifest().finish("interrupted", None))
    assert json.loads((tmp_path / RUN_ID / "manifest.json").read_text())["status"] == "interrupted"


def test_a_finished_run_is_never_rewritten(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path, RUN_ID) as folder:
        folder.write_text("a.txt", "first")
        folder.finish(manifest())
        with pytest.raises(UsageError, match="never rewritten"):
            folder.write_text("a.txt", "second")
        with pytest.raises(UsageError, match="never rewritten"):
            folder.finish(manifest())
    assert (tmp_path / RUN_ID / "a.txt").read_text() == "first"


def test_the_same_second_gets_a_number_for_finished_and_for_running_runs(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path, RUN_ID) as first, RunFolder.create(tmp_path, RUN_ID) as second:
        first.finish(manifest())
        with RunFolder.create(tmp_path, RUN_ID) as third:
            assert [f.run_id for f in (first, second, third)] == [RUN_ID, f"{RUN_ID}-2", f"{RUN_ID}-3"]
            third.finish(manifest(third.run_id))
    assert shown(tmp_path) == [RUN_ID, f"{RUN_ID}-3"]


def test_many_runs_that_start_at_once_all_get_their_own_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda _: _start_and_finish(tmp_path), range(24)))
    assert len(set(ids)) == 24
    assert shown(tmp_path) == sorted(ids)


def _start_and_finish(artifacts: Path) -> str:
    with RunFolder.create(artifacts, RUN_ID) as folder:
        folder.finish(manifest(folder.run_id))
        return folder.run_id


def test_json_holds_null_for_what_json_lacks_and_keeps_the_order_of_keys(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path, RUN_ID) as folder:
        folder.write_json("metrics.json", {"b": np.float64(math.nan), "a": [math.inf, np.int64(3), True, None]})
        text = (folder.path / "metrics.json").read_text()
    assert json.loads(text) == {"b": None, "a": [None, 3, True, None]}
    assert text.index('"b"') < text.index('"a"')


def test_a_structured_array_and_a_frame_become_parquet(tmp_path: Path) -> None:
    marks = np.zeros(3, MARK)
    marks["equity"] = [1.0, 2.0, 3.0]
    with RunFolder.create(tmp_path, RUN_ID) as folder:
        folder.write_parquet("marks.parquet", marks)
        folder.write_parquet_parts("equity.parquet", [equity_table(marks)])
        folder.finish(manifest())
    for name in ("marks.parquet", "equity.parquet"):
        assert pl.read_parquet(tmp_path / RUN_ID / name)["equity"].to_list() == [1.0, 2.0, 3.0]


@needs_dev_full
@pytest.mark.parametrize("name", ["metrics.json", "equity.parquet"])
def test_a_full_disk_is_one_line_with_the_path_and_the_mend_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    final = tmp_path / RUN_ID / name
    with pytest.raises(UsageError, match=f"cannot write {final}: no space left on device; free some space"):
        _write_to_full_disk(tmp_path, name)
    assert shown(tmp_path) == []


def _write_to_full_disk(artifacts: Path, name: str) -> None:
    with RunFolder.create(artifacts, RUN_ID) as folder:
        (folder.path / name).symlink_to("/dev/full")
        if name.endswith("json"):
            folder.write_json(name, {})
        else:
            folder.write_parquet(name, np.zeros(10, MARK))


def test_a_process_that_may_write_no_more_exits_with_2_and_leaves_nothing(tmp_path: Path) -> None:
    script = f"""
import resource, sys
import numpy as np
from pathlib import Path
from keel.domain.errors import KeelError
from keel.domain.layout import MARK
from keel.runs.folder import RunFolder
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with RunFolder.create(Path({str(tmp_path)!r}), {RUN_ID!r}) as folder:
        folder.write_text("small.txt", "fits")
        marks = np.zeros(10000, MARK)
        marks["equity"] = np.random.default_rng(1).random(10000)
        folder.write_parquet("equity.parquet", marks)
except KeelError as error:
    print(error)
    sys.exit(error.exit_code)
"""
    root = str(Path(__file__).resolve().parents[3])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": root}
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert f"{tmp_path / RUN_ID / 'equity.parquet'}: file too large; raise the file size limit" in done.stdout
    assert shown(tmp_path) == []


def test_a_file_where_the_artifacts_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("in the way")
    with pytest.raises(UsageError, match=r"artifacts.*move it away"):
        RunFolder.create(tmp_path / "artifacts", RUN_ID)


def test_the_manifest_of_another_run_is_refused(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path, RUN_ID) as folder, pytest.raises(ValueError, match="other-run"):
        folder.finish(manifest("other-run"))


def test_a_million_rows_of_equity_are_written_in_half_a_second(tmp_path: Path) -> None:
    marks = np.zeros(1_000_000, MARK)
    marks["ts_ms"] = np.arange(len(marks)) * 60_000
    marks["equity"] = 1e5 + np.random.default_rng(1).normal(size=len(marks)).cumsum()
    with RunFolder.create(tmp_path, RUN_ID) as folder:
        began = time.process_time()
        folder.write_parquet_parts("equity.parquet", [equity_table(marks)])
        # Ten times the promise: a busy machine passes, writing row by row does not.
        assert time.process_time() - began < 5.0
