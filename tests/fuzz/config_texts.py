"""Random configurations: those shipped with wrong or extreme values, overrides of any text, and damaged texts."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from math import inf, nan, nextafter
from typing import Any, Literal, get_args, get_origin

import yaml
from annotated_types import Ge, Gt, Le, Lt
from hypothesis import strategies as st
from pydantic import BaseModel

from fuzz.configuring import LIVE, MARGIN, MINIMAL, SHIPPED, WORDS, Changed, seeds
from keel.config.load import load_config
from keel.config.modes import LiveRun, SimRun

Path = tuple[str | int, ...]
_text = st.text(max_size=10) | st.sampled_from([word.decode("latin-1") for word in WORDS])
_number = (
    st.sampled_from([nan, inf, -inf, 1e308, -1e308, 5e-324, 1e-300, 0.0, -0.0, 2**53, 2**63, 10**40, 10**400, -1, 0, 1])
    | st.integers()
    | st.floats()
)
_leaf = _number | _text | st.none() | st.booleans() | st.dates() | st.datetimes(timezones=st.none() | st.just(UTC))
_wrong = st.recursive(
    _leaf, lambda below: st.lists(below, max_size=3) | st.dictionaries(_text, below, max_size=3), max_leaves=6
)


@st.composite
def changed(draw: st.DrawFn) -> Changed:
    """Draw a shipped configuration with values of any kind in a few places, and keys left out or added."""
    tree = copy.deepcopy(draw(st.sampled_from(_trees())))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(_paths(tree))))
        above, key = _above(tree, path), path[-1]
        change = draw(st.sampled_from(["value", "value", "value", "drop", "add"]))
        if change == "value":
            above[key] = draw(_wrong)
        elif change == "drop":
            del above[key]
        elif change == "add" and isinstance(above, dict):
            above[draw(_text)] = draw(_wrong)
        if not tree:
            return Changed(_dumped(tree))
    if not draw(st.integers(0, 9)):  # one value in two places is an anchor and an alias in YAML
        path, other = (draw(st.sampled_from(list(_paths(tree)))) for _ in range(2))
        _above(tree, path)[path[-1]] = _above(tree, other)
    return Changed(_dumped(tree))


@st.composite
def extreme(draw: st.DrawFn) -> Changed:
    """Draw a configuration whose values lie at the ends of what each key allows."""
    text = draw(st.sampled_from([MINIMAL, MARGIN, MARGIN, LIVE]))
    tree, model = yaml.safe_load(text), LiveRun if text == LIVE else SimRun
    for path, values in draw(st.lists(st.sampled_from(_fields(model)), min_size=1, max_size=8)):
        place = tree
        for part in path[:-1]:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        place[path[-1]] = draw(st.sampled_from(values))
    return Changed(_dumped(tree))


@st.composite
def overridden(draw: st.DrawFn) -> Changed:
    """Draw a shipped configuration with overrides: known keys mostly, any text for values."""
    keys = st.sampled_from([".".join(path) for path, _ in _fields(LiveRun)]) | _text
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        value = draw(_text | _wrong.map(_dumped_flow) | st.text("[]{},:&*!|>'\"-? \n#%@`0aeE.", max_size=20))
        lines.append(f"{draw(keys)}{draw(st.sampled_from(['=', '=', '=', '.x=', '']))}{value}")
    return Changed(None, tuple(lines), draw(st.integers(0, len(SHIPPED) - 1)))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw an input for `load_bytes` in which lines or bytes of a good one are changed."""
    data = draw(st.sampled_from(tuple(seeds().values())))
    lines = data[1:].split(b"\n")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        word = draw(st.sampled_from(WORDS) | st.binary(max_size=6))
        change = draw(st.sampled_from(["insert", "insert", "twice", "drop", "indent", "value", "swap"]))
        place = draw(st.integers(0, len(lines[at])))
        if change == "insert":
            lines[at] = lines[at][:place] + word + lines[at][place:]
        elif change == "twice":
            lines.insert(at, lines[at])
        elif change == "drop" and len(lines) > 1:
            del lines[at]
        elif change == "indent":
            lines[at] = b" " * draw(st.integers(1, 5)) + lines[at].lstrip()
        elif change == "value" and b":" in lines[at]:
            lines[at] = lines[at].partition(b":")[0] + b": " + word
        else:
            lines[at], lines[-1] = lines[-1], lines[at]
    return data[:1] + b"\n".join(lines)


@cache
def _trees() -> tuple[dict[str, Any], ...]:
    """Return the shipped configurations with every default, less the long tables, and two small ones."""
    trees = [load_config(path).resolved for path in SHIPPED]
    for tree in trees:
        tree["seasonality"] = {"spread": None, "latency": None}
    return (*trees, *map(yaml.safe_load, (MINIMAL, MARGIN, LIVE)))


def _paths(value: object, path: Path = ()) -> Iterator[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield (*path, key)
        yield from _paths(below, (*path, key))


def _above(tree: Any, path: Path) -> Any:
    for part in path[:-1]:
        tree = tree[part]
    return tree


@cache
def _fields(run: type[SimRun] | type[LiveRun]) -> list[tuple[tuple[str, ...], list[Any]]]:
    """Return every key of a run's mode with the values at the ends of its range."""
    left_out = ("mode", "data.venue", "data.symbols", "strategy.class", "run.artifacts_dir")
    return [(path, values) for path, values in _of_model(run, ()) if values and ".".join(path) not in left_out]


def _of_model(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    for name, info in model.model_fields.items():
        here = (*path, info.alias or name)
        kinds = [info.annotation, *get_args(info.annotation)]
        below = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if below is not None:
            yield from _of_model(below, here)
            continue
        bounds = list(info.metadata)
        for kind in kinds:
            bounds += getattr(kind, "__metadata__", ())
        values = _ends(kinds, bounds)
        yield here, [*values, None] if type(None) in kinds else values


def _ends(kinds: list[Any], bounds: list[Any]) -> list[Any]:
    plain = [get_args(kind)[0] if hasattr(kind, "__metadata__") else kind for kind in kinds]
    literals = [value for kind in plain if get_origin(kind) is Literal for value in get_args(kind)]
    literals += [value for kind in plain[:1] if get_origin(kind) is None for value in kinds if isinstance(value, str)]
    if literals:
        return literals
    if bool in plain:
        return [True, False]
    if Decimal in plain:
        return ["0", "1e-15", "0.001", "1", "999999999999999", 1e-7]
    if int in plain:
        low = next((bound.ge for bound in bounds if isinstance(bound, Ge)), 0)
        high = next((bound.le for bound in bounds if isinstance(bound, Le)), 2**40)
        return [int(low), int(low) + 1, int(high)]
    return _float_ends(bounds) if float in plain else []


def _float_ends(bounds: list[Any]) -> list[float]:
    low, high, values = 0.0, 1.7e308, [1e-300, 1e-12, 0.01, 0.5, 1.0, 100.0, 1e12]
    for bound in bounds:
        if isinstance(bound, Ge):
            low = float(bound.ge)
        elif isinstance(bound, Gt):
            low = nextafter(float(bound.gt), inf)
        elif isinstance(bound, Le):
            high = float(bound.le)
        elif isinstance(bound, Lt):
            high = nextafter(float(bound.lt), -inf)
    return [low, high, *(value for value in values if low <= value <= high)]


class _Dumper(yaml.SafeDumper):
    """Write dates and times as they are written by hand, and Python's large numbers."""


_Dumper.add_representer(date, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:str", value.isoformat()))
_Dumper.add_representer(
    datetime, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:str", value.isoformat())
)


def _dumped(tree: object) -> str:
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _dumped_flow(value: object) -> str:
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("\n...\n")
