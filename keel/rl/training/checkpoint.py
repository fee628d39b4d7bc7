"""All that learning goes on from, at a rollout's boundary: saved in a model's zip, and put back from one."""

from __future__ import annotations

import io
import json
import random
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer

from keel.domain.errors import UsageError
from keel.rl.core import EnvCore
from keel.runs.model_file import WEIGHTS, ModelFile
from keel.strategies.policy import dump_tensors, load_tensors

OPTIMIZERS: Final = "optimizers.pth"
PROGRESS: Final = "training.json"
ENVIRONMENTS: Final = "environments.npz"
REPLAY: Final = "replay.npz"
_COUNTS: Final = (
    "num_timesteps",
    "_n_updates",
    "_n_calls",
    "_episode_num",
    "_current_progress_remaining",
    "exploration_rate",
)
_FILLED: Final = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
_MEND: Final = "resume from another checkpoint, or train again; the model itself can still be evaluated"


def pack(model: BaseAlgorithm, core: EnvCore, loop: Mapping[str, Any]) -> dict[str, bytes]:
    """Return a checkpoint's members by name; `loop` is what whoever trains must know again, as JSON can hold it.

    Networks, optimisers, counters, random states, environments and the replay buffer are in it.
    """
    parameters = model.get_parameters()
    policy = parameters.pop("policy")
    rest = {
        "parameters": parameters,
        "variables": _variables(model),
        "random": _torch_random(),
        "memory": _memory(model),
    }
    members = {
        WEIGHTS: dump_tensors(policy),
        OPTIMIZERS: dump_tensors(rest),
        PROGRESS: json.dumps({**_progress(model), "loop": dict(loop)}).encode(),
        ENVIRONMENTS: _npz({**core.snapshot(), "last_obs": model._last_obs, "last_starts": model._last_episode_starts}),
    }
    if (buffer := _replay(model)) is not None:
        members[REPLAY] = _npz(_buffer_arrays(buffer))
    return members


def unpack(file: ModelFile, model: BaseAlgorithm, core: EnvCore) -> dict[str, Any]:
    """Put a checkpoint back into an algorithm and environments built from the same config; return its `loop`.

    Raises UsageError where the file is no checkpoint, or one of another version.
    """
    where = str(file.path)
    if PROGRESS not in file:
        raise UsageError(f"{where}: is a model, not a checkpoint: give a checkpoint_*.zip")
    try:
        arrays = _arrays(file.read(ENVIRONMENTS))
        progress = json.loads(file.read(PROGRESS))
        rest = load_tensors(file.read(OPTIMIZERS), where)
        policy = load_tensors(file.read(WEIGHTS), where)
        model.set_parameters({"policy": policy, **rest["parameters"]}, exact_match=True, device=model.device)
        core.restore(arrays)
        if (buffer := _replay(model)) is not None:
            _fill(buffer, _arrays(file.read(REPLAY)))
        _put_back(model, arrays, progress, rest)
        return dict(progress["loop"])
    except (KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError, EOFError) as error:
        raise UsageError(f"{where}: is a checkpoint of another version ({error}): {_MEND}") from None


def threads_of(file: ModelFile) -> int | None:
    """Return by how many threads a checkpoint's run learnt: with another number, sums round differently."""
    try:
        return int(json.loads(file.read(PROGRESS))["loop"]["threads"])
    except (KeyError, ValueError, TypeError):
        return None  # `unpack` refuses it, and says why


def _put_back(model: BaseAlgorithm, arrays: Mapping[str, NDArray[Any]], progress: dict[str, Any], rest: Any) -> None:  # noqa: ANN401
    for name, value in rest["variables"].items():
        getattr(model, name).data = value.to(model.device)
    for name, value in progress["counts"].items():
        setattr(model, name, value)
    model._last_obs, model._last_episode_starts = arrays["last_obs"], arrays["last_starts"]
    model.ep_info_buffer = deque(progress["episodes"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(maxlen=model._stats_window_size)
    if rest["memory"] is not None:
        states = tuple(tuple(one.to(model.device) for one in pair) for pair in rest["memory"])
        model._last_lstm_states = RNNStates(*states)  # type: ignore[attr-defined]
    model.action_space.np_random.bit_generator.state = progress["actions_random"]
    version, words, gauss = progress["python_random"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, *others = progress["numpy_random"]
    np.random.set_state((kind, np.array(keys, np.uint32), *others))
    torch.set_rng_state(rest["random"]["cpu"])
    if "cuda" in rest["random"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(rest["random"]["cuda"])


def _progress(model: BaseAlgorithm) -> dict[str, Any]:
    kind, keys, *others = np.random.get_state()
    return {
        "counts": {name: getattr(model, name) for name in _COUNTS if hasattr(model, name)},
        "episodes": [{"r": one["r"], "l": one["l"], "t": one["t"]} for one in model.ep_info_buffer or ()],
        "python_random": random.getstate(),
        "numpy_random": [kind, np.asarray(keys).tolist(), *others],
        "actions_random": model.action_space.np_random.bit_generator.state,
    }


def _variables(model: BaseAlgorithm) -> dict[str, torch.Tensor]:
    """Return what an algorithm learns beside its networks: SAC's entropy coefficient."""
    names = model._get_torch_save_params()[1]
    return {name: getattr(model, name).detach().cpu() for name in names if getattr(model, name) is not None}


def _torch_random() -> dict[str, Any]:
    states: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def _memory(model: BaseAlgorithm) -> list[list[torch.Tensor]] | None:
    """Return what a recurrent policy remembers of each environment, of actor and critic."""
    states = getattr(model, "_last_lstm_states", None)
    return None if states is None else [[one.cpu() for one in pair] for pair in states]


def _replay(model: BaseAlgorithm) -> ReplayBuffer | None:
    return getattr(model, "replay_buffer", None)


def _buffer_arrays(buffer: ReplayBuffer) -> dict[str, NDArray[Any]]:
    end = buffer.buffer_size if buffer.full else buffer.pos
    filled = {name: getattr(buffer, name)[:end] for name in _FILLED}
    return {**filled, "pos": np.array(buffer.pos), "full": np.array(buffer.full)}


def _fill(buffer: ReplayBuffer, arrays: Mapping[str, NDArray[Any]]) -> None:
    for name in _FILLED:
        getattr(buffer, name)[: len(arrays[name])] = arrays[name]
    buffer.pos, buffer.full = int(arrays["pos"]), bool(arrays["full"])


def _npz(arrays: Mapping[str, Any]) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return dict(stored)
