"""The gateway to data sources that are not ours: whatever one gives is checked before anything uses it.

What a source does wrong becomes a :class:`~smkd_cli.errors.DataError` that names the source, in place of an error of
NumPy or torch much later. Our own sources do without.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from smkd_cli.data.dataset import Archive, DataSet, Labels, SplitName
from smkd_cli.errors import DataError
from smkd_cli.limits import MAX_CLASSES
from smkd_cli.naming import LONGEST_NAME, is_name
from smkd_cli.registry import used
from smkd_cli.words import listed, plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from smkd_cli.data.images.reader import ImageReader

T = TypeVar("T")


class CheckedDataSet(DataSet):
    """A data set of another package or of a file, whose every answer is checked.

    Further attributes are those of the data set itself.

    Args:
        title: names the source in messages, as ``data set my_data.py:stripes``.
        source: its class.
        root: the folder that holds the data sets' own folders.

    Raises:
        DataError: it cannot be opened, or its facts are not those of a data set.
    """

    def __init__(self, title: str, source: Callable[[Path], DataSet], root: Path) -> None:
        super().__init__(root)
        self._title = title
        self._labels: dict[SplitName, Labels] = {}
        self._readers: dict[SplitName, _CheckedReader] = {}
        self._inner = self._answer("", lambda: source(root))
        for fact, as_fact in _FACTS.items():
            setattr(self, fact, self._answer(fact, partial(self._fact, fact, as_fact)))
        for fact in ("mean", "std"):
            if len(getattr(self, fact)) != self.image_shape[2]:
                raise self._wrong(fact, f"should be {self.image_shape[2]} numbers, one per channel of image_shape")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._inner, name)

    def files(self) -> dict[Path, str]:
        """See :meth:`DataSet.files`."""
        return self._answer("files()", lambda: {Path(path): str(md5) for path, md5 in self._inner.files().items()})

    def missing(self) -> list[Path]:
        """See :meth:`DataSet.missing`."""
        return self._answer("missing()", lambda: [Path(path) for path in self._inner.missing()])

    def verify(self) -> None:
        """See :meth:`DataSet.verify`; the labels of both splits are checked too."""
        self._answer("verify()", self._inner.verify)
        self.labels("train")
        self.labels("test")

    def labels(self, split: SplitName) -> Labels:
        """See :meth:`DataSet.labels`; the source is asked once."""
        if split not in self._labels:
            self._labels[split] = self._checked_labels(split)
        return self._labels[split]

    def _checked_labels(self, split: SplitName) -> Labels:
        what = f'labels("{split}")'
        answer = self._answer(what, lambda: self._inner.labels(split))
        if not isinstance(answer, Labels):
            raise self._wrong(what, f"should be Labels, not {_kind(answer)}")
        labels, ids = (self._answer(what, partial(_array, values)) for values in (answer.labels, answer.image_ids))
        size = self._size(split)
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise self._wrong(what, f"should have labels int64 (n,), not {labels.dtype} {labels.shape}")
        if ids.ndim != 1 or ids.dtype.kind != "U":
            raise self._wrong(what, f"should have image_ids str (n,), not {ids.dtype} {ids.shape}")
        for name, values in (("labels", labels), ("image_ids", ids)):
            if len(values) != size:
                raise self._wrong(what, f"has {len(values)} {name}, but {split}_size is {size}")
        outside = (labels < 0) | (labels >= self.classes)
        if outside.any():
            row = int(outside.argmax())
            raise self._wrong(what, f"has the label {labels[row]} at index {row}, not in 0 … {self.classes - 1}")
        if repeated := _repeated(ids):
            raise self._wrong(what, f"should have unique image_ids; repeated are {listed(repeated)}")
        verified = None if answer.verified is None else self._answer(what, partial(_array, answer.verified))
        if verified is not None:
            if verified.shape != labels.shape or verified.dtype.kind not in "iu":
                raise self._wrong(what, f"should have verified int64 ({size},), not {verified.dtype} {verified.shape}")
            if ((verified < 0) | (verified >= self.classes)).any():
                raise self._wrong(what, f"has verified labels that are not in 0 … {self.classes - 1}")
            verified = verified.astype("int64", copy=False)
        checked = Labels(labels.astype("int64", copy=False), ids, bool(answer.trusted), verified)
        if split == "train" and self.knows_clean_labels != (checked.clean_labels is not None):
            is_known = "knows" if self.knows_clean_labels else "does not know"
            raise self._wrong(what, f"says otherwise than knows_clean_labels, that it {is_known} the right labels")
        return checked

    def images(self, split: SplitName) -> ImageReader:
        """See :meth:`DataSet.images`; the source is asked once."""
        if split not in self._readers:
            self._readers[split] = self._checked_reader(split)
        return self._readers[split]

    def _checked_reader(self, split: SplitName) -> _CheckedReader:
        what = f'images("{split}")'
        reader = self._answer(what, lambda: self._inner.images(split))
        count = self._answer(f"len({what})", lambda: len(reader))
        if count != self._size(split):
            raise self._wrong(what, f"has {count} images, but {split}_size is {self._size(split)}")
        return _CheckedReader(reader, count, self.image_shape, self._title, f"{what}.read")

    def _size(self, split: SplitName) -> int:
        return self.train_size if split == "train" else self.test_size

    def _fact(self, fact: str, as_fact: Callable[[Any], Any]) -> Any:
        value = getattr(self._inner, fact)
        try:
            return as_fact(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._wrong(fact, f"{error}, not {plain(value)}") from error

    def _answer(self, what: str, ask: Callable[[], T]) -> T:
        return used(self._title, ask, what, DataError)

    def _wrong(self, what: str, problem: str) -> DataError:
        return DataError(f"{self._title}: {what} {problem}")


class _CheckedReader:
    """Images of a source that is not ours; see :class:`~smkd_cli.data.images.reader.ImageReader`."""

    def __init__(self, inner: ImageReader, count: int, shape: tuple[int, int, int], title: str, what: str) -> None:
        self._inner, self._count, self._shape = inner, count, shape
        self._title, self._what = title, what

    def __len__(self) -> int:
        return self._count

    def read(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Some images, uint8 (k, H, W, C), contiguous.

        Raises:
            DataError: the source fails, or gives something else.
        """
        import numpy as np

        images = used(self._title, lambda: self._inner.read(indices), self._what, DataError)
        expected = (len(indices), *self._shape)
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape != expected:
            given = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else _kind(images)
            raise DataError(f"{self._title}: {self._what} should return uint8 {expected}, not {given}")
        return np.require(images, requirements=["C", "W"])


def _kind(value: object) -> str:
    return type(value).__name__


def _array(values: object) -> NDArray[Any]:
    import numpy as np

    return np.asarray(values)


def _repeated(ids: NDArray[np.str_]) -> Sequence[str]:
    """The values that are there more than once."""
    import numpy as np

    values, counts = np.unique(ids, return_counts=True)
    return values[counts > 1].tolist()  # type: ignore[no-any-return]


def _name(value: object) -> str:
    if not isinstance(value, str) or not value or not is_name(value):
        raise ValueError(f"should be text, at most {LONGEST_NAME} printable characters")
    return value


def _class_names(value: object) -> tuple[str, ...]:
    names = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else ()
    if not 2 <= len(names) <= MAX_CLASSES or not all(isinstance(name, str) for name in names):
        raise ValueError(f"should be a tuple of 2 to {MAX_CLASSES} names")
    return names


def _image_shape(value: Any) -> tuple[int, int, int]:
    problem = "should be three positive whole numbers (H, W, C)"
    try:
        height, width, channels = map(operator.index, value)
    except (TypeError, ValueError) as error:
        raise ValueError(problem) from error
    if min(height, width, channels) < 1:
        raise ValueError(problem)
    return height, width, channels


def _count(value: Any) -> int:
    problem = "should be a positive whole number"
    try:
        count = operator.index(value)
    except TypeError as error:
        raise ValueError(problem) from error
    if count < 1:
        raise ValueError(problem)
    return count


def _per_channel(value: Any, *, positive: bool) -> tuple[float, ...]:
    problem = f"should be finite{' positive' if positive else ''} numbers, one per channel"
    try:
        numbers = tuple(map(float, value))
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(problem) from error
    if not all(math.isfinite(number) and (number > 0 or not positive) for number in numbers):
        raise ValueError(problem)
    return numbers


def _archive(value: object) -> Archive | None:
    if value is not None and not isinstance(value, Archive):
        raise ValueError("should be an Archive or None")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("should be True or False")
    return value


# What is known of an opened data set, and what makes the plain value of each, or raises ValueError.
_FACTS: dict[str, Callable[[Any], Any]] = {
    "name": _name,
    "class_names": _class_names,
    "image_shape": _image_shape,
    "train_size": _count,
    "test_size": _count,
    "mean": partial(_per_channel, positive=False),
    "std": partial(_per_channel, positive=True),
    "archive": _archive,
    "knows_clean_labels": _truth,
}
