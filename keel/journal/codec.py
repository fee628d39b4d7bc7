"""Dataclasses to JSON and back, exactly, by their declared types.

Decimals are strings; floats are their shortest exact form, `"nan"`, `"inf"` and `"-inf"` those JSON lacks; enums are
their names (IntEnum) or values (StrEnum); records of `domain.layout` are mappings of their fields.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, get_args, get_origin, get_type_hints

import numpy as np

from keel.domain.layout import EVENT, ORDER

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Clean = Callable[[str], str]
"""What free text goes through on its way out."""
_Encode = Callable[[Any, Clean], Any]
_Decode = Callable[[Any], Any]
_Codec = tuple[_Encode, _Decode]
_Made = TypeVar("_Made", bound="DataclassInstance")

NAMES: Final = frozenset({"symbol", "client_order_id", "venue_order_id", "trade_id", "fee_currency", "name", "symbols"})
"""Fields that name something: they come back as they are, while all other text is cleaned."""
_LAYOUTS: Final = {"ORDER": ORDER, "EVENT": EVENT}
_KNOWN: Final[dict[type[Any], dict[str, _Codec]]] = {}


class MalformedError(ValueError):
    """Report JSON that is not what the dataclass declares."""


def encode(value: object, clean: Clean) -> dict[str, Any]:
    """Return a dataclass as a mapping that JSON can hold; free text goes through `clean`."""
    return {name: to_json(getattr(value, name), clean) for name, (to_json, _) in _codecs_of(type(value)).items()}


def decode(kind: type[_Made], tree: object) -> _Made:
    """Return the dataclass a mapping was made from. Raises MalformedError for one that was not.

    A field that is missing takes its default, so that what an older Keel wrote stays readable.
    """
    codecs = _codecs_of(kind)
    if not isinstance(tree, dict):
        raise MalformedError(f"{kind.__name__} is a mapping, got {type(tree).__name__}")
    unknown = tree.keys() - codecs.keys()
    if unknown:
        raise MalformedError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    for field in fields(kind):
        if field.name not in tree and _is_needed(field):
            raise MalformedError(f"{kind.__name__} lacks {field.name}")
    try:
        return kind(**{name: codecs[name][1](value) for name, value in tree.items()})
    except (TypeError, ValueError, KeyError, ArithmeticError) as error:
        raise MalformedError(f"{kind.__name__}: {error}") from None


def _is_needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _codecs_of(kind: type[Any]) -> dict[str, _Codec]:
    if kind not in _KNOWN:
        hints = get_type_hints(kind)
        _KNOWN[kind] = {field.name: _codec(hints[field.name], field.name in NAMES) for field in fields(kind)}
    return _KNOWN[kind]


def _codec(hint: object, is_name: bool) -> _Codec:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType:
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return _optional(_codec(inner, is_name))
    if origin is tuple:
        return _sequence(_codec(arguments[0], is_name))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_codec(arguments[1], is_name))
    if hint is str:
        return (_keep_text if is_name else _clean_text), _text
    return _PLAIN[hint] if hint in _PLAIN else _made(cast("type[Any]", hint))


def _optional(inner: _Codec) -> _Codec:
    to_json, from_json = inner
    return (
        lambda value, clean: None if value is None else to_json(value, clean),
        lambda value: None if value is None else from_json(value),
    )


def _sequence(inner: _Codec) -> _Codec:
    to_json, from_json = inner
    return (
        lambda value, clean: [to_json(one, clean) for one in value],
        lambda value: tuple(from_json(one) for one in value),
    )


def _mapping(inner: _Codec) -> _Codec:
    to_json, from_json = inner
    return (
        lambda value, clean: {str(name): to_json(one, clean) for name, one in value.items()},
        lambda value: {name: from_json(one) for name, one in value.items()},
    )


def _made(kind: type[Any]) -> _Codec:
    if is_dataclass(kind):
        return encode, lambda tree: decode(kind, tree)
    if issubclass(kind, IntEnum):
        return (lambda value, _: kind(value).name), (lambda name: kind[name])
    if issubclass(kind, StrEnum):
        return (lambda value, _: kind(value).value), kind
    raise TypeError(f"the journal has no form for {kind}")


def _keep_text(value: object, _clean: Clean) -> str:
    return str(value)


def _clean_text(value: object, clean: Clean) -> str:
    return clean(str(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise MalformedError(f"expected text, got {value!r}")
    return value


def _float_to_json(value: float, _clean: Clean) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else repr(number)


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise MalformedError(f"expected true or false, got {value!r}")
    return value


def _int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedError(f"expected a whole number, got {value!r}")
    return value


def _decimal(value: object) -> Decimal:
    return Decimal(_text(value))


def _record_to_json(value: np.void, clean: Clean) -> dict[str, Any]:
    layout = next((name for name, dtype in _LAYOUTS.items() if value.dtype == dtype), None)
    if layout is None:
        raise TypeError(f"the journal has no form for a record of {value.dtype}")
    cells = {name: value[name].item() for name in value.dtype.names or ()}
    return {
        "layout": layout,
        **{name: _float_to_json(cell, clean) if isinstance(cell, float) else cell for name, cell in cells.items()},
    }


def _record(tree: dict[str, Any]) -> np.void:
    dtype = _LAYOUTS[tree["layout"]]
    names = dtype.names or ()
    if set(names) | {"layout"} != tree.keys():
        raise MalformedError(f"a record of another version's {tree['layout']}")
    record = np.zeros(1, dtype)
    for name in names:
        record[name] = float(tree[name]) if dtype[name].kind == "f" else tree[name]
    made: np.void = record[0]
    return made


_PLAIN: Final[dict[Any, _Codec]] = {
    bool: (lambda value, _: bool(value), _bool),
    int: (lambda value, _: int(value), _int),
    float: (_float_to_json, float),
    Decimal: (lambda value, _: str(value), _decimal),
    np.void: (_record_to_json, _record),
}
