"""Section `run`: what a run is called, its randomness and where it writes."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from keel.config.section import FileName, Folder, Section

MAX_SEED: Final = 2**32 - 1
"""Largest seed or stream: a word of the random generator's key (docs/execution.md, rule 21)."""

Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
"""A 32-bit word of a random key."""


class RunSection(Section):
    """Hold the identity of a run and its folders."""

    name: FileName = Field("run", description="Name that run ids begin with; 1 to 64 letters, digits, . _ -.")
    seed: Seed = Field(7, description="Seed of every random draw; whole number, 0 to 4294967295.")
    stream: Seed = Field(
        0,
        description="Stream of random draws under the seed, for runs that differ by chance only; "
        "whole number, 0 to 4294967295.",
    )
    artifacts_dir: Folder = Field("artifacts", description="Folder that gets one folder of results a run.")
    logs_dir: Folder = Field("logs", description="Folder of disposable text logs.")
    state_dir: Folder = Field("state", description="Folder of what survives restarts, the kill switch among it.")
