import cv2
import numpy as np
import pytest

from kpt_plugins.visualization import (
    add_caption,
    join_column,
    join_row,
    resize_image,
    write_image,
)


def gray(height, width, value=7):
    return np.full((height, width, 3), value, dtype=np.uint8)


def test_join():
    row = join_row([gray(10, 20), gray(16, 5)])
    assert row.shape == (16, 29, 3)
    assert (row[:10, :20] == 7).all() and (row[10:, :20] == 255).all()
    assert (row[:, 20:24] == 255).all() and (row[:, 24:] == 7).all()
    assert join_column([gray(10, 20), gray(16, 5)]).shape == (30, 20, 3)
    assert (join_row([gray(3, 3)]) == 7).all()
    with pytest.raises(ValueError, match='no image'):
        join_row([])


def test_caption():
    captioned = add_caption(gray(10, 60), 'söme text')
    assert captioned.shape == (28, 60, 3)
    assert (captioned[18:] == 7).all()
    assert (captioned[:18] < 128).any()


def test_resize():
    assert resize_image(gray(10, 20), 40).shape == (20, 40, 3)
    assert resize_image(gray(100, 1), 10).shape == (10, 1, 3)


def test_write(tmp_path):
    write_image(tmp_path / 'new' / 'a.png', gray(4, 5))
    assert (cv2.imread(str(tmp_path / 'new' / 'a.png')) == 7).all()
    with pytest.raises(OSError, match='a.unknown'):
        write_image(tmp_path / 'a.unknown', gray(4, 5))
