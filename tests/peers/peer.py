"""A peer in its own environment: one process that plays many jobs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from keel.backtest.run import BacktestInputs

from .keel_side import terms_of
from .played import Played, fills_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COLUMNS = ("open", "high", "low", "close", "volume")
DEFAULTS = {"at_once": False, "size": None, "adds": False, "flat_only": False, "no_lead": False, "options": {}}


class Peer:
    """Run `play_<name>.py` by the peer's interpreter and talk to it through files in `folder`."""

    def __init__(self, name: str, folder: Path) -> None:
        python = ROOT / ".venv-bench" / name / "bin" / "python"
        if not python.is_file():
            raise FileNotFoundError(f"{name} is not installed: make bench-env")
        command = [str(python), str(HERE / f"play_{name}.py")]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=folder)
        self._job = folder / f"{name}.npz"
        self._hear("ready")

    def play(self, play: str, inputs: BacktestInputs, **job: Any) -> Played:
        """Play the bars and terms of `inputs`; `job` is what is decided and how the peer is set."""
        arrays = {name: value for name, value in job.items() if isinstance(value, np.ndarray)}
        others = {name: value for name, value in job.items() if name not in arrays}
        bars = {name: inputs.bars[name] for name in COLUMNS}
        terms = json.dumps(DEFAULTS | terms_of(inputs) | {"play": play} | others)
        np.savez(self._job, terms=terms, **bars, **arrays)
        assert self._process.stdin is not None
        print(self._job, file=self._process.stdin, flush=True)
        self._hear("played")
        with np.load(f"{self._job}.answer.npz") as file:
            fills = fills_of(file["row"], file["instrument"], file["price"], file["qty"])
            return Played(file["equity"], fills, float(file["fees"]))

    def _hear(self, word: str) -> None:
        assert self._process.stdout is not None
        heard = self._process.stdout.readline().strip()
        assert heard == word, f"expected {word!r} of {self._job.stem}, got {heard!r}; what it wrote to stderr says why"

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()
