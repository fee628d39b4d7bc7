"""Section `run`: what a run is called, its randomness and where it writes."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from keel.config.section import FileName, Folder, Section, clip, expected
from keel.domain.errors import UsageError

MAX_SEED: Final = 2**32 - 1
"""Largest seed or stream: a word of the random generator's key (docs/execution.md, rule 21)."""

Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
"""A 32-bit word of a random key."""


_RESERVED: Final = "kill_switch"
"""What the names of the kill switch's files hold (keel/risk/kill_flag.py)."""


def _apart_from_flags(name: str) -> str:
    if _RESERVED in name.lower():
        raise expected(f"a name without {_RESERVED}: state/<run>.{_RESERVED}.flag is what stops the run")
    return name


RunName = Annotated[FileName, AfterValidator(_apart_from_flags)]
"""What a run is called: its files in the state folder begin with it."""


def read_run_name(option: str, name: str) -> str:
    """Return a run's name that an option gave. Raises UsageError where no run can be called so."""
    try:
        return TypeAdapter(RunName).validate_python(name)
    except ValidationError as error:
        raise UsageError(f"{option} {clip(name)}: {error.errors()[0]['msg']}") from None


class RunSection(Section):
    """Hold the identity of a run and its folders."""

    name: RunName = Field("run", description="Name that run ids begin with; 1 to 64 letters, digits, . _ -.")
    seed: Seed = Field(7, description="Seed of every random draw; whole number, 0 to 4294967295.")
    stream: Seed = Field(
        0,
        description="Stream of random draws under the seed, for runs that differ by chance only; "
        "whole number, 0 to 4294967295.",
    )
    artifacts_dir: Folder = Field("artifacts", description="Folder that gets one folder of results a run.")
    logs_dir: Folder = Field("logs", description="Folder of disposable text logs.")
    state_dir: Folder = Field("state", description="Folder of what survives restarts, the kill switch among it.")
