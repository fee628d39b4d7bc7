"""The three ways Keel compiles a function: strict floating point, cached by the hash of all compiled sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numba
import numba.core.config as settings
from llvmlite import ir
from numba.core import cgutils, types
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


@intrinsic
def prefetch(typing_context, array, row, line):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """Ask for the cache line `line` lines of 64 bytes after the start of `array[row]`: it changes no result."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        data = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride = cgutils.unpack_tuple(builder, data.strides)[0]
        lines = builder.mul(arguments[2], ir.Constant(ir.IntType(64), 64))
        at = builder.add(builder.mul(arguments[1], stride), lines)
        place = cgutils.pointer_add(builder, data.data, at)
        word, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        called = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(called, [builder.bitcast(place, byte), word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), generate
