"""Section evaluation: profiles that come with Keel, those beside them, and what is refused; section stress."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from keel.config.evaluation import SHIPPED
from keel.config.load import dump_yaml, load_config
from keel.config.modes import EvalRun, SimRun
from keel.config.strategy import StrategySection
from keel.domain.errors import ConfigError

EVAL = """\
mode: eval
data: { venue: synthetic, symbols: [SYNBTC/USDT], timeframe: 1h }
stress: { fee: 2, latency: 0.5 }
"""
CONFIG = Path(__file__).resolve().parents[3] / "configs" / "config_eval.yaml"
STRATEGY = StrategySection.model_validate({"class": "keel.strategies.trained:Policy", "params": {"model": "m.zip"}})


@pytest.fixture
def evaluation(load):
    def run(*overrides: str) -> EvalRun:
        return load("", *overrides, text=EVAL).config

    return run


def test_profiles_of_a_config_stand_beside_those_shipped_or_in_their_place(evaluation):
    profiles = evaluation("evaluation.profiles={mine: {weight_scale: 2}, balanced: {crashes: 1}}").evaluation.profiles
    assert list(profiles) == [*SHIPPED, "mine"]
    assert (profiles["mine"].weight_scale, profiles["balanced"].crashes) == (2.0, 1)
    assert profiles["stress_costs"].stress.multipliers == (3.0, 3.0, 3.0, 1.0)
    assert profiles["stress_latency"].stress.multipliers == (1.0, 1.0, 1.0, 10.0)
    assert [name for name, profile in profiles.items() if profile.is_plain] == ["conservative", "aggressive", "mine"]


def test_shipped_config_spells_the_shipped_profiles_out():
    written = yaml.safe_load(CONFIG.read_text())["evaluation"]["profiles"]
    plain = {"mode": "eval", "data": {"venue": "v", "symbols": ("A",), "timeframe": "1h"}}
    profiles = EvalRun.model_validate(plain | {"evaluation": {"profiles": written}}).evaluation.profiles
    assert profiles == EvalRun.model_validate(plain).evaluation.profiles


def test_profile_changes_limits_and_multiplies_costs_and_all_else_stays(evaluation):
    config = evaluation("risk.daily_loss=0.1", "evaluation.profiles.mine={risk: {max_drawdown: 0.2, daily_loss: null}, "
                        "stress: {fee: 3, latency: 10}}")  # fmt: skip
    simulated = config.simulated(config.evaluation.profiles["mine"], STRATEGY)
    assert type(simulated) is SimRun
    assert (simulated.risk.max_drawdown, simulated.risk.daily_loss) == (0.2, None)
    assert simulated.risk.max_gross_weight == config.risk.max_gross_weight
    assert simulated.stress.multipliers == (6.0, 1.0, 1.0, 5.0)
    assert (simulated.fees, simulated.data, simulated.strategy) == (config.fees, config.data, STRATEGY)


def test_resolved_config_loads_back_to_the_same(load, evaluation):
    config = evaluation("evaluation.profiles.mine={spans: [{start: 2021-01-01}], risk: {max_orders_per_min: 9}}")
    assert load("", text=dump_yaml(config)).config == config
    Path("again.yaml").write_text(dump_yaml(config.simulated(config.evaluation.profiles["mine"], STRATEGY)))
    assert load_config(Path("again.yaml"), expect_mode="sim").config.stress.fee == 2.0


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("evaluation.profile=agressive", "there is no profile agressive: did you mean aggressive?"),
        (
            "evaluation.profiles.x={risk: {max_drawdwn: 0.1}}",
            "x.risk: there is no max_drawdwn: did you mean max_drawdown?",
        ),
        ("evaluation.profiles.x={risk: {max_drawdown: 2}}", "x.risk: max_drawdown: input should be less than or equal"),
        ("evaluation.profiles.x={risk: {max_orders_per_min: 3}}", "evaluation.profiles: x does not fit sections risk"),
        ("evaluation.profiles.x={stress: {fee: 60}}", "evaluation.profiles: x does not fit sections risk and stress"),
        ("evaluation.profiles.x={weight_scale: 0}", "weight_scale: expected a number above 0"),
        ("evaluation.profiles.x={crashs: 2}", "unknown key 'evaluation.profiles.x.crashs': nearest right key"),
        ("evaluation.profiles.x/y={}", "expected a name of 1 to 64 letters"),
        ("stress.fee=-1", "stress.fee: expected a number of at least 0"),
        ("strategy.class=a:B", "unknown key 'strategy'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(evaluation, override, told):
    with pytest.raises(ConfigError) as caught:
        evaluation(override)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_config_of_an_evaluation_has_no_strategy_to_simulate(load):
    loaded = load("", text=EVAL)
    with pytest.raises(ConfigError, match="mode: eval has no strategy to simulate"):
        _ = loaded.deciding
