"""Build the strategy of a config."""

from __future__ import annotations

import importlib
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from keel.config.problems import explain
from keel.config.yaml_tree import Document, KeyPath, show_path
from keel.domain.errors import ConfigError, UsageError
from keel.strategies.combination import Combination, Member, Members
from keel.strategies.port import EventStrategy, Strategy, StrategyParams, VectorStrategy

_LOG: Final = logging.getLogger(__name__)
_SECTION: Final = ("strategy",)


def load_strategy(class_path: str, document: Document) -> Strategy:
    """Import `module:Class` and build it with its own Params from `strategy.params` of the document.

    Raises ConfigError naming what does not fit; a wrong parameter with its place and the nearest right key.
    """
    return _load(class_path, document, _SECTION)


def _load(class_path: str, document: Document, section: KeyPath) -> Strategy:
    key = _name(document, section)
    found = _strategy_class(class_path, key)
    params = _checked_params(found.Params, document, section)
    try:
        if issubclass(found, Combination) and isinstance(params, Members):
            return found(params, _load_members(params.members, document, (*section, "params", "members")))
        return found(params)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        _LOG.error("strategy %s cannot be built", class_path, exc_info=error)
        raise ConfigError(f"{key}: {class_path} cannot be built: {type(error).__name__}: {error}") from error


def _load_members(given: Sequence[Member], document: Document, section: KeyPath) -> list[VectorStrategy]:
    members = []
    for index, member in enumerate(given):
        built = _load(member.class_path, document, (*section, index))
        if not isinstance(built, VectorStrategy):
            raise ConfigError(
                f"{_name(document, (*section, index))}: {member.class_path} is event-driven: the members of a "
                "combination are vectorised strategies"
            )
        members.append(built)
    return members


def _name(document: Document, section: KeyPath) -> str:
    """Return how messages name a class: a member, one of several, with its place in the file."""
    key = (*section, "class")
    return show_path(key) if section == _SECTION else f"{document.place(key)}: {show_path(key)}"


def _strategy_class(class_path: str, key: str) -> type[Strategy]:
    found = _import_class(class_path, key)
    if not (isinstance(found, type) and issubclass(found, (VectorStrategy, EventStrategy))):
        raise ConfigError(
            f"{key}: {class_path} is not a strategy: subclass VectorStrategy or EventStrategy of keel.strategies.port"
        )
    if not (isinstance(found.Params, type) and issubclass(found.Params, StrategyParams)):
        raise ConfigError(
            f"{key}: {class_path}.Params must subclass StrategyParams of keel.strategies.port, which refuses "
            "unknown keys"
        )
    return found


def _import_class(class_path: str, key: str) -> object:
    module_name, _, class_name = class_path.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        # Last, so that no file of the user's takes the place of a module Keel imports.
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        _LOG.error("strategy module %s does not import", module_name, exc_info=error)
        raise ConfigError(
            f"{key}: module {module_name} does not import ({type(error).__name__}: {error}); check the "
            "spelling, and that its folder is the current one or on PYTHONPATH"
        ) from error
    if not hasattr(module, class_name):
        classes = [name for name, value in vars(module).items() if _is_own_strategy(value, module_name)]
        there = f"it has {', '.join(classes)}" if classes else "it has no strategy"
        raise ConfigError(f"{key}: module {module_name} has no {class_name}: {there}")
    return getattr(module, class_name)


def _is_own_strategy(value: object, module_name: str) -> bool:
    return isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == module_name


def _checked_params(params: type[StrategyParams], document: Document, section: KeyPath) -> StrategyParams:
    written: Any = document.values
    for part in section:
        written = written[part]
    try:
        # As JSON, the strict rules let a list be a tuple and text be a date, for YAML has no other way to write them.
        return params.model_validate_json(json.dumps(written.get("params", {})))
    except ValidationError as error:
        raise explain(error, document, params, (*section, "params")) from None
