"""Progress on the terminal, and the looks a running simulation takes at the world outside."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from keel.risk.kill_switch import KillSwitch
from keel.runs.disk import disk_errors_named

_REDRAW_S: Final = 0.1
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Progress]:
    """Show progress on stderr while inside; nothing where stderr is no terminal, or if quiet."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        yield progress


@contextmanager
def training_progress(*, quiet: bool) -> Iterator[Progress]:
    """Show progress as `progress_bar` does, with what a task's `speed` says and the time it has taken."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        yield progress


class Watch:
    """Let a simulation go on unless the kill switch is thrown or someone asks it to stop; draw how far it is."""

    def __init__(self, switch: KillSwitch, progress: Progress, task: TaskID) -> None:
        self._sampler = switch.sampled()
        self._progress = progress
        self._task = task
        self._next_draw_s = 0.0
        self._rows = 0
        self._interrupted = False

    def __call__(self, rows: int) -> str | None:
        """Take the rows played so far; return None to go on, or the status the run ends with."""
        self._rows = rows
        if self._sampler.is_tripped():
            return "kill_switch"
        if self._interrupted:
            return "interrupted"
        self.draw(rows)
        return None

    def draw(self, rows: int) -> None:
        """Draw how far it is, now and then."""
        self._rows = rows
        now_s = time.monotonic()
        if now_s >= self._next_draw_s:
            self._progress.update(self._task, completed=rows)
            self._next_draw_s = now_s + _REDRAW_S

    @contextmanager
    def stopping_gracefully(self, tell: Callable[[], None] | None = None) -> Iterator[None]:
        """Turn a first Ctrl+C or SIGTERM inside into a stop that keeps the result so far, if there is any.

        `tell` is called then. Before the first row there is none, and after a second signal it is not waited for:
        KeyboardInterrupt.
        """

        def ask(_number: int, _frame: FrameType | None) -> None:
            if self._interrupted or self._rows == 0:
                raise KeyboardInterrupt
            self._interrupted = True
            if tell is not None:
                tell()

        with _handled(ask):
            yield


@contextmanager
def ending_tidily() -> Iterator[None]:
    """Turn SIGTERM and a closed terminal into KeyboardInterrupt, so that nothing half-written stays behind."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(end):
        yield


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    asked = [number for number in _ENDINGS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup, for one, ignores
    previous = {number: signal.signal(number, handler) for number in asked}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


def compile_if_cold(progress: Progress, say: Callable[[str], None]) -> None:
    """Compile the simulator, visibly, if this version of it has never run on this machine."""
    from keel.domain.compiled_cache import SIMULATOR, cache_is_warm

    if cache_is_warm(SIMULATOR):
        return
    _refuse_cache_without_room()
    from keel.sim.warm_up import STEPS, warm_up

    say("First run of this version: compiling the simulator, once, for about 40 seconds.")
    _compile(progress, warm_up(), STEPS)


def compile_environments_if_cold(progress: Progress, say: Callable[[str], None]) -> None:
    """Compile the environments, visibly, if this version of them has never run on this machine."""
    from keel.domain.compiled_cache import ENVIRONMENTS, cache_is_warm

    if cache_is_warm(ENVIRONMENTS):
        return
    _refuse_cache_without_room()
    from keel.rl.warm_up import STEPS, warm_up

    say("First training of this version: compiling the environments, once, for about 90 seconds.")
    _compile(progress, warm_up(), STEPS)


def _refuse_cache_without_room() -> None:
    """Refuse: compiled code that cannot be kept would be kept beside the sources, where a change goes unseen."""
    from keel.domain.compiled_cache import cache_folder

    with disk_errors_named(cache_folder()):
        cache_folder().mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=cache_folder()).close()


def _compile(progress: Progress, parts: Iterator[str], steps: int) -> None:
    task = progress.add_task("compiling", total=steps, speed="")
    for part in parts:
        progress.update(task, advance=1, description=f"compiling {part}")
    progress.remove_task(task)
