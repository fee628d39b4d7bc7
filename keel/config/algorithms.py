"""Section `training.algorithm`: which way of learning, its network and its hyper-parameters."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, Strict

from keel.config.section import Section

_STEPS: Final = 100_000_000
Unit = Annotated[float, Field(ge=0, le=1)]
Width = Annotated[int, Field(ge=1, le=4096)]
Widths = Annotated[tuple[Width, ...], Strict(strict=False), Field(min_length=1, max_length=8)]
"""Widths of a network's hidden layers, the first one nearest to the observation."""


class Schedule(Section):
    """Let a number change over the training run."""

    kind: Literal["linear", "cosine"] = Field("linear", description="Way from start to end: linear or cosine.")
    start: float = Field(ge=0, le=10, description="Value at the first step.")
    end: float = Field(ge=0, le=10, description="Value at the last step.")


Scheduled = Annotated[float, Field(ge=0, le=10)] | Schedule
"""A number, or how it changes from the first step to the last."""


class NetworkSection(Section):
    """Shape a policy's networks."""

    actor: Widths = Field((64, 64), description="Widths of the hidden layers that choose actions; 1 to 8 layers.")
    critic: Widths = Field(
        (64, 64), description="Widths of the hidden layers that value them; not used by dqn, qr_dqn."
    )
    activation: Literal["tanh", "relu", "elu", "gelu"] = Field(
        "tanh", description="Non-linearity: tanh, relu, elu or gelu."
    )


class _Algorithm(Section):
    """Hold what all ways of learning share."""

    network: NetworkSection = Field(NetworkSection(), description="Shape of the networks.")
    learning_rate: Scheduled = Field(1e-4, description="Step size of the optimiser, or {start, end, kind}.")
    gamma: Unit = Field(0.99, description="What a reward one bar later is worth; 0 to 1.")


class _OnPolicy(_Algorithm):
    """Hold what ways of learning share that learn from their newest rollout."""

    n_steps: int = Field(2048, ge=1, le=1_000_000, description="Steps of each environment in a rollout.")
    gae_lambda: Unit = Field(0.95, description="Of generalised advantage estimation (Schulman 2016); 0 to 1.")
    ent_coef: float = Field(0.0, ge=0, le=10, description="Weight of the entropy bonus.")
    vf_coef: float = Field(0.5, ge=0, le=10, description="Weight of the value loss.")
    max_grad_norm: float = Field(0.5, gt=0, le=1000, description="Largest norm of a gradient; longer ones are cut.")
    log_std_init: float = Field(0.0, ge=-10, le=5, description="Log deviation of continuous actions at first.")


class _Clipped(_OnPolicy):
    """Hold what the kinds of PPO share."""

    batch_size: int = Field(64, ge=2, le=10_000_000, description="Samples in one gradient step.")
    n_epochs: int = Field(10, ge=1, le=1000, description="Times a rollout is learnt from.")
    clip_range: Scheduled = Field(0.2, description="How far a probability ratio may go from 1, or {start, end, kind}.")
    target_kl: float | None = Field(
        None, gt=0, le=10, description="KL divergence at which an update stops early; null = never."
    )


class Ppo(_Clipped):
    """Configure PPO (Schulman et al. 2017)."""

    kind: Literal["ppo"] = Field("ppo", description="ppo: proximal policy optimisation.")


class MaskablePpo(_Clipped):
    """Configure PPO that never draws an action which limits or venue would refuse."""

    kind: Literal["maskable_ppo"] = Field(description="maskable_ppo: PPO without the bins that limits would clip.")


class RecurrentPpo(_Clipped):
    """Configure PPO with an LSTM."""

    kind: Literal["recurrent_ppo"] = Field(description="recurrent_ppo: PPO with an LSTM, which remembers.")
    lstm_size: int = Field(64, ge=1, le=4096, description="Width of the LSTM.")


class A2c(_OnPolicy):
    """Configure A2C (Mnih et al. 2016)."""

    kind: Literal["a2c"] = Field(description="a2c: advantage actor-critic.")
    n_steps: int = Field(5, ge=1, le=1_000_000, description="Steps of each environment in a rollout.")


class _OffPolicy(_Algorithm):
    """Hold what ways of learning share that keep what they have seen."""

    buffer_size: int = Field(1_000_000, ge=1000, le=_STEPS, description="Transitions that are kept.")
    learning_starts: int = Field(10_000, ge=0, le=_STEPS, description="Steps before the first gradient step.")
    batch_size: int = Field(256, ge=2, le=10_000_000, description="Transitions in one gradient step.")
    train_freq: int = Field(1, ge=1, le=1_000_000, description="Steps of each environment between updates.")
    gradient_steps: int = Field(1, ge=1, le=1_000_000, description="Gradient steps in an update.")
    tau: Unit = Field(0.005, description="How far a target network follows in one update; 0 to 1.")


class Sac(_OffPolicy):
    """Configure SAC (Haarnoja et al. 2018)."""

    kind: Literal["sac"] = Field(description="sac: soft actor-critic.")


class Tqc(_OffPolicy):
    """Configure TQC (Kuznetsov et al. 2020)."""

    kind: Literal["tqc"] = Field(description="tqc: soft actor-critic with truncated quantiles.")
    drop_quantiles: int = Field(2, ge=0, le=24, description="Highest quantiles of each critic that are left out.")


class Td3(_OffPolicy):
    """Configure TD3 (Fujimoto et al. 2018)."""

    kind: Literal["td3"] = Field(description="td3: twin delayed deterministic policy gradient.")
    policy_delay: int = Field(2, ge=1, le=1000, description="Updates of the critics for one of the actor.")
    exploration_noise: float = Field(0.1, ge=0, le=2, description="Deviation of the noise on actions while learning.")


class _Values(_OffPolicy):
    """Hold what the kinds of DQN share."""

    train_freq: int = Field(4, ge=1, le=1_000_000, description="Steps of each environment between updates.")
    tau: Unit = Field(1.0, description="How far the target network follows in one update; 0 to 1.")
    target_update_interval: int = Field(10_000, ge=1, le=_STEPS, description="Steps between target updates.")
    exploration_fraction: Unit = Field(0.1, description="Part of the run over which random actions become rarer.")
    exploration_end: Unit = Field(0.05, description="Part of random actions from then on.")


class Dqn(_Values):
    """Configure DQN (Mnih et al. 2015)."""

    kind: Literal["dqn"] = Field(description="dqn: deep Q-network.")


class QrDqn(_Values):
    """Configure QR-DQN (Dabney et al. 2018)."""

    kind: Literal["qr_dqn"] = Field(description="qr_dqn: deep Q-network of quantiles.")
    n_quantiles: int = Field(200, ge=1, le=10_000, description="Quantiles of a value.")


Algorithm = Annotated[
    Ppo | MaskablePpo | RecurrentPpo | A2c | Sac | Tqc | Td3 | Dqn | QrDqn, Field(discriminator="kind")
]
"""A way of learning, told apart by `kind`."""

ON_POLICY: Final = (Ppo, MaskablePpo, RecurrentPpo, A2c)
CLIPPED: Final = (Ppo, MaskablePpo, RecurrentPpo)
CONTINUOUS_ONLY: Final = frozenset({"sac", "tqc", "td3"})
DISCRETE_ONLY: Final = frozenset({"dqn", "qr_dqn"})
"""Ways of learning that choose one of a list; bins of one symbol only."""
