"""Images in tar files, as the webdataset layout has them: read by their offsets, from an index that is made once."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smkd_cli import cache, console
from smkd_cli.artifacts.files import make_folder, write_text
from smkd_cli.data.own.decode import SUFFIXES
from smkd_cli.errors import DataError
from smkd_cli.words import plain, quoted, shown

SUFFIX = ".tar"
LABEL_KEYS = ("label", "cls", "class")
"""Of a ``.json`` beside an image, the first of these that is there holds its class."""

_VERSION = 1  # of the index
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MOST_SHARDS = 100_000
# What holds a label, the most exact first. A longer one is none.
_FIELDS = (".cls", ".json", ".txt")
_LONGEST_FIELD = 1 << 16


@dataclass(frozen=True)
class Member:
    """A file in a shard.

    Attributes:
        name: in the shard, with ``/`` between its parts.
        offset, size: in bytes, of its content.
        field: of a file beside an image, the class that it gives; None for images.
    """

    name: str
    offset: int
    size: int
    field: str | None = None


@dataclass(frozen=True)
class Place:
    """Where an image is: bytes of a shard."""

    shard: Path
    member: Member

    def __str__(self) -> str:
        return f"{self.shard}: {self.member.name}"

    def read(self) -> bytes:
        """The bytes of its file.

        Raises:
            DataError: the shard cannot be read, or has become shorter.
        """
        try:
            with self.shard.open("rb") as stream:
                stream.seek(self.member.offset)
                content = stream.read(self.member.size)
        except OSError as error:
            raise DataError(f"{shown(self)}: cannot be read: {error.strerror or error}") from error
        if len(content) < self.member.size:
            raise DataError(f"{shown(self)}: is cut short; was the shard changed since this command began?")
        return content


def shards_of(path: str) -> list[Path]:
    """The tar files that a path names, sorted: one, those of a pattern ``{000..009}``, or those of a folder that holds
    no folders; empty where it names no shards.

    Raises:
        DataError: one of a pattern is not there.
    """
    if not path.rstrip("/").endswith(SUFFIX):
        root = Path(path)
        if not root.is_dir():
            return []
        entries = [entry for entry in sorted(root.iterdir()) if not entry.name.startswith(".")]
        found = [entry for entry in entries if entry.suffix == SUFFIX]
        return [] if any(entry.is_dir() for entry in entries) else found
    found = list(itertools.islice(map(Path, _expanded(path)), _MOST_SHARDS + 1))
    if len(found) > _MOST_SHARDS:
        raise DataError(f"{shown(path)}: names more than the {_MOST_SHARDS:,} shards that are read")
    if len(found) == 1 and found[0].is_dir():
        return []
    if missing := next((shard for shard in found if not shard.is_file()), None):
        raise DataError(f"{shown(missing)}: is not there; {shown(path)} names it")
    return found


def _expanded(path: str) -> Iterator[str]:
    """A path for each number of its pattern, written as wide as the first."""
    if (found := _RANGE.search(path)) is None:
        yield path
        return
    first, last = found[1], found[2]
    for number in range(int(first), int(last) + 1):
        for rest in _expanded(path[found.end() :]):
            yield f"{path[: found.start()]}{number:0{len(first)}}{rest}"


def index_of(shard: Path) -> tuple[list[Member], Counter[str]]:
    """The images and labels of a shard, and how many other files it has, by ending. From the cache if that knows it.

    A shard whose size or time of change is another is read again.

    Raises:
        DataError: it is no tar file, is compressed or damaged.
    """
    try:
        facts = shard.stat()
    except OSError as error:
        raise DataError(f"{shown(shard)}: cannot be read: {error.strerror or error}") from error
    known = [_VERSION, str(shard.resolve()), facts.st_size, facts.st_mtime_ns]
    key = hashlib.blake2b(json.dumps(known).encode(errors="surrogatepass"), digest_size=16).hexdigest()
    path = cache.folder() / "shards" / f"{key}.json"
    try:
        record = json.loads(path.read_bytes())
        return [Member(str(name), int(at), int(size), field) for name, at, size, field in record["members"]], Counter(
            record["others"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        pass
    members, others = _read(shard, facts.st_size)
    record = {"members": [[each.name, each.offset, each.size, each.field] for each in members], "others": others}
    try:
        make_folder(path.parent)
        write_text(path, json.dumps(record))
    except (DataError, OSError) as error:
        console.warn(f"{error}; the index of {shown(shard)} will be made again next time")
    return members, others


def _read(shard: Path, length: int) -> tuple[list[Member], Counter[str]]:
    members: list[Member] = []
    others: Counter[str] = Counter()
    try:
        with tarfile.open(shard, "r:", encoding="utf-8") as archive, shard.open("rb") as stream:
            for entry in archive:
                name = entry.name.removeprefix("./")
                ending = Path(name).suffix.lower()
                if Path(name).name.startswith(".") or entry.isdir():
                    continue
                if not entry.isreg() or entry.issparse() or ending not in (*_FIELDS, *SUFFIXES):
                    others[ending or "no ending"] += 1
                    continue
                if entry.offset_data + entry.size > length:
                    raise DataError(f"{shown(shard)}: is cut short in {plain(name)}")
                field = None
                if ending in _FIELDS:
                    stream.seek(entry.offset_data)
                    field = _class_in(stream.read(min(entry.size, _LONGEST_FIELD + 1)), ending, f"{shard}: {name}")
                members.append(Member(name, entry.offset_data, entry.size, field))
    except (tarfile.TarError, EOFError) as error:
        raise DataError(f"{shown(shard)}: is no plain tar file, or is damaged: {plain(error)}") from error
    except OSError as error:
        raise DataError(f"{shown(shard)}: cannot be read: {error.strerror or plain(error)}") from error
    return members, others


def _class_in(content: bytes, ending: str, where: str) -> str:
    """The class that a file beside an image gives, a name or a number; empty where a ``.json`` has none."""
    if len(content) > _LONGEST_FIELD:
        raise DataError(f"{shown(where)}: is too long for a label")
    try:
        text = content.decode().strip()
        if ending != ".json":
            return text
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{shown(where)}: is no {ending.removeprefix('.')} that can be read: {plain(error)}") from error
    found: Any = next((record[key] for key in LABEL_KEYS if key in record), "") if isinstance(record, dict) else ""
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise DataError(f"{shown(where)}: its class should be a name or a number, not {quoted(str(found))}")
    return str(found).strip()
