"""The three ways Keel compiles a function: strict floating point, cached by the hash of all compiled sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numba
import numba.core.config as settings
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

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


def _prefetch(_context: Any, array: Any, row: Any, offset: Any) -> tuple[Any, Callable[..., Any]]:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0])
        start = builder.mul(arguments[1], builder.extract_value(data.strides, 0))
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.gep(builder.bitcast(data.data, byte), [builder.add(start, arguments[2])])
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        to_read, to_keep, of_data = word(0), word(3), word(1)
        builder.call(
            builder.module.declare_intrinsic("llvm.prefetch", [byte], kind), [place, to_read, to_keep, of_data]
        )
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), generate


prefetch: Any = intrinsic(_prefetch)
"""Ask in compiled code for the cache line `offset` bytes after the start of `array[row]`: it changes no result."""
