"""A config of mode train becomes environments: Gymnasium's and stable-baselines3's own checkers pass."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import polars as pl
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_for_sb3

import keel.rl  # noqa: F401 - registers keel/Trading-v0
from keel.app.wire_environment import make_env, make_vec_env, make_vector_env
from keel.config.load import load_config
from keel.data.bars import StoredBars
from keel.data.store import BarStore
from keel.domain.errors import ConfigError, DataError
from keel.domain.instrument import InstrumentId

HOUR_MS = 3_600_000
CONFIG = """
mode: train
run: { seed: 5 }
data: { venue: testing, symbols: [A/USDT], timeframe: 1h, store: bars }
market: { instrument: { tick_size: "0.01", step_size: "0.001", shortable: true, can_flip: true } }
account: { type: margin, initial_cash: 10000 }
observation: { window: 3, features: [{ kind: log_return }, { kind: rsi, bars: 5 }] }
environment: { episode_bars: 50, action: { kind: bins, weights: [-0.5, 0, 0.5] } }
"""
ACTIONS = ["environment.action={kind: weight, least: -1.0}", "environment.action={kind: portfolio}"]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.005, 600)))
    opening = np.append(100.0, close[:-1])
    opens = 1_609_459_200_000 + HOUR_MS * np.arange(600)
    table = pl.DataFrame(
        {
            "open_ts_ms": opens,
            "close_ts_ms": opens + HOUR_MS,
            "open": opening,
            "high": np.maximum(opening, close) * 1.002,
            "low": np.minimum(opening, close) * 0.998,
            "close": close,
            "volume": rng.uniform(100.0, 200.0, 600),
        }
    )
    stored = StoredBars(InstrumentId("testing", "A/USDT"), "1h", "made up", "raw", "24/7", "UTC", table)
    BarStore(Path("bars")).write(stored)
    Path("x.yaml").write_text(CONFIG)
    return Path("x.yaml")


def test_gymnasium_makes_the_environment_and_both_checkers_pass(config: Path):
    env = gymnasium.make("keel/Trading-v0", config=config)
    check_env(env.unwrapped, skip_render_check=True)
    check_for_sb3(env.unwrapped)
    assert env.observation_space.shape == (3 * 2 + 4 + 1,)


@pytest.mark.parametrize("action", ACTIONS)
def test_continuous_actions_pass_the_checkers_too(config: Path, action: str):
    check_env(make_env(load_config(config, [action])), skip_render_check=True)


def test_gymnasiums_vector_environment_steps_as_single_ones_do(config: Path):
    many = gymnasium.make_vec("keel/Trading-v0", num_envs=3, vectorization_mode="vector_entry_point", config=config)
    one = make_env(config)
    seen, _ = many.reset(seed=4)
    alone, _ = one.reset(seed=4)
    rng = np.random.default_rng(2)
    for step in range(120):
        assert np.array_equal(seen[0], alone)
        actions = rng.integers(0, 3, 3)
        seen, rewards, _, truncated, infos = many.step(actions)
        alone, reward, _, cut, _ = one.step(int(actions[0]))
        assert (rewards[0], truncated[0]) == (reward, cut)
        if cut:
            assert step in (49, 99)
            assert np.array_equal(infos["final_obs"][0], alone)
            assert infos["final_info"][0]["trading"]["bars"] == 50
            alone, _ = one.reset()


def test_stable_baselines_vector_environment_tells_the_end_of_an_episode(config: Path):
    env = make_vec_env(config, 2)
    env.seed(4)
    seen = env.reset()
    plain = make_vector_env(config, 2)
    other, _ = plain.reset(seed=4)
    for _ in range(50):
        actions = np.array([1, 2])
        seen, rewards, dones, infos = env.step(actions)
        other, also, _, _, told = plain.step(actions)
        assert np.array_equal(seen, other)
        assert np.array_equal(rewards, also.astype(np.float32))
    assert dones.tolist() == [True, True]
    assert infos[1]["TimeLimit.truncated"]
    assert np.array_equal(infos[1]["terminal_observation"], told["final_obs"][1])
    assert infos[1]["episode"]["l"] == 50
    assert infos[0]["trading"]["fills"] == 0
    assert infos[1]["trading"]["fills"] > 0
    env.close()


def test_same_seed_gives_the_same_path_and_another_seed_another(config: Path):
    def path(seed: int) -> list[float]:
        env = make_env(config)
        env.reset(seed=seed)
        return [env.step(k % 3)[1] for k in range(40)]

    assert path(1) == path(1)
    assert path(1) != path(2)


def test_config_of_another_mode_is_refused(config: Path):
    sim = CONFIG.replace("mode: train", "mode: sim").split("observation")[0]
    config.write_text(sim + 'strategy: { class: "keel.strategies.buy_and_hold:BuyAndHold" }\n')
    with pytest.raises(ConfigError, match=r"x\.yaml:2: mode: .*train"):
        make_env(config)
    with pytest.raises(ConfigError, match=r"x\.yaml:2: mode: sim has no environment"):
        make_env(load_config(config))


def test_too_few_bars_for_an_observation_and_a_missing_column_are_named(config: Path):
    long = load_config(config, ["observation.features=[{kind: log_return, bars: 600}]"])
    with pytest.raises(DataError, match=r"A/USDT: 420 bars are too few: feature log_return_600"):
        make_env(long)
    taken = load_config(config, ["observation.features=[{kind: taker_buy_ratio}]"])
    with pytest.raises(DataError, match=r"A/USDT.*stored without taker_buy_volume"):
        make_env(taken)
    whole = load_config(config, ["observation={window: 1, features: [{kind: log_return, bars: 419}]}"])
    with pytest.raises(DataError, match=r"420 bars are too few to train on"):
        make_env(whole)
