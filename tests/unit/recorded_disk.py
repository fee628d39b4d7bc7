"""What a program had on its disk at each moment, from its own system calls: for tests that cut the power.

A real child process runs under strace. Its calls become steps: what was written where, what was synced, which names
appeared and went, and what was said to others (pipe, terminal or socket). A `Disk` replays them and keeps what a power
cut keeps: bytes followed by a sync of their file, names followed by a sync of their folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

STRACE = shutil.which("strace")
SECTOR = 512
AT_END = -1
_FILES = "openat,open,creat,truncate,ftruncate,unlink,unlinkat,rename,renameat,renameat2,fsync,fdatasync,lseek"
_NOT_REPLAYED = "link,linkat,symlinkat,fallocate,copy_file_range,sendfile,sync_file_range,openat2,pwritev2"
_WRITES = "pwrite64,write,writev,pwritev,sendto,sendmsg"
_BY_NAME = frozenset(
    {"openat", "openat2", "open", "creat", "truncate", "unlink", "unlinkat", "rename", "renameat", "renameat2"}
    | {"link", "linkat", "symlinkat"}
)
_CALL = re.compile(r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<rest>.*)$")
_RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. \w+ resumed>(?P<rest>.*)$")
_UNFINISHED = " <unfinished ...>"
_RESULT = re.compile(r"\)\s+= (?P<result>-?\d+|\?)")
_FD = re.compile(r"^(?P<number>\d+|AT_FDCWD)(?:<(?P<path>[^>]*)>)?")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True)
class Step:
    """One thing done: write, truncate, create, rename, unlink, sync or say. `began` is how many were done before.

    An `offset` of AT_END is wherever the file ends then.
    """

    kind: str
    path: str
    began: int
    offset: int = 0
    data: bytes = b""
    to: str = ""


def can_trace() -> bool:
    """Say whether this machine has strace and lets it look."""
    if STRACE is None:
        return False
    tried = subprocess.run([STRACE, "-f", "-o", os.devnull, "true"], capture_output=True, check=False)
    return tried.returncode == 0


def record(command: Sequence[str], folder: Path, trace: Path, env: Mapping[str, str] | None = None) -> list[Step]:
    """Run a command to its end and return its steps below `folder`, and all it said. Raises where it fails."""
    options = [
        "-f",
        "-yy",
        "-xx",
        "-s",
        "16777216",
        "-e",
        f"trace={_FILES},{_NOT_REPLAYED},{_WRITES}",
        "-e",
        "signal=none",
    ]
    done = subprocess.run([STRACE or "strace", *options, "-o", str(trace), *command], capture_output=True, env=env)
    if done.returncode != 0:
        raise RuntimeError(f"the recorded program failed: {done.stderr.decode()}")
    return list(read_trace(trace, folder))


def read_trace(trace: Path, folder: Path) -> Iterator[Step]:
    """Return the steps of a trace in the order of their ends; what is said counts from its beginning."""
    reader = _Reader(str(folder.resolve()))
    with trace.open(encoding="ascii") as lines:
        for line in lines:
            yield from reader.steps_of(line.rstrip("\n"))


class _Reader:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.cwd = "/"
        self.done = 0
        self.unfinished: dict[str, tuple[str, str, int, bool]] = {}
        self.positions: dict[tuple[str, str], int] = {}
        self.known: set[str] = set()

    def steps_of(self, line: str) -> Iterator[Step]:
        resumed = _RESUMED.match(line)
        if resumed:
            name, start, began, said = self.unfinished.pop(resumed["pid"])
            pid, rest = resumed["pid"], start + resumed["rest"]
        else:
            call = _CALL.match(line)
            if call is None:
                return
            pid, name, rest, began, said = call["pid"], call["name"], call["rest"], self.done, False
        arguments = rest.removesuffix(_UNFINISHED)
        if name in _WRITES.split(",") and not said:
            step = self.said(name, arguments, began)
            if step is not None:
                self.done += 1
                yield step
                said = True
        if rest.endswith(_UNFINISHED):
            self.unfinished[pid] = (name, arguments, began, said)
            return
        result = _RESULT.search(rest)
        if said or result is None or result["result"].startswith(("-", "?")):
            return
        for step in self.file_steps(name, rest, int(result["result"]), began):
            self.done += 1
            yield step

    def said(self, name: str, arguments: str, began: int) -> Step | None:
        path = _path_of(arguments)
        if path.startswith(("/dev/null", self.folder)) or (path.startswith("/") and not path.startswith("/dev/")):
            return None
        return Step("say", path, began, data=b"".join(_texts(arguments)))

    def file_steps(self, name: str, rest: str, result: int, began: int) -> Iterator[Step]:
        here = re.match(r"AT_FDCWD<([^>]*)>", rest)
        if here:
            self.cwd = _unescaped(here[1]).decode()
        paths = [self.whole(text) for text in _texts(rest)] if name in _BY_NAME else [_path_of(rest)]
        if not any(map(self.ours, paths)):
            return
        if name in _NOT_REPLAYED.split(","):
            raise NotImplementedError(f"{name} below {self.folder} is not replayed")
        if name in ("openat", "open", "creat"):
            yield from self.opened(paths[0], rest, str(result), began)
        elif name == "truncate":
            yield Step("truncate", paths[0], began, offset=_number_at_end(rest))
        elif name in _BY_NAME:
            self.known.discard(paths[0])
            self.known.update(paths[1:])
            kind = "rename" if name.startswith("rename") else "unlink"
            yield Step(kind, paths[0], began, to=paths[1] if kind == "rename" else "")
        else:
            yield from self.on_descriptor(name, rest, result, began, paths[0])

    def opened(self, path: str, rest: str, descriptor: str, began: int) -> Iterator[Step]:
        if "O_DIRECTORY" in rest:
            return
        if "O_CREAT" in rest and path not in self.known:
            yield Step("create", path, began)
        if "O_TRUNC" in rest:
            yield Step("truncate", path, began)
        self.known.add(path)
        self.positions[descriptor, path] = AT_END if "O_APPEND" in rest else 0

    def on_descriptor(self, name: str, rest: str, result: int, began: int, path: str) -> Iterator[Step]:
        descriptor = rest[: rest.index("<")]
        if name in ("fsync", "fdatasync"):
            yield Step("sync", path, began)
        elif name == "ftruncate":
            yield Step("truncate", path, began, offset=_number_at_end(rest))
        elif name == "pwrite64":
            yield Step("write", path, began, offset=_number_at_end(rest), data=_texts(rest)[0][:result])
        elif name == "lseek":
            if self.positions[descriptor, path] != AT_END:
                self.positions[descriptor, path] = result
        elif name == "write":
            offset = self.positions[descriptor, path]
            if offset != AT_END:
                self.positions[descriptor, path] += result
            yield Step("write", path, began, offset=offset, data=_texts(rest)[0][:result])
        else:
            raise NotImplementedError(f"{name} to {path} is not replayed")

    def whole(self, path: bytes) -> str:
        return os.path.normpath(Path(self.cwd) / path.decode(errors="replace"))

    def ours(self, path: str) -> bool:
        return path == self.folder or path.startswith(f"{self.folder}/")


def _path_of(arguments: str) -> str:
    found = _FD.match(arguments)
    return "" if found is None or found["path"] is None else _unescaped(found["path"]).decode()


def _number_at_end(rest: str) -> int:
    return int(rest[: rest.rindex(")")].rsplit(", ", 1)[1], 0)


def _texts(arguments: str) -> list[bytes]:
    return [_unescaped(text) for text in _TEXT.findall(arguments)]


def _unescaped(text: str) -> bytes:
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), text.encode())


@dataclass
class _File:
    size: int = 0
    kept: bytearray = field(default_factory=bytearray)
    waiting: list[tuple[int, Step]] = field(default_factory=list)

    def take(self, index: int, step: Step) -> None:
        if step.offset == AT_END:
            step = replace(step, offset=self.size)
        end = step.offset + len(step.data)
        self.size = end if step.kind == "truncate" else max(self.size, end)
        self.waiting.append((index, step))

    def keep(self, until: int) -> None:
        for _, step in (pair for pair in self.waiting if pair[0] < until):
            _change(self.kept, step)
        self.waiting = [pair for pair in self.waiting if pair[0] >= until]


class Disk:
    """Replay steps. `folder` is the one that was recorded."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder.resolve())
        self.played = 0
        self._now: dict[str, _File] = {}
        self._kept: dict[str, _File] = {}
        self._renamed: list[tuple[int, Step, _File | None]] = []

    def play(self, step: Step) -> None:
        """Take the next step."""
        index, self.played = self.played, self.played + 1
        if step.kind == "sync" and step.path == self.folder:
            for _, change, file in (one for one in self._renamed if one[0] < step.began):
                _name(self._kept, change, file)
            self._renamed = [one for one in self._renamed if one[0] >= step.began]
        elif step.kind == "sync":
            self._now[step.path].keep(step.began)
        elif step.kind in ("create", "rename", "unlink"):
            file = _File() if step.kind == "create" else self._now.get(step.path)
            _name(self._now, step, file)
            self._renamed.append((index, step, file))
        elif step.kind in ("write", "truncate") and step.path in self._now:
            self._now[step.path].take(index, step)

    def after_power_cut(self, luck: Random | None = None) -> dict[str, bytes]:
        """Return the files a power cut leaves now, by name: what was synced, and with `luck` some of the rest.

        What was not synced may have reached the disk in any order and in part: any sectors of any writes, and as many
        of the names as came first.
        """
        names = dict(self._kept)
        if luck is not None:
            for _, step, file in self._renamed[: luck.randint(0, len(self._renamed))]:
                _name(names, step, file)
        left = {}
        for path, file in names.items():
            data = bytearray(file.kept)
            for _, step in file.waiting if luck is not None else ():
                if luck is not None and luck.random() < 0.6:
                    _change_some(data, step, luck)
            left[os.path.relpath(path, self.folder)] = bytes(data)
        return left


def _name(names: dict[str, _File], step: Step, file: _File | None) -> None:
    if step.kind != "create":
        names.pop(step.path, None)
    if step.kind != "unlink" and file is not None:
        names[step.to or step.path] = file


def _change(data: bytearray, step: Step) -> None:
    if step.kind == "truncate":
        del data[step.offset :]
        data.extend(bytes(step.offset - len(data)))
    else:
        data.extend(bytes(max(0, step.offset - len(data))))
        data[step.offset : step.offset + len(step.data)] = step.data


def _change_some(data: bytearray, step: Step, luck: Random) -> None:
    if step.kind == "truncate" or luck.random() < 0.5:
        _change(data, step)
        return
    start = step.offset
    while start < step.offset + len(step.data):
        end = min(step.offset + len(step.data), (start // SECTOR + 1) * SECTOR)
        if luck.random() < 0.5:
            _change(data, Step("write", step.path, 0, start, step.data[start - step.offset : end - step.offset]))
        start = end
