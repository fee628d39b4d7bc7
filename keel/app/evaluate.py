"""The evaluation command: a trained model, put to the test in the simulator under profiles, and a verdict on it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from keel.app.evaluate_results import Evaluated
    from keel.config.load import LoadedConfig


Every = Annotated[bool, typer.Option("--all-profiles", help="Play every profile, not just evaluation.profile.")]
Profile = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="Profile to play; as evaluation.profile.")
]
Period = Annotated[
    str | None,
    typer.Option("--period", metavar="7d", help="Play the last hours, days or weeks of the bars: 36h, 7d, 4w."),
]
Quick = Annotated[bool, typer.Option("--quick", help="Play one profile, with fewer resamples and without attribution.")]
Validate = Annotated[
    bool, typer.Option("--validate", help="Check that model and bars are whole and fit; play nothing.")
]
Model = Annotated[Path | None, typer.Option("--model", metavar="PATH", help="Model to evaluate; as evaluation.model.")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one key for this run; may be given many times."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print evaluation.json instead of tables.")]


def evaluate(
    config: Annotated[Path, typer.Option(help="Config of the evaluation, mode: eval.")],
    *,
    all_profiles: Every = False,
    profile: Profile = None,
    period: Period = None,
    quick: Quick = False,
    validate: Validate = False,
    model: Model = None,
    set_: Sets = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a trained model: it is played anew in the simulator, with all costs, on bars it has not seen.

    The model's own test span is played unless --period asks for the last of all bars; where that takes in bars the
    model was trained on or chosen by, everything printed says so. Beside every result stand buy and hold, a
    moving-average crossover, traders by chance with the same turnover, and a flat account, at the same costs. The
    result stands in artifacts/<run id>/: report.html, evaluation.json, and a folder a profile.

    Examples:

        python script_eval.py --config configs/config_eval.yaml --all-profiles

        python script_eval.py --config configs/config_eval.yaml --model artifacts/other.zip --period 30d --quick

    Exit code 0: done, whatever the verdict. 2: model, config, bars or usage is wrong. 3: doctor or the kill switch
    refused, or stopped it.
    """
    from keel.app.console import ending_tidily
    from keel.config.load import load_config
    from keel.domain.errors import UsageError

    if all_profiles and (quick or profile is not None):
        raise UsageError("--all-profiles plays every profile: leave out --quick and --profile, or leave it out")
    given = [] if model is None else [f"evaluation.model={json.dumps(str(model))}"]
    given += [] if profile is None else [f"evaluation.profile={json.dumps(profile)}"]
    loaded = load_config(config, [*(set_ or []), *given], expect_mode="eval")
    with ending_tidily():
        if validate:
            _validate(loaded, period, as_json=as_json)
        else:
            _run(loaded, period, every=all_profiles, quick=quick, as_json=as_json)


def _validate(loaded: LoadedConfig, period: str | None, *, as_json: bool) -> None:
    from keel.app.evaluate_check import check_subject
    from keel.app.evaluate_wiring import wire_subject

    found = check_subject(wire_subject(loaded, period))
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    for name, told in found.items():
        sys.stdout.write(f"{name}: {told}\n")


def _run(loaded: LoadedConfig, period: str | None, *, every: bool, quick: bool, as_json: bool) -> None:
    done = _evaluate(loaded, period, every=every, quick=quick, silent=as_json)
    if as_json:
        sys.stdout.write(json.dumps(done.tree, indent=2) + "\n")
        return
    from rich.console import Console

    from keel.report.evaluation import print_evaluation

    width = None if sys.stdout.isatty() else 160
    print_evaluation(Console(width=width, highlight=False), loaded.config.run.name, done.tree, str(done.folder))


def _evaluate(loaded: LoadedConfig, period: str | None, *, every: bool, quick: bool, silent: bool) -> Evaluated:
    from datetime import UTC, datetime

    from keel.app.console import compile_if_cold, progress_bar
    from keel.app.doctor import gate_run
    from keel.app.evaluate_results import write_evaluation
    from keel.app.evaluate_run import play_profiles
    from keel.app.evaluate_wiring import wire_subject
    from keel.runs.folder import RunFolder, new_run_id
    from keel.runs.hashing import config_hash
    from keel.runs.logs import run_logs
    from keel.runs.manifest import begin_manifest

    config, started = loaded.config, datetime.now(UTC)
    gate_run(config)
    run_id = new_run_id(config.run.name, config_hash(loaded.resolved), started)
    with (
        RunFolder.create(Path(config.run.artifacts_dir), run_id) as folder,
        run_logs(Path(config.run.logs_dir), folder.run_id),
        progress_bar(quiet=silent) as progress,
    ):
        compile_if_cold(progress, _say)
        subject = wire_subject(loaded, period)
        asked = subject.config.evaluation
        names = tuple(asked.profiles) if every else (asked.profile,)
        manifest = begin_manifest(folder.run_id, loaded.resolved, subject.records, sys.argv, started)
        found = play_profiles(subject, names, folder.run_id, progress, quick=quick)
        return write_evaluation(folder, loaded, found, manifest)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
