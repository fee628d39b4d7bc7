"""Many environments in one process: their arrays, and the compiled calls that step them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from keel.domain.layout import BAR_PRESENT, EVENT, MARK, ORDER, RUN, SLOT
from keel.domain.orders import RunStatus
from keel.rl import env_nb
from keel.rl.arrays import Floats, State, World
from keel.rl.crew import Crew
from keel.rl.layout import ENV
from keel.sim.kernel_nb import EVENTS_PER_ORDER, ORDERS_PER_DECISION

_ORDERS_AT_FIRST: Final = 4
"""Live orders of one instrument there is room for at first, beside those of one decision."""
_LEAST_PER_THREAD: Final = 128
"""Environments that are worth a thread of their own."""


class EnvCore:
    """Step B environments of one world. `threads` share them out: what an environment does is the same for any number.

    `observations` is what each sees now, float32 (B, D); rewards and flags of the last step are in `envs`, ENV (B,).
    `terminal` and `ended` are what an environment saw, and was, where its last episode ended.
    """

    def __init__(self, world: World, n_envs: int, threads: int = 1) -> None:
        # What a seed changes is this core's own; the rest may be shared by many.
        self.world = world = world._replace(task=world.task.copy(), run=world.run.copy())
        self.n_envs = n_envs
        n = world.slots.shape[1]
        orders = (ORDERS_PER_DECISION + _ORDERS_AT_FIRST) * n
        self._state = State(
            runs=np.zeros(n_envs, RUN),
            slots=np.zeros((n_envs, n), SLOT),
            orders=np.zeros((n_envs, orders), ORDER),
            tapes=np.zeros((n_envs, _power_of_two(EVENTS_PER_ORDER * orders + len(world.actions))), EVENT),
            envs=np.zeros(n_envs, ENV),
            held=np.zeros((n_envs, n), np.int64),
        )
        self.envs = self._state.envs
        size = int(world.task[0]["size"])
        self.observations = np.zeros((n_envs, size), np.float32)
        self.terminal = np.zeros((n_envs, size), np.float32)
        self.ended = np.zeros(n_envs, ENV)
        self._no_weights = np.zeros((n_envs, n))
        self._entry: Callable[..., int] | None = None
        parts = max(1, min(threads, n_envs // _LEAST_PER_THREAD))
        bounds = [n_envs * part // parts for part in range(parts + 1)]
        self._parts = [(bounds[k], bounds[k + 1], np.zeros(1, MARK)) for k in range(parts)]
        self._crew = Crew(self._parts) if parts > 1 else None
        self._arrays = (*self.world.arrays, *self._state)

    @property
    def observation_space(self) -> spaces.Box:
        """Return the space of one observation, float32 (D,)."""
        task = self.world.task[0]
        return spaces.Box(-float(task["bound"]), float(task["bound"]), (int(task["size"]),), np.float32)

    def reseed(self, seed: int) -> None:
        """Draw from another seed, 0 to 4294967295, from each environment's first episode on."""
        self.world.task["seed"] = self.world.run["seed"] = seed
        self.envs["episode"] = 0

    def begin(self, first: int = 0, last: int | None = None) -> None:
        """Begin the next episode of the environments first … last - 1, by default of all."""
        last = self.n_envs if last is None else last
        world, state = self.world, self._state
        for env in range(first, last):
            env_nb.begin_episode_nb(
                world.bars, world.rates, *world.arrays[5:], state.runs, state.slots, state.envs, state.held, env
            )
        while self._step_part(self._no_weights, first, last, self._parts[0][2], waiting_only=True):
            self._grow()

    def step(self, weights: Floats) -> None:
        """Step all environments by target weights, float64 (B, N). Raises ValueError for another shape."""
        weights = np.ascontiguousarray(weights, np.float64)
        if weights.shape != self._no_weights.shape:
            raise ValueError(f"weights are (B, N) = {self._no_weights.shape}, got {weights.shape}")
        if self.world.caps is not None:
            state, bars = self._state, self.world.bars
            present = bars["flags"][state.runs["row"] - 1] & BAR_PRESENT != 0
            weights = self.world.caps.clip(weights, state.slots["last_weight"], present)
        if self._crew is None:
            starved = self._step_part(weights, *self._parts[0])
        else:
            starved = self._crew.run(partial(self._step_part, weights))
        while starved:
            self._grow()
            starved = self._step_part(weights, 0, self.n_envs, self._parts[0][2], waiting_only=True)

    def _step_part(
        self, weights: Floats, first: int, last: int, mark: NDArray[np.void], *, waiting_only: bool = False
    ) -> int:
        given = (
            *self._arrays,
            weights,
            mark,
            self.observations,
            self.terminal,
            self.ended,
            first,
            last,
            waiting_only,
        )
        if self._entry is None:
            self._entry = _entry_of(env_nb.step_envs_nb, given)
        return self._entry(*given)

    def _grow(self) -> None:
        """Double every environment's room for orders and events."""
        state = self._state
        orders = np.zeros((self.n_envs, 2 * state.orders.shape[1]), ORDER)
        orders[:, : state.orders.shape[1]] = state.orders
        size = state.tapes.shape[1]
        tapes = np.zeros((self.n_envs, 2 * size), EVENT)
        for env, run in enumerate(state.runs):
            kept = np.arange(int(min(run["tape_head"], run["tape_drained"])), int(run["tape_tail"]))
            tapes[env, kept & (2 * size - 1)] = state.tapes[env, kept & (size - 1)]
            if run["status"] == RunStatus.NO_ROOM:
                run["status"] = RunStatus.RUNNING
        self._state = state._replace(orders=orders, tapes=tapes)
        self._arrays = (*self.world.arrays, *self._state)

    def opened(self) -> int:
        """Return how many positions were opened in the last step, as known locally."""
        return int(np.count_nonzero(np.abs(self._state.held) == 1))

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Return copies of all that a step changes, by name: with it `restore` goes on where this stands."""
        own = {"observations": self.observations, "task": self.world.task, "run": self.world.run}
        return {name: values.copy() for name, values in {**self._state._asdict(), **own}.items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where a snapshot of a core of the same world and number of environments stood.

        Raises ValueError where its arrays are of another version or size.
        """
        fitting = {**self._state._asdict(), "observations": self.observations}
        for name, values in fitting.items():
            if arrays[name].dtype != values.dtype or len(arrays[name]) != len(values):
                raise ValueError(f"{name} is {arrays[name].dtype} of {len(arrays[name])} environments")
        if max(int(arrays["runs"]["row"].max()), int(arrays["envs"]["stop_row"].max())) > len(self.world.bars):
            raise ValueError(f"its environments stand beyond the {len(self.world.bars)} rows there are")
        # Stored arrays have lost their alignment: compiled code would take them for another type, and compile again.
        own = {name: np.zeros(arrays[name].shape, values.dtype) for name, values in self._state._asdict().items()}
        for name, values in own.items():
            values[...] = arrays[name]
        self._state = State(**own)
        self.envs = self._state.envs
        self.observations[:] = arrays["observations"]
        self.world.task[:], self.world.run[:] = arrays["task"], arrays["run"]
        self._arrays = (*self.world.arrays, *self._state)

    def close(self) -> None:
        """End the threads."""
        if self._crew is not None:
            self._crew.close()


def _entry_of(function: Any, given: tuple[object, ...]) -> Callable[..., int]:  # noqa: ANN401 - numba's or Python's own
    """Return what calls a function on arguments of the types of `given`, which it takes for granted.

    A compiled function looks at the type of every argument at each call: for so many that takes longer than a step.
    """
    if not hasattr(function, "typeof_pyval"):
        interpreted: Callable[..., int] = function
        return interpreted
    entry: Callable[..., int] = function.compile(tuple(map(function.typeof_pyval, given)))
    return entry


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
