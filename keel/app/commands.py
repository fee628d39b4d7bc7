"""The commands of `python -m keel`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from keel.app.check_causality import check_causality
from keel.app.drift import drift
from keel.app.journal import journal
from keel.app.rerun import rerun
from keel.app.sweep import sweep
from keel.app.trials import trials
from keel.app.walk_forward import walk_forward

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="One engine from backtest to training to live. Entry scripts, such as script_backtest.py, start runs.",
)
config_app = typer.Typer(no_args_is_help=True, help="Look at what a config file may hold.")
app.add_typer(config_app, name="config")
app.command()(check_causality)
app.command()(drift)
app.command()(journal)
app.command()(rerun)
app.command()(sweep)
app.command("walk-forward")(walk_forward)
app.command()(trials)


@config_app.command()
def schema(
    out: Annotated[
        Path | None, typer.Option(help="File to write, such as configs/schema.json; without it, print.")
    ] = None,
) -> None:
    """Write the JSON Schema of config files, so that an editor completes keys and marks mistakes.

    The shipped configs point editors to configs/schema.json.
    """
    from keel.config.load import json_schema, write_json_schema

    if out is None:
        sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
        return
    write_json_schema(out)
    sys.stdout.write(f"wrote {out}\n")
