"""Small faults in the compiled sources: each is one edit of a syntax tree, known by the statement before and after.

Operators: a comparison flipped, a constant nudged, a sign changed (also `and` for `or`, a `not` dropped or put in), a
line dropped. A fault's `key` holds no line number, so it stays the same while code around it moves.
"""

from __future__ import annotations

import ast
import enum
import importlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

FLIPPED = "comparison flipped"
NUDGED = "constant nudged"
SIGN = "sign changed"
DROPPED = "line dropped"
OPERATORS = (FLIPPED, NUDGED, SIGN, DROPPED)

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
SIGNS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
STRICTNESS = {(ast.Lt, ast.LtE), (ast.LtE, ast.Lt), (ast.Gt, ast.GtE), (ast.GtE, ast.Gt)}
TRUTHS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.BinOp)
EQUALS = "it only decides which of two equal values is taken"
TINY = 1e-6
"""A constant below this is a tolerance: a hundredth more of it would be no fault."""


@dataclass(frozen=True)
class Edit:
    """Hold one change of a tree: a field of a node, or an element of that field."""

    owner: ast.AST
    name: str
    at: int | None
    new: Any
    old: Any

    @classmethod
    def of(cls, owner: ast.AST, name: str, at: int | None, new: Any) -> Edit:
        old = getattr(owner, name)
        return cls(owner, name, at, new, old if at is None else old[at])

    def apply(self) -> None:
        self._set(self.new)

    def undo(self) -> None:
        self._set(self.old)

    def _set(self, value: Any) -> None:
        if self.at is None:
            setattr(self.owner, self.name, value)
        else:
            getattr(self.owner, self.name)[self.at] = value


@dataclass(frozen=True)
class Fault:
    """Hold one fault: where it is, what it makes of a statement, and the edit that makes it."""

    file: str
    module: str
    function: str
    """Name of the function it is in; empty for a constant of the module."""
    statement: int
    line: int
    column: int
    operator: str
    before: str
    after: str
    piece: str
    """The innermost expression that changes, before and after."""
    edit: Edit = field(repr=False, compare=False)
    harmless: str = ""
    """Why it can do no harm, where its form tells."""
    repeat: int = 0
    """How many faults before this one look the same."""

    @property
    def change(self) -> str:
        again = f" (repeat {self.repeat})" if self.repeat else ""
        return f"{self.before} -> {self.after}{again}"

    @property
    def key(self) -> tuple[str, str, str]:
        return self.file, self.function, self.change

    @property
    def name(self) -> str:
        return f"{self.file}:{self.line}:{self.column} {self.operator}: {self.change}"


class Module:
    """Hold one compiled module's tree, its statements numbered from `first` on, and the faults that can be made."""

    def __init__(self, name: str, file: str, tree: ast.Module, first: int) -> None:
        self.name, self.file, self.tree = name, file, tree
        self.functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
        for number, node in enumerate(statements, first):
            node.number = number  # type: ignore[attr-defined]
        self.next = first + len(statements)
        self._named = _named_numbers(tree)

    def faults(self) -> list[Fault]:
        """Return every fault, in the order of the source."""
        found: Counter[tuple[str, str, str]] = Counter()
        faults = []
        for fault in self._every():
            faults.append(Fault(**{**vars(fault), "repeat": found[fault.key]}))
            found[fault.key] += 1
        return faults

    def _every(self) -> Iterator[Fault]:
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef):
                yield from self._in_block(node, "body", node.name)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                yield from self._in_statement(node, "")

    def _in_block(self, owner: ast.AST, name: str, function: str) -> Iterator[Fault]:
        for at, node in enumerate(getattr(owner, name)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            if not isinstance(node, ast.Pass):
                edit = Edit.of(owner, name, at, ast.copy_location(ast.Pass(), node))
                yield self._fault(function, node, node, DROPPED, edit, "pass")
            yield from self._in_statement(node, function)
            for block in ("body", "orelse"):
                if isinstance(getattr(node, block, None), list):
                    yield from self._in_block(node, block, function)

    def _in_statement(self, statement: ast.stmt, function: str) -> Iterator[Fault]:
        for owner, name, at, node in _expressions(statement):
            for operator, edit in self._edits(owner, name, at, node):
                piece = node if isinstance(edit.owner, ast.stmt) else edit.owner
                shown = ast.unparse(piece)
                edit.apply()
                after = _shown(statement)
                changed = ast.unparse(edit.new if piece is edit.old else piece)
                edit.undo()
                yield self._fault(function, statement, node, operator, edit, after, f"{shown} -> {changed}")

    def _fault(
        self,
        function: str,
        statement: ast.stmt,
        node: ast.AST,
        operator: str,
        edit: Edit,
        after: str,
        piece: str = "",
    ) -> Fault:
        place = node if hasattr(node, "lineno") else statement
        return Fault(
            file=self.file,
            module=self.name,
            function=function,
            statement=statement.number,  # type: ignore[attr-defined]
            line=place.lineno,  # type: ignore[attr-defined]
            column=place.col_offset + 1,  # type: ignore[attr-defined]
            operator=operator,
            before=_shown(statement),
            after=after,
            piece=piece,
            edit=edit,
            harmless=EQUALS if _chooses_between_equals(statement, edit) else "",
        )

    def _edits(self, owner: ast.AST, name: str, at: int | None, node: ast.AST) -> Iterator[tuple[str, Edit]]:
        if isinstance(node, ast.Compare):
            for place, op in enumerate(node.ops):
                for other in COMPARISONS.get(type(op), ()):
                    yield FLIPPED, Edit.of(node, "ops", place, other())
        for new in self._nudged(node):
            yield NUDGED, Edit.of(owner, name, at, new)
        op = getattr(node, "op", None)
        if type(op) in SIGNS:
            yield SIGN, Edit.of(node, "op", None, SIGNS[type(op)]())
        if isinstance(node, ast.UnaryOp) and isinstance(op, ast.USub | ast.Not):
            yield SIGN, Edit.of(owner, name, at, node.operand)
        if isinstance(node, TRUTHS) and _is_truth(owner, name):
            yield SIGN, Edit.of(owner, name, at, ast.copy_location(ast.UnaryOp(ast.Not(), node), node))

    def _nudged(self, node: ast.AST) -> Iterator[ast.expr]:
        """Return what a number, or the name of one that is no compiled module's own, may be mistaken for."""
        values: list[Any] = []
        if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
            values = _near(node.value)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in self._named:
            values = _near(self._named[node.id])[:1] if isinstance(self._named[node.id], int) else []
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = self._named.get(node.value.id)
            if isinstance(owner, enum.EnumMeta):
                members = list(owner)
                after = members[(members.index(owner[node.attr]) + 1) % len(members)]
                yield ast.copy_location(ast.Attribute(node.value, after.name, ast.Load()), node)
        for value in values:
            yield ast.copy_location(ast.Constant(value), node)


def _near(value: float) -> list[float]:
    """Return what a number is nudged to: 0 and 1 stand for each other, a tolerance is widened and left out."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [0 if value == 1 else value + 1]
    if value == 0.0:
        return [1.0]
    return [value * 1000.0, 0.0] if abs(value) < TINY else [value * 1.01]


def _named_numbers(tree: ast.Module) -> dict[str, Any]:
    """Return numbers and enums that a module imports from modules that are not compiled."""
    named = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.module.endswith("_nb"):
            for alias in node.names:
                value = getattr(importlib.import_module(node.module), alias.name)
                if isinstance(value, int | enum.EnumMeta):
                    named[alias.asname or alias.name] = value
    return named


def _expressions(owner: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Return the statement itself, and what stands in it (no annotations), each with its place in its owner."""
    if isinstance(owner, ast.stmt):
        yield owner, "", None, owner
    for name, value in ast.iter_fields(owner):
        places = enumerate(value) if isinstance(value, list) else [(None, value)]
        for at, node in places:
            if isinstance(node, ast.expr) and name != "annotation":
                yield owner, name, at, node
                yield from _expressions(node)


def _chooses_between_equals(statement: ast.stmt, edit: Edit) -> bool:
    """Say whether a comparison made strict, or not strict any more, only decides which of two equal values is taken."""
    if (type(edit.old), type(edit.new)) not in STRICTNESS:
        return False
    for node in ast.walk(statement):
        if isinstance(node, ast.IfExp) and node.test is edit.owner:
            return _sides(edit.owner) == {ast.unparse(node.body), ast.unparse(node.orelse)}
    if isinstance(statement, ast.If) and statement.test is edit.owner and not statement.orelse:
        (first, *others) = statement.body
        if isinstance(first, ast.Assign) and not others:
            return _sides(edit.owner) == {ast.unparse(first.targets[0]), ast.unparse(first.value)}
    return False


def _sides(comparison: ast.AST) -> set[str]:
    return {ast.unparse(each) for each in (comparison.left, *comparison.comparators)}


def _is_truth(owner: ast.AST, name: str) -> bool:
    return name == "test" or isinstance(owner, ast.BoolOp)


def _shown(statement: ast.stmt) -> str:
    """Return a statement's text; of a block its first line."""
    return ast.unparse(statement).splitlines()[0] if hasattr(statement, "body") else ast.unparse(statement)
