"""What images there are in shards: as in a folder, or with labels from files beside the images."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from smkd_cli.data.own.folder import listing_of, valid_name
from smkd_cli.data.own.listing import SPLIT_NAMES, TRAIN, Listing, check_class_name
from smkd_cli.data.own.shards import Place, index_of
from smkd_cli.errors import DataError
from smkd_cli.limits import MAX_CLASSES, MAX_SAMPLES
from smkd_cli.words import listed, quoted, shown

_LETTERS = re.compile(r"[A-Za-z]+")


def list_shards(root: str, shards: Sequence[Path]) -> tuple[Listing, Mapping[str, Place]]:
    """The images of shards, sorted by path, and where each is; no image is opened.

    An image's path is its name in the shard. Where the names of all shards begin like those of splits, one of them with
    train, the split stands before it, as in a folder. So images have the same paths in shards as in a folder.

    Args:
        root: names them in messages.

    Raises:
        DataError: a shard is damaged, an image is there twice, has no class, or a name is not valid.
    """
    splits = [_split_of(shard) for shard in shards]
    by_shard = None not in splits and TRAIN in [SPLIT_NAMES.get(split or "") for split in splits]
    places: dict[str, Place] = {}
    fields: dict[str, str] = {}
    others: Counter[str] = Counter()
    for shard, split in zip(shards, splits, strict=True):
        members, passed_over = index_of(shard)
        others += passed_over
        for member in members:
            above = f"{split}/" if by_shard else ""
            path = above + valid_name(member.name)
            if member.field is not None:
                if member.field:
                    fields.setdefault(_key(path), member.field)
                continue
            if path in places:
                raise DataError(f"{shown(places[path])} and {shown(Place(shard, member))}: are two images of one name")
            places[path] = Place(shard, member)
            if len(places) > MAX_SAMPLES:
                raise DataError(f"{shown(root)}: has more than the {MAX_SAMPLES:,} images that are read")
    paths = sorted(places)
    if fields and paths:
        return _labelled(root, paths, places, fields, others, by_shard=by_shard), places
    firsts = {SPLIT_NAMES.get(path.partition("/")[0].casefold()) for path in paths}
    return listing_of(Path(root), paths, others, by_split=None not in firsts and TRAIN in firsts), places


def _split_of(shard: Path) -> str | None:
    """What a shard's name begins with, if that is the name of a split."""
    letters = _LETTERS.match(shard.name.removesuffix(shard.suffix))
    name = letters[0].casefold() if letters else ""
    return name if name in SPLIT_NAMES else None


def _key(path: str) -> str:
    """What the files of one sample have in common: all before the first dot of the last part."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + name.partition(".")[0]


def _labelled(
    root: str,
    paths: list[str],
    places: Mapping[str, Place],
    fields: Mapping[str, str],
    others: Counter[str],
    *,
    by_shard: bool,
) -> Listing:
    import numpy as np

    given = [fields.get(_key(path)) for path in paths]
    if None in given:
        bare = places[paths[given.index(None)]]
        raise DataError(f"{shown(bare)}: has no class in a .cls, .json or .txt beside it, but others have")
    twice = [key for key, count in Counter(map(_key, paths)).items() if count > 1]
    if twice:
        raise DataError(f"{shown(root)}: there are several images of one key: {listed(twice)}")
    classes = {name for name in given if name is not None}
    for name in classes:
        check_class_name(name, str(shown(root)))
    if len(classes) > MAX_CLASSES:
        raise DataError(f"{shown(root)}: has {len(classes):,} classes, more than the {MAX_CLASSES:,} that are read")
    are_numbers = all(name.isascii() and name.isdecimal() for name in classes)
    names = sorted(classes, key=int) if are_numbers else sorted(classes)
    if are_numbers and (padded := [name for name in names if name != str(int(name))]):
        raise DataError(f"{shown(root)}: the class {quoted(padded[0])} begins with zeros; leave them out")
    number = {name: label for label, name in enumerate(names)}
    labels = np.array([number[name] for name in given if name is not None], np.int64)
    texts = np.empty(len(paths), object)
    texts[:] = paths
    splits = None
    if by_shard:
        splits = np.empty(len(paths), object)
        splits[:] = [SPLIT_NAMES[path.partition("/")[0]] for path in paths]
    remarks = [f"{others.total():,} files of the shards are neither images nor labels"] if others else []
    return Listing(texts, labels, tuple(names), splits, remarks=remarks)
