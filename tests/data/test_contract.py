"""What every data set promises, and the ids of images."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from data_sets import DATA, pixels_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_array_equal

from smkd_cli.data import find, names
from smkd_cli.data.sources.arrays import image_ids
from smkd_cli.errors import UsageError

EXPECTED = {
    "cifar10": ((32, 32, 3), 10, 50_000, 10_000),
    "cifar100": ((32, 32, 3), 100, 50_000, 10_000),
    "cifar100-10": ((32, 32, 3), 10, 5_000, 1_000),
    "digits": ((8, 8, 1), 10, 1437, 360),
}


def test_these_data_sets_are_found() -> None:
    assert names() == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_facts_are_known_where_no_file_is(name: str, tmp_path: Path) -> None:
    dataset = find(name, tmp_path)
    facts = (dataset.image_shape, dataset.classes, dataset.train_size, dataset.test_size)
    assert facts == EXPECTED[name]
    assert len(set(dataset.class_names)) == dataset.classes
    assert len(dataset.mean) == len(dataset.std) == dataset.image_shape[2]


@pytest.mark.parametrize("name", ["digits", "cifar100", "cifar100-10"])
def test_splits_keep_the_contract(name: str, request: pytest.FixtureRequest) -> None:
    root = request.getfixturevalue("real_data") if name != "digits" else DATA
    dataset = find(name, root)
    ids: list[str] = []
    for which, size in (("train", dataset.train_size), ("test", dataset.test_size)):
        found, reader = dataset.labels(which), dataset.images(which)  # type: ignore[arg-type]
        assert len(reader) == size
        images = pixels_of(reader)
        assert images.shape == (size, *dataset.image_shape)
        assert images.dtype == np.uint8
        some = np.array([size - 1, 0, 5, 5])
        assert_array_equal(reader.read(some), images[some])
        assert found.labels.shape == (size,)
        assert found.labels.dtype == np.int64
        assert_array_equal(np.unique(found.labels), np.arange(dataset.classes))
        assert found.image_ids.shape == (size,)
        assert len(set(found.image_ids)) == size
        ids += list(found.image_ids)
        if which == "train":
            values = np.arange(256) / 255
            for channel, (mean, std) in enumerate(zip(dataset.mean, dataset.std, strict=True)):
                share = np.bincount(images[..., channel].ravel(), minlength=256) / images[..., 0].size
                assert share @ values == pytest.approx(mean, abs=6e-5)
                assert np.sqrt(share @ (values - mean) ** 2) == pytest.approx(std, abs=6e-5)


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match=r"unknown data set 'cifar-100'; did you mean cifar100\?"):
        find("cifar-100", DATA)


def test_torch_is_not_imported() -> None:
    script = (
        "import sys; from pathlib import Path; from smkd_cli.data import find; "
        "import smkd_cli.data.verbs, smkd_cli.data.download; "
        "find('digits', Path()).images('train'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, env=dict(os.environ)).returncode == 0


def test_an_id_is_a_hash_of_shape_and_pixels_and_repetitions_are_counted() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    digest = hashlib.blake2b(b"2x2x3:" + bytes(range(12)), digest_size=8).hexdigest()
    assert image_ids(np.concatenate([image, image, image + 1, image])).tolist() == [
        digest,
        f"{digest}.1",
        image_ids(image + 1)[0],
        f"{digest}.2",
    ]
    assert image_ids(image.reshape(1, 4, 1, 3))[0] != digest


@settings(max_examples=30, deadline=None)
@given(images=arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), *[st.just(2)] * 3), elements=st.integers(0, 1)))
def test_ids_are_unique_and_follow_the_image(images: np.ndarray) -> None:
    ids = image_ids(images)
    assert len(set(ids)) == len(images)
    distinct = np.unique(images, axis=0)
    assert set(image_ids(distinct)) == {name.partition(".")[0] for name in ids}
    assert_array_equal(image_ids(distinct[::-1].copy()), image_ids(distinct)[::-1])
