"""A stranger's folder: scripts run as processes, on real files, with nothing of the test's own process."""

from __future__ import annotations

import csv
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from keel.app.backtest import backtest
from keel.app.cli import run_cli

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
HEADER = ("timestamp", "open", "high", "low", "close", "volume")
CONFIG = """\
mode: sim
run: {{name: e2e}}
data: {{store: {store}, venue: testing, symbols: [ACME/USDT], timeframe: 1h}}
market: {{instrument: {{tick_size: "0.01", step_size: "0.0001", min_notional: 5}}}}
strategy: {{class: "keel.strategies.moving_average:MovingAverageCrossover", params: {{short: 5, long: 20}}}}
account: {{initial_cash: 100000}}
doctor: {{min_free_disk_gb: 0}}
"""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def tree(self) -> dict[str, Any]:
        return json.loads(self.out)


@dataclass(frozen=True)
class Desk:
    """One working directory with a config.yaml on the shared store; `environ` is added to ours."""

    folder: Path
    store: Path
    environ: dict[str, str] = field(default_factory=dict)

    def configure(self, *replacements: tuple[str, str]) -> None:
        text = CONFIG.format(store=self.store)
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (self.folder / "config.yaml").write_text(text)

    def strategy(self, body: str, name: str = "mine") -> str:
        """Write a strategy `S` beside the config and return the --set that names it."""
        imports = "import sys, time\nimport numpy as np\nfrom pathlib import Path\nfrom keel.strategies.port import *\n"
        (self.folder / f"{name}.py").write_text(imports + body)
        tree = (self.folder / "config.yaml").read_text().replace(", params: {short: 5, long: 20}", "")
        (self.folder / "config.yaml").write_text(tree)
        return f"--set=strategy.class={name}:S"

    def start(self, *command: str, **popen: Any) -> subprocess.Popen[str]:
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | self.environ
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.folder, env=environ, **streams, **popen)

    def python(self, *arguments: object) -> Outcome:
        return finish(self.start(sys.executable, *map(str, arguments)))

    def script(self, name: str, *arguments: object) -> Outcome:
        return self.python(ROOT / name, *arguments)

    def backtest(self, *arguments: object) -> Outcome:
        return self.script("script_backtest.py", "--config", "config.yaml", *arguments)

    def starting_backtest(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a backtest as the leader of its own process group, as a shell does."""
        return self.start(*self.backtest_command(), *arguments, start_new_session=True)

    @staticmethod
    def backtest_command() -> tuple[str, ...]:
        return sys.executable, str(ROOT / "script_backtest.py"), "--config", "config.yaml"

    def run_folder(self) -> Path:
        (folder,) = (self.folder / "artifacts").iterdir()
        return folder

    def files(self) -> Mapping[str, bytes]:
        """Return every file below artifacts/, hidden ones too, folders as empty names."""
        root = self.folder / "artifacts"
        return {str(path): path.read_bytes() if path.is_file() else b"" for path in sorted(root.rglob("*"))}

    def backtest_here(self, *arguments: object) -> Outcome:
        """Run a backtest in this process, which has imported what it needs; what it imports from the folder goes."""
        out, err, known = StringIO(), StringIO(), set(sys.modules)
        path, argv = list(sys.path), ["--config", "config.yaml", *map(str, arguments)]
        with redirect_stdout(out), redirect_stderr(err), chdir(self.folder), pytest.raises(SystemExit) as ended:
            run_cli(backtest, argv)
        sys.path[:] = path
        for name in set(sys.modules) - known:
            if str(self.folder) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]
        importlib.invalidate_caches()
        return Outcome(ended.value.code, out.getvalue(), err.getvalue())

    def refused(self, *arguments: object, code: int = 2) -> str:
        """Run a backtest that must be refused in one clear line, leaving results as they were; return the line."""
        before = self.files()
        line = refusal((self.backtest if self.environ else self.backtest_here)(*arguments), code)
        assert self.files() == before
        return line


def constant(weight: float) -> str:
    """Return a strategy that always wants this weight of everything."""
    decide = f"return np.full((len(bars), bars.n), {weight})"
    return f"class S(VectorStrategy):\n    def target_weights(self, bars):\n        {decide}"


def finish(process: subprocess.Popen[str]) -> Outcome:
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    return Outcome(process.returncode, out, err)


def refusal(outcome: Outcome, code: int = 2) -> str:
    assert outcome.code == code, outcome
    assert outcome.err.startswith("error: "), outcome
    assert outcome.err.count("\n") == 1, outcome
    assert "Traceback" not in outcome.err + outcome.out
    assert "bug in Keel" not in outcome.err
    return outcome.err.removeprefix("error: ").rstrip("\n")


def wait_for(condition: Callable[[], object], what: str, seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.005)


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> Outcome:
    os.killpg(process.pid, number)
    return finish(process)


def bar_rows(closes: list[float], volume: float = 1e6) -> list[tuple[object, ...]]:
    """Make hourly rows from 2021-01-01 that open at the close before."""
    start = datetime(2021, 1, 1, tzinfo=UTC)
    pairs = zip([closes[0], *closes], closes, strict=False)
    return [
        ((start + timedelta(hours=i)).isoformat(), a, max(a, b) * 1.001, min(a, b) * 0.999, b, volume)
        for i, (a, b) in enumerate(pairs)
    ]


def write_csv(path: Path, rows: list[tuple[object, ...]], header: tuple[str, ...] = HEADER) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path
