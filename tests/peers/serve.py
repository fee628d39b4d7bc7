"""A peer's process: a path of a job (.npz) a line in, a line out once the answer lies beside it.

Runs in the peer's own environment, with nothing of Keel's.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

Job = dict[str, Any]


def serve(plays: dict[str, Callable[[Job], Job]]) -> None:
    """Play each job by the function that its `play` names; bars are columns of shape (rows, N)."""
    warnings.filterwarnings("ignore")
    print("ready", flush=True)
    for line in sys.stdin:
        path = line.strip()
        with np.load(path) as file:
            job = {name: file[name] for name in file.files if name != "terms"} | json.loads(str(file["terms"]))
        np.savez(path + ".answer.npz", **plays[job["play"]](job))
        print("played", flush=True)
