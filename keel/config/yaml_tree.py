"""YAML text to plain values, with the place of every key and list item.

Values follow YAML 1.2's core schema, so `ON`, `no` and `2021-01-01` stay text and `1e-3` is a number.
Duplicate keys, tags, merge keys, NaN, infinities and keys that look like secrets are refused; the value of a
secret is never repeated.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import yaml

from keel.config.section import clip
from keel.domain.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top of a document to a value."""

MAX_VALUES: Final = 200_000
"""Most values a document may hold once its aliases are spelled out."""
MAX_DEPTH: Final = 32
"""Most keys and list positions above a value: what is deeper no section reads, and no writer can write back."""

_SECRET: Final = re.compile(r"api[_-]?key|secret|passw|passphrase|token|private[_-]?key|credential", re.IGNORECASE)
_BOOLS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_CORE: Final = "tag:yaml.org,2002:"


class _CoreLoader(yaml.SafeLoader):
    """Read plain scalars as YAML 1.2's core schema does."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML fills the class's own table


def _resolve(tag: str, pattern: str, first: str) -> None:
    _CoreLoader.add_implicit_resolver(_CORE + tag, re.compile(rf"^(?:{pattern})$"), list(first))


_resolve("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_resolve("int", "[-+]?(?:0|[1-9][0-9_]*)|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789")
_resolve(
    "float",
    r"[-+]?(?:[0-9][0-9_]*\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    "-+.0123456789",
)
_CoreLoader.add_implicit_resolver(_CORE + "null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])


@dataclass(frozen=True, slots=True)
class Document:
    """Hold plain values and where each was written; a place reads `configs/x.yaml:12` or `--set a.b`."""

    source: str
    values: dict[str, Any]
    places: dict[KeyPath, str]

    def place(self, path: KeyPath) -> str:
        """Return where a key was written, or the nearest section around it, or the file."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return self.source


def show_path(path: KeyPath) -> str:
    """Return a path as users write it: `data.symbols[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{clip(part)}" for part in path)
    return text.removeprefix(".")


def looks_secret(text: str) -> bool:
    """Tell whether a key looks like the name of a secret."""
    return _SECRET.search(text) is not None


def refuse_secret(where: str, key: str) -> ConfigError:
    """Return the refusal of a secret; the key is named only as far as it cannot hold the value itself."""
    shown = clip(key) if re.fullmatch(r"[\w.-]+", key) else "a key that looks like one"
    return ConfigError(f"{where}: {shown}: secrets come from the environment only: remove it from the configuration")


def read_document(text: str, source: str) -> Document:
    """Return a file's values and places. Raises ConfigError for anything but one mapping of plain values."""
    node = _compose(text, lambda line: f"{source}:{line}", source)
    if node is None or (node.tag == _CORE + "null" and not node.value):
        raise ConfigError(f"{source}: the file is empty: write at least mode, data and strategy")
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{source}:{_line(node)}: expected keys at the top, such as mode: sim, got {_kind(node)}")
    builder = _Builder(lambda line: f"{source}:{line}")
    return Document(source, builder.build_top(node), builder.places)


def read_value(text: str, where: str) -> object:
    """Return the value of an override, parsed as YAML. Raises ConfigError that begins with `where`."""
    node = _compose_value(text, where)
    return None if node is None else _Builder(lambda _: where).build(node, ())


@lru_cache(maxsize=1024)
def _compose_value(text: str, where: str) -> yaml.Node | None:
    """Compose the value of an override; the trials of a search repeat a few values again and again."""
    return _compose(text, lambda _: where, where)


def _compose(text: str, place: Callable[[int], str], source: str) -> yaml.Node | None:
    loader: _CoreLoader | None = None
    try:
        loader = _CoreLoader(text)
        node: yaml.Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, place, source) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{place(line)}: unprintable character U+{error.character:04X}: remove it") from None
    except RecursionError:
        raise ConfigError(f"{source}: nested too deeply to read") from None
    except (ValueError, OverflowError):
        line = 1 if loader is None else loader.line + 1
        raise ConfigError(f"{place(line)}: not valid YAML: an escape or a version names nothing there is") from None
    return node


def _syntax_error(error: yaml.MarkedYAMLError, text: str, place: Callable[[int], str], source: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return ConfigError(f"{source}: not valid YAML: {error.problem}")
    where = place(mark.line + 1)
    if looks_secret(_line_of(text, mark.line)):
        return refuse_secret(where, "")
    # An alias, anchor or tag may be the value of a secret with a strange first character: it is not repeated.
    problem = re.sub(r"((?:alias|anchor|tag handle|directive)) .*", r"\1", error.problem or "cannot be read")
    return ConfigError(f"{where}: not valid YAML at column {mark.column + 1}: {problem}")


def _line_of(text: str, line: int) -> str:
    lines = text.splitlines()
    return lines[line] if line < len(lines) else ""


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _kind(node: yaml.Node) -> str:
    return "a list" if isinstance(node, yaml.SequenceNode) else "a single value"


@dataclass(slots=True)
class _Builder:
    """Turn nodes into values, noting the place of each."""

    place: Callable[[int], str]
    places: dict[KeyPath, str] = field(default_factory=dict)
    open_nodes: set[int] = field(default_factory=set)
    count: int = 0

    def build_top(self, node: yaml.MappingNode) -> dict[str, Any]:
        return self._mapping(node, ())

    def build(self, node: yaml.Node, path: KeyPath) -> object:
        self._guard(node, path)
        self.open_nodes.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == _CORE + "map":
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode) and node.tag == _CORE + "seq":
                return self._sequence(node, path)
            if isinstance(node, yaml.ScalarNode):
                return self._scalar(node, path)
            raise self._refuse(node, path, "tags (a word after !) are not read: remove it")
        finally:
            self.open_nodes.discard(id(node))

    def _guard(self, node: yaml.Node, path: KeyPath) -> None:
        self.count += 1
        if self.count > MAX_VALUES:
            raise self._refuse(node, path[:1], f"more than {MAX_VALUES} values: a configuration is smaller")
        if len(path) > MAX_DEPTH:
            raise self._refuse(node, path[:1], f"nested more than {MAX_DEPTH} deep: a configuration is flatter")
        if id(node) in self.open_nodes:
            raise self._refuse(node, path, "an alias refers to the value it is part of")

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            here = (*path, key)
            if key in values:
                raise self._refuse(key_node, here, f"given twice, first at {self.places[here]}: keep one")
            self.places[here] = self.place(_line(key_node))
            values[key] = self.build(value_node, here)
        return values

    def _key(self, node: yaml.Node, path: KeyPath) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._refuse(node, path, "a key must be plain text")
        key = self._text(node, path)
        if looks_secret(key):
            raise refuse_secret(self.place(_line(node)), key)
        if key == "<<":
            raise self._refuse(node, path, "merge keys (<<) are not read: share sections with extends")
        return key

    def _sequence(self, node: yaml.SequenceNode, path: KeyPath) -> list[Any]:
        values = []
        for index, item in enumerate(node.value):
            self.places[(*path, index)] = self.place(_line(item))
            values.append(self.build(item, (*path, index)))
        return values

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> object:
        read = _SCALARS.get(str(node.tag).removeprefix(_CORE))
        if read is None:
            raise self._refuse(node, path, "tags (a word after !) are not read: remove it")
        if read is str:
            return self._text(node, path)
        try:
            return read(node.value)
        except (ValueError, KeyError, OverflowError):
            raise self._refuse(node, path, f"expected a finite number, got {clip(node.value)}") from None

    def _text(self, node: yaml.ScalarNode, path: KeyPath) -> str:
        text = str(node.value)
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            raise self._refuse(node, path, "half a character (\\uD800 to \\uDFFF) is none: remove it")
        return text

    def _refuse(self, node: yaml.Node, path: KeyPath, message: str) -> ConfigError:
        where = self.place(_line(node))
        return ConfigError(f"{where}: {show_path(path)}: {message}" if path else f"{where}: {message}")


def _read_int(text: str) -> int:
    number = int(text.replace("_", ""), 0)
    float(number)  # what no number field could take would not even be shown
    return number


def _read_float(text: str) -> float:
    number = float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise ValueError
    return number


_SCALARS: Final[dict[str, Callable[[str], Any]]] = {
    "str": str,
    "null": lambda _: None,
    "bool": _BOOLS.__getitem__,
    "int": _read_int,
    "float": _read_float,
}
