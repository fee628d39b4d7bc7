"""The coverage-guided half: atheris mutates the corpus of one room for as long as it is told."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import atheris

_ROOT = Path(__file__).resolve().parents[2]
_SLOWEST_S = 60
_MOST_MEMORY_MB = 6144
_LONGEST_INPUT = 8192


def main(room: str, minutes: float, corpus: Path, crashes: Path) -> None:
    """Fuzz one room and exit; atheris prints what it did and writes an input that crashed into `crashes`."""
    logging.disable()
    with atheris.instrument_imports(include=["keel"], exclude=_left_alone()):
        from fuzz.findings import Findings
        from fuzz.rooms import ROOMS
    chosen, findings = ROOMS[room], Findings(crashes, room)

    def give(data: bytes) -> None:
        try:
            chosen.give(data)
        except Exception as error:  # noqa: BLE001 - all that is wrong is kept, and the search goes on
            findings.note(error, data)
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # Rust's, no Exception
                raise
            findings.note(error, data)

    corpus.mkdir(parents=True, exist_ok=True)
    for name, seed in chosen.seeds().items():
        (corpus / f"seed-{name}").write_bytes(seed)
    words = corpus.with_suffix(".dict")
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in chosen.words))
    options = [
        f"-max_total_time={round(minutes * 60)}",
        f"-timeout={_SLOWEST_S}",
        f"-rss_limit_mb={_MOST_MEMORY_MB}",
        f"-max_len={_LONGEST_INPUT}",
        f"-artifact_prefix={crashes}{os.sep}{room}-",
        f"-dict={words}",
        "-print_final_stats=1",
        "-use_value_profile=1",
        "-reload=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], give)
    atheris.Fuzz()


def _left_alone() -> list[str]:
    """Return the modules that do not lead the search, and those that numba compiles only as they were written."""
    files = [file.relative_to(_ROOT).with_suffix("").parts for file in _ROOT.glob("keel/**/*.py")]
    return [".".join(parts) for parts in files if parts[1] not in ("config", "data") or parts[-1].endswith("_nb")]


def _escaped(word: bytes) -> str:
    return "".join(chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\x{c:02x}" for c in word)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
