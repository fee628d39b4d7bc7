"""The compiled sources as plain Python: every `keel/**/*_nb.py` run by the interpreter, to the same last bit.

Compiling takes most of a minute, interpreting none, and one function can be replaced at a time. What differs between
compiled code and Python is put right here: a division by zero gives inf or NaN, floor and ceil of numpy give Python
floats, members of enums are numbers; arrays are dealt with in records.py.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import copy
import enum
import importlib
import math
import os
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .records import from_outside

ROOT = Path(__file__).resolve().parents[2]
DECORATORS = "keel.domain.compile_nb"
FLAGS = __future__.annotations.compiler_flag
Function = ast.FunctionDef


def source_files() -> dict[str, Path]:
    """Return the file of each compiled module, by the module's name."""
    files = sorted((ROOT / "keel").rglob("*_nb.py"))
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in files}
    return {name: path for name, path in names.items() if name != DECORATORS}


def divide(a: Any, b: Any) -> Any:
    """Divide as numba's error model `numpy` does."""
    try:
        return a / b
    except ZeroDivisionError:
        if a == 0 or a != a:
            return math.nan
        return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _or_nan(function: Any, at_zero: float) -> Any:
    def call(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return at_zero if x == 0 else math.nan
        except OverflowError:
            return math.inf

    return call


def _ceil(x: float) -> float:
    whole = float(math.ceil(x)) if math.isfinite(x) else x
    return whole if whole else math.copysign(0.0, x)


def _floor(x: float) -> float:
    whole = float(math.floor(x)) if math.isfinite(x) else x
    return whole if whole else math.copysign(0.0, x)


class _Beside(types.SimpleNamespace):
    """Hold a few functions in place of a module's; the rest is the module's."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)


STAND_INS = {
    "math": _Beside(
        module=math, sqrt=_or_nan(math.sqrt, 0.0), log=_or_nan(math.log, -math.inf), exp=_or_nan(math.exp, 1.0)
    ),
    "numpy": _Beside(
        module=np, floor=_floor, ceil=_ceil, float64=float, uint64=lambda n: np.uint64(int(n) & 0xFFFFFFFFFFFFFFFF)
    ),
}


class _Translation(ast.NodeTransformer):
    """Write `_divide_(a, b)` for `a / b` and numbers for members of enums."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        called = ast.Call(ast.Name("_divide_", ast.Load()), [node.left, node.right], [])
        return ast.copy_location(called, node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name):
            owner = self.names.get(node.value.id)
            if isinstance(owner, enum.EnumMeta):
                return ast.copy_location(ast.Constant(int(owner[node.attr])), node)
        self.generic_visit(node)
        return node


class _Marking(ast.NodeTransformer):
    """Put `_seen_.add(n)` before every statement that carries a number."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            if isinstance(block, list) and not isinstance(node, ast.Module):
                setattr(node, field, [each for statement in block for each in self._marked(statement)])
        return node

    def _marked(self, statement: ast.stmt) -> Iterator[ast.stmt]:
        if hasattr(statement, "number"):
            mark = ast.parse(f"_seen_.add({statement.number})").body[0]
            yield ast.copy_location(mark, statement)
        yield statement


def _no_result(*_: Any) -> None:
    """Stand in for `prefetch`, which asks for memory and comes to nothing; decorators are taken off."""


class Interpreter:
    """Hold every compiled module as interpreted code.

    `trees` are the modules' syntax trees by name; they are copied, not changed. Where `seen` is given, each statement
    with a `number` adds it to that set as it runs.
    """

    def __init__(self, trees: dict[str, ast.Module], seen: set[int] | None = None) -> None:
        self._trees = trees
        self._seen = seen
        self._inside: dict[str, dict[str, Any]] = {}
        self._outside: dict[str, types.ModuleType] = {}
        for name in trees:
            self._load(name)
        for name in trees:
            self._outside[name] = self._face(name)

    def outside(self, module: str) -> types.ModuleType:
        """Return a module for callers that hold arrays."""
        return self._outside[module]

    def replace(self, module: str, function: Function) -> None:
        """Let a function run other code from now on, wherever it is known."""
        names = dict(self._inside[module])
        self._run([function], names)
        code = names[function.name].__code__
        self._inside[module][function.name].__code__ = code
        if function.name not in self._compiled(module):
            getattr(self._outside[module], function.name).__code__ = code

    def _load(self, module: str) -> dict[str, Any]:
        if module in self._inside:
            return self._inside[module]
        names = self._inside[module] = {"__name__": module, "__builtins__": builtins, "_divide_": divide}
        names["_seen_"] = self._seen
        body = [node for node in self._trees[module].body if not self._import(node, names)]
        self._run(body, names)
        return names

    def _import(self, node: ast.stmt, names: dict[str, Any]) -> bool:
        """Bind what an import statement names; False for any other statement."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                there = STAND_INS.get(alias.name) or importlib.import_module(alias.name)
                names[alias.asname or alias.name] = there
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                decorates = node.module == DECORATORS
                there = _no_result if decorates else self._imported(node.module or "", alias.name)
                names[alias.asname or alias.name] = there
        return isinstance(node, ast.Import | ast.ImportFrom)

    def _imported(self, module: str, name: str) -> Any:
        if module in self._trees:
            return self._load(module)[name]
        return getattr(importlib.import_module(module), name)

    def _run(self, body: Iterable[ast.stmt], names: dict[str, Any]) -> None:
        tree = ast.Module(copy.deepcopy(list(body)), [])
        for node in tree.body:
            if isinstance(node, Function):
                node.decorator_list = []
        if self._seen is not None:
            tree = _Marking().visit(tree)
        tree = ast.fix_missing_locations(_Translation(names).visit(tree))
        exec(compile(tree, names["__name__"], "exec", FLAGS), names)  # noqa: S102

    def _compiled(self, module: str) -> set[str]:
        return {node.name for node in self._trees[module].body if isinstance(node, Function) and node.decorator_list}

    def _face(self, module: str) -> types.ModuleType:
        """Return the module as seen from outside; its uncompiled functions are outside, too."""
        face = types.ModuleType(module)
        names = vars(face)
        for name, value in self._inside[module].items():
            names[name] = value.module if isinstance(value, _Beside) else value
        for name in self._compiled(module):
            names[name] = from_outside(self._inside[module][name])
        for node in self._trees[module].body:
            if isinstance(node, Function) and not node.decorator_list:
                inside = self._inside[module][node.name]
                names[node.name] = types.FunctionType(inside.__code__, names, node.name, inside.__defaults__)
        return face


def parsed_sources() -> dict[str, ast.Module]:
    """Return the syntax tree of each compiled module by the module's name."""
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in source_files().items()}


class Bindings:
    """Know every name in loaded modules that stands for a compiled module or function, and bind it anew."""

    def __init__(self, modules: set[str], leave: Callable[[str], bool] = lambda name: False) -> None:
        self._found: list[tuple[dict[str, Any], str, Any, str, str]] = []
        for holder, module in list(sys.modules.items()):
            ours = str(getattr(module, "__file__", None)).startswith(str(ROOT / "keel") + os.sep)
            ours = ours or str(getattr(module, "__file__", None)).startswith(str(ROOT / "tests") + os.sep)
            if ours and holder not in modules and not leave(holder):
                self._look_through(vars(module), modules)

    def _look_through(self, names: dict[str, Any], modules: set[str]) -> None:
        for name, value in list(names.items()):
            if isinstance(value, types.ModuleType) and value.__name__ in modules:
                self._found.append((names, name, value, value.__name__, ""))
                continue
            function = getattr(value, "py_func", value)
            if isinstance(function, types.FunctionType) and function.__module__ in modules:
                self._found.append((names, name, value, function.__module__, function.__name__))

    def bind(self, interpreter: Interpreter) -> None:
        """Let all of them mean the interpreter's."""
        for names, name, _, module, function in self._found:
            face = interpreter.outside(module)
            names[name] = getattr(face, function) if function else face

    def restore(self) -> None:
        """Let all of them mean what is compiled."""
        for names, name, value, _, _ in self._found:
            names[name] = value


@contextmanager
def interpreted(interpreter: Interpreter) -> Iterator[None]:
    """Let every loaded module call interpreted code, for a while."""
    bindings = Bindings(set(source_files()))
    bindings.bind(interpreter)
    try:
        yield
    finally:
        bindings.restore()
