"""The live view in the terminal: one screen that holds what one wants to see of a run, cut to the lines there are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from keel.domain.errors import reason_of
from keel.domain.live_status import LiveStatus
from keel.report import live_parts as parts

REDRAWS_PER_S: Final = 4
KEYS: Final = "Ctrl+C: stop gracefully  ·  twice: at once"
_BESIDE: Final = 118
"""Width from which tables stand on the left and limits on the right."""
_GAP: Final = 3
_ROOMY: Final = 26
"""Lines from which there is room for blank ones, and for the whole machine room above the tables."""
_SHORT: Final = 7
"""Lines of the machine room where there is not."""
_LEAST: Final = 3
"""Lines a table gets before another gets more: its head, a row, and how many are left out."""
_logger = logging.getLogger(__name__)

Look = Callable[[], tuple[LiveStatus | None, Sequence[str]]]
"""Return the newest status, None before the first, and all reasons for which the run is not healthy."""


class LivePicture:
    """Draw a status on whatever width and height there is."""

    def __init__(self, status: LiveStatus | None, reasons: Sequence[str]) -> None:
        self._status = status
        self._reasons = reasons
        self._size = (0, 0)
        self._drawn: list[Segment] = []

    def shows(self, status: LiveStatus | None, reasons: Sequence[str]) -> bool:
        """Say whether it is a picture of just this."""
        return self._status is status and list(self._reasons) == list(reasons)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield what was drawn for this size, drawn once: that takes 20 ms, which trading may need."""
        size = options.max_width, options.height or console.size.height
        if size != self._size:
            self._drawn = list(console.render(Group(*self._lines(*size)), options.update(height=None)))
            self._size = size
        yield from self._drawn

    def _lines(self, width: int, height: int) -> Iterator[RenderableType]:
        head = parts.head_lines(self._status, self._reasons, width, height)
        yield from head
        if self._status is not None:
            yield from self._body(self._status, width, height - len(head) - 1)
        yield Text(KEYS, style="dim", no_wrap=True, overflow="ellipsis")

    def _body(self, status: LiveStatus, width: int, lines: int) -> list[RenderableType]:
        blank = [] if lines < _ROOMY else [Text()]
        account: list[RenderableType] = [*blank, parts.money_lines(status), Text()]
        left = lines - 3 - len(blank)
        beside = width >= _BESIDE and left >= _right_lines(status) + _LEAST + 3
        return account + (_beside if beside else _stacked)(status, width, left)


class LiveView:
    """Show a run on the whole terminal while inside, drawn anew four times a second on a thread of its own.

    `look` is called from that thread; the trading loop never waits for the terminal.
    """

    def __init__(self, console: Console, look: Look) -> None:
        self._look = look
        self._newest = LivePicture(None, ())
        self._has_failed = False
        self._live = Live(console=console, screen=True, get_renderable=self.picture, refresh_per_second=REDRAWS_PER_S)

    def picture(self) -> RenderableType:
        """Return the newest picture, or why there is none: a view that fails harms nobody else."""
        try:
            status, reasons = self._look()
            if not self._newest.shows(status, reasons):
                self._newest = LivePicture(status, reasons)
            return self._newest
        except Exception as error:
            if not self._has_failed:
                self._has_failed = True
                _logger.exception("the live view failed")
            return Text(f"The view failed: {reason_of(error)}. The run goes on.\n{KEYS}", style="bold red")

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()


def share(total: int, wants: Sequence[int], least: Sequence[int]) -> list[int]:
    """Return how many of `total` lines each gets: first its `least`, in order, then one each in turn as it wants."""
    given = [0] * len(wants)
    for i, want in enumerate(wants):
        given[i] = max(0, min(want, least[i], total - sum(given)))
    while sum(given) < total:
        hungry = [i for i, want in enumerate(wants) if given[i] < want]
        if not hungry:
            break
        given[min(hungry, key=lambda i: given[i])] += 1
    return given


def _stacked(status: LiveStatus, width: int, lines: int) -> list[RenderableType]:
    risk = 1 + len(status.risk_used)
    high = max(risk, parts.MACHINE_LINES if lines >= _ROOMY else min(parts.MACHINE_LINES, _SHORT))
    wants = [1 + len(status.positions), 1 + len(status.orders), 1 + len(status.decisions)]
    left = lines - high - 1
    blank = [Text()] if left >= sum(min(want, _LEAST) for want in wants) + 3 else []
    positions, orders, decisions = share(left - 3 * len(blank), wants, [_LEAST] * 3)
    half = (width - _GAP) // 2
    body: list[RenderableType] = [
        _columns((parts.risk_table(status), half), (parts.machine_table(status, high), width - _GAP - half)),
        Text(),
    ]
    for table, given in (
        (parts.positions_table(status, width, positions), positions),
        (parts.orders_table(status, width, orders), orders),
        (parts.decisions_table(status, decisions), decisions),
    ):
        if given:
            body.extend((table, *blank))
    return body


def _beside(status: LiveStatus, width: int, lines: int) -> list[RenderableType]:
    right_width = max(40, width // 3)
    left_width = width - right_width - _GAP
    right_lines = _right_lines(status)
    wants = [1 + len(status.positions), 1 + len(status.orders)]
    above, decisions = share(
        lines - 2, [max(right_lines, sum(wants) + 1), 1 + len(status.decisions)], [right_lines, _LEAST]
    )
    positions, orders = share(above - 1, wants, [_LEAST] * 2)
    left = Group(
        parts.positions_table(status, left_width, positions), Text(), parts.orders_table(status, left_width, orders)
    )
    right = Group(parts.risk_table(status), Text(), parts.machine_table(status))
    return [
        _columns((left, left_width), (right, right_width)),
        Text(),
        parts.decisions_table(status, decisions),
        Text(),
    ]


def _columns(left: tuple[RenderableType, int], right: tuple[RenderableType, int]) -> Table:
    grid = Table.grid(padding=0)
    grid.add_column(width=left[1])
    grid.add_column(width=_GAP)
    grid.add_column(width=right[1])
    grid.add_row(left[0], "", right[0])
    return grid


def _right_lines(status: LiveStatus) -> int:
    return 1 + len(status.risk_used) + 1 + parts.MACHINE_LINES
