"""The one way Keel compiles a function: strict floating point, cached by the hash of all compiled sources."""

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
    "forceinline": True,
    "_nrt": False,
}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function to machine code at its first call.

    fastmath stays off, so the same operations in the same order give the same bits (docs/execution.md, rule 20);
    a division by zero gives inf or NaN instead of raising: callers guard their divisors. Compiled functions are
    inlined into their callers and work in place on arrays they are given; they may not make arrays of their own.
    Without numba's reference counting and calls between small functions a bar costs a sixth of what it costs with.
    """
    decorate: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(**_OPTIONS)
    return decorate(function)
