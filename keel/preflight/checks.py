"""The checks that doctor shows and every run's gate asks."""

from __future__ import annotations

import platform
import re
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from types import MappingProxyType
from typing import Final

from keel.domain.errors import UsageError
from keel.preflight.check import CheckContext, CheckResult, CheckStatus, DataNeed
from keel.risk.kill_flag import run_flags_in
from keel.risk.kill_switch import KillSwitch
from keel.runs.disk import disk_errors_named, make_folder

BYTES_PER_GB: Final = 1_000_000_000
LEAST_TAKER_BPS: Final[Mapping[str, float]] = MappingProxyType({"binance": 7.5})
"""What a regular customer pays at the least: Binance spot, 10 bps less 25% where paid in BNB (binance.com/en/fee)."""
_SHOWN: Final = 3
_CONFIG_HELP: Final = "correct it; configs/config_template.yaml explains every key"
_INSTALL: Final = "run make, or: pip install -c constraints.txt -e ."
_LEAST: Final = re.compile(r">=\s*([\w.]+)")
_REQUIREMENT: Final = re.compile(r"^\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*(.*)$")


def check_python(_context: CheckContext) -> CheckResult:
    """Check that this Python is one Keel runs on."""
    fault = python_fault(_requires_python(), platform.python_version())
    if fault:
        return CheckResult("python", CheckStatus.FAIL, fault, "make the environment anew with that Python")
    return CheckResult("python", CheckStatus.PASS, f"Python {platform.python_version()}")


def check_packages(context: CheckContext) -> CheckResult:
    """Check the installed packages against the least versions Keel's own metadata asks for, with the mode's extras."""
    try:
        required = metadata("keel").get_all("Requires-Dist") or []
    except PackageNotFoundError:
        return CheckResult("packages", CheckStatus.WARN, "keel itself is not installed: nothing to compare", _INSTALL)
    wanted = [line for line in required if "extra ==" not in line]
    further = [line for line in required if any(f'extra == "{extra}"' in line for extra in context.extras)]
    faults = [fault for fault in map(package_fault, wanted) if fault]
    if faults:
        return CheckResult("packages", CheckStatus.FAIL, "; ".join(faults), _INSTALL)
    lacking = [fault for fault in map(package_fault, further) if fault]
    if lacking:
        mend = f"python -m pip install --constraint constraints.txt '.[{','.join(context.extras)}]'"
        return CheckResult("packages", CheckStatus.FAIL, "; ".join(lacking), mend)
    return CheckResult("packages", CheckStatus.PASS, f"{len(wanted) + len(further)} packages are recent enough")


def check_config(context: CheckContext) -> CheckResult:
    """Check that the config asked for loads."""
    if context.config_path is None:
        return CheckResult("config", CheckStatus.NOT_APPLICABLE, "no --config given")
    if context.config_error is not None:
        return CheckResult("config", CheckStatus.FAIL, context.config_error, _CONFIG_HELP)
    return CheckResult("config", CheckStatus.PASS, f"{context.config_path} loads")


def check_folders(context: CheckContext) -> CheckResult:
    """Check that state, artifacts and logs take a file; create them and the bar store where missing.

    A store that exists may be read-only: runs read it, only importers and providers write. Where a check fails closed
    (live) a missing state folder is not made: journal and kill switch would be gone, not new.
    """
    written = (context.state_dir, context.artifacts_dir, context.logs_dir)
    try:
        make_folder(context.store)
        for folder in written:
            if context.fail_closed and folder == context.state_dir and not folder.exists():
                mend = f"mkdir -p {folder} if nothing was traded from here before; otherwise bring it back"
                return CheckResult("folders", CheckStatus.FAIL, f"there is no {folder}", mend)
            make_folder(folder)
            with disk_errors_named(folder), tempfile.TemporaryFile(dir=folder, buffering=0) as file:
                file.write(b"keel")
    except UsageError as error:
        detail, _, mend = str(error).rpartition("; ")
        return CheckResult("folders", CheckStatus.FAIL, detail, mend)
    return CheckResult("folders", CheckStatus.PASS, ", ".join(map(str, written)) + " take files")


def check_disk(context: CheckContext) -> CheckResult:
    """Check the free space where a run writes; the tightest disk counts. Sizes are 10^9 bytes."""
    free, folder = min((_free_gb(folder), folder) for folder in context.folders)
    found = f"{free:.1f} GB free at {folder}"
    if free < context.min_free_disk_gb:
        mend = "free some space, or lower doctor.min_free_disk_gb in the config"
        wanted = f"{found}, {context.min_free_disk_gb:g} GB wanted"
        return CheckResult("disk", CheckStatus.FAIL, wanted, mend, soft=True)
    return CheckResult("disk", CheckStatus.PASS, found)


def check_kill_switch(context: CheckContext) -> CheckResult:
    """Check that nobody has pulled the kill switch; live, that nobody removed a flag of it without saying why."""
    switch = KillSwitch(context.state_dir, context.run, fail_closed=context.fail_closed)
    why = switch.why_tripped()
    try:
        why = why or (switch.unexplained_removal() if context.fail_closed else None)
    except UsageError as error:
        return CheckResult("kill switch", CheckStatus.FAIL, str(error), "make the state folder readable")
    if why is not None:
        return CheckResult("kill switch", CheckStatus.FAIL, why, switch.mend())
    others = run_flags_in(context.state_dir) if context.run is None else []
    if others:
        detail = f"pulled for single runs: {', '.join(str(flag.path) for flag in others)}"
        mend = f"find out why, then: {' and: '.join(flag.reset_command for flag in others)}"
        return CheckResult("kill switch", CheckStatus.WARN, detail, mend)
    return CheckResult("kill switch", CheckStatus.PASS, "not pulled")


def check_bars(context: CheckContext) -> CheckResult:
    """Check that the bars the config asks for are stored, or that a provider makes them at the first run."""
    if context.data is None:
        return CheckResult("bars", CheckStatus.NOT_APPLICABLE, "no config to say which")
    missing = _missing(context, context.data)
    if not missing:
        return CheckResult("bars", CheckStatus.PASS, f"all in {context.store}")
    shown = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
    if context.data.provider is not None:
        made = f"{shown}: the {context.data.provider} provider makes them at the first run"
        return CheckResult("bars", CheckStatus.PASS, made)
    mend = "import them: python scripts/import_bars.py --help"
    return CheckResult("bars", CheckStatus.FAIL, f"not in {context.store}: {shown}", mend)


def check_quality(context: CheckContext) -> CheckResult:
    """Check that the stored bars the config asks for are whole and within the thresholds of its section quality."""
    name = "data quality"
    if context.data is None or context.bar_faults is None:
        return CheckResult(name, CheckStatus.NOT_APPLICABLE, "no config to say which")
    if _missing(context, context.data):
        return CheckResult(name, CheckStatus.NOT_APPLICABLE, "the bars are not all stored yet")
    mend = "see them all: python scripts/validate_data.py --config"
    try:
        faults = context.bar_faults()
    except UsageError as error:
        return CheckResult(name, CheckStatus.FAIL, str(error), mend)
    if faults.refused:
        return CheckResult(name, CheckStatus.FAIL, "; ".join(faults.refused), mend)
    if faults.warned:
        return CheckResult(name, CheckStatus.WARN, "; ".join(faults.warned), mend)
    return CheckResult(name, CheckStatus.PASS, "within the thresholds of section quality")


def check_sectors(context: CheckContext) -> CheckResult:
    """Check that the file of sector caps is there and gives every symbol of the config a sector."""
    if context.sectors is None:
        return CheckResult("sectors", CheckStatus.NOT_APPLICABLE, "no config to say which")
    try:
        return CheckResult("sectors", CheckStatus.PASS, context.sectors())
    except UsageError as error:
        mend = "correct that file or key; for no sector caps take risk.sectors and its caps out of the config"
        return CheckResult("sectors", CheckStatus.FAIL, str(error), mend)


def check_fees(context: CheckContext) -> CheckResult:
    """Check that fees are not below what the exchange charges its regular customers; above is on the careful side."""
    if context.fees is None:
        return CheckResult("fees", CheckStatus.NOT_APPLICABLE, "no config to say which")
    known = {venue: LEAST_TAKER_BPS[venue] for venue in context.fees.venues if venue in LEAST_TAKER_BPS}
    if not known:
        what = f"no published fees are known of {', '.join(context.fees.venues)}"
        return CheckResult("fees", CheckStatus.NOT_APPLICABLE, what)
    charged = context.fees.taker_bps
    low = [f"{venue} charges {least:g} bps or more" for venue, least in known.items() if charged < least]
    if low:
        mend = "set fees.taker_bps and fees.discount to your own tier"
        return CheckResult("fees", CheckStatus.WARN, f"taker fee {charged:g} bps, but {', '.join(low)}", mend)
    return CheckResult("fees", CheckStatus.PASS, f"taker fee {charged:g} bps fits {', '.join(known)}")


def check_compiled(context: CheckContext) -> CheckResult:
    """Check whether the simulator is compiled already; a cold one only costs time."""
    if context.cache_is_warm():
        return CheckResult("compiled code", CheckStatus.PASS, "ready")
    mend = "nothing to do: the first run compiles for about 40 s"
    return CheckResult("compiled code", CheckStatus.WARN, "not compiled yet", mend)


def python_fault(required: str, found: str) -> str | None:
    """Return what is wrong with a Python version, given a requirement such as `>=3.11`, or None."""
    least = _LEAST.search(required)
    return f"Python {found}, at least {least[1]} is needed" if least and _numbers(found) < _numbers(least[1]) else None


def package_fault(requirement: str) -> str | None:
    """Return what is wrong with an installed package, given a requirement such as `numpy>=2.4`, or None.

    Only the least version counts; of a version its leading numbers are compared.
    """
    match = _REQUIREMENT.match(requirement.partition(";")[0])
    if match is None:
        return None
    name, least = match[1], _LEAST.search(match[2])
    try:
        found = version(name)
    except PackageNotFoundError:
        return f"{name} is missing"
    if least and _numbers(found) < _numbers(least[1]):
        return f"{name} is {found}, at least {least[1]} is needed"
    return None


def _requires_python() -> str:
    try:
        return str(metadata("keel")["Requires-Python"])
    except (PackageNotFoundError, KeyError):
        return ""


def _numbers(text: str) -> tuple[int, ...]:
    leading = re.match(r"\d+(?:\.\d+)*", text)
    numbers = [int(part) for part in leading[0].split(".")] if leading else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _free_gb(folder: Path) -> float:
    present = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(present).free / BYTES_PER_GB


def _missing(context: CheckContext, need: DataNeed) -> list[str]:
    wanted = [(instrument, timeframe) for instrument in need.instruments for timeframe in need.timeframes]
    return [f"{instrument} {frame}" for instrument, frame in wanted if not context.bars_exist(instrument, frame)]
