from __future__ import annotations

from pathlib import Path

import pytest

from keel.config.load import load_update
from keel.domain.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
JOB = {
    "format": "binance",
    "source": "https://host/{symbol}-{date}.zip",
    "venue": "binance",
    "symbols": "[BTC/USDT]",
    "timeframe": "1m",
    "start": "2024-01-01",
}


def written(folder: Path, **changes: str | None) -> Path:
    keys = {key: value for key, value in (JOB | changes).items() if value is not None}
    path = folder / "update.yaml"
    path.write_text("jobs:\n  mine:\n" + "".join(f"    {key}: {value}\n" for key, value in keys.items()))
    return path


def test_shipped_jobs_load_and_fetch_from_the_web():
    jobs = load_update(ROOT / "configs" / "update_bars.yaml").jobs
    assert {name: job.period for name, job in jobs.items()} == {"btc-months": "month", "btc-days": "date"}
    assert all(job.is_remote for job in jobs.values())


def test_stock_formats_have_their_calendar(tmp_path):
    local = {"source": "lean/*.zip", "format": "lean", "symbols": None, "start": None, "timeframe": "1d"}
    assert load_update(written(tmp_path, **local)).jobs["mine"].trading_calendar == "XNYS"
    assert load_update(written(tmp_path)).jobs["mine"].trading_calendar == "24/7"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"formatt": "csv"}, ":9: unknown key 'jobs.mine.formatt': nearest right key is 'jobs.mine.format'"),
        ({"venue": None}, "missing key 'jobs.mine.venue'"),
        ({"format": "excel"}, ":3: jobs.mine.format: expected"),
        ({"source": "ftp://host/{symbol}"}, "expected a path or an address that begins with http"),
        ({"source": "https://me:hush@host/{symbol}-{date}"}, "without user and password"),
        ({"source": "https://host/{symbol}-{day}"}, "{day} is not one of {symbol}, {date} and {month}"),
        ({"source": "https://host/{symbol}-{date:%Y}"}, "nothing else between { and }"),
        ({"source": "https://host/{symbol"}, "a { without }"),
        ({"source": "https://host/{date}/{month}/{symbol}"}, "exclude each other"),
        ({"source": "files/{symbol}-{date}.zip"}, "a path takes * where the date stands"),
        ({"source": "https://host/{date}", "symbols": "[A, B]"}, "several symbols need {symbol}"),
        ({"symbols": None}, "source has {symbol}: list at least one"),
        ({"symbols": None, "source": "https://host/{date}"}, "an address needs at least one symbol"),
        ({"symbols": None, "source": "x.csv", "format": "csv"}, "csv files do not tell their symbol"),
        ({"start": None}, "{date} in source needs the first day to fetch"),
        ({"timeframe": "1w"}, "files by date hold bars of at most 1d"),
        ({"columns": "{open: o}"}, "binance files have their own: remove it"),
        ({"price_kind": "split"}, "binance files have their own: remove it"),
        ({"header": "false"}, "binance files are read as they are"),
        ({"format": "csv", "columns": "{opne: o}"}, "jobs.mine.columns"),
    ],
)
def test_wrong_job_is_refused_in_one_line_that_names_the_key(tmp_path, changes, told):
    path = written(tmp_path, **changes)
    with pytest.raises(ConfigError) as caught:
        load_update(path)
    assert str(caught.value).startswith(str(path))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hush" not in str(caught.value)
