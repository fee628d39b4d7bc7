"""What is wrong with a journal's files before SQLite opens them: a foreign file, a lost file, a hole in the log.

SQLite ends the write-ahead log (https://www.sqlite.org/fileformat2.html, section 4) at the first frame whose checksum
fails. After a power cut that is right: what follows was never promised. But a frame that went bad later would take with
it, silently, every commit after it. The two are told apart by what follows: each commit is synced before the next is
written, so a commit with frames of the same log behind it was on the disk, whole.
"""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from keel.domain.errors import UsageError
from keel.journal.refusals import damaged
from keel.journal.schema import APPLICATION_ID

_HEAD: Final = 100
_MAGIC: Final = b"SQLite format 3\0"
_APPLICATION_ID_AT: Final = 68
_LOG_HEAD: Final = struct.Struct(">8I")
_FRAME_HEAD: Final = struct.Struct(">6I")
_LOG_MAGIC: Final = (0x377F0682, 0x377F0683)
"""The log's first word: its checksums read words with the low byte first, or last."""

_Sums = tuple[int, int]


def check_files(path: Path) -> None:
    """Refuse what is no journal (UsageError) and a journal whose files cannot be whole (DamagedJournalError).

    A log that a crash or a power cut left torn passes: SQLite repairs it.
    """
    check_head(path)
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and _has_hole(log.read_bytes()):
        raise damaged(path, f"{log.name} went bad in its middle, after what follows had been written")


def check_head(path: Path) -> None:
    """Refuse, with UsageError, a file that is missing or not ours, without opening it as a database."""
    if not path.exists():
        if path.with_name(f"{path.name}-wal").exists():
            raise damaged(path, f"{path.name} is gone and its -wal file is still there")
        raise UsageError(f"there is no journal {path}")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot read the journal {path}: {what}; make it a file that this user can read") from error
    if head[: len(_MAGIC)] != _MAGIC or len(head) < _HEAD:
        raise UsageError(f"{path} is no journal of Keel: {damaged(path, 'its first bytes are not those of one')}")
    found = int.from_bytes(head[_APPLICATION_ID_AT : _APPLICATION_ID_AT + 4], "big")
    if found != APPLICATION_ID:
        raise UsageError(f"{path} is no journal of Keel but another program's database: move it away or name another")


def _has_hole(log: bytes) -> bool:
    """Say whether a frame is bad that had been good: a whole commit of the same log, and more, come after it."""
    if len(log) < _LOG_HEAD.size + _FRAME_HEAD.size:
        return False
    magic, _, page_size, _, *salts, sum_0, sum_1 = _LOG_HEAD.unpack_from(log)
    frame_size = _FRAME_HEAD.size + page_size
    head_sums = _summed((0, 0), log[: _LOG_HEAD.size - 8], magic)
    if magic not in _LOG_MAGIC or head_sums != (sum_0, sum_1):
        # The head is bad. Frames carry the log's salts, too; every page size is a power of two.
        return any(_commits_before_more(log, 512 << power, 0, None) for power in range(8))
    sums, index = head_sums, 0
    for start in range(_LOG_HEAD.size, len(log) - frame_size + 1, frame_size):
        *_, salt_0, salt_1, sum_0, sum_1 = _FRAME_HEAD.unpack_from(log, start)
        sums = _summed(sums, log[start : start + 8], magic)
        sums = _summed(sums, log[start + _FRAME_HEAD.size : start + frame_size], magic)
        if [salt_0, salt_1] != salts or sums != (sum_0, sum_1):
            break
        index += 1
    return _commits_before_more(log, page_size, index, tuple(salts))


def _commits_before_more(log: bytes, page_size: int, first: int, salts: tuple[int, ...] | None) -> bool:
    """Say whether, from frame `first` on, a commit of the log is followed by another frame of it."""
    committed = False
    frame_size = _FRAME_HEAD.size + page_size
    for start in range(_LOG_HEAD.size + first * frame_size, len(log) - frame_size + 1, frame_size):
        page, pages_after, *found, _, _ = _FRAME_HEAD.unpack_from(log, start)
        if salts is None and page > 0:
            salts = tuple(found)
        if tuple(found) != salts:
            continue
        if committed:
            return True
        committed = pages_after > 0
    return False


def _summed(sums: _Sums, data: bytes, magic: int) -> _Sums:
    """Return SQLite's running checksum after more data: `s0 += x0 + s1; s1 += x1 + s0` over pairs of words.

    The rule is linear, so what the words add is one product with weights that depend on the length alone.
    """
    words = np.frombuffer(data, dtype=">u4" if magic & 1 else "<u4").astype(np.uint32)
    ((keep_00, keep_01), (keep_10, keep_11)), weights = _weights(len(words) // 2)
    added = (weights * words).sum(axis=1, dtype=np.uint32)
    return (
        (keep_00 * sums[0] + keep_01 * sums[1] + int(added[0])) & 0xFFFFFFFF,
        (keep_10 * sums[0] + keep_11 * sums[1] + int(added[1])) & 0xFFFFFFFF,
    )


@cache
def _weights(pairs: int) -> tuple[tuple[_Sums, _Sums], npt.NDArray[np.uint32]]:
    """Return what `pairs` pairs of words make of the sums before, and what each word adds to either sum."""
    weights = np.zeros((2, 2 * pairs), np.uint32)
    (a, b), (c, d) = (1, 0), (0, 1)
    for pair in reversed(range(pairs)):
        weights[:, 2 * pair] = (a + b) & 0xFFFFFFFF, (c + d) & 0xFFFFFFFF
        weights[:, 2 * pair + 1] = b, d
        # One pair takes (s0, s1) to (s0 + s1, s0 + 2 s1), before what its words add.
        a, b = (a + b) & 0xFFFFFFFF, (a + 2 * b) & 0xFFFFFFFF
        c, d = (c + d) & 0xFFFFFFFF, (c + 2 * d) & 0xFFFFFFFF
    return ((a, b), (c, d)), weights
