"""How long a trained model takes to decide one close: from features that are there to weights. One JSON object.

The goal is a 99th percentile of 2 ms. A network of the usual size, 32 features and the whole account, on one thread.
On a machine that does other work, too, wall time is also the wait for a processor; the time on one is told beside it.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from gymnasium import spaces
from market import minutes

from keel.config.algorithms import Ppo
from keel.config.environment import WeightAction
from keel.config.observation import ObservationSection
from keel.domain.layout import BAR, BAR_PRESENT
from keel.features.observation import fit
from keel.runs.model_file import OBSERVATION, WEIGHTS, ModelCard, write_model
from keel.strategies.actions import actions_of
from keel.strategies.panel import BarPanel
from keel.strategies.policy import build_policy, dump_tensors, weights_hash
from keel.strategies.trained import Policy

_SYMBOL: Final = "A/USDT"
_BARS: Final = 5_000
_FEATURES: Final = 32
_CLOSES: Final = 20_000
_BOUND: Final = 10.0


def main() -> None:
    """Time the decisions and print their percentiles, milliseconds."""
    torch.set_num_threads(1)
    panel = BarPanel(_bars(), (_SYMBOL,))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.zip"
        size = _write(path, panel)
        policy = Policy(Policy.Params(model=str(path)))
    policy.prepare(panel)
    took_s = np.array([_decide(policy, policy.first + k % (_BARS - policy.first)) for k in range(_CLOSES)])[1_000:]
    wall_ms, cpu_ms = (np.percentile(1000.0 * one, [50.0, 99.0, 99.9]) for one in took_s.T)
    named = dict(zip(("p50_ms", "p99_ms", "p999_ms"), wall_ms, strict=True)) | {"p99_cpu_ms": cpu_ms[1]}
    shown = {key: float(f"{value:.4g}") for key, value in named.items()}
    print(json.dumps({"name": "policy_inference", "observation": size, **shown, "goal_ms": 2.0}))


def _decide(policy: Policy, row: int) -> tuple[float, float]:
    wall_s, cpu_s = time.perf_counter(), time.thread_time()
    policy.weights_when_flat(row)
    return time.perf_counter() - wall_s, time.thread_time() - cpu_s


def _bars() -> np.ndarray[Any, np.dtype[np.void]]:
    columns = minutes(_BARS)
    bars = np.zeros((_BARS, 1), BAR)
    for name in ("open", "high", "low", "close", "volume"):
        bars[name] = columns[name]
    bars["open_ts_ms"], bars["close_ts_ms"] = columns["open_ts_ms"][:, None], columns["close_ts_ms"][:, None]
    bars["flags"] = BAR_PRESENT
    return bars


def _write(path: Path, panel: BarPanel) -> int:
    """Write an untrained model: how long it takes does not depend on what it has learnt."""
    returns = [{"kind": "log_return", "bars": bars} for bars in range(1, _FEATURES + 1)]
    fitted = fit(ObservationSection.model_validate({"features": returns}), panel.symbols, panel.records)
    section, action, size = Ppo(), WeightAction(kind="weight"), fitted.layout.size
    policy = build_policy(section, spaces.Box(-_BOUND, _BOUND, (size,), np.float32), actions_of(action, 1).space)
    tensors = policy.state_dict()
    card = ModelCard(
        run_id="bench",
        algorithm=section.model_dump(mode="json"),
        action=action.model_dump(mode="json"),
        weight_range=(0.0, 1.0),
        symbols=panel.symbols,
        apart=False,
        venue="bench",
        timeframe="1m",
        observation_size=size,
        observation_bound=_BOUND,
        observation_hash=fitted.hash,
        weights_hash=weights_hash(tensors),
        steps=0,
        spans={},
        figures={},
        versions={},
        config_hash="",
    )
    write_model(path, card, {OBSERVATION: fitted.to_json().encode(), WEIGHTS: dump_tensors(tensors)})
    return size


if __name__ == "__main__":
    main()
