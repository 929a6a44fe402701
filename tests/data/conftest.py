"""A CIFAR of a few images with checksums of its own, and a server that misbehaves as configured."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from smkd_cli.data.dataset import Archive
from smkd_cli.data.sources.cifar import Cifar


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def batch(pixels: np.ndarray, labels: list[int]) -> bytes:
    """A batch as CIFAR pickles it: a row of 3072 bytes per image, all red first."""
    return pickle.dumps({b"data": pixels, b"labels": labels, b"filenames": [b"a.png"] * len(labels)}, protocol=4)


def tar_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


ROWS = np.random.default_rng(0).integers(0, 256, (6, 3072), dtype=np.uint8)
ROWS[3] = ROWS[1]
FILES = {
    "tiny/first": batch(ROWS[:2], [0, 1]),
    "tiny/second": batch(ROWS[2:4], [2, 0]),
    "tiny/test": batch(ROWS[4:], [1, 2]),
}
TAR = tar_of({**FILES, "tiny/readme.html": b"not wanted", "../outside": b"hostile"})


class Tiny(Cifar):
    name = "tiny"
    class_names = ("a", "b", "c")
    train_size, test_size = 4, 2
    mean = std = (0.5, 0.5, 0.5)
    batches = {"train": ("tiny/first", "tiny/second"), "test": ("tiny/test",)}  # noqa: RUF012
    label_key = "labels"
    archive = Archive(
        "http://127.0.0.1:9/tiny.tar.gz", md5(TAR), {name: md5(text) for name, text in FILES.items()}, largest=1 << 20
    )


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    """The small data set, absent."""
    return Tiny(tmp_path / "data")


@pytest.fixture
def tiny_here(tiny: Tiny) -> Tiny:
    """The small data set, in place."""
    for name, content in FILES.items():
        path = tiny.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tiny


@dataclass
class Server:
    """A server of one file. ``ranges`` holds the Range header of every request.

    It can be configured to tell a wrong length, to send zeros without an end, to send a byte at a time with pauses, and
    to send its readers elsewhere.
    """

    url: str = ""
    content: bytes = TAR
    status: int = 0
    bytes_per_answer: int = len(TAR)
    knows_ranges: bool = True
    length: str | None = ""
    endless: bool = False
    pause: float = 0.0
    elsewhere: str = ""
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and state.knows_ranges else 0
            rest = state.content[start:]
            past_end = start > 0 and not rest
            code = 302 if state.elsewhere else 416 if past_end else 206 if start else 200
            self.send_response(state.status or code)
            if state.elsewhere:
                self.send_header("Location", state.elsewhere)
            if state.length is not None:
                self.send_header("Content-Length", state.length or str(len(rest)))
            self.end_headers()
            with suppress(ConnectionError):
                self.send(rest[: state.bytes_per_answer])

        def send(self, content: bytes) -> None:
            for at in range(len(content) if state.pause else 0):
                self.wfile.write(content[at : at + 1])
                time.sleep(state.pause)
            if not state.pause:
                self.wfile.write(content)
            while state.endless:
                self.wfile.write(bytes(1 << 16))

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = False
    state.url = f"http://127.0.0.1:{http.server_port}/tiny.tar.gz"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def tiny_rows() -> np.ndarray:
    """The rows of the small data set: two batches of training and one of test images, (6, 3072)."""
    return ROWS
