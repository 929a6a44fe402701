import numpy as np
import pytest
import torch

from smkd_cli.data.augmentation.rules.crop import Crop
from smkd_cli.data.augmentation.rules.flip import Flip
from smkd_cli.data.images.reader import ArrayReader
from smkd_cli.data.images.resident import ImageBank

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, size=(6, 8, 8, 3), dtype=np.uint8)


def normalised(image):
    """What ToTensor and Normalize make of an image (H, W, C)."""
    pixels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1) / 255
    return (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_plain_images_are_scaled_and_normalised(images, layout):
    bank = ImageBank(ArrayReader(images), MEAN, STD, torch.device("cpu"), [Crop(padding=2)], layout)
    batch = bank.plain(1, 4)
    assert batch.is_contiguous(memory_format=layout)
    torch.testing.assert_close(batch, torch.stack([normalised(image) for image in images[1:4]]))


def test_crops_and_flips_are_those_of_a_padded_picture(images):
    padding = 2
    bank = ImageBank(ArrayReader(images), MEAN, STD, torch.device("cpu"), [Crop(padding=padding), Flip()])
    indices = torch.tensor([5, 0, 3, 3])
    offsets = torch.tensor([[0, 0], [4, 1], [2, 2], [3, 4]])
    flips = torch.tensor([False, True, False, True])
    batch = bank.view(indices, [{"offsets": offsets}, {"flipped": flips}])
    for i, (row, column), flip, got in zip(indices, offsets.tolist(), flips, batch, strict=True):
        padded = np.pad(images[i], ((padding, padding), (padding, padding), (0, 0)))
        crop = padded[row : row + 8, column : column + 8]
        torch.testing.assert_close(got, normalised(np.ascontiguousarray(crop[:, ::-1] if flip else crop)))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_images_that_are_read_in_parts_are_all_there(images, layout, monkeypatch):
    monkeypatch.setattr("smkd_cli.data.images.resident._CHUNK_BYTES", 4 * images[0].nbytes)
    bank = ImageBank(ArrayReader(images), MEAN, STD, torch.device("cpu"), [Crop(padding=1)], layout)
    assert len(bank) == 6
    torch.testing.assert_close(bank.plain(0, 6), torch.stack([normalised(image) for image in images]))


def test_no_padding_and_no_flip_leave_the_picture(images):
    bank = ImageBank(ArrayReader(images), MEAN, STD, torch.device("cpu"))
    order = torch.tensor([2, 0])
    batch = bank.view(order, [])
    assert torch.equal(batch, torch.cat([bank.plain(2, 3), bank.plain(0, 1)]))
