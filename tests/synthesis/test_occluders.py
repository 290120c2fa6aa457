"""Procedural occluders."""

import numpy as np

from kpt_plugins.synthesis.occluders import textured_occluders


def test_pictures():
    pictures = textured_occluders(0)
    assert len(pictures) == 48
    for picture in pictures:
        assert picture.dtype == np.uint8 and picture.shape[2] == 4
        assert 150 <= max(picture.shape[:2]) <= 170
        opaque = picture[..., 3] > 127
        # Neither a speck nor a whole rectangle, and clear at the rim.
        assert 0.1 < opaque.mean() < 0.98 and not picture[0, :, 3].any()


def test_no_rectangles_of_one_colour():
    spread, filled = [], []
    for picture in textured_occluders(0):
        opaque = picture[..., 3] > 250
        spread.append(picture[opaque][:, :3].std(axis=0).max())
        rows, columns = np.nonzero(opaque)
        box = np.ptp(rows) * np.ptp(columns)
        filled.append(opaque.sum() / box)
    assert min(spread) > 2 and np.median(spread) > 10
    assert np.mean(np.array(filled) < 0.9) > 0.8


def test_a_seed_gives_the_same_again():
    again = textured_occluders(0)
    for first, second in zip(textured_occluders(0), again, strict=True):
        np.testing.assert_array_equal(first, second)
    shapes = [picture.shape for picture in textured_occluders(1)]
    assert shapes != [picture.shape for picture in again]
