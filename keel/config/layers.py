"""Layers of a configuration: files that extend others, then `--set` overrides; the later one wins."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from keel.config.section import clip, printable
from keel.config.yaml_tree import (
    MAX_DEPTH,
    Document,
    KeyPath,
    looks_secret,
    read_document,
    read_value,
    refuse_secret,
    show_path,
)
from keel.domain.errors import ConfigError, reason_of

MOST_LAYERS: Final = 20
"""Files that may stand above one another in `extends`."""
MOST_BYTES: Final = 1_000_000
"""Size of a file; the largest shipped has some 20,000."""


def read_layers(path: Path, overrides: Sequence[str]) -> Document:
    """Return a file over all it extends, with the overrides applied. Raises ConfigError with the place."""
    return override_all(_read_file(path, printable(str(path)), (), {}), overrides)


def override_all(document: Document, overrides: Sequence[str]) -> Document:
    """Return a document with overrides such as `run.seed=8` applied in order. Raises ConfigError with the place."""
    for override in overrides:
        document = _apply(document, override)
    return document


def _read_file(path: Path, named_by: str, chain: tuple[Path, ...], known: dict[Path, Document]) -> Document:
    """Read a file over what it extends; `known` are the files read so far, for several may extend one."""
    identity = _identity(path, named_by)
    if identity in known:
        return known[identity]
    if identity in chain:
        circle = " -> ".join(clip(p.name) for p in (*chain[chain.index(identity) :], identity))
        raise ConfigError(f"{named_by}: extends goes in a circle: {circle}")
    if len(chain) > MOST_LAYERS:
        raise ConfigError(f"{named_by}: extends goes over more than {MOST_LAYERS} files: extend fewer")
    document = read_document(_read_text(path, named_by), printable(str(path)))
    bases = _bases(document)
    merged = Document(document.source, {}, {})
    for where, base in bases:
        below = Path(os.path.normpath(path.parent / base))
        merged = _merge(merged, _read_file(below, f"{where}: extends {clip(base)}", (*chain, identity), known))
    known[identity] = _merge(merged, document)
    return known[identity]


def _identity(path: Path, named_by: str) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a NUL in the name
        raise ConfigError(f"{named_by}: cannot be read: {reason_of(error)}") from None


def _read_text(path: Path, named_by: str) -> str:
    shown = printable(str(path))
    where = shown if named_by == shown else f"{named_by}: {shown}"
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ConfigError(f"{where}: over {MOST_BYTES:,} bytes: a configuration is smaller")
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{where}: no such file") from None
    except IsADirectoryError:
        raise ConfigError(f"{where}: is a folder, expected a YAML file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where}: not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{where}: cannot be read: {reason_of(error)}") from None


def _bases(document: Document) -> list[tuple[str, str]]:
    if "extends" not in document.values:
        return []
    value = document.values.pop("extends")
    listed = value if isinstance(value, list) else [value]
    places = [document.place(("extends", index)) for index in range(len(listed))]
    for key in [key for key in document.places if key[0] == "extends"]:
        del document.places[key]
    for place, base in zip(places, listed, strict=True):
        if not isinstance(base, str) or not base:
            raise ConfigError(f"{place}: extends: expected a path or a list of paths, relative to this file")
    return list(zip(places, listed, strict=True))


def _merge(base: Document, top: Document) -> Document:
    replaced: set[KeyPath] = set()
    values = _laid(base.values, top.values, (), replaced)
    kept = {
        path: place
        for path, place in base.places.items()
        if not any(path[:end] in replaced for end in range(1, len(path) + 1))
    }
    return Document(top.source, values, kept | top.places)


def _laid(old: dict[str, Any], new: dict[str, Any], path: KeyPath, replaced: set[KeyPath]) -> dict[str, Any]:
    """Return the new values over the old ones, and note which paths were replaced whole."""
    values = dict(old)
    for key, value in new.items():
        below, here = values.get(key), (*path, key)
        if isinstance(below, dict) and isinstance(value, dict):
            values[key] = _laid(below, value, here, replaced)
        else:
            replaced.add(here)
            values[key] = value
    return values


def _forget(places: dict[KeyPath, str], path: KeyPath) -> None:
    for below in [p for p in places if p[: len(path)] == path]:
        del places[below]


def _apply(document: Document, override: str) -> Document:
    name, equals, text = override.partition("=")
    keys = [key.strip() for key in name.split(".")]
    if looks_secret(name):
        raise refuse_secret("--set", name.strip())
    if not equals or not all(keys):
        raise ConfigError(f"--set {clip(name)}: write key=value, such as --set run.seed=8")
    if len(keys) > MAX_DEPTH or not name.isprintable():
        raise ConfigError(f"--set {clip(name)}: is no key: write key=value, such as --set run.seed=8")
    where = f"--set {clip('.'.join(keys))}"
    value = read_value(text, where)
    # Only what lies on the way to the key is copied: a search overrides one document thousands of times.
    values, places = dict(document.values), dict(document.places)
    section = _open_section(values, places, keys, where)
    _forget(places, tuple(keys))
    section[keys[-1]] = value
    places[tuple(keys)] = where
    return Document(document.source, values, places)


def _open_section(values: dict[str, Any], places: dict[KeyPath, str], keys: list[str], where: str) -> dict[str, Any]:
    section = values
    for depth, key in enumerate(keys[:-1], start=1):
        below = section.get(key)
        if below is None:
            below = section[key] = {}
            places[tuple(keys[:depth])] = where
        if not isinstance(below, dict):
            shown = show_path(tuple(keys[:depth]))
            raise ConfigError(f"{where}: {shown} has no keys below it: set it whole, as in --set {shown}=value")
        section[key] = below = dict(below)
        section = below
    return section
