"""Who may import whom, and what an import costs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tree import ROOT, imported, parsed, python_files, shown

COMPILED = "keel.domain.compile_nb"
TRAINING = {"torch", "stable_baselines3", "sb3_contrib", "gymnasium"}
OWN = {
    "keel/strategies/policy.py": TRAINING,
    "keel/strategies/actions.py": {"gymnasium"},
    "keel/wire/sdk.py": {"binance"},
    "keel/wire/alpaca_sdk.py": {"alpaca"},
}
RUNS_ON_THE_SIMULATOR = {"binance", "alpaca", *TRAINING}
HEAVY = ("numba", "pandas", "torch", "matplotlib", "plotly", "talib", "exchange_calendars", "arch", "scipy")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or "lint-imports"
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    return subprocess.run([command, *config], cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_import_contracts_are_kept():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 kept, 0 broken" in done.stdout


def test_import_contracts_can_break(tmp_path):
    for package in ("keel", "scripts", "services"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "keel" / "sim" / "engine.py").open("a", encoding="utf-8") as file:
        file.write("\nimport keel.strategies.port\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert "keel.sim.engine" in done.stdout


def test_numba_is_imported_in_one_file_and_used_through_its_decorator():
    found = [shown(path) for path in python_files("keel", "scripts", "services") if "numba" in imported(path)]
    assert found == ["keel/domain/compile_nb.py"]


def test_compiled_functions_live_in_files_that_say_so():
    for path in python_files("keel", "scripts", "services"):
        source = path.read_text(encoding="utf-8")
        if f"from {COMPILED} import compiled" in source:
            assert path.stem.endswith("_nb"), shown(path)
        if path.stem.endswith("_nb"):
            assert "@compiled" in source or shown(path) == "keel/domain/compile_nb.py", shown(path)


def test_compiled_functions_say_so_in_their_names():
    for path in python_files("keel"):
        for node in parsed(path).body:
            decorators = [getattr(each, "id", "") for each in getattr(node, "decorator_list", [])]
            if "compiled" in decorators:
                assert node.name.endswith("_nb"), f"{shown(path)}: {node.name}"


def test_exchanges_sdks_and_training_libraries_are_imported_in_their_rooms_only():
    for path in python_files("keel", "scripts", "services"):
        allowed = TRAINING if path.is_relative_to(ROOT / "keel" / "rl") else OWN.get(shown(path), set())
        assert imported(path).isdisjoint(RUNS_ON_THE_SIMULATOR - allowed), shown(path)


@pytest.mark.parametrize(
    "module", ["keel", "keel.config.load", "keel.app.cli", "keel.app.backtest", "keel.app.evaluate", "keel.app.doctor"]
)
def test_import_costs_no_heavy_library_and_no_network(module):
    code = f"import sys, {module}; print(*sorted(set({(*HEAVY, 'http', 'requests', 'urllib3')!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_module_imports_by_itself():
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in python_files("keel")]
    names = [name.removesuffix(".__init__") for name in modules if not name.endswith("__main__")]
    code = f"import importlib\nfor name in {names!r}: importlib.import_module(name)"
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=True, timeout=120)


def test_bars_are_simulated_without_pandas():
    code = "import sys, keel.app.wiring, keel.backtest.run, keel.sim.engine; print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
