"""The two rooms that take what users write: what is given to each, and what a fuzzer begins with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from fuzz import bar_files, config_texts, configuring, importing


@dataclass(frozen=True)
class Property:
    """Hold something that is true of all that a strategy draws."""

    name: str
    drawn: st.SearchStrategy[Any]
    check: Callable[[Any], None]


@dataclass(frozen=True)
class Room:
    """Hold the function that takes any bytes, inputs to begin with by name, words to put into them, and properties."""

    give: Callable[[bytes], None]
    seeds: Callable[[], dict[str, bytes]]
    words: Sequence[bytes]
    properties: Sequence[Property]


ROOMS = {
    "importers": Room(
        importing.import_bytes,
        importing.seeds,
        importing.WORDS,
        (
            Property("well formed files", bar_files.well_formed(), bar_files.check_well_formed),
            Property("damaged files", bar_files.damaged(), importing.import_bytes),
            Property("typed columns", bar_files.typed(), importing.import_bytes),
        ),
    ),
    "config": Room(
        configuring.load_bytes,
        configuring.seeds,
        configuring.WORDS,
        (
            Property("changed configurations", config_texts.changed(), configuring.load_changed),
            Property("extreme configurations", config_texts.extreme(), configuring.load_changed),
            Property("overrides", config_texts.overridden(), configuring.load_changed),
            Property("damaged texts", config_texts.damaged(), configuring.load_bytes),
        ),
    ),
}
