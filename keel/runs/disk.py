"""Turn what a disk refuses into one clear line with its mend."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from keel.domain.errors import UsageError

_MENDS: Final = {
    errno.ENOSPC: "free some space and run again",
    errno.EDQUOT: "raise the quota or free some space and run again",
    errno.EFBIG: "raise the file size limit (ulimit -f) and run again",
    errno.EROFS: "the file system is read-only: choose another folder or mount it writable",
    errno.EACCES: "make the folder writable for this user or choose another",
    errno.EPERM: "make the folder writable for this user or choose another",
    errno.ENOTDIR: "a file stands where a folder is needed: move it away",
    errno.EEXIST: "a file stands where a folder is needed: move it away",
}


@contextmanager
def disk_errors_named(path: Path) -> Iterator[None]:
    """Raise UsageError naming `path`, what the system said and the mend for any OSError raised inside."""
    try:
        yield
    except OSError as error:
        mend = _MENDS.get(error.errno or 0, "check the disk and the path")
        # By number: a library may have put words of its own around the system's.
        what = (os.strerror(error.errno) if error.errno else str(error)).lower()
        raise UsageError(f"cannot write {path}: {what}; {mend}") from error


def make_folder(path: Path) -> None:
    """Create a folder and its parents; raise UsageError where the disk refuses."""
    with disk_errors_named(path):
        path.mkdir(parents=True, exist_ok=True)
