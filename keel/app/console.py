"""Progress on the terminal, and the looks a running simulation takes at the world outside."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn

from keel.risk.kill_switch import KillSwitch

_REDRAW_S: Final = 0.1


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Progress]:
    """Show progress on stderr while inside; nothing where stderr is no terminal, or if quiet."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=quiet or not console.is_terminal
    ) as progress:
        yield progress


class Watch:
    """Let a simulation go on unless the kill switch is thrown or someone asks it to stop; draw how far it is."""

    def __init__(self, switch: KillSwitch, progress: Progress, task: TaskID) -> None:
        self._sampler = switch.sampled()
        self._progress = progress
        self._task = task
        self._next_draw_s = 0.0
        self._interrupted = False

    def __call__(self, rows: int) -> str | None:
        """Return None to go on, or the status the run ends with."""
        if self._sampler.is_tripped():
            return "kill_switch"
        if self._interrupted:
            return "interrupted"
        now_s = time.monotonic()
        if now_s >= self._next_draw_s:
            self._progress.update(self._task, completed=rows)
            self._next_draw_s = now_s + _REDRAW_S
        return None

    @contextmanager
    def stopping_gracefully(self) -> Iterator[None]:
        """Turn a first Ctrl+C or SIGTERM inside into a stop that keeps the result so far; a second ends at once."""

        def ask(number: int, _frame: FrameType | None) -> None:
            self._interrupted = True
            signal.signal(number, previous[signal.Signals(number)])

        previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def compile_if_cold(progress: Progress, say: Callable[[str], None]) -> None:
    """Compile the simulator, visibly, if this version of it has never run on this machine."""
    from keel.domain.compiled_cache import cache_is_warm

    if cache_is_warm():
        return
    from keel.sim.warm_up import STEPS, warm_up

    say("First run of this version: compiling the simulator, once, for about 20 seconds.")
    task = progress.add_task("compiling", total=STEPS)
    for part in warm_up():
        progress.update(task, advance=1, description=f"compiling {part}")
    progress.remove_task(task)
