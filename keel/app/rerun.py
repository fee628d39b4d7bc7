"""The rerun command: repeat a finished run from what its folder holds, and say whether it came out the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from keel.app.backtest import Played
    from keel.config.load import LoadedConfig
    from keel.runs.differences import Difference
    from keel.runs.read import FinishedRun


def rerun(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a finished run, its id, or how its id begins.")],
    *,
    artifacts: Annotated[Path, typer.Option(help="Folder that ids are looked up in.")] = Path("artifacts"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Repeat a finished backtest and prove that the same comes out, or say which input is not what it was.

    The run's own config.yaml is played again, from the same folder as the run was started in, and compared with its
    manifest: config and seed, bars, Keel's code, a strategy's own code, package versions, platform. The repeat gets a
    folder of its own, whose manifest names the run; the run's folder is not touched.

    Examples:

        python -m keel rerun artifacts/sim-20260102-030405-1a2b3c4d

        python -m keel rerun sim-20260102 --json

    Exit code 0: the same result, to the last bit. 2: another result and other inputs, which are named; or inputs that
    are missing; or a run that was stopped, which cannot be repeated bit by bit. 1: the same inputs and another
    result, which is a bug in Keel. 3 and 130: the repeat itself was stopped.
    """
    from keel.app.backtest import play
    from keel.app.console import ending_tidily
    from keel.app.endings import end_stopped
    from keel.runs.read import find_run, read_run

    original = read_run(find_run(run, artifacts))
    with ending_tidily():
        played = play(_load(original), quiet=as_json, repeats=original.run_id)
    if played.result.status in ("interrupted", "kill_switch"):
        end_stopped(played.result, played.folder)
    verdict = _judge(original, played)
    _tell(verdict, as_json=as_json)
    sys.stdout.flush()
    _end(verdict)


@dataclass(frozen=True)
class Verdict:
    """Say how a repeat compares: `same`, `changed` inputs, `partial` original, `own_code` or a `bug`."""

    verdict: str
    run_id: str
    repeats: str
    folder: str
    result_hash: dict[str, str]
    differences: list[Difference]
    first_difference: str | None


def _load(original: FinishedRun) -> LoadedConfig:
    from keel.config.load import load_config
    from keel.domain.errors import ConfigError

    versions, code = original.manifest["versions"], original.manifest["code"]
    try:
        return load_config(original.folder / "config.yaml", expect_mode="sim")
    except ConfigError as error:
        revision = f" at revision {code['git_revision']}" if code["git_revision"] else ""
        raise ConfigError(
            f"{error}; {original.run_id} was made by Keel {versions.get('keel')}{revision}, whose configs may differ "
            "from this version's: repeat it with that"
        ) from None


def _judge(original: FinishedRun, played: Played) -> Verdict:
    from keel.runs.differences import first_result_difference, input_differences
    from keel.runs.read import read_run

    repeat = read_run(played.folder)
    differences = input_differences(original.manifest, repeat.manifest)
    hashes = {"then": str(original.manifest["result_hash"]), "now": str(repeat.manifest["result_hash"])}
    same = hashes["then"] == hashes["now"]
    first = None if same else first_result_difference(original, repeat)
    verdict = "same" if same else "changed" if differences else "own_code" if repeat.manifest["own_code"] else "bug"
    if original.is_partial:
        verdict = "partial"
    return Verdict(verdict, repeat.run_id, original.run_id, str(played.folder), hashes, differences, first)


def _tell(verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(asdict(verdict), indent=2, ensure_ascii=False) + "\n")
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if verdict.verdict == "same":
        console.print(f"[green]Same result[/green] as {verdict.repeats}, hash {verdict.result_hash['now']}")
    if verdict.differences:
        console.print("Inputs that are not what they were:")
        for each in verdict.differences:
            console.print(f"  {each}", markup=False)
    if verdict.first_difference is not None:
        console.print(f"First difference: {verdict.first_difference}", markup=False)
    console.print(f"Repeat  {verdict.folder}", markup=False)


def _end(verdict: Verdict) -> None:
    from keel.domain.errors import KeelError, UsageError

    first = verdict.first_difference
    if verdict.verdict == "partial":
        found = "every mark and fill it has came out the same" if first is None else f"its {first}"
        raise UsageError(
            f"{verdict.repeats} was stopped before its last bar, and no run can be stopped at the same moment again; "
            f"played whole, {found}"
        )
    if verdict.verdict == "changed":
        raise UsageError(f"another result than {verdict.repeats}: {_named(verdict.differences)}; first: {first}")
    if verdict.verdict == "own_code":
        raise UsageError(
            f"another result than {verdict.repeats} from the same inputs: {first}; the strategy is code of your own: "
            "where it reads a clock, a file or unseeded random numbers, no run of it can be repeated"
        )
    if verdict.verdict == "bug":
        raise KeelError(f"another result than {verdict.repeats} from the same inputs: this is a bug in Keel: {first}")


def _named(differences: Sequence[Any]) -> str:
    more = len(differences) - 1
    return str(differences[0]) + (f" (and {more} more)" if more else "")
