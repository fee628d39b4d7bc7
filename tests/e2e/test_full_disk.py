"""A disk that fills while a run writes, played by a limit on the size of a file."""

from __future__ import annotations

import pytest

from .desk import ROOT, Desk, finish, refusal


@pytest.mark.parametrize(("kilobytes", "file"), [(1, "config.yaml"), (8, "metrics.json"), (100, "report.html")])
def test_disk_that_fills_is_one_line_and_leaves_earlier_results_alone(desk: Desk, kilobytes: int, file: str) -> None:
    earlier = desk.folder / "artifacts" / "earlier"
    earlier.mkdir(parents=True)
    (earlier / "metrics.json").write_text("{}")
    before = desk.files()
    limited = f'ulimit -f {kilobytes}; exec "$@"'
    line = refusal(finish(desk.start("bash", "-c", limited, "bash", *desk.backtest_command())))
    assert line.startswith("cannot write artifacts/e2e-")
    assert f"/{file}: file too large" in line
    assert "run again" in line
    assert desk.files() == before


def test_disk_that_fills_during_an_import_stores_nothing(desk: Desk) -> None:
    options = "--timeframe 1h --start 2021-01-01 --end 2022-01-01 --symbol SYNX --store bars"
    command = f"ulimit -f 64; exec .venv_python import synthetic {options}"
    command = command.replace(".venv_python import", f'"$0" "{ROOT}/scripts/import_bars.py"')
    line = refusal(finish(desk.start("bash", "-c", command, desk.backtest_command()[0])))
    assert line.startswith("could not write bars/synthetic/SYNX/1h.parquet: ")
    assert not list((desk.folder / "bars").rglob("*.*"))


def test_folder_of_compiled_code_that_cannot_be_written_is_refused_by_name(desk: Desk) -> None:
    (desk.folder / "file").touch()
    desk.environ["KEEL_CACHE_DIR"] = str(desk.folder / "file" / "cache")
    line = desk.refused()
    assert line.startswith(f"cannot write {desk.folder}/file/cache/")
    assert "not a directory" in line
