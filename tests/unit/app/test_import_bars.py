from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests" / "fixtures" / "bars"
SHARED = ROOT.parent / "shared" / "data"


def run(*arguments, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "import_bars.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def imported(*arguments) -> list[dict]:
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(*arguments) -> str:
    done = run(*arguments)
    assert done.returncode == 2, done
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


CSV = ("--venue", "testing", "--symbol", "ACME/USDT", "--timeframe", "1h")


def test_csv_is_imported_and_a_second_time_adds_nothing(tmp_path):
    store = ("--store", tmp_path)
    first = imported("csv", FIXTURES / "hourly.csv", *CSV, *store)[0]
    assert (first["instrument"], first["bars"], first["added"]) == ("testing:ACME/USDT", 4, 4)
    assert Path(first["file"]) == tmp_path / "testing" / "ACME-USDT" / "1h.parquet"
    assert Path(first["file"]).is_file()
    assert imported("csv", FIXTURES / "hourly.csv", *CSV, *store)[0]["added"] == 0


def test_columns_and_feed_are_taken_from_the_options(tmp_path):
    options = ("--columns", "timestamp=open_time,trade_count=count", "--feed", "binance", "--store", tmp_path)
    assert imported("csv", FIXTURES / "binance_klines.csv", *CSV, *options)[0]["feed"] == "binance"


def test_feather_yahoo_and_parquet_are_imported(tmp_path):
    store = ("--store", tmp_path)
    assert imported("freqtrade", FIXTURES / "ACME_USDT-1h.feather", "--venue", "testing", *store)[0]["bars"] == 4
    assert imported("yahoo", FIXTURES / "ACME.csv", *store)[0]["instrument"] == "yahoo:ACME"
    mapped = ("--columns", "timestamp=t", "--feed", "freqtrade")
    assert imported("parquet", FIXTURES / "hourly.parquet", *CSV, *mapped, *store)[0]["added"] == 0


def test_made_up_bars_are_imported_and_those_of_another_seed_replace_them(tmp_path):
    days = ("--timeframe", "1h", "--start", "2021-01-01", "--end", "2021-01-03", "--store", tmp_path)
    for seed, added in ((1, 48), (1, 0), (2, 48)):
        row = imported("synthetic", "--symbol", "SYNX", "--seed", seed, *days)[0]
        assert (row["bars"], row["added"]) == (48, added)
    assert "SYNBTC" in refused("synthetic", "--symbol", "BTC", *days)


def test_arch_is_imported_with_its_days_without_volume_told(tmp_path):
    rows = imported("arch", "--store", tmp_path)
    assert [(row["instrument"], row["bars"], row["no_volume"]) for row in rows] == [
        ("indices:SP500", 5031, 0),
        ("indices:NASDAQ", 5031, 2),
    ]


def test_summary_table_names_what_was_imported(tmp_path):
    done = run("csv", FIXTURES / "hourly.csv", *CSV, "--store", tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.split()[:6] == ["instrument", "bars", "added", "first", "last", "no"]
    row = next(line for line in done.stdout.splitlines() if "ACME" in line)
    assert row.split() == ["testing:ACME/USDT", "1h", "4", "4", "2021-01-01", "2021-01-01", "1"]


def test_summary_folds_a_long_name_and_cuts_nothing_off(tmp_path):
    named = ("--venue", "a-venue-with-a-long-name", "--symbol", "ABCDEFGHIJKLMNOPQRSTUVWXYZ/USDT", "--timeframe", "1h")
    done = run("csv", FIXTURES / "hourly.csv", *named, "--store", tmp_path)
    assert "…" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    first_column = "".join(line[:26].strip() for line in done.stdout.splitlines())
    assert "a-venue-with-a-long-name:ABCDEFGHIJKLMNOPQRSTUVWXYZ/USDT" in first_column


@pytest.mark.parametrize(
    ("file", "told"),
    [("empty.csv", "the file is empty"), ("header_only.csv", "no row below it"), ("none.csv", "no such file")],
)
def test_bad_file_is_one_line_exit_2_and_nothing_stored(tmp_path, file, told):
    store = tmp_path / "bars"
    assert told in refused("csv", FIXTURES / "hourly.csv", FIXTURES / file, *CSV, "--store", store)
    assert not store.exists()


def test_zipped_klines_are_imported_under_the_symbol_asked_for(tmp_path):
    klines = tmp_path / "ACMEUSDT-1h-2021-01.zip"
    rows = [
        f"{ts}000,100,102,98,101,5,{ts + 3_599_999}999,500,7,2,200,0" for ts in (1_609_459_200_000, 1_609_462_800_000)
    ]
    with zipfile.ZipFile(klines, "w") as archive:
        archive.writestr("ACMEUSDT-1h-2021-01.csv", "\n".join(rows))
    row = imported("binance", klines, "--symbol", "ACME/USDT", "--store", tmp_path / "bars")[0]
    assert (row["instrument"], row["timeframe"], row["bars"]) == ("binance:ACME/USDT", "1h", 2)


def test_hours_after_the_bell_are_refused_or_left_out_told_and_marked_in_the_feed(tmp_path):
    hours = tmp_path / "acme.zip"
    with zipfile.ZipFile(hours, "w") as archive:
        archive.writestr("acme.csv", "".join(f"20201127 {hour},1000,1000,1000,1000,5\n" for hour in ("12:00", "13:00")))
    store = ("--store", tmp_path / "bars")
    assert "--outside-sessions drop" in refused("lean", hours, *store)
    row = imported("lean", hours, "--outside-sessions", "drop", *store)[0]
    assert (row["bars"], row["left_out"], row["feed"]) == (1, 1, "lean (sessions only)")
    table = run("lean", hours, "--outside-sessions", "drop", *store)
    assert "left out" in table.stdout


def test_csv_without_a_header_is_imported_and_a_parquet_without_one_is_refused(tmp_path):
    bare = tmp_path / "bare.csv"
    bare.write_text("\n".join((FIXTURES / "hourly.csv").read_text().splitlines()[1:]))
    store = ("--store", tmp_path / "bars")
    assert imported("csv", bare, *CSV, "--no-header", *store)[0]["added"] == 4
    assert imported("csv", FIXTURES / "hourly.csv", *CSV, *store)[0]["added"] == 0
    assert "--no-header" in refused("parquet", FIXTURES / "hourly.parquet", *CSV, "--no-header", *store)


def test_missing_option_is_one_line_and_exit_2():
    assert "--venue" in refused("csv", FIXTURES / "hourly.csv")


def test_help_teaches_with_examples_and_imports_nothing_heavy():
    assert "freqtrade BTC_USDT-1h.feather --venue binance" in run("--help").stdout
    code = (
        "import runpy, sys; sys.argv = ['import_bars.py', '--help']\n"
        f"try: runpy.run_path({str(ROOT / 'scripts' / 'import_bars.py')!r}, run_name='__main__')\n"
        "except SystemExit: print(sorted({'polars', 'pyarrow', 'numpy', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared market data is not beside this project")
def test_44_yahoo_files_are_imported_at_once(tmp_path):
    rows = imported("yahoo", *sorted((SHARED / "stocks_yahoo_csv").glob("*.csv")), "--store", tmp_path)
    assert len(rows) == 44
    assert all(row["bars"] == row["added"] for row in rows)
