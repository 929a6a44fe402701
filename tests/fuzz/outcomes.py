"""A command in this process, and what must never come of one, whatever it reads."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from smkd_cli import api, console
from smkd_cli.app import main
from smkd_cli.errors import SmkdError

# Done, wrong usage, wrong recipe, wrong data, failed training: what a file may lead to.
CODES = {0, 2, 3, 4, 5}
LONGEST_MESSAGE = 20_000
SLOWEST_SECONDS = 20.0
# Of addresses, beside what the process has anyway: libraries reserve more than they use.
_MOST_BYTES = 4 << 30
_DIRECTIONS = {chr(code) for code in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str
    seconds: float

    @property
    def escape(self) -> str | None:
        """What is wrong with it, if anything is."""
        shown = self.err if self.words[0] != "report" or "json" in self.words else self.err + self.out
        raw = next((character for character in shown if _is_harmful(character)), None)
        faults = {
            f"exit code {self.code}: {self.err[-500:]}": self.code not in CODES,
            "a traceback": "Traceback" in self.err,
            "memory without bounds": "memory ran out" in self.err or "MemoryError" in self.err,
            f"a message of {len(self.err)} characters": len(self.err) > LONGEST_MESSAGE,
            f"the character {raw!r} on its way to a terminal": raw is not None,
            f"{self.seconds:.0f} seconds": self.seconds > SLOWEST_SECONDS,
            "JSON that is none": "json" in self.words and self.code == 0 and not _is_json(self.out),
        }
        return next((fault for fault, found in faults.items() if found), None)


def _is_harmful(character: str) -> bool:
    """Control characters, which a terminal obeys, and those that turn the direction of a line."""
    return (unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t") or character in _DIRECTIONS


def _is_json(text: str) -> bool:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def _streams(stdin: bytes) -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", errors="surrogatepass", newline="") for _ in range(2))
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = io.TextIOWrapper(io.BytesIO(stdin), "utf-8"), out, err
    try:
        yield out, err
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


@contextlib.contextmanager
def _bounded_memory() -> Iterator[None]:
    """Limit the memory, so that a file that takes more fails the test."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MOST_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def run(folder: Path, *words: str, stdin: bytes = b"") -> Outcome:
    """A command line in a folder, or what a program reads there (see :func:`_code_of`)."""
    before = Path.cwd()
    os.chdir(folder)
    began = time.monotonic()
    try:
        with _bounded_memory(), _streams(stdin) as (out, err):
            code = _code_of(words)
            texts = []
            for stream in (out, err):
                stream.flush()
                texts.append(stream.buffer.getvalue().decode("utf-8", "backslashreplace"))  # type: ignore[attr-defined]
    finally:
        os.chdir(before)
        console.be_quiet(False)
    return Outcome(tuple(words), code, *texts, time.monotonic() - began)


def _code_of(words: Sequence[str]) -> int:
    """The exit code of a command; ``Run PATH ATTRIBUTE`` stands for what no command reads but ``api.Run``."""
    try:
        if words[0] == "Run":
            getattr(api.Run(words[1]), words[2])
            return 0
        main(list(words))
    except SmkdError as error:
        console.error(str(error))
        return error.exit_code
    except Exception as error:
        if words[0] != "Run":
            raise
        console.error(f"{type(error).__name__}: {error}")
        return 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
