"""The keys a configuration may have, and the right key nearest to a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import get_args, get_origin

from pydantic import BaseModel

from keel.config.yaml_tree import KeyPath, show_path

_TYPO = 0.8
"""Likeness from which a key of the same section is taken for the one meant, before the same key of another one."""

ANY = "*"
"""Stands in a path for a key that the user chooses, such as a symbol, or a place in a list."""


def known_keys(model: type[BaseModel]) -> list[tuple[str, ...]]:
    """Return the path of every key of a model, sections included, in the order they are declared."""
    found: dict[tuple[str, ...], None] = {}
    for name, info in model.model_fields.items():
        key = info.alias or name
        found[(key,)] = None
        for prefix, below in _models_in(info.annotation):
            if prefix:
                found[(key, *prefix)] = None
            found.update(dict.fromkeys((key, *prefix, *path) for path in known_keys(below)))
    return list(found)


def nearest_key(model: type[BaseModel], path: KeyPath) -> str | None:
    """Return the dotted right key nearest to an unknown one, or None when no key is like it."""
    keys = known_keys(model)
    wrong = str(path[-1])
    beside = [key[-1] for key in keys if _is_beside(key, path)]
    if close := difflib.get_close_matches(wrong, beside, n=1, cutoff=_TYPO):
        return _shown(path, close[0])
    elsewhere = sorted((key for key in keys if key[-1] == wrong and ANY not in key), key=len)
    if elsewhere:
        return ".".join(elsewhere[0])
    if close := difflib.get_close_matches(wrong, beside, n=1):
        return _shown(path, close[0])
    leaves = {key[-1]: ".".join(key) for key in reversed(keys) if ANY not in key}
    close = difflib.get_close_matches(wrong, leaves, n=1, cutoff=0.75)
    return leaves[close[0]] if close else None


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most like another one."""
    return difflib.get_close_matches(word, list(known), n=1, cutoff=0.0)[0]


def _shown(path: KeyPath, key: str) -> str:
    return show_path((*path[:-1], key))


def keys_beside(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys that may stand where an unknown one stands."""
    return [key[-1] for key in known_keys(model) if _is_beside(key, path)]


def _is_beside(key: tuple[str, ...], path: KeyPath) -> bool:
    above = zip(key[:-1], path[:-1], strict=False)
    return len(key) == len(path) and key[-1] != ANY and all(k in (ANY, str(p)) for k, p in above)


def _models_in(annotation: object) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield (), annotation
    prefix = (ANY,) if get_origin(annotation) in (dict, list, tuple) else ()
    for argument in get_args(annotation):
        for below, model in _models_in(argument):
            yield (*prefix, *below), model
