"""Build the strategy of a config."""

from __future__ import annotations

import importlib
import json
import logging
import sys
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from keel.config.problems import explain
from keel.config.yaml_tree import Document
from keel.domain.errors import ConfigError
from keel.strategies.port import EventStrategy, Strategy, StrategyParams, VectorStrategy

_LOG: Final = logging.getLogger(__name__)
_PARAMS: Final = ("strategy", "params")


def load_strategy(class_path: str, document: Document) -> Strategy:
    """Import `module:Class` and build it with its own Params from `strategy.params` of the document.

    Raises ConfigError naming what does not fit; a wrong parameter with its place and the nearest right key.
    """
    found = _import_class(class_path)
    if not (isinstance(found, type) and issubclass(found, (VectorStrategy, EventStrategy))):
        raise ConfigError(
            f"strategy.class: {class_path} is not a strategy: subclass VectorStrategy or EventStrategy of "
            "keel.strategies.port"
        )
    if not (isinstance(found.Params, type) and issubclass(found.Params, StrategyParams)):
        raise ConfigError(
            f"strategy.class: {class_path}.Params must subclass StrategyParams of keel.strategies.port, which refuses "
            "unknown keys"
        )
    try:
        return found(_checked_params(found.Params, document))
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        _LOG.error("strategy %s cannot be built", class_path, exc_info=error)
        raise ConfigError(f"strategy.class: {class_path} cannot be built: {type(error).__name__}: {error}") from error


def _import_class(class_path: str) -> object:
    module_name, _, class_name = class_path.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        # Last, so that no file of the user's takes the place of a module Keel imports.
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        _LOG.error("strategy module %s does not import", module_name, exc_info=error)
        raise ConfigError(
            f"strategy.class: module {module_name} does not import ({type(error).__name__}: {error}); check the "
            "spelling, and that its folder is the current one or on PYTHONPATH"
        ) from error
    if not hasattr(module, class_name):
        classes = [name for name, value in vars(module).items() if _is_own_strategy(value, module_name)]
        there = f"it has {', '.join(classes)}" if classes else "it has no strategy"
        raise ConfigError(f"strategy.class: module {module_name} has no {class_name}: {there}")
    return getattr(module, class_name)


def _is_own_strategy(value: object, module_name: str) -> bool:
    return isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == module_name


def _checked_params(params: type[StrategyParams], document: Document) -> StrategyParams:
    given = document.values["strategy"].get("params", {})
    try:
        # As JSON, the strict rules let a list be a tuple and text be a date, for YAML has no other way to write them.
        return params.model_validate_json(json.dumps(given))
    except ValidationError as error:
        raise explain(error, document, params, _PARAMS) from None
