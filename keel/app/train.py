"""The training command: gate, bars, environments, learning, models."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keel.domain.errors import UsageError

if TYPE_CHECKING:
    from keel.app.training import Trained
    from keel.config.load import LoadedConfig


def train(
    config: Annotated[Path | None, typer.Option(help="Config of the run, mode: train.")] = None,
    *,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a run that was stopped: its id, or its folder.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one key for this run; may be given many times."),
    ] = None,
    all_folds: Annotated[
        bool, typer.Option("--all-folds", help="Train each fold of spans.kind walk_forward in turn, a run each.")
    ] = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the resolved config, with every default, and stop.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as JSON instead of tables; folds, one a line.")
    ] = False,
) -> None:
    """Train an agent on stored bars, in the simulator that backtests use, and keep its models.

    Nothing is sent anywhere: training never connects to an exchange. The models stand in artifacts/<run id>/:
    best_model.zip (by the validation span), checkpoint_*.zip, final_model.zip; artifacts/best_model.zip is the newest
    best. The bars of the test span are never read; python script_eval.py judges a model on them.

    Examples:

        python train_model_multi_patch.py --config configs/config_train.yaml --set training.total_timesteps=200000

        python train_model_multi_patch.py --resume train-20260101-120000-1a2b3c4d

    Exit code 0: done. 2: config, data or usage is wrong, or learning diverged. 3: doctor, the kill switch or another
    process refused, or stopped the run. 130: stopped by Ctrl+C; a checkpoint is kept and --resume goes on exactly.
    """
    from keel.app.console import ending_tidily
    from keel.app.extras import need_rl

    need_rl()
    with ending_tidily():
        if resume is not None:
            if config is not None or set_ or all_folds or print_config:
                raise UsageError(
                    "--resume goes on with the run's own config: leave out --config, --set and --all-folds"
                )
            _resume(resume, as_json=as_json)
        elif config is None:
            raise UsageError("say what to train: --config configs/config_train.yaml, or --resume RUN")
        else:
            _start(_runs(config, set_ or [], all_folds), print_config=print_config, as_json=as_json)


def _resume(run: str, *, as_json: bool) -> None:
    from keel.app.training import resume_training

    _end(resume_training(run, quiet=as_json), as_json=as_json)


def _start(runs: list[LoadedConfig], *, print_config: bool, as_json: bool) -> None:
    from keel.config.load import dump_yaml

    if print_config:
        sys.stdout.write(dump_yaml(runs[0].config))
        return
    from keel.app.training import start_training

    for at, loaded in enumerate(runs, 1):
        try:
            _end(start_training(loaded, quiet=as_json), as_json=as_json, on_one_line=len(runs) > 1)
        except BaseException:
            if at < len(runs):
                sys.stderr.write(f"Folds {at + 1} to {len(runs)} are not trained: --set spans.fold=N trains one.\n")
            raise


def _runs(config: Path, overrides: list[str], all_folds: bool) -> list[LoadedConfig]:
    """Return the config, or with `all_folds` the config of each of its folds."""
    from keel.config.load import load_config
    from keel.config.modes import TrainRun
    from keel.config.spans import WalkForwardSpans

    first = load_config(config, overrides, expect_mode="train")
    if not all_folds:
        return [first]
    spans = first.config.spans if isinstance(first.config, TrainRun) else None
    if not isinstance(spans, WalkForwardSpans):
        place = first.document.place(("spans",))
        raise UsageError(f"{place}: spans has no folds to train with --all-folds: set spans.kind to walk_forward")
    folds = range(1, spans.folds + 1)
    return [load_config(config, [*overrides, f"spans.fold={fold}"], expect_mode="train") for fold in folds]


def _end(trained: Trained, *, as_json: bool, on_one_line: bool = False) -> None:
    from keel.app.endings import INTERRUPTED_EXIT_CODE, killed
    from keel.risk.kill_switch import KillSwitch

    told: dict[str, Any] = trained.as_json()
    if as_json:
        sys.stdout.write(json.dumps(told, indent=None if on_one_line else 2) + "\n")
    else:
        from rich.console import Console

        from keel.report.training import print_training

        print_training(Console(), told)
    sys.stdout.flush()
    after = f"after {trained.outcome.steps:,} steps; go on with: {trained.resume_command}"
    if trained.outcome.status == "kill_switch":
        raise killed(KillSwitch.of(trained.run), after)
    if trained.outcome.status == "interrupted":
        sys.stderr.write(f"error: interrupted {after}\n")
        raise typer.Exit(INTERRUPTED_EXIT_CODE)
