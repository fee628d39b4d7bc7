from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from made_bars import FIXTURES, MS_PER_HOUR, NEW_YEAR_2021, SHARED, hours, stored

from keel.config.update import UpdateJob
from keel.data.store import BarStore
from keel.data.update.job import JobRun, Progress
from keel.data.update.periods import needed_periods
from keel.domain.errors import DataError
from keel.domain.instrument import InstrumentId
from keel.wire.download import NotThereError, PassingFaultError

ACME = InstrumentId("testing", "ACME/USDT")
NEW_YEAR = date(2021, 1, 1)
REMOTE = {
    "format": "binance",
    "source": "https://host/{symbol}/1h/{symbol}-1h-{date}.zip",
    "venue": "testing",
    "symbols": ["ACME/USDT"],
    "timeframe": "1h",
    "start": "2021-01-01",
}


def job(**changes: object) -> UpdateJob:
    return UpdateJob.model_validate({**REMOTE, **changes})


def day_of_klines(day: int, price: float = 100.0) -> str:
    opens = hours(*range(24 * day, 24 * day + 24))
    cells = f"{price},{price + 2},{price - 2},{price},5"
    return "\n".join(f"{ts},{cells},{ts + MS_PER_HOUR - 1},1,2,3,4,0" for ts in opens) + "\n"


class Source:
    """Stand for the network: files by day of January 2021, and the errors others give. Plain CSV, whatever its name."""

    def __init__(self, *days: int) -> None:
        self.files = {f"2021-01-{day + 1:02}": day_of_klines(day) for day in days}
        self.errors: dict[str, BaseException] = {}
        self.asked: list[str] = []

    def __call__(self, url: str, path: Path) -> None:
        period = url.rpartition("1h-")[2].removesuffix(".csv")
        self.asked.append(period)
        if period in self.errors:
            raise self.errors[period]
        if period not in self.files:
            raise NotThereError(f"{url}: answered 404 Not Found")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.files[period])


def run(folder: Path, web: Source, today: date, **changes: object) -> Progress:
    changed = {"source": "https://host/{symbol}/1h/{symbol}-1h-{date}.csv", **changes}
    store = BarStore(folder / "bars")
    return JobRun("days", job(**changed), store, folder / "raw", today, web, lambda: None).run()


def stored_days(folder: Path, name: InstrumentId = ACME) -> list[int]:
    opens = BarStore(folder / "bars").read(name, "1h").table["open_ts_ms"]
    return sorted({(ts - NEW_YEAR_2021) // (24 * MS_PER_HOUR) for ts in opens})


def test_only_days_that_are_over_and_not_stored_are_asked_for(tmp_path):
    source = Source(0, 1, 2)
    first = run(tmp_path, source, NEW_YEAR + timedelta(days=2))
    assert source.asked == ["2021-01-01", "2021-01-02"]
    assert (first.files, first.added, first.failures, first.awaited) == (2, 48, [], [])
    second = run(tmp_path, source, NEW_YEAR + timedelta(days=3))
    assert source.asked[2:] == ["2021-01-03"]
    assert second.added == 24
    assert run(tmp_path, source, NEW_YEAR + timedelta(days=3)).files == 0
    assert stored_days(tmp_path) == [0, 1, 2]


def test_what_was_downloaded_is_kept_as_it_came(tmp_path):
    run(tmp_path, Source(0), NEW_YEAR + timedelta(days=1))
    kept = tmp_path / "raw" / "days" / "ACME-USDT-1h-2021-01-01.csv"
    assert kept.read_text() == day_of_klines(0)


def test_file_not_out_yet_is_awaited_and_one_that_should_be_there_fails_without_holding_up_the_others(tmp_path):
    done = run(tmp_path, Source(1, 3), NEW_YEAR + timedelta(days=5), awaited_days=1)
    assert done.awaited == ["ACME/USDT 2021-01-05"]
    (failure,) = [text for text in done.failures if "2021-01-01" in text]
    assert "answered 404" in failure
    assert "add 2021-01-01 to skip" in failure
    assert stored_days(tmp_path) == [1, 3]


def test_hole_is_asked_for_again_and_filled_when_the_file_comes(tmp_path):
    today = NEW_YEAR + timedelta(days=3)
    source = Source(0, 2)
    assert run(tmp_path, source, today, awaited_days=0).failures
    source.files["2021-01-02"] = day_of_klines(1)
    source.asked.clear()
    assert run(tmp_path, source, today, awaited_days=0).failures == []
    assert source.asked == ["2021-01-02"]
    assert stored_days(tmp_path) == [0, 1, 2]


def test_day_on_the_skip_list_is_not_asked_for(tmp_path):
    source = Source(0, 2)
    assert run(tmp_path, source, NEW_YEAR + timedelta(days=3), skip=["2021-01-02"]).failures == []
    assert source.asked == ["2021-01-01", "2021-01-03"]


def test_host_that_stays_silent_ends_the_symbol_and_keeps_what_came_before(tmp_path):
    source = Source(0, 1, 2, 3)
    source.errors["2021-01-03"] = PassingFaultError("https://host: no answer: timed out")
    done = run(tmp_path, source, NEW_YEAR + timedelta(days=4))
    assert source.asked == ["2021-01-01", "2021-01-02", "2021-01-03"]
    assert stored_days(tmp_path) == [0, 1]
    assert done.failures == ["ACME/USDT: https://host: no answer: timed out; the next run goes on from here"]
    source.errors.clear()
    assert run(tmp_path, source, NEW_YEAR + timedelta(days=4)).failures == []
    assert stored_days(tmp_path) == [0, 1, 2, 3]


def test_interrupt_keeps_what_came_before_it(tmp_path):
    source = Source(0, 1)
    source.errors["2021-01-03"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, source, NEW_YEAR + timedelta(days=4))
    assert stored_days(tmp_path) == [0, 1]


def test_address_without_a_period_is_fetched_each_time_and_only_new_rows_are_added(tmp_path):
    source = Source()
    whole = {"source": "https://host/1h-all.csv", "start": None}
    source.files["all"] = day_of_klines(0)
    assert run(tmp_path, source, NEW_YEAR, **whole).added == 24
    source.files["all"] += day_of_klines(1)
    assert run(tmp_path, source, NEW_YEAR, **whole).added == 24
    del source.files["all"]
    assert run(tmp_path, source, NEW_YEAR, **whole).failures == [
        "ACME/USDT: https://host/1h-all.csv: answered 404 Not Found"
    ]


def test_bad_file_is_told_by_its_row_and_the_others_are_stored(tmp_path):
    source = Source(0, 1, 2)
    source.files["2021-01-02"] = day_of_klines(1).replace("100.0,102.0", "x,102.0", 1)
    done = run(tmp_path, source, NEW_YEAR + timedelta(days=3))
    assert stored_days(tmp_path) == [0, 2]
    (failure,) = done.failures
    assert "2021-01-02.csv: row 1: open 'x' is no number" in failure


def test_file_that_contradicts_stored_bars_is_told_and_the_others_are_stored(tmp_path):
    BarStore(tmp_path / "bars").write(stored([NEW_YEAR_2021 + 30 * MS_PER_HOUR], instrument_id=ACME, feed="other"))
    done = run(tmp_path, Source(0), NEW_YEAR + timedelta(days=1))
    assert done.added == 0
    assert "feed is 'binance'" in done.failures[0]
    local = tmp_path / "files"
    local.mkdir()
    (local / "a.csv").write_text(day_of_klines(0))
    (local / "b.csv").write_text(day_of_klines(0, price=200.0))
    (local / "c.csv").write_text(day_of_klines(1))
    done = run(tmp_path, Source(), NEW_YEAR, source=str(local / "*.csv"), venue="local")
    assert done.files == 3
    assert done.added == 48
    (failure,) = done.failures
    assert "b.csv: row 1 (2021-01-01 00:00 UTC): open is 200.0 but the stored bar has 100.0" in failure


def test_local_files_are_read_when_new_or_changed_or_when_their_bars_are_gone(tmp_path):
    local = tmp_path / "files"
    local.mkdir()
    (local / "a.csv").write_text(day_of_klines(0))
    source = {"source": str(local / "*.csv")}
    assert run(tmp_path, Source(), NEW_YEAR, **source).files == 1
    assert run(tmp_path, Source(), NEW_YEAR, **source).files == 0
    (local / "b.csv").write_text(day_of_klines(1))
    assert run(tmp_path, Source(), NEW_YEAR, **source).files == 1
    (local / "b.csv").write_text(day_of_klines(1) + day_of_klines(2))
    again = run(tmp_path, Source(), NEW_YEAR, **source)
    assert (again.files, again.added) == (1, 24)
    shutil.rmtree(tmp_path / "bars" / "testing")
    assert run(tmp_path, Source(), NEW_YEAR, **source).files == 2
    assert stored_days(tmp_path) == [0, 1, 2]


def test_local_file_that_is_missing_fails(tmp_path):
    done = run(tmp_path, Source(), NEW_YEAR, source=str(tmp_path / "none-*.csv"))
    assert done.failures == [f"{tmp_path}/none-*.csv: no such file"]


def test_longer_bars_are_made_of_what_came_in_and_grow_with_the_next_run(tmp_path):
    source = Source(0, 1, 2)
    store = BarStore(tmp_path / "bars")
    for days in (1, 2, 3):
        run(tmp_path, source, NEW_YEAR + timedelta(days=days), resample=["4h", "1d"])
        assert store.read(ACME, "1d").table.height == days
        assert store.read(ACME, "4h").table.height == 6 * days


def test_more_files_than_a_batch_are_all_stored(tmp_path):
    source = Source(*range(31))
    source.files |= {f"2021-0{2 + n // 28}-{n % 28 + 1:02}": day_of_klines(31 + n) for n in range(56)}
    done = run(tmp_path, source, NEW_YEAR + timedelta(days=80))
    assert (done.files, done.added, done.failures) == (80, 80 * 24, [])


def texts(store: BarStore, today: date, **changes: object) -> list[str]:
    return [period.text for period in needed_periods(job(**changes), store, "ACME/USDT", today)]


def test_months_are_asked_for_when_they_are_over_and_nothing_of_them_is_stored(tmp_path):
    store = BarStore(tmp_path)
    monthly = {"source": "https://host/{symbol}-{month}.zip", "start": "2020-11-15"}
    assert texts(store, date(2021, 1, 31), **monthly) == ["2020-11", "2020-12"]
    store.write(stored(hours(-24), instrument_id=ACME))
    assert texts(store, date(2021, 2, 1), **monthly) == ["2020-11", "2021-01"]


def test_days_without_a_session_are_not_asked_for(tmp_path):
    stocks = {"calendar": "XNYS", "start": "2020-12-24"}
    assert texts(BarStore(tmp_path), date(2021, 1, 5), **stocks) == [
        "2020-12-24", "2020-12-28", "2020-12-29", "2020-12-30", "2020-12-31", "2021-01-04",
    ]  # fmt: skip


def test_bar_that_opens_at_midnight_belongs_to_its_own_day(tmp_path):
    store = BarStore(tmp_path)
    store.write(stored(hours(24), instrument_id=ACME))
    assert texts(store, date(2021, 1, 4)) == ["2021-01-01", "2021-01-03"]
    store.write(stored(hours(23), instrument_id=ACME))
    assert texts(store, date(2021, 1, 4)) == ["2021-01-02", "2021-01-03"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared market data is not beside this project")
def test_real_files_of_every_format_go_through_one_way(tmp_path):
    crypto, store = SHARED / "crypto", BarStore(tmp_path / "bars")
    jobs = {
        "lean": {"source": f"{SHARED}/lean/daily_*.zip", "timeframe": "1d"},
        "yahoo": {"source": f"{SHARED}/stocks_yahoo_csv/A*.csv", "timeframe": "1d"},
        "freqtrade": {"source": f"{crypto}/BTC_USDT-1h.feather", "timeframe": "1h"},
        "parquet": {"source": f"{crypto}/BTCUSDT_1h_2021.parquet", "timeframe": "1h", "symbols": ["BTC/USDT"],
                    "columns": {"timestamp": "ts_ms"}},
        "csv": {"source": f"{crypto}/btc-perp-20211231-20220201_1m.csv", "timeframe": "1m", "symbols": ["BTC-PERP"],
                "timezone": "UTC"},
    }  # fmt: skip
    counts = {}
    for name, changes in jobs.items():
        described = UpdateJob.model_validate({"format": name, "venue": name, **changes})
        done = JobRun(name, described, store, tmp_path, NEW_YEAR, Source(), lambda: None).run()
        assert done.failures == []
        counts[name] = (done.files, done.added)
    assert counts["lean"] == (10, 53_280)
    assert counts["yahoo"][0] == 4
    assert (counts["freqtrade"], counts["parquet"], counts["csv"]) == ((1, 58_419), (1, 8_737), (1, 45_031))


def test_file_of_another_timeframe_than_the_jobs_is_refused(tmp_path):
    yahoo = {"format": "yahoo", "source": str(FIXTURES / "ACME.csv"), "symbols": ["ACME"], "timeframe": "1h"}
    (failure,) = run(tmp_path, Source(), NEW_YEAR, **yahoo).failures
    assert "its bars are 1d, the job's timeframe is 1h" in failure


@pytest.mark.parametrize("error", [DataError("https://host: answered 403 Forbidden: is the address right?")])
def test_final_refusal_of_one_file_does_not_hold_up_the_next(tmp_path, error):
    source = Source(0, 1)
    source.errors["2021-01-01"] = error
    done = run(tmp_path, source, NEW_YEAR + timedelta(days=2))
    assert stored_days(tmp_path) == [1]
    assert "403" in done.failures[0]
