"""Loading images that are there, missing, empty, cut off, or no images."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from mmpose.registry import TRANSFORMS

import kpt_plugins  # noqa: F401  (registers the transform)
from kpt_plugins.datasets.transforms.loading import LoadImageChecked, read_image


def _write(path, side: int = 96) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (side, side + 8, 3), dtype=np.uint8)
    cv2.imwrite(str(path), noise)


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_whole_image(tmp_path, suffix):
    path = tmp_path / f'a{suffix}'
    _write(path)
    expected = cv2.imread(str(path))
    np.testing.assert_array_equal(read_image(str(path)), expected)
    results = TRANSFORMS.build(dict(type='LoadImageChecked'))(dict(img_path=str(path), id=3))
    np.testing.assert_array_equal(results['img'], expected)
    assert results['id'] == 3 and results['img_shape'] == (96, 104)


def test_image_in_memory():
    image = np.zeros((4, 5, 3), np.uint8)
    assert LoadImageChecked()(dict(img=image))['img'] is image


@pytest.mark.parametrize('part', [0, 0.3, 0.9])
@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_cut_off_image(tmp_path, suffix, part):
    path = tmp_path / f'a{suffix}'
    _write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(ValueError, match='cannot be decoded as an image') as error:
        read_image(str(path))
    assert str(path) in str(error.value) and 'bytes)' in str(error.value)


def test_not_an_image(tmp_path):
    (tmp_path / 'a.jpg').write_text('<html>404 Not Found</html>')
    with pytest.raises(ValueError, match='a.jpg: cannot be decoded as an image'):
        read_image(str(tmp_path / 'a.jpg'))


def test_missing_image(tmp_path):
    with pytest.raises(FileNotFoundError, match='a.jpg: there is no such image'):
        read_image(str(tmp_path / 'a.jpg'))
