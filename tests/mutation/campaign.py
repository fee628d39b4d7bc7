"""The campaign: each fault in a process of its own, against the checks that run its statement, the likeliest first."""

from __future__ import annotations

import ast
import gc
import json
import os
import resource
import selectors
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from .checks import Check
from .faults import Fault, Module
from .interpreter import ROOT, Bindings, Interpreter, parsed_sources, source_files

KILLED, TIMEOUT, SURVIVED = "killed", "timeout", "survived"
REFERENCE_SIDE = ("parity", "tables")
"""Packages of tests that call compiled functions only to work out what to expect: they keep faultless ones."""
SLOWER = 30.0
"""A check that takes this many times its usual processor time is over."""
LEAST_LIMIT_S = 0.5
LAST_LIMIT_S = 300.0
"""Wall time after which a fault's process is ended from outside."""
MEMORY_BYTES = 3 << 30


class TimeUp(BaseException):
    """Tell that a check has used up its processor time; nothing a test does may catch it."""


class BrokenCheckError(Exception):
    """Tell which check fails where there is no fault."""


@dataclass(frozen=True)
class Verdict:
    """Hold what became of a fault, and the check that found it."""

    fault: Fault
    result: str
    by: str = ""


class Kernel:
    """Hold the interpreted kernel that loaded modules call, and put faults into it."""

    def __init__(self) -> None:
        self.trees = parsed_sources()
        self.modules: dict[str, Module] = {}
        first = 0
        for name, path in source_files().items():
            self.modules[name] = Module(name, path.relative_to(ROOT).as_posix(), self.trees[name], first)
            first = self.modules[name].next
        names = set(self.modules)
        self.interpreter = Interpreter(self.trees)
        self._tested = Bindings(names, leave=lambda holder: holder.split(".")[0] in REFERENCE_SIDE)
        reference_side = Bindings(names, leave=lambda holder: holder.split(".")[0] not in REFERENCE_SIDE)
        reference_side.bind(Interpreter(self.trees))
        self._tested.bind(self.interpreter)

    def watch(self, checks: list[Check]) -> Iterator[Check]:
        """Run every check without a fault, note what it costs and which statements it runs."""
        for check in checks:
            began = time.process_time()
            try:
                check.run()
            except BaseException as error:
                raise BrokenCheckError(check.name) from error
            check.cost_s = time.process_time() - began
        seen: set[int] = set()
        self._tested.bind(Interpreter(self.trees, seen))
        for check in checks:
            seen.clear()
            check.run()
            check.covers = frozenset(seen)
            yield check
        self._tested.bind(self.interpreter)

    def break_with(self, fault: Fault) -> None:
        """Put the fault in, for good."""
        fault.edit.apply()
        if fault.function:
            self.interpreter.replace(fault.module, self.modules[fault.module].functions[fault.function])
        else:
            self._tested.bind(Interpreter(self.trees))

    def statements(self, fault: Fault) -> set[int]:
        """Return the statements by which a check can meet the fault: its own, or those that use the constant."""
        if fault.function:
            return {fault.statement}
        constant = next(node for node in self.trees[fault.module].body if node.number == fault.statement)
        target = constant.targets[0] if isinstance(constant, ast.Assign) else constant.target
        return self._users(target.id)

    def _users(self, name: str) -> set[int]:
        users = set()
        for tree in self.trees.values():
            for statement in (node for node in ast.walk(tree) if isinstance(node, ast.stmt)):
                if any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(statement)):
                    users.add(statement.number)
                    if statement in tree.body and isinstance(statement, ast.Assign) and statement.targets[0].id != name:
                        users |= self._users(statement.targets[0].id)
        return users


class Campaign:
    """Try faults in forks of this process, `jobs` at a time."""

    def __init__(self, kernel: Kernel, checks: list[Check], hints: dict[str, str], jobs: int) -> None:
        self._kernel, self._checks, self._jobs = kernel, checks, jobs
        self._by_name = {check.name: at for at, check in enumerate(checks)}
        self._hints = hints
        self._kills: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._running: dict[int, tuple[int, Fault, float]] = {}

    def verdicts(self, faults: list[Fault]) -> Iterator[Verdict]:
        """Return what becomes of each fault, as it becomes known."""
        gc.freeze()
        waiting = list(reversed(faults))
        with selectors.DefaultSelector() as selector:
            while waiting or self._running:
                while waiting and len(self._running) < self._jobs:
                    fault = waiting.pop()
                    pipe, pid = self._start(fault)
                    self._running[pipe] = pid, fault, time.monotonic() + LAST_LIMIT_S
                    selector.register(pipe, selectors.EVENT_READ)
                for pipe in self._ended(selector):
                    selector.unregister(pipe)
                    yield self._verdict(pipe)

    def _ended(self, selector: selectors.BaseSelector) -> list[int]:
        for key, _ in selector.select(timeout=1.0):
            return [int(key.fd)]
        for pid, _, limit in self._running.values():
            if time.monotonic() > limit:
                os.kill(pid, signal.SIGKILL)
        return []

    def _verdict(self, pipe: int) -> Verdict:
        pid, fault, _ = self._running.pop(pipe)
        with os.fdopen(pipe) as file:
            told = file.read()
        _, status = os.waitpid(pid, 0)
        if not told and status != signal.SIGKILL:
            raise RuntimeError(f"the process that tried this fault broke down: {fault.name}")
        result, by = json.loads(told) if told else (TIMEOUT, "")
        if by:
            self._kills[f"{fault.module}.{fault.function}"][self._by_name[by]] += 1
        return Verdict(fault, result, by)

    def _start(self, fault: Fault) -> tuple[int, int]:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid:
            os.close(writing)
            return reading, pid
        code = 1
        try:
            os.write(writing, json.dumps(self._try(fault)).encode())
            code = 0
        finally:
            os._exit(code)

    def _try(self, fault: Fault) -> tuple[str, str]:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        signal.signal(signal.SIGPROF, _time_is_up)
        gc.disable()
        order = self._order(fault)
        try:
            self._kernel.break_with(fault)
        except Exception:  # noqa: BLE001 - a fault that cannot even be loaded is found by the first who tries
            return KILLED, ""
        for at in order:
            check = self._checks[at]
            signal.setitimer(signal.ITIMER_PROF, max(LEAST_LIMIT_S, SLOWER * check.cost_s))
            try:
                check.run()
            except TimeUp:
                return TIMEOUT, check.name
            except BaseException:  # noqa: BLE001 - whatever it is, the fault was found
                return KILLED, check.name
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0.0)
        return SURVIVED, ""

    def _order(self, fault: Fault) -> list[int]:
        """Return the checks that meet the fault: who found it before, who found most in its function, the cheapest."""
        statements = self._kernel.statements(fault)
        kills = self._kills[f"{fault.module}.{fault.function}"]
        hint = self._by_name.get(self._hints.get("|".join(fault.key), ""), -1)

        def unlikeliness(at: int) -> tuple[bool, float, float]:
            cost_s = self._checks[at].cost_s
            return at != hint, -kills[at] / (cost_s + 0.001), cost_s

        meeting = [at for at, check in enumerate(self._checks) if not statements.isdisjoint(check.covers)]
        return sorted(meeting, key=unlikeliness)


def _time_is_up(signum: int, frame: object) -> None:
    raise TimeUp
