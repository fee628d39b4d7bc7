"""A trained model as a strategy decides as it does in its environment, to the bit."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from made_models import HOUR_MS, MARKET, START_MS, TRAIN, store_walks, write_untrained

from keel.app.wire_data import read_market_data
from keel.app.wire_environment import wire_environment
from keel.app.wiring import wire_backtest
from keel.backtest.causality import Leak, find_leak
from keel.backtest.probe import Prober, decider
from keel.backtest.run import BacktestInputs, simulate
from keel.backtest.search.windows import within
from keel.config.load import load_config
from keel.domain.errors import ConfigError, UsageError
from keel.domain.orders import EventKind
from keel.rl.core import EnvCore
from keel.strategies.panel import BarPanel
from keel.strategies.policy import ServedPolicy
from keel.strategies.port import Context, EventStrategy, StrategyParams
from keel.strategies.trained import Policy

MODEL = Path("model.zip")
SERVED = 'strategy: { class: "keel.strategies.trained:Policy", params: { model: model.zip } }\n'
EPISODE = "environment.episode_bars=250"
SLOW = ["latency.base_ms=60000", "latency.response_ms=60000", "latency.jitter_ms=60000",
        "latency.spike_probability=0.4", "latency.spike_multiplier=200", "latency.timeout_ms=0",
        "execution.max_participation=0.0005"]  # fmt: skip
"""Answers take hours and orders fill in small parts, so that many are on their way at each close."""
ONE = "data.symbols=[A/USDT]"
WAYS = {
    "two symbols": [],
    "one symbol in bins": [ONE, "environment.action={kind: bins, weights: [-0.5, 0, 0.5]}"],
    "orders on their way at each close": SLOW,
    "shares of equity": ["environment.action={kind: portfolio}", *SLOW[:2]],
    "a window and no account": ["observation.window=9", "observation.account=[]"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store_walks()


def sim_of(*overrides: str) -> BacktestInputs:
    Path("sim.yaml").write_text("mode: sim\n" + MARKET + SERVED, encoding="utf-8")
    kept = [one for one in overrides if not one.startswith(("environment", "observation"))]
    loaded = load_config(Path("sim.yaml"), kept)
    return wire_backtest(loaded.deciding, loaded.document)[0]


def environment_of(*overrides: str) -> tuple[EnvCore, int]:
    Path("train.yaml").write_text(TRAIN, encoding="utf-8")
    wired = wire_environment(load_config(Path("train.yaml"), overrides))
    core = EnvCore(wired.world, 1)
    core.begin()
    return core, int(core.envs[0]["start_row"])


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("kind", ["ppo", "recurrent_ppo"])
def test_backtest_of_a_model_is_its_episode_in_the_environment_bit_for_bit(name, kind):
    overrides = [*WAYS[name], EPISODE]
    write_untrained(MODEL, TRAIN, *overrides, algorithm={"kind": kind})
    served = ServedPolicy(MODEL)
    core, start = environment_of(*overrides)
    state, equity, on_their_way, ended = None, [], 0, None
    while ended is None:
        actions, state = served.act(core.observations.copy(), state)
        core.step(served.actions.weights(actions))
        over = core.envs[0]["terminated"] or core.envs[0]["truncated"]
        ended = core.ended[0].copy() if over else None
        equity.append(float((core.envs[0] if ended is None else ended)["equity"]))
        on_their_way += int(core._state.runs[0]["n_orders"] > 0)
    assert ended["fills"] > 30
    if "on their way" in name:
        assert on_their_way > 100
    inputs = sim_of(*overrides)
    played, _ = simulate(within(inputs, (start, start + len(equity) + 1)), lambda _rows: None)
    assert played.marks["equity"][1:].tobytes() == np.array(equity).tobytes()
    filled = played.events[played.events["kind"] == EventKind.FILLED]
    in_time = filled[filled["row"] <= len(equity)]
    fees = 0.0
    for event in in_time:
        fees += event["fee"]
    assert (len(in_time), fees) == (ended["fills"], ended["fees"])


def test_episode_with_its_own_costs_is_a_backtest_of_a_config_that_names_them():
    drawn = ["environment.randomize={fee: [2, 3], spread: [1, 4], impact: [0.1, 2], latency: [2, 9]}", EPISODE]
    write_untrained(MODEL, TRAIN, *drawn)
    served, (core, start) = ServedPolicy(MODEL), environment_of(*drawn)
    names = ("fee", "spread", "impact", "latency")
    costs = [
        f"stress.{name}={value!r}" for name, value in zip(names, core.envs[0]["multipliers"].tolist(), strict=True)
    ]
    equity = []
    for _ in range(150):
        core.step(served.actions.weights(served.act(core.observations.copy())[0]))
        equity.append(float(core.envs[0]["equity"]))
    assert core.envs[0]["fills"] > 30
    played, _ = simulate(within(sim_of(*costs), (start, start + 151)), lambda _rows: None)
    assert played.marks["equity"][1:].tobytes() == np.array(equity).tobytes()
    plain, _ = simulate(within(sim_of(), (start, start + 151)), lambda _rows: None)
    assert plain.marks["equity"][-1] != equity[-1]


def test_model_that_decides_symbols_apart_gives_each_an_equal_share():
    apart = ["environment.symbols=apart", "observation.account=[]"]
    write_untrained(MODEL, TRAIN, *apart)
    _, both = simulate(sim_of(), lambda _rows: None)
    served, policy = ServedPolicy(MODEL), Policy(Policy.Params(model=str(MODEL)))
    features = policy._observer.begin(sim_of().panel)
    alone = features[97:100, 1].ravel()[None]
    expected = served.actions.weights(served.act(alone)[0])[0, 0] / 2.0
    assert both[99, 1] == pytest.approx(expected, abs=1e-6)
    assert np.abs(both[99]).max() <= 0.5


def test_account_of_a_symbol_decided_apart_is_measured_in_its_share():
    write_untrained(MODEL, TRAIN, "environment.symbols=apart")
    inputs = sim_of()
    seen = []
    act = inputs.strategy._served.act
    inputs.strategy._served.act = lambda shown, *a, **k: (seen.append(shown.copy()), act(shown, *a, **k))[1]
    played, _ = simulate(inputs, lambda _rows: None)
    row = 300
    place = inputs.strategy._observer.layout.account_start
    shown = seen[row - inputs.strategy._observer.first][:, place]
    assert np.abs(shown).sum() * 0.5 * played.marks["equity"][row] == pytest.approx(
        played.marks["gross"][row], rel=0.05
    )
    assert np.abs(shown).max() > 0.05


def test_weights_are_scaled_and_held_within_the_largest():
    write_untrained(MODEL)
    _, plain = simulate(sim_of("latency.base_ms=0"), lambda _rows: None)
    scaled = Policy(Policy.Params(model=str(MODEL), scale=0.25, most_weight=0.1))
    inputs = sim_of("latency.base_ms=0")
    _, small = simulate(BacktestInputs(**{**vars(inputs), "strategy": scaled}), lambda _rows: None)
    first = scaled._observer.first
    assert np.array_equal(small[first], np.clip(0.25 * plain[first], -0.1, 0.1))
    assert np.nanmax(np.abs(small)) <= 0.1


def test_drawn_actions_repeat_with_their_seed():
    write_untrained(MODEL)
    inputs = sim_of()

    def played(seed: int) -> bytes:
        drawn = Policy(Policy.Params(model=str(MODEL), deterministic=False, seed=seed))
        weights = simulate(BacktestInputs(**{**vars(inputs), "strategy": drawn}), lambda _rows: None)[1]
        return weights.tobytes()

    assert played(1) == played(1)
    assert played(1) != played(2)


def test_recurrent_model_that_is_played_again_remembers_nothing_of_the_run_before():
    write_untrained(MODEL, algorithm={"kind": "recurrent_ppo"})
    inputs = sim_of()
    first, again = (simulate(inputs, lambda _rows: None)[1].tobytes() for _ in range(2))
    assert first == again


@pytest.mark.parametrize(
    ("override", "told"),
    [
        (
            "data.symbols=[B/USDT, A/USDT]",
            r"data\.symbols: B/USDT, A/USDT, but model\.zip was trained on A/USDT, B/USDT",
        ),
        ("data.timeframe=2h", r"data\.timeframe: 2h, but model\.zip was trained on 1h: set it to that"),
        ("data.venue=other", r"data\.venue: other, but model\.zip was trained on testing"),
    ],
)
def test_other_market_than_the_models_is_refused(override, told):
    write_untrained(MODEL)
    with pytest.raises(ConfigError, match=told):
        sim_of(override)


def test_model_is_not_there_and_extra_is_not_installed(monkeypatch):
    with pytest.raises(UsageError, match=r"^model\.zip: no such model"):
        sim_of()
    write_untrained(MODEL)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "keel.strategies.policy")
    with pytest.raises(
        UsageError, match=r"model\.zip: a model needs torch, which is not installed: pip install 'keel\[rl\]'"
    ):
        sim_of()


def test_networks_that_take_other_observations_than_are_made_are_refused():
    write_untrained(MODEL, observation_size=7)
    with pytest.raises(UsageError, match=r"model\.zip: its weights do not fit"):
        sim_of()


def test_bars_end_before_there_is_an_observation():
    write_untrained(MODEL)
    inputs = sim_of(f"data.end={np.datetime64(START_MS + 5 * HOUR_MS, 'ms')}Z")
    with pytest.raises(UsageError, match="5 bars are too few"):
        simulate(inputs, lambda _rows: None)


def test_model_does_not_look_ahead_and_a_strategy_that_does_when_it_prepares_is_found():
    write_untrained(MODEL)
    end = f"data.end={np.datetime64(START_MS + 60 * HOUR_MS, 'ms')}Z"

    def leak_of(build) -> Leak | None:
        inputs = sim_of(end)
        inputs = BacktestInputs(**{**vars(inputs), "strategy": build()})
        return find_leak(Prober(decider(inputs, build), inputs.bars), 60.0).leak

    assert leak_of(lambda: Policy(Policy.Params(model=str(MODEL)))) is None
    found = leak_of(lambda: Peeking(StrategyParams()))
    assert found is not None
    assert (found.change.row, found.bars_ahead) == (0, 3)
    taken = leak_of(lambda: PeekingAtTakers(StrategyParams()))
    assert taken is not None


class Peeking(EventStrategy):
    """Know from the start where prices will be in three bars."""

    def prepare(self, bars: BarPanel) -> None:
        close = bars.close[:, 0]
        self._up = close[np.minimum(np.arange(len(close)) + 3, len(close) - 1)] > close

    def on_bar(self, context: Context) -> None:
        context.set_target("A/USDT", 0.5 if self._up[len(context.bars) - 1] else 0.0)


class PeekingAtTakers(Peeking):
    """Know the next bar's taker volume."""

    def prepare(self, bars: BarPanel) -> None:
        takers = bars.extra["taker_buy_volume"][:, 0]
        self._up = np.append(takers[1:], 0.0) > takers


def test_extra_columns_reach_a_strategy_and_it_cannot_write_to_them():
    write_untrained(MODEL)
    panel = sim_of().panel
    assert list(panel.extra) == ["taker_buy_volume"]
    takers = panel.extra["taker_buy_volume"]
    assert takers.shape == (600, 2)
    assert np.array_equal(panel.until(10).extra["taker_buy_volume"], takers[:11])
    with pytest.raises(ValueError, match="read-only"):
        takers[0] = 1.0


def test_sweep_that_shares_bars_reads_the_columns_that_a_model_needs():
    write_untrained(MODEL)
    sim_of()  # writes the config
    loaded = load_config(Path("sim.yaml"), [])
    bare = read_market_data(loaded.config, loaded.document)
    inputs, _ = wire_backtest(loaded.deciding, loaded.document, bare, BarPanel(bare.view, ("A/USDT", "B/USDT")))
    assert list(inputs.panel.extra) == ["taker_buy_volume"]
