"""Population-based training by Ray Tune (Jaderberg et al., Population Based Training of Neural Networks, 2017).

Ray Tune decides who runs, who copies whom and how a copy's values change; what is copied are Keel's own checkpoints.
Its own notes are scratch: a run that was killed goes on from the agents' checkpoints.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ray import tune
from ray.tune.schedulers import PopulationBasedTraining
from ray.tune.search.basic_variant import BasicVariantGenerator

from keel.config.robustness import PopulationSection
from keel.config.training import TrainingSection
from keel.domain.errors import UsageError
from keel.rl.population.follow import POPULATION, Follow, Follower
from keel.rl.population.member import STOP, Member, Shared, member_name
from keel.rl.population.mutation import Values, mirrored, spans
from keel.rl.training.keeping import BEST, drop_half_written
from keel.rl.training.loop import Outcome, Task
from keel.runs.disk import make_folder
from keel.runs.provenance import source_hash

_SCRATCH: Final = "tune"
_KEPT: Final = 4
"""Checkpoints of each agent that Ray Tune keeps to be copied: fewer could be gone before they are."""
_QUIET: Final = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}


def train_population(
    task: Task,
    section: TrainingSection,
    folder: Path,
    board: Path,
    follower: Follower,
    ray: Any,  # noqa: ANN401
) -> Outcome:
    """Let a population learn, or go on where its checkpoints in `folder` are, on a Ray that is connected.

    Steps of the outcome are those of all agents together. Raises UsageError where Ray has too few processors or GPUs,
    or where every agent diverged.
    """
    population = section.population
    if population is None:
        raise ValueError("the section has no population")
    _refuse_too_few(ray, population)
    place = folder.resolve() / POPULATION
    make_folder(place)
    drop_half_written(folder)
    (place / STOP).unlink(missing_ok=True)
    shutil.rmtree(place / _SCRATCH, ignore_errors=True)
    shared = Shared(
        task, section, population.perturb_every, population.cpus, str(place), str(board.resolve()), source_hash()
    )
    began = time.monotonic()
    follow = Follow(section, population, folder, follower)
    starts = follow.begin(task.seed)
    os.environ.update(_QUIET)
    logging.getLogger("ray").setLevel(logging.CRITICAL)  # what fails is told by `refuse_failures`, in one line
    try:
        results = _tuner(population, shared, starts, follow).fit()
    finally:
        shutil.rmtree(place / _SCRATCH, ignore_errors=True)
        (place / BEST).unlink(missing_ok=True)  # that of the agent who found one last
    follow.refuse_failures([error for error in results.errors if error is not None])
    return follow.outcome(time.monotonic() - began)


def _tuner(population: PopulationSection, shared: Shared, starts: Sequence[Values], follow: Follow) -> tune.Tuner:
    bounds = spans(population)

    def within(config: dict[str, Any]) -> dict[str, Any]:
        """Keep what × 0.8 and × 1.2 made of the values within their bounds."""
        return {**config, **{name: min(max(config[name], low), high) for name, (low, high) in bounds.items()}}

    domains = {name: tune.loguniform(low, high) for name, (low, high) in bounds.items()}
    points = [{"member": number, **mirrored(values)} for number, values in enumerate(starts)]
    scheduler = _Better(
        time_attr="training_iteration",
        perturbation_interval=1,
        hyperparam_mutations=domains,
        quantile_fraction=population.quantile,
        resample_probability=population.resample,
        custom_explore_fn=within,
        log_config=False,
    )
    agent = tune.with_resources(
        tune.with_parameters(Member, shared=shared), {"cpu": population.cpus, "gpu": population.gpus}
    )
    return tune.Tuner(
        agent,
        param_space={"member": tune.randint(0, population.size), **domains},
        tune_config=tune.TuneConfig(
            metric="score",
            mode="max",
            num_samples=population.size,
            scheduler=scheduler,
            search_alg=BasicVariantGenerator(points_to_evaluate=points),
            reuse_actors=True,
            trial_name_creator=lambda trial: member_name(trial.config["member"]),
            trial_dirname_creator=lambda trial: member_name(trial.config["member"]),
        ),
        run_config=tune.RunConfig(
            name=_SCRATCH,
            storage_path=shared.folder,
            verbose=0,
            callbacks=[follow],
            checkpoint_config=tune.CheckpointConfig(num_to_keep=_KEPT),
        ),
    )


class _Better(PopulationBasedTraining):
    """Let an agent copy none that is no better: agents that all hold, or all stay flat, have equal scores."""

    def _quantiles(self) -> tuple[list[Any], list[Any]]:
        lower, upper = super()._quantiles()
        score = {trial: self._trial_state[trial].last_score or 0.0 for trial in (*lower, *upper)}
        least = min((score[trial] for trial in upper), default=0.0)
        return [trial for trial in lower if score[trial] < least], upper


def _refuse_too_few(ray: Any, population: PopulationSection) -> None:  # noqa: ANN401
    there = ray.cluster_resources()
    for key, name, asked in (("cpus", "CPU", population.cpus), ("gpus", "GPU", population.gpus)):
        if asked > there.get(name, 0.0):
            raise UsageError(
                f"training.population.{key}: Ray has {there.get(name, 0.0):g}, {asked:g} are asked: lower it"
            )
