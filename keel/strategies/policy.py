"""Serve a trained model: networks from its card, weights from its file, actions for observations."""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from sb3_contrib.tqc.policies import TQCPolicy
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import nn

from keel.config.algorithms import Algorithm, QrDqn, RecurrentPpo
from keel.config.environment import Action
from keel.domain.errors import UsageError
from keel.features.fitted import Fitted, fitted_from_json
from keel.runs.model_file import OBSERVATION, WEIGHTS, ModelFile
from keel.strategies.actions import Actions, actions_of

POLICIES: Final[dict[str, type[BasePolicy]]] = {
    "ppo": ActorCriticPolicy,
    "a2c": ActorCriticPolicy,
    "maskable_ppo": MaskableActorCriticPolicy,
    "recurrent_ppo": RecurrentActorCriticPolicy,
    "sac": SACPolicy,
    "tqc": TQCPolicy,
    "td3": TD3Policy,
    "dqn": DQNPolicy,
    "qr_dqn": QRDQNPolicy,
}
"""The class of networks of each way of learning."""
_ACTIVATIONS: Final = {"tanh": nn.Tanh, "relu": nn.ReLU, "elu": nn.ELU, "gelu": nn.GELU}
_VALUES: Final = ("dqn", "qr_dqn")
_MEND: Final = "take a model that Keel's training saved, or train again"

State = tuple[NDArray[np.float32], ...] | None
"""What a recurrent policy remembers from one bar to the next."""


def network_arguments(section: Algorithm) -> dict[str, Any]:
    """Return stable-baselines3's `policy_kwargs` for a way of learning."""
    network = section.network
    shape: Any = list(network.actor)
    if section.kind in ("sac", "tqc", "td3"):
        shape = {"pi": list(network.actor), "qf": list(network.critic)}
    elif section.kind not in _VALUES:
        shape = {"pi": list(network.actor), "vf": list(network.critic)}
    arguments: dict[str, Any] = {"net_arch": shape, "activation_fn": _ACTIVATIONS[network.activation]}
    if hasattr(section, "log_std_init") and section.kind != "maskable_ppo":
        arguments["log_std_init"] = section.log_std_init
    if isinstance(section, RecurrentPpo):
        arguments["lstm_hidden_size"] = section.lstm_size
    if isinstance(section, QrDqn):
        arguments["n_quantiles"] = section.n_quantiles
    return arguments


def weights_hash(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 (64 hex digits) of tensors: names, shapes and little-endian bytes, in the order of names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        values = tensors[name].detach().cpu().numpy()
        digest.update(f"{name}:{values.dtype.str}:{values.shape}:".encode())
        digest.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def dump_tensors(tree: object) -> bytes:
    """Return tensors in lists and dicts as bytes that `load_tensors` reads."""
    buffer = io.BytesIO()
    torch.save(tree, buffer)
    return buffer.getvalue()


def load_tensors(content: bytes, where: str) -> Any:  # noqa: ANN401 - whatever tree of tensors was saved
    """Read tensors; nothing but tensors, numbers and text is ever built. Raises UsageError for anything else."""
    try:
        if not zipfile.is_zipfile(io.BytesIO(content)):
            raise ValueError("not the container that dump_tensors writes")
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError):
        raise UsageError(f"{where}: holds more than tensors, or is damaged, and is not loaded: {_MEND}") from None


class ServedPolicy:
    """Hold a trained policy that decides. `fitted` and `actions` say what goes in and what comes out."""

    def __init__(self, path: Path) -> None:
        """Load a model. Raises UsageError, one line, for a file that is not Keel's, damaged, changed or another's."""
        file = ModelFile(path)
        self.card, where = file.card, str(path)
        self.fitted: Fitted = fitted_from_json(file.read(OBSERVATION), f"{where}: {OBSERVATION}")
        self.fitted.refuse_other_hash(self.card.observation_hash, f"{where}: {OBSERVATION}")
        self.algorithm, action = _sections(self.card.algorithm, self.card.action, where)
        self.actions: Actions = actions_of(action, 1 if self.card.apart else len(self.card.symbols))
        bound, size = self.card.observation_bound, self.card.observation_size
        self.observation_space = spaces.Box(-bound, bound, (size,), np.float32)
        self._policy = build_policy(self.algorithm, self.observation_space, self.actions.space)
        self._load(load_tensors(file.read(WEIGHTS), f"{where}: {WEIGHTS}"), where)
        self._recurrent = self.algorithm.kind == "recurrent_ppo"
        self._mask = self.actions.mask(*self.card.weight_range) if self.algorithm.kind == "maskable_ppo" else None

    def act(
        self, observations: NDArray[np.float32], state: State = None, *, deterministic: bool = True
    ) -> tuple[NDArray[Any], State]:
        """Return actions, (B, *action_space.shape), for observations, float32 (B, D), and what to remember.

        `state` is what the call for the bar before returned, None at the start of an episode.
        """
        more = {} if self._mask is None else {"action_masks": np.tile(self._mask, (len(observations), 1))}
        actions, state = self._policy.predict(observations, state, deterministic=deterministic, **more)
        return actions, state if self._recurrent else None

    def seed(self, seed: int) -> None:
        """Draw actions that are not deterministic from a seed, from the next on."""
        torch.manual_seed(seed)

    def _load(self, tensors: Any, where: str) -> None:  # noqa: ANN401 - what the file holds
        try:
            self._policy.load_state_dict(tensors)
        except (RuntimeError, AttributeError, TypeError):
            raise UsageError(f"{where}: its weights do not fit the networks of its card: {_MEND}") from None
        if weights_hash(self._policy.state_dict()) != self.card.weights_hash:
            raise UsageError(f"{where}: its weights are not those its card was written for: {_MEND}")
        if not all(bool(tensor.isfinite().all()) for tensor in self._policy.state_dict().values()):
            raise UsageError(f"{where}: its weights are not all finite numbers: {_MEND}")
        self._policy.set_training_mode(mode=False)


def build_policy(section: Algorithm, observation: spaces.Space[Any], action: spaces.Space[Any]) -> BasePolicy:
    """Return untrained networks, on the CPU."""
    make: Callable[..., BasePolicy] = POLICIES[section.kind]
    return make(observation, action, lambda _: 0.0, **network_arguments(section))


def _sections(algorithm: Mapping[str, Any], action: Mapping[str, Any], where: str) -> tuple[Algorithm, Action]:
    try:
        learnt: Algorithm = TypeAdapter(Algorithm).validate_python(algorithm)
        decided: Action = TypeAdapter(Action).validate_python(action)
    except ValidationError:
        raise UsageError(
            f"{where}: its card names networks or actions that this version does not know: {_MEND}"
        ) from None
    return learnt, decided
