"""Untrained models on disk, and stored random walks to run them on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from gymnasium import spaces
from pydantic import TypeAdapter

from keel.app.wire_environment import wire_environment
from keel.config.algorithms import Algorithm
from keel.config.load import load_config
from keel.data.bars import StoredBars
from keel.data.store import BarStore
from keel.domain.instrument import InstrumentId
from keel.features.fitted import Fitted
from keel.runs.model_file import OBSERVATION, WEIGHTS, ModelCard, write_model
from keel.strategies.actions import actions_of
from keel.strategies.policy import build_policy, dump_tensors, weights_hash

HOUR_MS = 3_600_000
START_MS = 1_609_459_200_000  # 2021-01-01
ROWS = 600
MARKET = """
run: { seed: 5 }
data: { venue: testing, symbols: [A/USDT, B/USDT], timeframe: 1h, store: bars }
market: { instrument: { tick_size: "0.01", step_size: "0.001", shortable: true, can_flip: true } }
account: { type: margin, initial_cash: 10000, initial_margin: 0.5 }
execution: { price_model: bridge, max_participation: 0.02 }
risk: { max_position_weight: null, max_gross_weight: null, max_order_weight: null }
"""
OBSERVATION_OF = """
observation: { window: 3, features: [{ kind: log_return }, { kind: rsi, bars: 5 }, { kind: taker_buy_ratio }] }
"""
TRAIN = "mode: train\n" + MARKET + OBSERVATION_OF
PPO = {"kind": "ppo", "network": {"actor": [16], "critic": [8]}}


def store_walks(symbols: tuple[str, ...] = ("A/USDT", "B/USDT"), rows: int = ROWS, seed: int = 1) -> None:
    """Put random walks of hourly bars into the store `bars` of the current folder."""
    rng = np.random.default_rng(seed)
    opens = START_MS + HOUR_MS * np.arange(rows)
    for symbol in symbols:
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.006, rows)))
        opening, volume = np.append(100.0, close[:-1]), rng.uniform(100.0, 900.0, rows)
        table = pl.DataFrame(
            {
                "open_ts_ms": opens,
                "close_ts_ms": opens + HOUR_MS,
                "open": opening,
                "high": np.maximum(opening, close) * 1.002,
                "low": np.minimum(opening, close) * 0.998,
                "close": close,
                "volume": volume,
                "taker_buy_volume": volume * rng.uniform(0.2, 0.8, rows),
            }
        )
        stored = StoredBars(InstrumentId("testing", symbol), "1h", "made up", "raw", "24/7", "UTC", table)
        BarStore(Path("bars")).write(stored)


def spans_of(rows: int = ROWS) -> dict[str, Any]:
    """Return a card's spans: 60% to train on, 20% that choose, 20% to test on."""
    at = [START_MS + HOUR_MS * (rows * part // 10) for part in (0, 6, 8, 10)]
    return {"train": [[at[0], at[1]]], "validation": [at[1], at[2]], "test": [at[2], at[3]]}


def fitted_of(text: str, *overrides: str) -> tuple[Fitted, Any]:
    """Return what a config of mode train learns from its bars, and the config."""
    path = Path("train.yaml")
    path.write_text(text, encoding="utf-8")
    loaded = load_config(path, overrides, expect_mode="train")
    return wire_environment(loaded).fitted, loaded.config


def write_untrained(
    path: Path,
    text: str = TRAIN,
    *overrides: str,
    algorithm: dict[str, Any] | None = None,
    seed: int = 3,
    gain: float = 3.0,
    **card: Any,
) -> ModelCard:
    """Write a model with random weights, large ones, so that it acts on what it sees; `card` changes its card."""
    fitted, config = fitted_of(text, *overrides)
    section = TypeAdapter(Algorithm).validate_python(algorithm or PPO)
    action, apart = config.environment.action, config.environment.symbols == "apart"
    symbols, layout = config.data.symbols, fitted.layout
    size = layout.size
    if apart:
        drawdown = int(layout.drawdown_place >= 0)
        size = (size - drawdown) // len(symbols) + drawdown
    bound = max(config.observation.clip, 10.0)
    space = actions_of(action, 1 if apart else len(symbols)).space
    torch.manual_seed(seed)
    policy = build_policy(section, spaces.Box(-bound, bound, (size,), np.float32), space)
    with torch.no_grad():
        for tensor in policy.parameters():
            tensor.copy_(gain * torch.randn(tensor.shape) / max(1, tensor.shape[-1]) ** 0.5)
    fields: dict[str, Any] = {
        "run_id": "made-up",
        "algorithm": section.model_dump(mode="json"),
        "action": action.model_dump(mode="json"),
        "weight_range": (-1.0, 1.0),
        "symbols": symbols,
        "apart": apart,
        "venue": config.data.venue,
        "timeframe": config.data.timeframe,
        "observation_size": size,
        "observation_bound": bound,
        "observation_hash": fitted.hash,
        "weights_hash": weights_hash(policy.state_dict()),
        "steps": 0,
        "spans": spans_of(),
        "figures": {},
        "versions": {},
        "config_hash": "0" * 64,
    }
    made = ModelCard(**(fields | card))
    path.parent.mkdir(parents=True, exist_ok=True)
    members = {OBSERVATION: fitted.to_json().encode(), WEIGHTS: dump_tensors(policy.state_dict())}
    write_model(path, made, members)
    return made
