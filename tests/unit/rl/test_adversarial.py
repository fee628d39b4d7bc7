"""An adversary moves what is seen within its box, κ = 0 is PPO to the bit, and runs against adversaries resume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces
from made_training import ALGORITHMS, ON_POLICY, Told, config_of, learn, write_bars
from stable_baselines3.common.policies import ActorCriticPolicy

from keel.domain.errors import ConfigError
from keel.rl.adversarial.attack import Attack, departure, divergence, laws_of, leaning
from keel.rl.training.keeping import newest_checkpoint

NUMBERS = "environment.action={kind: weight, least: -1.0}"
AGAINST = "training.adversary.observation={epsilon: 0.3, kappa: 1.0, steps: 2, grow: 0.5}"
MARKET = "training.adversary.market={budget: 1.0, most: 2.0, episodes: 8}"
SPACES = {
    "Discrete": spaces.Discrete(3),
    "MultiDiscrete": spaces.MultiDiscrete([3, 2]),
    "Box": spaces.Box(-1.0, 1.0, (2,)),
}


@pytest.fixture
def bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_bars()


def policy_of(kind: str) -> ActorCriticPolicy:
    torch.manual_seed(4)
    made = ActorCriticPolicy(spaces.Box(-5.0, 5.0, (6,)), SPACES[kind], lambda _: 0.0, net_arch=[16])
    with torch.no_grad():  # stable-baselines3 begins with a policy that hardly looks
        made.action_net.weight.mul_(100.0)
    return made


def seen(rows: int = 64) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(3).normal(0.0, 1.0, (rows, 6)), dtype=torch.float32)


@pytest.mark.parametrize("kind", SPACES)
def test_attack_stays_in_its_box_and_leaves_the_account_alone(kind: str):
    policy, observations = policy_of(kind), (seen() * 3.0).clamp(-5.0, 5.0)
    moved = Attack(0.5, 4, 4, 5.0).worst(departure(policy, observations), observations)
    assert torch.equal(moved[:, 4:], observations[:, 4:])
    assert float((moved - observations).abs().max()) <= 0.5 + 1e-6
    assert float(moved[:, :4].abs().max()) <= 5.0
    assert float((moved - observations).abs().max()) > 0.4


@pytest.mark.parametrize("kind", SPACES)
def test_attack_finds_what_moves_the_policy_more_than_chance_does(kind: str):
    policy, observations = policy_of(kind), seen()
    harm = departure(policy, observations)
    moved = Attack(0.3, 10, 6, 5.0).worst(harm, observations)
    with torch.no_grad():
        found = harm(moved)
        drawn = [harm(observations + 0.3 * (2.0 * torch.rand_like(observations) - 1.0)) for _ in range(20)]
    assert bool((found >= torch.stack(drawn).max(dim=0).values - 1e-6).float().mean() > 0.95)


@pytest.mark.parametrize("kind", SPACES)
def test_divergence_of_two_policies_is_not_that_of_one_with_itself(kind: str):
    """stable-baselines3 hands out one distribution object again and again."""
    policy, observations = policy_of(kind), seen()
    before, after = laws_of(policy, observations), laws_of(policy, observations + 0.3)
    assert float(divergence(before, before).detach().abs().max()) == 0.0
    assert float(divergence(before, after).detach().min()) > 0.0


def test_divergence_of_gaussians_is_half_the_square_of_the_distance_in_deviations():
    policy, observations = policy_of("Box"), seen()
    with torch.no_grad():
        policy.log_std.fill_(np.log(0.5))
    before, after = laws_of(policy, observations), laws_of(policy, observations + 0.3)
    apart = (before[0].mean - after[0].mean) / 0.5
    assert torch.allclose(divergence(before, after), 0.5 * apart.square().sum(dim=1))


def test_attack_pushes_a_policy_to_the_side_it_is_told():
    policy, observations = policy_of("Discrete"), seen()
    worth = torch.tensor([-1.0, 0.0, 1.0]).expand(64, 3)
    up, down = leaning(policy, worth), leaning(policy, -worth)
    with torch.no_grad():
        unmoved = up(observations)
    assert bool((up(Attack(0.3, 5, 6, 5.0).worst(up, observations)) >= unmoved).all())
    assert bool((-down(Attack(0.3, 5, 6, 5.0).worst(down, observations)) <= unmoved).all())


@pytest.mark.usefixtures("bars")
@pytest.mark.parametrize("more", [(), (NUMBERS,), ("training.algorithm.target_kl=0.001",)])
def test_without_weight_on_steadiness_the_weights_are_those_of_ppo_to_the_bit(more: tuple[str, ...]):
    given = [*ALGORITHMS["ppo"], *more]
    plain = learn(config_of(given), Path("plain"), told := Told())
    same = learn(config_of([*given, AGAINST, "training.adversary.observation.kappa=0"]), Path("same"), also := Told())
    assert same.weights_hash == plain.weights_hash
    shown = {name: value for name, value in told.rollouts[-1][1].items() if name.startswith("train/")}
    assert shown == {name: value for name, value in also.rollouts[-1][1].items() if name.startswith("train/")}
    other = learn(config_of([*given, AGAINST]), Path("other"), against := Told())
    assert other.weights_hash != plain.weights_hash
    assert against.rollouts[-1][1]["train/adversarial_kl"] > 0.0
    assert against.rollouts[-1][1]["train/adversarial_epsilon"] == 0.3


@pytest.mark.usefixtures("bars")
@pytest.mark.parametrize("more", [(), (NUMBERS,)])
def test_a_run_against_both_adversaries_that_was_stopped_goes_on_to_the_same_weights(more: tuple[str, ...]):
    loaded = config_of([*ALGORITHMS["ppo"], AGAINST, MARKET, *more])
    done = learn(loaded, Path("whole"), Told())
    first = learn(loaded, Path("parted"), Told(stop_at=480))
    assert (first.status, first.steps) == ("interrupted", 480)
    second = learn(loaded, Path("parted"), Told(), newest_checkpoint(Path("parted")))
    assert second.weights_hash == done.weights_hash
    assert second.weights_hash != learn(config_of([*ALGORITHMS["ppo"], AGAINST, *more]), Path("x"), Told()).weights_hash


@pytest.mark.usefixtures("bars")
def test_a_policy_that_learnt_to_be_steady_departs_less_when_it_is_attacked():
    given = [f"training.algorithm={{kind: ppo, batch_size: 80, n_epochs: 8, learning_rate: 0.003, {ON_POLICY}}}"]
    steady = "training.adversary.observation={epsilon: 0.3, kappa: 5.0, steps: 3, grow: 0}"
    kls = []
    for kappa in ("0.000001", "5.0"):
        learn(config_of([*given, steady, f"training.adversary.observation.kappa={kappa}"]), Path(kappa), told := Told())
        kls.append(told.rollouts[-1][1]["train/adversarial_kl"])
    assert kls[1] < 0.5 * kls[0]


@pytest.mark.usefixtures("bars")
@pytest.mark.parametrize("kind", ["a2c", "maskable_ppo", "recurrent_ppo"])
def test_an_adversary_of_what_is_seen_is_refused_for_other_ways_of_learning(kind: str):
    with pytest.raises(ConfigError, match=r"adversary\.observation: is for training\.algorithm\.kind ppo, not"):
        config_of([*ALGORITHMS[kind], AGAINST])
