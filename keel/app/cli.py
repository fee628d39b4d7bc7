"""How every entry script ends: one clear line on stderr and the exit code of the failure's kind."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import typer
from typer.exceptions import TyperException

from keel.domain.errors import KeelError, UsageError

BUG_EXIT_CODE: Final = 1
_LOGS: Final = Path("logs")


def run_cli(target: typer.Typer | Callable[..., Any], argv: Sequence[str] | None = None) -> NoReturn:
    """Run a Typer app, or a function whose parameters are its options, and exit.

    Exit codes: 0; 2 for what the user can mend (a wrong option, a `UsageError`, an interrupt before there was
    a result); 3 and 4 as the `KeelError` says; 1 for a bug in Keel, whose traceback goes to logs/errors.log.
    No secret of the environment is printed.
    """
    sys.exit(_outcome(lambda: _invoke(target, sys.argv[1:] if argv is None else list(argv))))


def _invoke(target: typer.Typer | Callable[..., Any], argv: list[str]) -> int:
    # Not Typer's own main: it would turn Ctrl+C into exit 130 and print boxes where one line is promised.
    command = typer.main.get_command(target if isinstance(target, typer.Typer) else _single(target))
    try:
        with command.make_context(Path(sys.argv[0]).name, argv) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except TyperException as error:
        message = error.format_message().rstrip(".")
        if not message:  # a group of commands without one of them: Typer has printed the help
            return UsageError.exit_code
        raise UsageError(f"{message}; --help explains the options") from error
    sys.stdout.flush()
    return 0


def _single(function: Callable[..., Any]) -> typer.Typer:
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command()(function)
    return app


def _outcome(run: Callable[[], int]) -> int:
    try:
        return run()
    except KeelError as error:
        return _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted before there was a result to keep", UsageError.exit_code)
    except BrokenPipeError:
        # The reader (head, less) has gone: Python must not complain again while it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BUG_EXIT_CODE
    except Exception as error:  # noqa: BLE001 - the last line of defence: nothing leaves without a clear line
        return _complain(_bug(error), BUG_EXIT_CODE)


def _complain(message: str, code: int) -> int:
    from keel.runs.redaction import redact

    sys.stderr.write(f"error: {redact(' '.join(message.split()))}\n")
    return code


def _bug(error: Exception) -> str:
    from keel.runs.logs import record_failure

    trace = "".join(traceback.format_exception(error))
    what = f"this is a bug in Keel: {type(error).__name__}: {error}"
    try:
        return f"{what}; the traceback is in {record_failure(_LOGS, trace)}"
    except KeelError as refused:
        return f"{what}; {refused}; the traceback: {trace}"
