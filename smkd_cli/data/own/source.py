"""Images of one's own as a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smkd_cli.data.dataset import DataSet, Labels, SplitName, hash_of
from smkd_cli.data.own import decode
from smkd_cli.data.own.files import check_inside, digest_of, file_digest
from smkd_cli.data.own.folder import list_folder
from smkd_cli.data.own.listing import TEST, VALIDATION
from smkd_cli.data.own.options import OwnData
from smkd_cli.data.own.shard_listing import list_shards
from smkd_cli.data.own.shards import Place, shards_of
from smkd_cli.data.own.skip import without_unusable
from smkd_cli.data.own.split import splits_of
from smkd_cli.data.own.table import list_table
from smkd_cli.errors import DataError
from smkd_cli.words import plain, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class OwnImages(DataSet):
    """A folder, a table or tar files of images; see :class:`~smkd_cli.data.own.options.OwnData`.

    Its labels are those that people gave the images: nobody says that they are right.
    """

    def __init__(self, options: OwnData, root: Path) -> None:
        """List the images.

        Raises:
            DataError: as :func:`~smkd_cli.data.own.folder.list_folder` or :func:`~smkd_cli.data.own.table.list_table`,
                or a split has no images.
        """
        super().__init__(root)
        self.options, self.name = options, options.name
        self._readers: dict[SplitName, ImageFiles] = {}
        self._contents: dict[SplitName, str] = {}
        self.folder = options.folder
        self.places: Mapping[str, Place] | None = None
        if options.is_table:
            self.listing = list_table(Path(options.path), options.columns, self.folder)
        elif shards := shards_of(options.path):
            self.listing, self.places = list_shards(options.path, shards)
        else:
            self.listing = list_folder(self.folder)
        if options.skip is not None:
            self.listing = without_unusable(self.listing, Path(options.skip))
        self.class_names, self.remarks = self.listing.class_names, self.listing.remarks
        self.knows_clean_labels = self.listing.clean_labels is not None
        self.image_shape = (options.size, options.size, 3)
        self.mean, self.std = options.mean, options.std
        if len(self.class_names) < 2:
            raise DataError(
                f"{shown(options.path)}: has images of one class only, {plain(self.class_names[0])}; classifying needs"
                " two"
            )
        self.splits = splits_of(self.listing, options.test, options.seed)
        self.train_size, self.test_size = len(self._rows("train")), len(self._rows("test"))
        if not self.test_size:
            raise DataError(
                f"{shown(options.path)}: has no images for testing: give the fraction of them as `test`, or a folder"
                " test beside train"
            )
        if self.train_size == (0 if self.validation is None else len(self.validation)):
            raise DataError(f"{shown(options.path)}: has no images for training")

    @cached_property
    def _of(self) -> dict[SplitName, NDArray[np.int64]]:
        import numpy as np

        is_test = self.splits == TEST
        return {"train": np.flatnonzero(~is_test), "test": np.flatnonzero(is_test)}

    def _rows(self, split: SplitName) -> NDArray[np.int64]:
        return self._of[split]

    @cached_property
    def validation(self) -> NDArray[np.int64] | None:
        """See :meth:`DataSet.validation`."""
        import numpy as np

        given = np.flatnonzero(self.splits[self._rows("train")] == VALIDATION)
        return given if len(given) else None

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits, of all classes, images, labels and splits."""
        listing = self.listing
        content = hashlib.blake2b("\n".join(self.class_names).encode(), digest_size=8)
        content.update("\n".join(listing.paths.tolist()).encode())
        content.update(listing.labels.astype("<i8").tobytes() + "\n".join(self.splits.tolist()).encode())
        if listing.clean_labels is not None:
            content.update(listing.clean_labels.astype("<i8").tobytes())
        return content.hexdigest()

    def labels(self, split: SplitName) -> Labels:
        """See :meth:`DataSet.labels`; the ids are the images' paths in the folder."""
        rows, listing = self._rows(split), self.listing
        clean = None if listing.clean_labels is None else listing.clean_labels[rows]
        return Labels(listing.labels[rows], listing.paths[rows], trusted=False, verified=clean)

    def images(self, split: SplitName) -> ImageFiles:
        """See :meth:`DataSet.images`; of each split there is one reader, so that its pixels need be kept once."""
        if split not in self._readers:
            self._readers[split] = ImageFiles(
                self.folder, self.listing.paths[self._rows(split)], self.options, self.places
            )
        return self._readers[split]

    def content(self, split: SplitName) -> str:
        """A hash of the files of a split's images, which are read for it, once."""
        if split not in self._contents:
            with ThreadPoolExecutor() as pool:
                self._contents[split] = hash_of(pool.map(self._digest, self.listing.paths[self._rows(split)].tolist()))
        return self._contents[split]

    def _digest(self, path: str) -> str:
        return file_digest(self.folder / path) if self.places is None else digest_of(self.places[path].read())

    def shown(self) -> dict[str, Any]:
        """See :meth:`DataSet.shown`."""
        return {"crop": self.options.crop, "way": decode.WAY}


class ImageFiles:
    """Images in files; see :class:`~smkd_cli.data.images.reader.ImageReader`.

    Args:
        folder: that the paths are in.
        paths: object (n,), of the images.
        options: what is shown of each.
        places: where they are, if not in the folder but in shards.
    """

    def __init__(
        self, folder: Path, paths: NDArray[Any], options: OwnData, places: Mapping[str, Place] | None = None
    ) -> None:
        self._places = places
        self._folder, self._paths, self._size, self._crop = folder, paths, options.size, options.crop
        self._listed = options.is_table

    parallel = True

    def __len__(self) -> int:
        return len(self._paths)

    def where(self, index: int) -> str:
        """The path of an image's file."""
        name = self._paths[index]
        return str(self._folder / name if self._places is None else self._places[name])

    def read(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """See :meth:`~smkd_cli.data.images.reader.ImageReader.read`."""
        import numpy as np

        pixels = np.empty((len(indices), self._size, self._size, 3), np.uint8)
        for row, name in enumerate(self._paths[indices].tolist()):
            if self._places is None:
                file: Path | BytesIO = self._folder / name
                called = shown(file)
                if self._listed:  # links in a folder were looked at when it was listed
                    check_inside(self._folder / name, self._folder)
            else:
                place = self._places[name]
                file, called = BytesIO(place.read()), shown(place)
            pixels[row] = decode.read(file, called, self._size, self._crop)
        return pixels
