"""Small changes that files suffer: by hand, by a spreadsheet, by a full disk, or by somebody who means harm."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

# What JSON may hold and plain data can't; it goes in as text and loses its quotes when the file is written.
_DEEPEST = "[" * 3000 + "]" * 3000
_BARE = ("1e999", "-1e999", "1" + "0" * 400, "NaN", "Infinity", _DEEPEST)
_QUOTED = "\x02{}\x03"

_SCALARS: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 0.5, -0.0, 1e300, 2**31, 2**63, -(2**63) - 1, 10**30),
    *(
        "",
        " ",
        "a",
        "nan",
        "1",
        "0.4",
        "-8",
        "../../x",
        "/tmp/x",
        "-",
        "=1+1",
        "@x",
        "[bold]",
        "[/]",
        "a|b",
        "$x_y$",
        "\\",
    ),
    *(
        "\x00",
        "\x1b[31m",
        "\u202e",
        "\u200b",
        "\ud800",
        "é",
        "a\nb",
        "a\r",
        "x" * 5000,
        "CE",
        "SMKD-P+MyLC",
        "I",
        "figure2",
    ),
    *map(_QUOTED.format, _BARE[:-1]),
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every part of plain data, the whole first."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _deep(random: Random) -> Any:
    value: Any = 0
    for _ in range(random.choice((5, 60))):
        value = [value] if random.random() < 0.5 else {"a": value}
    return random.choice((value, _QUOTED.format(_DEEPEST)))


def mutated(value: Any, random: Random) -> Any:
    """A copy of plain data (dict, list, scalars) with one to three parts changed."""
    value = copy.deepcopy(value)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        every = list(paths(value))
        path = random.choice(every)
        if not path:
            continue
        parent, key = _at(value, path[:-1]), path[-1]
        here = parent[key]
        change = random.randrange(8)
        if change <= 2:
            parent[key] = random.choice(_SCALARS)
        elif change == 3:
            del parent[key]
        elif change == 4:
            parent[key] = copy.deepcopy(_at(value, random.choice(every)))
        elif change == 5:
            parent[key] = random.choice(([here], {"a": here}, [], {}, [here, here]))
        elif change == 6 and isinstance(parent, dict):
            parent[random.choice(("", "x", "\x1b", str(key) + "s", "y" * 300))] = here
        elif change == 7 and random.random() < 0.1:
            parent[key] = _deep(random)
        elif isinstance(here, int | float) and not isinstance(here, bool):
            parent[key] = random.choice((-here, here + 1, here * 1000, float(here), str(here)))
    return value


def as_json(value: Any, indent: int | None = None) -> bytes:
    """JSON of plain data, as far as JSON goes, with what no library of ours would write."""
    text = json.dumps(value, indent=indent)
    for bare in _BARE:
        text = text.replace(json.dumps(_QUOTED.format(bare)), bare)
    return text.encode("utf-8", "surrogatepass")


def as_text(value: Any) -> str:
    """A part of plain data as a field of a table."""
    if isinstance(value, dict | list):
        return as_json(value)[:5000].decode("utf-8", "replace")
    return str(value).removeprefix("\x02").removesuffix("\x03")


def mutated_bytes(content: bytes, random: Random) -> bytes:
    """A copy of bytes with one part changed: flipped, cut, doubled, or filled with what does not belong there."""
    start = random.randrange(len(content) + 1)
    other = min(len(content), start + random.randrange(1, 40))
    changes: tuple[Callable[[], bytes], ...] = (
        lambda: content[:start],
        lambda: content[:start] + content[other:],
        lambda: content[:start] + content[start:other] * 3 + content[other:],
        lambda: content[:start] + bytes([random.randrange(256)]) + content[start + 1 :],
        lambda: content[:start] + random.choice(_PIECES) + content[start:],
        lambda: content.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\n", b",,\n"))),
        lambda: content.replace(b",", random.choice((b";", b"\t", b", ", b",\x00"))),
        lambda: (
            random.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"PK\x03\x04", b"\x1f\x8b", b"version https://git-lfs"))
            + content
        ),
    )
    return random.choice(changes)()


_PIECES = (
    *(
        b"\x00",
        b"\xff",
        b"\xc3",
        b'"',
        b"'",
        b"\n",
        b"\r",
        b",",
        b";",
        b"\t",
        b"#",
        b"-",
        b"e9",
        b"\xe2\x80\x8b",
        b"\xc2\xa0",
    ),
    *(b"9" * 30, b"1e5", b"nan", b".0", b"\x1b[2J", b"x" * 200_000, b"\n" * 1000, b'"a\nb"', b"{", b"[" * 2000),
)
