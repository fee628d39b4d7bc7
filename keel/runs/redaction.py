"""Keep secrets out of everything a run writes: logs, manifests and error lines.

A secret is the value of an environment variable whose name contains KEY, SECRET, TOKEN, PASSWORD or
PASSPHRASE. Values shorter than six characters are left alone: `TOKENIZERS_PARALLELISM=false` must not turn
every `false` into stars.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

REDACTED: Final = "[redacted]"

_NAMED_SO: Final = r"(?:key|secret|token|passw(?:or)?d|passphrase)"
_SECRET_NAME: Final = re.compile(_NAMED_SO, re.IGNORECASE)
_ASSIGNMENT: Final = re.compile(rf"^([^=]*?{_NAMED_SO}[^=]*=).+$", re.IGNORECASE | re.DOTALL)
_SET_ASSIGNMENT: Final = re.compile(rf"^(--?\w+=[^=]*?{_NAMED_SO}[^=]*=).+$", re.IGNORECASE | re.DOTALL)
_SHORTEST_SECRET: Final = 6


def secret_values(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the secrets of an environment (default: ours) in every spelling of a text, longest first."""
    found: set[str] = set()
    for name, value in (os.environ if environ is None else environ).items():
        if _SECRET_NAME.search(name):
            found.update(_spellings(value))
    return tuple(sorted(found, key=lambda text: (-len(text), text)))


def redact(text: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the text with every secret of the environment replaced by `[redacted]`."""
    return blank(text, secret_values(environ))


def blank(text: str, secrets: Sequence[str]) -> str:
    """Return the text without the given secrets; `secrets` come from `secret_values`, longest first."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return text


def redact_mapping(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a config without secrets: known values, and strings under a key named like one."""
    secrets = secret_values()
    return {name: _blank_entry(name, entry, secrets) for name, entry in tree.items()}


def redact_command(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return a command line without known secrets, `--api-key=x`, `--api-key x` and `--set a.token=x`."""
    secrets = secret_values(environ)
    clean: list[str] = []
    before = ""
    for argument in argv:
        clean.append(_blank_argument(blank(argument, secrets), before))
        before = argument
    return tuple(clean)


def _spellings(value: str) -> set[str]:
    forms = {value, value.strip(), *(line.strip() for line in value.splitlines())}
    forms |= {json.dumps(form)[1:-1] for form in forms} | {
        quote(form, safe="", errors="surrogateescape") for form in forms
    }
    return {form for form in forms if len(form) >= _SHORTEST_SECRET}


def _blank_argument(argument: str, before: str) -> str:
    for pattern in (_ASSIGNMENT, _SET_ASSIGNMENT):
        match = pattern.match(argument)
        if match:
            return match[1] + REDACTED
    named_before = before.startswith("-") and "=" not in before and _SECRET_NAME.search(before)
    return REDACTED if named_before and not argument.startswith("-") else argument


def _blank_tree(value: object, secrets: Sequence[str]) -> object:
    if isinstance(value, str):
        return blank(value, secrets)
    if isinstance(value, Mapping):
        return {name: _blank_entry(str(name), entry, secrets) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_blank_tree(entry, secrets) for entry in value]
    return value


def _blank_entry(name: str, entry: object, secrets: Sequence[str]) -> object:
    if isinstance(entry, str) and entry and _SECRET_NAME.search(name):
        return REDACTED
    return _blank_tree(entry, secrets)
