"""The three ways Keel compiles a function: strict floating point, cached by the hash of all compiled sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numba
import numba.core.config as settings

from keel.domain.compiled_cache import cache_folder

# numba makes its settings at import, as attributes that its types do not declare.
vars(settings)["CACHE_DIR"] = str(cache_folder())

_OPTIONS: Final[dict[str, Any]] = {
    "cache": True,
    "fastmath": False,
    "error_model": "numpy",
    "_nrt": False,
    "nogil": True,
}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function to machine code at its first call.

    fastmath stays off, so the same operations in the same order give the same bits (docs/execution.md, rule 20);
    a division by zero gives inf or NaN instead of raising: callers guard their divisors. Compiled functions are
    inlined into their callers and work in place on arrays they are given; they may not make arrays of their own.
    Without numba's reference counting and calls between small functions a bar costs a sixth of what it costs with.
    """
    decorate: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(forceinline=True, **_OPTIONS)
    return decorate(function)


def compiled_apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function as `compiled` does, but call it where it is used: for long ones that run seldom.

    Inlined at each of their callers they would make the kernel take minutes to compile.
    """
    decorate: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(**_OPTIONS)
    return decorate(function)


def spliced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function part of each function that calls it, before that is compiled: for long ones with one caller.

    It costs no compilation of its own, where every other function is compiled alone and again in each of its callers.
    """
    decorate: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(inline="always", **_OPTIONS)
    return decorate(function)
