"""What is wrong with a configuration, in one line that names the place, the key and the mend."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from keel.config.keys import keys_beside, known_keys, nearest_key
from keel.config.section import clip
from keel.config.yaml_tree import Document, KeyPath, show_path
from keel.domain.errors import ConfigError

_EXPECTED: Final = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "model_type": "keys below it",
    "model_attributes_type": "keys below it",
    "dict_type": "keys below it",
    "tuple_type": "a list such as [a, b]",
    "list_type": "a list such as [a, b]",
    "literal_error": "{expected}",
    "expected": "{what}",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "too_short": "at least {min_length}",
    "too_long": "at most {max_length}",
    "union_tag_invalid": "{expected_tags}",
}
_TAGS: Final = ("mode", "kind")


def explain(error: ValidationError, document: Document, model: type[BaseModel], section: KeyPath = ()) -> ConfigError:
    """Return the first problem as a ConfigError; unknown keys first, as one may be why another is missing.

    `section` is where in the document the model's keys stand, such as a plug-in's `strategy.params`.
    """
    details = error.errors(include_url=False)
    first = next((one for one in details if one["type"] == "extra_forbidden"), details[0])
    path = section + _path_of(first, _inside(document.values, section))
    place = document.place(path)
    if first["type"] == "extra_forbidden":
        return ConfigError(f"{place}: unknown key '{show_path(path)}': {_right_key(model, path, section)}")
    if first["type"] in ("missing", "union_tag_not_found"):
        return ConfigError(f"{place}: missing key '{show_path(path)}': {_describe(model, path[len(section) :])}")
    return ConfigError(f"{place}: {show_path(path)}: {_message(first)}")


def _inside(value: object, section: KeyPath) -> object:
    for part in section:
        value = _below(value, part)
    return value


def _path_of(one: ErrorDetails, value: object) -> KeyPath:
    """Return the written path: pydantic's own, less the union tags and key marks that it adds."""
    path: list[str | int] = []
    for place, part in enumerate(one["loc"], start=1):
        written = isinstance(value, dict) and part in value
        ends = place == len(one["loc"]) and one["type"] != "rule"
        if not written and (part == "[key]" or (isinstance(value, dict) and (_is_tag(value, part) or not ends))):
            continue  # also the tag of a kind that was left out
        path.append(part)
        value = _below(value, part)
    at = str(one.get("ctx", {}).get("at", ""))
    return (*path, *at.split(".")) if at else (*path, *_tag_key(one))


def _is_tag(value: dict[str, object], part: str | int) -> bool:
    return any(value.get(tag) == part for tag in _TAGS)


def _tag_key(one: ErrorDetails) -> tuple[str, ...]:
    return (str(one["ctx"]["discriminator"]).strip("'"),) if one["type"].startswith("union_tag") else ()


def _below(value: object, part: str | int) -> object:
    if isinstance(value, dict):
        return value.get(str(part))
    return value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None


def _right_key(model: type[BaseModel], path: KeyPath, section: KeyPath) -> str:
    below = path[len(section) :]
    if tuple(map(str, below)) in known_keys(model):
        return "it belongs to another kind: remove it"
    nearest = nearest_key(model, below)
    if nearest is not None:
        return f"nearest right key is '{show_path((*section, nearest))}'"
    return f"the keys here are {', '.join(keys_beside(model, below)) or 'none'}"


def _describe(model: type[BaseModel], path: KeyPath) -> str:
    fields = model.model_fields
    for part in path[:-1]:
        below = fields[str(part)].annotation if part in fields else None
        if not (isinstance(below, type) and issubclass(below, BaseModel)):
            return "it has no default"
        fields = below.model_fields
    info = next((info for name, info in fields.items() if (info.alias or name) == path[-1]), None)
    return f"it has no default ({info.description.rstrip('.')})" if info and info.description else "it has no default"


def _message(one: ErrorDetails) -> str:
    if one["type"] == "rule":
        return one["msg"]
    if one["type"] in ("value_error", "assertion_error"):  # a plug-in's own check, in its own words
        return str(one["ctx"]["error"])
    template = _EXPECTED.get(one["type"])
    if template is None:
        return f"{clip(one['msg'])}, got {_show(one['input'])}"
    wanted = template.format(**{key: _number(value) for key, value in one.get("ctx", {}).items()})
    return f"expected {wanted}, got {_got(one)}"


def _got(one: ErrorDetails) -> str:
    if one["type"] == "union_tag_invalid":
        return repr(clip(str(one["ctx"]["tag"])))
    if one["type"] in ("too_short", "too_long"):
        return str(one["ctx"]["actual_length"])
    return _show(one["input"]) + _hint(one["type"], one["input"])


def _hint(kind: str, value: object) -> str:
    if kind in ("int_type", "float_type", "bool_type") and isinstance(value, str) and value:
        return " (remove the quotes)" if _reads_as(kind, value) else ""
    return " (put it in quotes)" if kind == "string_type" and isinstance(value, int | float) else ""


def _reads_as(kind: str, text: str) -> bool:
    if kind == "bool_type":
        return text in ("true", "false")
    try:
        float(text)
    except ValueError:
        return False
    return kind == "float_type" or text.strip("-+").isdigit()


def _number(value: object) -> object:
    return f"{value:g}" if isinstance(value, float) and value < 1e6 else value


def _show(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "keys below it"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return f"'{clip(value)}'" if isinstance(value, str) else clip(str(value))
