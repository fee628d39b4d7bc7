from __future__ import annotations

import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from keel.domain.errors import DataError, GateRefusedError
from keel.domain.instrument import InstrumentId
from keel.preflight import checks
from keel.preflight.check import BarFaults, CheckContext, CheckResult, CheckStatus, DataNeed, FeeNeed
from keel.preflight.gate import CHECKS, DOCTOR_CHECKS, GATE_CHECKS, gate, run_checks

BTC, ETH = InstrumentId("binance", "BTC/USDT"), InstrumentId("binance", "ETH/USDT")
NEED = DataNeed((BTC, ETH), ("1h",), None)


@pytest.fixture
def context(tmp_path: Path) -> CheckContext:
    return CheckContext(
        bars_exist=lambda _instrument, _timeframe: True,
        cache_is_warm=lambda: True,
        state_dir=tmp_path / "state",
        artifacts_dir=tmp_path / "artifacts",
        logs_dir=tmp_path / "logs",
        store=tmp_path / "data" / "bars",
        min_free_disk_gb=0.0,
        data=NEED,
        bar_faults=lambda: BarFaults((), ()),
        sectors=lambda: "no sector caps",
        fees=FeeNeed(("binance",), 10.0),
    )


def test_everything_in_order_passes_and_creates_the_folders(context: CheckContext) -> None:
    results = {result.name: result.status for result in run_checks(context, DOCTOR_CHECKS["sim"])}
    passed = dict.fromkeys(DOCTOR_CHECKS["sim"], CheckStatus.PASS) | {"config": CheckStatus.NOT_APPLICABLE}
    # Where Keel runs from its sources without being installed there are no requirements to compare with.
    assert results in (passed, passed | {"packages": CheckStatus.WARN})
    assert all(folder.is_dir() for folder in context.folders)
    assert not any(context.state_dir.iterdir())


def test_a_folder_that_cannot_be_made_fails_with_its_path(context: CheckContext, tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    result = checks.check_folders(context)
    assert (result.status, result.mend) == (
        CheckStatus.FAIL,
        "a file stands where a folder is needed: move it away",
    )
    assert str(tmp_path / "logs") in result.detail


def test_too_little_disk_fails_and_says_how_much_is_wanted(context: CheckContext) -> None:
    result = checks.check_disk(replace(context, min_free_disk_gb=1e9))
    assert result.status is CheckStatus.FAIL
    assert "1e+09 GB wanted" in result.detail
    assert "doctor.min_free_disk_gb" in result.mend
    assert checks.check_disk(context).status is CheckStatus.PASS


def test_a_pulled_kill_switch_fails_and_names_the_command(context: CheckContext) -> None:
    context.state_dir.mkdir()
    (context.state_dir / "kill_switch.flag").touch()
    result = checks.check_kill_switch(context)
    assert result.status is CheckStatus.FAIL
    assert f"reset_kill_switch.py --state-dir {context.state_dir} --reason" in result.mend


def test_a_runs_own_flag_fails_its_run_is_nothing_to_another_and_warns_where_no_run_is_meant(
    context: CheckContext,
) -> None:
    context.state_dir.mkdir()
    (context.state_dir / "live.kill_switch.flag").touch()
    failed = checks.check_kill_switch(replace(context, run="live"))
    assert (failed.status, failed.detail) == (CheckStatus.FAIL, f"{context.state_dir}/live.kill_switch.flag exists")
    assert f"--state-dir {context.state_dir} --run live --reason" in failed.mend
    assert checks.check_kill_switch(replace(context, run="other")).status is CheckStatus.PASS
    warned = checks.check_kill_switch(context)
    assert (warned.status, "live.kill_switch.flag" in warned.detail) == (CheckStatus.WARN, True)
    assert "--run live" in warned.mend


def test_a_missing_state_folder_fails_the_kill_switch_where_it_fails_closed(context: CheckContext) -> None:
    assert checks.check_kill_switch(context).status is CheckStatus.PASS
    assert checks.check_kill_switch(replace(context, fail_closed=True)).status is CheckStatus.FAIL


def test_missing_bars_fail_with_the_names_and_the_import_command(context: CheckContext) -> None:
    result = checks.check_bars(replace(context, bars_exist=lambda instrument, _frame: instrument == BTC))
    assert result.status is CheckStatus.FAIL
    assert result.detail.endswith(": binance:ETH/USDT 1h")
    assert "import_bars.py" in result.mend


def test_bars_a_provider_makes_pass_and_say_so(context: CheckContext) -> None:
    need = replace(NEED, provider="synthetic")
    result = checks.check_bars(replace(context, data=need, bars_exist=lambda _instrument, _frame: False))
    assert result.status is CheckStatus.PASS
    assert "synthetic provider makes them" in result.detail


def test_many_missing_bars_are_counted_not_listed(context: CheckContext) -> None:
    need = DataNeed(tuple(InstrumentId("v", f"S{i}") for i in range(10)), ("1h", "1m"), None)
    result = checks.check_bars(replace(context, data=need, bars_exist=lambda _instrument, _frame: False))
    assert result.detail.endswith("v:S0 1h, v:S0 1m, v:S1 1h and 17 more")


def test_bars_that_a_run_would_refuse_fail_with_its_own_line(context: CheckContext) -> None:
    found = checks.check_quality(
        replace(context, bar_faults=lambda: BarFaults(("x.parquet: bars are missing",), ("y",)))
    )
    assert (found.status, found.detail) == (CheckStatus.FAIL, "x.parquet: bars are missing")
    assert "scripts/validate_data.py" in found.mend
    assert checks.check_quality(replace(context, bar_faults=lambda: BarFaults((), ("y",)))).status is CheckStatus.WARN


def test_a_damaged_file_of_bars_is_a_failed_check_not_a_crash(context: CheckContext) -> None:
    def read() -> BarFaults:
        raise DataError("x.parquet: damaged")

    assert checks.check_quality(replace(context, bar_faults=read)).detail == "x.parquet: damaged"


def test_bars_that_are_not_stored_yet_are_not_examined(context: CheckContext) -> None:
    absent = replace(context, bars_exist=lambda _instrument, _timeframe: False)
    assert checks.check_quality(absent).status is CheckStatus.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("venues", "taker_bps", "status"),
    [
        (("binance",), 7.5, CheckStatus.PASS),
        (("binance",), 7.4, CheckStatus.WARN),
        (("elsewhere", "binance"), 0.0, CheckStatus.WARN),
        (("elsewhere",), 0.0, CheckStatus.NOT_APPLICABLE),
    ],
)
def test_fees_below_those_the_exchange_publishes_warn(
    context: CheckContext, venues: tuple[str, ...], taker_bps: float, status: CheckStatus
) -> None:
    result = checks.check_fees(replace(context, fees=FeeNeed(venues, taker_bps)))
    assert result.status is status
    assert ("fees.taker_bps" in result.mend) is (status is CheckStatus.WARN)


def test_a_cold_cache_only_warns(context: CheckContext) -> None:
    result = checks.check_compiled(replace(context, cache_is_warm=lambda: False))
    assert (result.status, result.detail) == (CheckStatus.WARN, "not compiled yet")
    assert result.mend == "nothing to do: the first run compiles for about 40 s"


def test_a_config_that_did_not_load_fails_with_its_own_line(context: CheckContext) -> None:
    broken = replace(context, config_path=Path("x.yaml"), config_error="x.yaml:3: unknown key")
    assert checks.check_config(broken).status is CheckStatus.FAIL
    assert checks.check_config(broken).detail == "x.yaml:3: unknown key"
    assert checks.check_config(replace(broken, config_error=None)).status is CheckStatus.PASS


@pytest.mark.parametrize(
    ("requirement", "fault"),
    [
        ("numpy>=1.0", None),
        (f"numpy=={version('numpy')}", None),
        (f"numpy>={version('numpy')}.0", None),
        ("numpy >= 999.1", "numpy is {numpy}, at least 999.1 is needed"),
        ("numpy[extra]<9999,>=999 ; python_version >= '3'", "numpy is {numpy}, at least 999 is needed"),
        ("no-such-package>=1", "no-such-package is missing"),
    ],
)
def test_a_package_too_old_or_missing_is_named(requirement: str, fault: str | None) -> None:
    expected = fault and fault.format(numpy=version("numpy"))
    assert checks.package_fault(requirement) == expected


def test_versions_compare_as_numbers() -> None:
    assert checks.python_fault(">=3.11", "3.9.18") == "Python 3.9.18, at least 3.11 is needed"
    assert checks.python_fault(">=3.11", "3.11.0") is None
    assert checks.python_fault(">=3.11", "3.100") is None


def test_this_python_and_these_packages_are_fit_for_keel(context: CheckContext) -> None:
    assert checks.check_python(context).detail == "Python " + ".".join(map(str, sys.version_info[:3]))
    assert checks.check_packages(context).status in (CheckStatus.PASS, CheckStatus.WARN)


def test_the_gate_names_every_failure_with_its_mend_and_lets_warnings_pass() -> None:
    warning = CheckResult("a", CheckStatus.WARN, "slow", "wait")
    gate([warning, CheckResult("b", CheckStatus.PASS, "fine")])
    failed = [
        CheckResult("disk", CheckStatus.FAIL, "full", "free some"),
        CheckResult("k", CheckStatus.FAIL, "x", "y"),
    ]
    with pytest.raises(GateRefusedError) as refused:
        gate([warning, *failed])
    assert str(refused.value) == "the run does not start: disk: full (free some); k: x (y)"
    assert refused.value.exit_code == 3


def test_a_check_that_is_not_needed_is_not_run(context: CheckContext) -> None:
    (context.state_dir.parent / "state").mkdir()
    (context.state_dir / "kill_switch.flag").touch()
    assert [result.name for result in run_checks(context, ["python"])] == ["python"]
    with pytest.raises(KeyError, match="no-such"):
        run_checks(context, ["no-such"])


def test_every_gate_asks_the_kill_switch(context: CheckContext) -> None:
    assert set(GATE_CHECKS) == set(DOCTOR_CHECKS) == {"sim", "train", "eval", "live"}
    assert all("kill switch" in needed for needed in GATE_CHECKS.values())


def test_a_file_of_sectors_is_asked_for_before_a_live_start_and_by_the_doctor_for_every_mode() -> None:
    assert all("sectors" in needed for needed in DOCTOR_CHECKS.values())
    assert [mode for mode, needed in GATE_CHECKS.items() if "sectors" in needed] == ["live"]


def test_every_check_is_shown_for_some_mode_and_the_live_ones_for_live_only(context: CheckContext) -> None:
    assert {name for names in DOCTOR_CHECKS.values() for name in names} == set(CHECKS)
    results = run_checks(context, CHECKS)
    for result in results:
        if result.name not in DOCTOR_CHECKS["sim"]:
            assert (result.status, result.detail) == (
                CheckStatus.NOT_APPLICABLE,
                "no config of mode live to check for",
            )


def test_too_little_disk_is_a_soft_failure(context: CheckContext) -> None:
    assert checks.check_disk(replace(context, min_free_disk_gb=1e9)).soft


def test_where_it_fails_closed_a_missing_state_folder_is_not_made(context: CheckContext) -> None:
    result = checks.check_folders(replace(context, fail_closed=True))
    assert result.status is CheckStatus.FAIL
    assert f"mkdir -p {context.state_dir}" in result.mend
    assert not context.state_dir.exists()
    assert checks.check_folders(context).status is CheckStatus.PASS
    assert checks.check_folders(replace(context, fail_closed=True)).status is CheckStatus.PASS
